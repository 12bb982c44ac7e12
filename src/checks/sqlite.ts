import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DatabaseSyncInstance } from '@photostructure/sqlite';

export type SqliteValue = string | number | null;
export type SqliteRow = Readonly<Record<string, unknown>>;

/** Something is wrong with the file; one sentence says what to do. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError';
  /** `locked`: another process has it; `newer`: a later version wrote it. */
  readonly code: 'locked' | 'newer' | 'unusable';

  constructor(code: SqliteError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface SqliteOptions {
  /** `:memory:` keeps nothing. */
  readonly path: string;
  /** What is done to come from one version of the tables to the next: the first makes them. */
  readonly migrations: readonly string[];
}

/** SQLite waits in the event loop's own thread; nobody else writes to these files. */
const busyMs = 50;
/** SQLITE_BUSY and SQLITE_LOCKED, sqlite.org/rescode.html. */
const lockedCodes: ReadonlySet<number> = new Set([5, 6]);

/** One SQLite file of our own, held by one process at a time. Calls are synchronous and short. */
export class OwnSqlite {
  readonly #database: DatabaseSyncInstance;
  readonly #lock: DatabaseSyncInstance | undefined;
  readonly #path: string;
  readonly #statements = new Map<string, ReturnType<DatabaseSyncInstance['prepare']>>();

  private constructor(
    path: string,
    database: DatabaseSyncInstance,
    lock: DatabaseSyncInstance | undefined,
  ) {
    this.#path = path;
    this.#database = database;
    this.#lock = lock;
  }

  /**
   * Opens or makes it, for this user only: it may hold secrets. The tables are brought to the newest
   * version. The lock is SQLite's own on a file beside it, so that it ends with the process.
   * @throws SqliteError
   */
  static async open({ path, migrations }: SqliteOptions): Promise<OwnSqlite> {
    const { DatabaseSync } = await import('@photostructure/sqlite');
    let lock: DatabaseSyncInstance | undefined;
    let database: DatabaseSyncInstance | undefined;
    try {
      if (path !== ':memory:') {
        await makeFile(path);
        await makeFile(`${path}.lock`);
        lock = new DatabaseSync(`${path}.lock`, { timeout: busyMs });
        lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
      }
      database = new DatabaseSync(path, { timeout: busyMs, enableForeignKeyConstraints: true });
      // In WAL, FULL keeps what was committed also when the power fails.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      migrate(database, path, migrations);
      return new OwnSqlite(path, database, lock);
    } catch (error) {
      database?.close();
      lock?.close();
      throw explained(error, path);
    }
  }

  rows(sql: string, ...values: readonly SqliteValue[]): readonly SqliteRow[] {
    return this.#guarded(() => this.#prepared(sql).all(...values));
  }

  /** How many rows it changed. */
  change(sql: string, ...values: readonly SqliteValue[]): number {
    return this.#guarded(() => Number(this.#prepared(sql).run(...values).changes));
  }

  /** All of it or nothing. */
  transaction<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.change('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.change('COMMIT');
      return result;
    } catch (error) {
      // A full disk has ended the transaction by itself.
      if (this.#database.isTransaction) this.change('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
    this.#lock?.close();
  }

  /** Statements are written in the code: there are a few dozen. */
  #prepared(sql: string): ReturnType<DatabaseSyncInstance['prepare']> {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explained(error, this.#path);
    }
  }
}

function migrate(
  database: DatabaseSyncInstance,
  path: string,
  migrations: readonly string[],
): void {
  const row: unknown = database.prepare('PRAGMA user_version').get();
  const version = typeof row === 'object' && row && 'user_version' in row ? row.user_version : 0;
  const from = Number(version);
  if (from > migrations.length) {
    const sentence = `${JSON.stringify(path)} was written by a later version of unitwatch: use that one, or move the file away.`;
    throw new SqliteError('newer', sentence);
  }
  if (from === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  for (const sql of migrations.slice(from)) database.exec(sql);
  database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
}

async function makeFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const file = await open(path, 'a', 0o600);
  await file.close();
  await chmod(path, 0o600);
}

/** Errors of SQLite and of the file system as one sentence; others are ours, and go on. */
function explained(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof SqliteError) return error;
  const shown = JSON.stringify(path);
  const isSqlite = 'code' in error && error.code === 'ERR_SQLITE_ERROR';
  const code = 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  const isLocked = isSqlite && (lockedCodes.has(code) || /is locked/.test(error.message));
  if (isLocked) {
    const sentence = `${shown} is in use by another unitwatch: stop it, or ask it over its API.`;
    return new SqliteError('locked', sentence, error);
  }
  const isSystem = 'syscall' in error;
  if (!isSqlite && !isSystem) return error;
  const sentence = `${shown} cannot be used (${error.message}): check its owner, its mode and the space on its disk.`;
  return new SqliteError('unusable', sentence, error);
}
