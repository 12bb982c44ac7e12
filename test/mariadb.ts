import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { inPlace, isRunning, type Place, untilAnswers } from './database-server.ts';
import { ensureInstalled, run } from './debian.ts';

const databaseName = 'monitor';

/** A MariaDB server of the test's own: in a temporary directory, on a socket and a port of its own. */
export interface MariaDb {
  readonly socket: string;
  readonly port: number;
  readonly database: string;
  /** Signed by `ca`, for the name localhost. */
  readonly ca: string;
  /** Signs nothing here. */
  readonly otherCa: string;
  /** Of the server, while it runs. */
  readonly pid: number;
  /** Runs statements as the server's root, several at once; the rows of the last. */
  sql(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Creates what the users of the older tools have. */
  tables(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its directory. */
  close(): Promise<void>;
}

/** @param options more for the server: `--skip-ssl` */
export async function mariaDb(...options: readonly string[]): Promise<MariaDb> {
  await withoutService(() => ensureInstalled(['mariadb-server', 'openssl']));
  return inPlace('mysql', async (place) => {
    await makeData(place);
    const server = new Server(place, options);
    await server.start();
    await server.sql(`CREATE DATABASE ${databaseName} CHARACTER SET utf8mb4`);
    return server;
  });
}

/** Debian starts a new server's service at once; the tests want none on the host. */
async function withoutService(install: () => Promise<void>): Promise<void> {
  const isInstalled = existsSync('/usr/sbin/mariadbd');
  await install();
  if (!isInstalled && existsSync('/run/systemd/system')) {
    await run('systemctl', ['disable', '--now', 'mariadb.service']);
  }
}

async function makeData({ folder, owner: { name, uid, gid } }: Place): Promise<void> {
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  chownSync(temporary, uid, gid);
  const argv = [
    ...['--no-defaults', `--user=${name}`, `--datadir=${join(folder, 'data')}`],
    ...['--auth-root-authentication-method=normal', '--skip-test-db'],
  ];
  // A server that starts removes every "#sql" file of its temporary folder, as mysql_rm_tmp_tables()
  // does it: two that share a folder take each other's tables away, and one of them crashes.
  await run('mariadb-install-db', argv, { env: { TMPDIR: temporary } });
}

class Server implements MariaDb {
  readonly socket: string;
  readonly port: number;
  readonly database = databaseName;
  readonly ca: string;
  readonly otherCa: string;
  readonly #place: Place;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  constructor(place: Place, options: readonly string[]) {
    this.#place = place;
    this.#options = options;
    this.port = place.port;
    this.socket = join(place.folder, 'server.sock');
    this.ca = place.ca;
    this.otherCa = place.otherCa;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { folder, owner } = this.#place;
    const at = (name: string): string => join(folder, name);
    const process = spawn(
      'mariadbd',
      [
        ...['--no-defaults', `--user=${owner.name}`, `--datadir=${at('data')}`],
        ...[`--socket=${this.socket}`, `--port=${this.port}`, '--bind-address=127.0.0.1,::1'],
        ...[`--pid-file=${at('pid')}`, `--tmpdir=${at('tmp')}`, `--log-error=${at('log')}`],
        ...[
          `--ssl-ca=${this.ca}`,
          `--ssl-cert=${at('server.pem')}`,
          `--ssl-key=${at('server.key')}`,
        ],
        ...['--innodb-buffer-pool-size=32M', '--innodb-log-file-size=16M', '--skip-log-bin'],
        ...[
          '--innodb-flush-log-at-trx-commit=1',
          '--performance-schema=OFF',
          '--skip-name-resolve=0',
        ],
        ...this.#options,
      ],
      { stdio: 'ignore' },
    );
    this.#process = process;
    const log = (): string => readFileSync(at('log'), 'utf8').split('\n').slice(-15).join('\n');
    await untilAnswers(process, () => this.sql('SELECT 1'), log);
  }

  async sql(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Record<string, unknown>[]> {
    const connection = await createConnection({
      socketPath: this.socket,
      user: 'root',
      charset: 'utf8mb4',
      multipleStatements: true,
    });
    try {
      const exists = text.startsWith('CREATE DATABASE') || text === 'SELECT 1';
      if (!exists) await connection.changeUser({ database: databaseName });
      const [rows] = await connection.query(text, [...values]);
      return Array.isArray(rows) ? rows.filter((row) => typeof row === 'object').map(toRecord) : [];
    } finally {
      connection.destroy();
    }
  }

  async tables(): Promise<void> {
    await this.sql(`
      DROP TABLE IF EXISTS STATUS_PROCESS, PROCESE, UNITWATCH_CLAIM;
      CREATE TABLE STATUS_PROCESS (process_id INT PRIMARY KEY, alarma TINYINT, sound TINYINT, notes TEXT);
      CREATE TABLE PROCESE (process_id INT PRIMARY KEY, process_name VARCHAR(255))`);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async close(): Promise<void> {
    await this.#end('SIGKILL');
    rmSync(this.#place.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    if (!isRunning(process)) return;
    const gone = once(process, 'exit');
    process.kill(signal);
    await gone;
  }
}

function toRecord(row: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row));
}
