import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ensureInstalled, run } from './debian.ts';

/** Of a new data directory, a start, and recovery after a crash: on a busy machine many seconds. */
const startMs = 120_000;
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
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-postgres-'));
  try {
    const owner = makeOwner(folder);
    await makeCertificates(folder, owner);
    await makeData(folder, owner);
    const server = new Server(folder, owner, await freePort(), options);
    await server.start();
    await server.prepare();
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

/** PostgreSQL refuses to run as root: then it runs as Debian's user postgres. */
function makeOwner(folder: string): Owner {
  const { username, uid, gid } = userInfo();
  if (uid !== 0) return { name: username, uid, gid };
  const [, , postgresUid = '', postgresGid = ''] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === 'postgres') ?? [];
  const owner = { name: 'postgres', uid: Number(postgresUid), gid: Number(postgresGid) };
  chownSync(folder, owner.uid, owner.gid);
  return owner;
}

function program(name: string): string {
  const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0] ?? '';
  return join(versions, newest, 'bin', name);
}

/** A command of the server, as its owner. */
function asOwner({ uid, gid }: Owner, command: readonly string[]): readonly [string, string[]] {
  const [file = '', ...argv] = command;
  if (process.getuid?.() !== 0) return [file, argv];
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return ['setpriv', [...ids, file, ...argv]];
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
  for (const name of ['server.key', 'server.pem']) chownSync(join(folder, name), uid, gid);
  chmodSync(join(folder, 'server.key'), 0o600);
}

async function makeData(folder: string, owner: Owner): Promise<void> {
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

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

class Server implements PostgresServer {
  readonly socket: string;
  readonly port: number;
  readonly database = 'monitor';
  readonly user = 'watcher';
  readonly password = "p'a s%s:w@rd/";
  readonly ca: string;
  readonly otherCa: string;
  readonly #folder: string;
  readonly #owner: Owner;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;
  #log = '';

  constructor(folder: string, owner: Owner, port: number, options: readonly string[]) {
    this.#folder = folder;
    this.#owner = owner;
    this.#options = options;
    this.port = port;
    this.socket = folder;
    this.ca = join(folder, 'ca.pem');
    this.otherCa = join(folder, 'other.pem');
  }

  async prepare(): Promise<void> {
    const password = this.password.replaceAll("'", "''");
    await this.#sqlIn('postgres', `CREATE ROLE ${this.user} LOGIN PASSWORD '${password}'`);
    await this.#sqlIn('postgres', `CREATE DATABASE ${this.database} OWNER ${this.user}`);
  }

  get #runs(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  async start(): Promise<void> {
    if (this.#runs) return;
    const settings = [
      ...['listen_addresses=127.0.0.1', `unix_socket_directories=${this.socket}`, 'ssl=on'],
      // Losing a commit that was answered would be a fault of the test: only fsync itself is off.
      ...['fsync=off', 'shared_buffers=32MB', 'max_connections=40', 'log_min_messages=fatal'],
      ...this.#options,
    ].flatMap((setting) => ['-c', setting]);
    const command = [program('postgres'), '-D', join(this.#folder, 'data'), '-p', `${this.port}`];
    const [file, argv] = asOwner(this.#owner, [...command, ...settings]);
    // A group of its own, so that all its processes can be killed at once.
    const child = spawn(file, argv, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    this.#process = child;
    child.stderr.on('data', (data: Buffer) => {
      this.#log = `${this.#log}${data.toString()}`.slice(-4_000);
    });
    const deadline = performance.now() + startMs;
    for (;;) {
      try {
        await this.#sqlIn('postgres', 'SELECT 1');
        return;
      } catch (cause) {
        if (child.exitCode !== null || performance.now() > deadline) {
          throw new Error(`postgres does not start:\n${this.#log}`, { cause });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
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
    if (child?.pid === undefined || !this.#runs) return;
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
    rmSync(this.#folder, { recursive: true, force: true });
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
