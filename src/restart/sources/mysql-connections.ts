import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Pool, PoolConnection, PoolOptions, RowDataPacket } from 'mysql2/promise';
import { SourceError } from '../contract.ts';
import { codeOf, isOfStatement, type MysqlOptions } from './mysql-errors.ts';
import { quoted } from './name.ts';

/** One reads while the other writes an ending down; more would only wait for the same rows. */
const defaultPoolSize = 2;
/** Work that waits for one of them; a hundred repairs may end at once. */
const waitingMax = 1_000;
/** Work as a whole: a handful of statements, each within its own limit. */
const statementsAtMost = 5;
/** InnoDB ends one of two that wait for each other; that one begins anew, with other neighbours. */
const deadlockTries = 8;
/** The server's own limit strikes first, since its message says more. */
const slackMs = 500;
/** Saying goodbye to a server that may not listen. */
const endMs = 500;
/** A connection unused for so long is closed; the server's own limit is 8 hours, a firewall's some minutes. */
const idleMs = 300_000;

/** Text and bytes come as bytes; a number that a double cannot hold comes as text. */
export type Value = string | number | Uint8Array | null;
export type Row = Readonly<Record<string, Value>>;

/** A connection for as long as a piece of work lasts. */
export interface Session {
  /** Rows; every value is bound, none is ever part of the text. */
  rows(sql: string, values?: readonly (string | number)[]): Promise<readonly Row[]>;
  /** How many rows it found. */
  change(sql: string, values?: readonly (string | number)[]): Promise<number>;
}

/** A few connections to one database, made when they are wanted. */
export class MysqlConnections {
  readonly #options: MysqlOptions;
  #pool: Promise<Pool> | undefined;
  /** The server offers no TLS, and `preferred` goes on without. */
  #isPlain = false;
  readonly #ready = new WeakSet<object>();
  #closed = false;

  constructor(options: MysqlOptions) {
    this.#options = options;
  }

  /**
   * Does the work on one connection; one on which something went wrong on the way is not used again.
   * Errors come as the driver gives them, for `mysqlError`.
   */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const connection = await this.#connect();
    try {
      const session = new Statements(connection, this.#options.query_timeout + slackMs);
      if (!this.#ready.has(connection.connection)) await this.#prepare(session);
      this.#ready.add(connection.connection);
      const result = await work(session);
      connection.release();
      return result;
    } catch (error) {
      await this.#drop(connection, error);
      throw error;
    }
  }

  /** After a statement that was refused the connection is as good as before; else nobody knows. */
  async #drop(connection: PoolConnection, error: unknown): Promise<void> {
    const isGood =
      isOfStatement(error) &&
      (await within(endMs, connection.rollback(), 'query').then(
        () => true,
        () => false,
      ));
    if (isGood) connection.release();
    else connection.destroy();
  }

  /** The same in a transaction, begun anew where it was the victim of a deadlock. */
  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.again(() =>
      this.use(async (session) => {
        await session.change('START TRANSACTION');
        const result = await work(session);
        await session.change('COMMIT');
        return result;
      }),
    );
  }

  /** Does it again after a deadlock, some times. */
  async again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        // 1020: MariaDB 11 says so of a row that changed since the transaction began.
        const isVictim = ['ER_LOCK_DEADLOCK', 'ER_CHECKREAD'].includes(codeOf(error));
        if (!isVictim || attempt >= deadlockTries) throw error;
        await new Promise((resolve) => setTimeout(resolve, attempt * 10));
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  async #end(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined);
    this.#pool = undefined;
    if (pool) await within(endMs, pool.end(), 'close').catch(() => {});
  }

  async #connect(): Promise<PoolConnection> {
    try {
      return await this.#take();
    } catch (error) {
      if (this.#options.tls !== 'preferred' || this.#isPlain) throw error;
      if (codeOf(error) !== 'HANDSHAKE_NO_SSL_SUPPORT') throw error;
      this.#isPlain = true;
      await this.#end();
      return this.#take();
    }
  }

  async #take(): Promise<PoolConnection> {
    if (this.#closed) throw new SourceError('down', 'The source is closed.');
    this.#pool ??= this.#makePool();
    const pool = await this.#pool.catch((error: unknown) => {
      this.#pool = undefined;
      throw error;
    });
    const { connect_timeout, query_timeout } = this.#options;
    const waitMs = connect_timeout + statementsAtMost * (query_timeout + slackMs);
    const connection = pool.getConnection();
    try {
      return await within(waitMs, connection, 'connect');
    } catch (error) {
      // It may still come, after nobody waits for it.
      connection.then(
        (late) => late.release(),
        () => {},
      );
      throw error;
    }
  }

  async #makePool(): Promise<Pool> {
    const settings = await this.#settings();
    const { createPool } = await import('mysql2/promise');
    const pool = createPool(settings);
    // The pool removes a broken connection at its first error; a second one would be nobody's.
    pool.on('connection', (connection) => connection.on('error', () => {}));
    return pool;
  }

  async #settings(): Promise<PoolOptions> {
    const { host, port, socket, user, password, database, connect_timeout } = this.#options;
    const ssl = this.#isPlain ? undefined : await this.#tls();
    return {
      host,
      ...(socket === undefined ? { port } : { socketPath: socket }),
      user,
      ...(password === undefined ? {} : { password: password.reveal() }),
      database,
      ...(ssl === undefined ? {} : { ssl }),
      connectTimeout: connect_timeout,
      charset: 'utf8mb4',
      multipleStatements: false,
      supportBigNumbers: true,
      // A few texts that never change; the default keeps 16,000.
      maxPreparedStatements: 64,
      flags: ['-LOCAL_FILES'],
      enableKeepAlive: true,
      keepAliveInitialDelay: 30_000,
      connectionLimit: this.#options.pool_size ?? defaultPoolSize,
      maxIdle: 1,
      idleTimeout: idleMs,
      queueLimit: waitingMax,
      trace: false,
    };
  }

  async #tls(): Promise<PoolOptions['ssl']> {
    const { tls, ca_file, host, socket } = this.#options;
    // What goes through a socket stays in the kernel: encrypted only where that is asked for.
    if (tls === 'off' || (tls === 'preferred' && socket !== undefined)) return undefined;
    if (tls !== 'verify') return { rejectUnauthorized: false };
    if (isIP(host) !== 0) {
      const sentence = `database.tls is verify, and ${quoted(host)} is an address: set database.host to the name that is in its certificate.`;
      throw new SourceError('refused', sentence);
    }
    const ca = ca_file === undefined ? {} : { ca: await readCa(ca_file) };
    return { rejectUnauthorized: true, verifyIdentity: true, ...ca };
  }

  /** What every statement of this connection can rely on, whatever the server's defaults are. */
  async #prepare(session: Session): Promise<void> {
    const seconds = Math.max(1, Math.round(this.#options.query_timeout / 1000));
    // No strict mode: a note is then cut to its column at a character's border, whatever its type.
    await session.change(`SET SESSION sql_mode = ''`);
    await session.change(
      `SET SESSION innodb_lock_wait_timeout = ${seconds}, SESSION lock_wait_timeout = ${seconds}`,
    );
    await limitStatements(session, this.#options.query_timeout);
  }
}

/** MariaDB limits every statement, in seconds; MySQL reading ones, in milliseconds. */
async function limitStatements(session: Session, ms: number): Promise<void> {
  const isUnknown = (error: unknown): boolean => codeOf(error) === 'ER_UNKNOWN_SYSTEM_VARIABLE';
  try {
    await session.change(`SET SESSION max_statement_time = ${ms / 1000}`);
  } catch (error) {
    if (!isUnknown(error)) throw error;
    await session.change(`SET SESSION max_execution_time = ${Math.ceil(ms)}`);
  }
}

class Statements implements Session {
  readonly #connection: PoolConnection;
  readonly #limitMs: number;

  constructor(connection: PoolConnection, limitMs: number) {
    this.#connection = connection;
    this.#limitMs = limitMs;
  }

  async rows(sql: string, values: readonly (string | number)[] = []): Promise<readonly Row[]> {
    const [rows] = await within(
      this.#limitMs,
      this.#connection.execute<RowDataPacket[]>({ sql, typeCast }, values.map(String)),
      'query',
    );
    return rows;
  }

  async change(sql: string, values: readonly (string | number)[] = []): Promise<number> {
    const done =
      values.length === 0
        ? // SET and START TRANSACTION are not prepared by every server.
          this.#connection.query(sql)
        : this.#connection.execute(sql, values.map(String));
    const [result] = await within(this.#limitMs, done, 'query');
    return 'affectedRows' in result ? result.affectedRows : 0;
  }
}

const numbers: ReadonlySet<string> = new Set([
  'TINY',
  'SHORT',
  'LONG',
  'INT24',
  'LONGLONG',
  'FLOAT',
  'DOUBLE',
]);

/** Text as its bytes: UTF-8, whatever its column has, and what is in a binary column as it is. */
function typeCast(
  field: { readonly type: string; buffer(): Buffer | null },
  next: () => unknown,
): unknown {
  return numbers.has(field.type) ? next() : field.buffer();
}

async function readCa(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    const sentence = `database.ca_file ${quoted(path)} cannot be read${code}.`;
    throw new SourceError('refused', sentence, error);
  }
}

const late = { connect: 'ETIMEDOUT', query: 'PROTOCOL_SEQUENCE_TIMEOUT', close: 'ETIMEDOUT' };

/** The promise's end, or an error with a code of the driver's own after that time. */
async function within<T>(ms: number, promise: Promise<T>, what: keyof typeof late): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error('no answer'), { code: late[what] }));
    }, ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
