import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { inPlace, isRunning, type Owner, type Place, untilAnswers } from './database-server.ts';
import { ensureInstalled, run } from './debian.ts';

const versions = '/usr/lib/postgresql';

/** A PostgreSQL server of the test's own: in a temporary directory, on a socket and a port of its own. */
export interface PostgresServer {
  /** Directory of its Unix socket. */
  readonly socket: string;
  readonly port: number;
  /** A database of the test's own, and its owner; over TCP the password is asked for. */
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Signed by `ca`, for the name localhost. */
  readonly ca: string;
  /** Signs nothing here. */
  readonly otherCa: string;
  /** Runs one statement as the superuser; its rows. */
  sql(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** A connection of the superuser that the test closes. */
  connect(): Promise<pg.Client>;
  /** SIGKILL to the server and all its processes, as when the host crashes. */
  kill(): Promise<void>;
  /** Where it does not run. */
  start(): Promise<void>;
  /** Ends it and removes its directory. */
  close(): Promise<void>;
}

/** @param options settings of the server: `ssl=off` */
export async function postgresServer(...options: readonly string[]): Promise<PostgresServer> {
  await withoutCluster(() => ensureInstalled(['postgresql', 'openssl']));
  return inPlace('postgres', async (place) => {
    await makeData(place);
    const server = new Server(place, options);
    await server.start();
    await server.prepare();
    return server;
  });
}

/** Debian makes and starts a cluster when it installs the server; the tests want none on the host. */
async function withoutCluster(install: () => Promise<void>): Promise<void> {
  const isInstalled = existsSync(versions);
  await install();
  if (isInstalled) return;
  const clusters = (await run('pg_lsclusters', ['--no-header'])).split('\n').filter(Boolean);
  for (const cluster of clusters) {
    const [version = '', name = '', , status] = cluster.split(/\s+/);
    if (status !== 'down') await run('pg_ctlcluster', [version, name, 'stop']);
  }
}

function program(name: string): string {
  const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0] ?? '';
  return join(versions, newest, 'bin', name);
}

/** A command of the server, as its owner: it refuses to run as root. */
function asOwner({ uid, gid }: Owner, command: readonly string[]): readonly [string, string[]] {
  const [file = '', ...argv] = command;
  if (process.getuid?.() !== 0) return [file, argv];
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return ['setpriv', [...ids, file, ...argv]];
}

async function makeData({ folder, owner }: Place): Promise<void> {
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, owner.uid, owner.gid);
  const [file, argv] = asOwner(owner, [
    ...[program('initdb'), '--pgdata', data, '--username', 'postgres', '--encoding', 'UTF8'],
    ...['--locale', 'C', '--auth-local', 'trust', '--auth-host', 'scram-sha-256', '--no-sync'],
  ]);
  await run(file, argv, { cwd: folder });
  copyFileSync(join(folder, 'server.pem'), join(data, 'server.crt'));
  copyFileSync(join(folder, 'server.key'), join(data, 'server.key'));
  for (const name of ['server.crt', 'server.key']) {
    chownSync(join(data, name), owner.uid, owner.gid);
    chmodSync(join(data, name), 0o600);
  }
  writeFileSync(join(folder, 'log'), '');
}

class Server implements PostgresServer {
  readonly socket: string;
  readonly port: number;
  readonly database = 'monitor';
  readonly user = 'watcher';
  readonly password = "p'a s%s:w@rd/";
  readonly ca: string;
  readonly otherCa: string;
  readonly #place: Place;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;
  #log = '';

  constructor(place: Place, options: readonly string[]) {
    this.#place = place;
    this.#options = options;
    this.port = place.port;
    this.socket = place.folder;
    this.ca = place.ca;
    this.otherCa = place.otherCa;
  }

  async prepare(): Promise<void> {
    const password = this.password.replaceAll("'", "''");
    await this.#sqlIn('postgres', `CREATE ROLE ${this.user} LOGIN PASSWORD '${password}'`);
    await this.#sqlIn('postgres', `CREATE DATABASE ${this.database} OWNER ${this.user}`);
  }

  async start(): Promise<void> {
    if (isRunning(this.#process)) return;
    const { folder, owner } = this.#place;
    const settings = [
      ...['listen_addresses=127.0.0.1', `unix_socket_directories=${this.socket}`, 'ssl=on'],
      // Losing a commit that was answered would be a fault of the test: only fsync itself is off.
      ...['fsync=off', 'shared_buffers=32MB', 'max_connections=40', 'log_min_messages=fatal'],
      ...this.#options,
    ].flatMap((setting) => ['-c', setting]);
    const command = [program('postgres'), '-D', join(folder, 'data'), '-p', `${this.port}`];
    const [file, argv] = asOwner(owner, [...command, ...settings]);
    // A group of its own, so that all its processes can be killed at once.
    const child = spawn(file, argv, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    this.#process = child;
    child.stderr.on('data', (data: Buffer) => {
      this.#log = `${this.#log}${data.toString()}`.slice(-4_000);
    });
    const ask = () => this.#sqlIn('postgres', 'SELECT 1');
    await untilAnswers(child, ask, () => this.#log);
  }

  sql(text: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    return this.#sqlIn(this.database, text, values);
  }

  async connect(database = this.database): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ host: this.socket, port: this.port, user: 'postgres', database, ssl: false },
      connectionTimeoutMillis: 10_000,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || !isRunning(child)) return;
    const gone = once(child, 'exit');
    // Backends have groups of their own: they follow when they see that the postmaster is gone.
    const backends = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean);
    child.kill('SIGKILL');
    for (const pid of backends) killOne(Number(pid));
    await gone;
    await Promise.all(backends.map((pid) => ended(Number(pid))));
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#place.folder, { recursive: true, force: true });
  }

  async #sqlIn(database: string, text: string, values: readonly unknown[] = []) {
    const client = await this.connect(database);
    try {
      const { rows } = await client.query(text, [...values]);
      return rows;
    } finally {
      await client.end();
    }
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

async function ended(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 10));
}
