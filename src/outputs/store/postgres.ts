import { Socket } from 'node:net';
import type { Client, Pool, PoolClient } from 'pg';
import { postgresError } from './postgres-errors.ts';
import { type PostgresSettings, type Target, targetOf } from './postgres-target.ts';

/** One export and one question at a time. */
const connections = 2;
/** An unused connection is closed: a server has few of them, and each takes memory there. */
const idleMs = 60_000;
/** Behind the server's own time limits, for a server that has vanished without a word. */
const answerMs = 5_000;
/** For taking leave of the server, when nothing is under way any more. */
const leaveMs = 200;

/** A connection with a transaction under way. */
export interface Transaction {
  /** @throws StoreError, PoisonError */
  query(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

/** PostgreSQL: a pool of connections, made when they are wanted, and anew after a failure. */
export class Postgres {
  readonly #settings: PostgresSettings;
  readonly #target: Target;
  #pool: Pool | undefined;
  /** The server has no TLS, and need not (`preferred`). */
  #isPlain = false;
  #closed = false;
  readonly #busy = new Set<PoolClient>();
  /** All that are open, also where the server has not let us in yet: the pool cannot end those. */
  readonly #sockets = new Set<Socket>();

  /** @throws StoreError where it cannot be configured like that */
  constructor(settings: PostgresSettings) {
    this.#settings = settings;
    this.#target = targetOf(settings);
  }

  /** `host:port/database`, for messages; no user and no password. */
  get name(): string {
    const { host, port, database } = this.#target;
    return `${host}:${port}/${database}`;
  }

  /**
   * All of it or nothing. When the connection breaks at the COMMIT, nobody knows which: it throws,
   * and the caller does it again with the same keys.
   * @throws StoreError, PoisonError
   */
  async transaction<T>(work: (on: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      const result = await this.#within(client, work);
      this.#release(client, false);
      return result;
    } catch (error) {
      // What the server has answered leaves a connection that can be used again.
      const answered = error instanceof Error && 'severity' in error;
      if (answered) await this.#rollBack(client);
      else this.#release(client, true);
      throw postgresError(error);
    }
  }

  /** Lets go of all connections, also of one that waits for an answer, or to be let in. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const client of [...this.#busy]) this.#release(client, true);
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, leaveMs);
    await this.#pool?.end();
    clearTimeout(timer);
    this.#pool = undefined;
  }

  async #within<T>(client: PoolClient, work: (on: Transaction) => Promise<T>): Promise<T> {
    const { queryTimeoutMs, lockTimeoutMs } = this.#settings;
    // Set here, not when connecting: poolers such as PgBouncer refuse unknown settings there. A
    // commit that is answered must outlive a crash of the server, whatever its default is.
    await client.query(
      `BEGIN; SET LOCAL statement_timeout = ${queryTimeoutMs}; SET LOCAL lock_timeout = ${lockTimeoutMs};
       SET LOCAL synchronous_commit = on; SET LOCAL timezone = 'UTC'`,
    );
    const result = await work({
      query: async (sql, values = []) => (await client.query(sql, [...values])).rows,
    });
    await client.query('COMMIT');
    return result;
  }

  async #rollBack(client: PoolClient): Promise<void> {
    try {
      await client.query('ROLLBACK');
      this.#release(client, false);
    } catch {
      this.#release(client, true);
    }
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#connectOnce();
    } catch (error) {
      const hasNoTls = error instanceof Error && /does not support SSL/.test(error.message);
      if (!hasNoTls || this.#target.tls !== 'preferred' || this.#isPlain)
        throw postgresError(error);
    }
    this.#isPlain = true;
    await this.#pool?.end();
    this.#pool = undefined;
    try {
      return await this.#connectOnce();
    } catch (error) {
      throw postgresError(error);
    }
  }

  async #connectOnce(): Promise<PoolClient> {
    const { default: pg } = await import('pg');
    if (this.#closed) throw new Error('the store is closed');
    this.#pool ??= this.#makePool(pg);
    const client = await this.#pool.connect();
    this.#busy.add(client);
    return client;
  }

  #makePool(pg: { readonly Pool: typeof Pool; readonly Client: typeof Client }): Pool {
    const { queryTimeoutMs } = this.#settings;
    const { tls, ...target } = this.#target;
    const pool = new pg.Pool({
      ...target,
      stream: () => this.#newSocket(),
      ssl: this.#isPlain || tls === 'off' ? false : this.#ssl(),
      max: connections,
      idleTimeoutMillis: idleMs,
      query_timeout: queryTimeoutMs + answerMs,
      keepAlive: true,
      application_name: 'unitwatch',
      client_encoding: 'UTF8',
    });
    // A connection that breaks is made anew when it is wanted; who waits for it hears of it there.
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    return pool;
  }

  #newSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.once('close', () => this.#sockets.delete(socket));
  }

  #ssl() {
    const { ca } = this.#settings;
    if (this.#target.tls !== 'verify') return { rejectUnauthorized: false };
    return { rejectUnauthorized: true, ...(ca !== undefined && { ca }) };
  }

  #release(client: PoolClient, broken: boolean): void {
    if (!this.#busy.delete(client)) return;
    client.release(broken);
  }
}
