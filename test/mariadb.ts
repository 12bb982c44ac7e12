import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { ensureInstalled, run } from './debian.ts';

/** Of a new data directory, a start, and an end: each some seconds, on a busy machine many. */
const startMs = 120_000;
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
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-mariadb-'));
  try {
    const user = makeOwner(folder);
    await makeCertificates(folder, user);
    await makeData(folder, user);
    const server = new Server(folder, user.name, await freePort(), options);
    await server.start();
    await server.sql(`CREATE DATABASE ${databaseName} CHARACTER SET utf8mb4`);
    return server;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Owner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Debian starts a new server's service at once; the tests want none on the host. */
async function withoutService(install: () => Promise<void>): Promise<void> {
  const isInstalled = existsSync('/usr/sbin/mariadbd');
  await install();
  if (!isInstalled && existsSync('/run/systemd/system')) {
    await run('systemctl', ['disable', '--now', 'mariadb.service']);
  }
}

/** As root the server runs as Debian's mysql user, which it asks for; else as whoever runs the test. */
function makeOwner(folder: string): Owner {
  const { username, uid, gid } = userInfo();
  if (uid !== 0) return { name: username, uid, gid };
  const [, , mysqlUid = '', mysqlGid = ''] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === 'mysql') ?? [];
  const owner = { name: 'mysql', uid: Number(mysqlUid), gid: Number(mysqlGid) };
  chownSync(folder, owner.uid, owner.gid);
  return owner;
}

async function makeCertificates(folder: string, { uid, gid }: Owner): Promise<void> {
  const ssl = (...argv: string[]): Promise<string> => run('openssl', argv, { cwd: folder });
  const fresh = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  for (const name of ['ca', 'other']) {
    const subject = ['-subj', `/CN=unitwatch test ${name}`];
    await ssl(...fresh, ...subject, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  }
  await ssl(
    ...fresh,
    ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-keyout', 'server.key', '-out', 'server.pem'],
  );
  for (const name of ['server.key', 'server.pem', 'ca.pem'])
    chownSync(join(folder, name), uid, gid);
}

async function makeData(folder: string, { name, uid, gid }: Owner): Promise<void> {
  mkdirSync(join(folder, 'tmp'));
  chownSync(join(folder, 'tmp'), uid, gid);
  await run('mariadb-install-db', [
    ...['--no-defaults', `--user=${name}`, `--datadir=${join(folder, 'data')}`],
    ...['--auth-root-authentication-method=normal', '--skip-test-db'],
  ]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

class Server implements MariaDb {
  readonly socket: string;
  readonly port: number;
  readonly database = databaseName;
  readonly ca: string;
  readonly otherCa: string;
  readonly #folder: string;
  readonly #user: string;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  constructor(folder: string, user: string, port: number, options: readonly string[]) {
    this.#folder = folder;
    this.#user = user;
    this.#options = options;
    this.port = port;
    this.socket = join(folder, 'server.sock');
    this.ca = join(folder, 'ca.pem');
    this.otherCa = join(folder, 'other.pem');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    const at = (name: string): string => join(this.#folder, name);
    const process = spawn(
      'mariadbd',
      [
        ...['--no-defaults', `--user=${this.#user}`, `--datadir=${at('data')}`],
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
    const deadline = performance.now() + startMs;
    for (;;) {
      try {
        await this.sql('SELECT 1');
        return;
      } catch (cause) {
        if (process.exitCode !== null || performance.now() > deadline) {
          const log = readFileSync(at('log'), 'utf8').split('\n').slice(-15).join('\n');
          throw new Error(`mariadbd does not start:\n${log}`, { cause });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
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
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, 'exit');
    process.kill(signal);
    await gone;
  }
}

function toRecord(row: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row));
}
