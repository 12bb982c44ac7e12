import type { DatabaseSyncInstance } from '@photostructure/sqlite';

export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = Readonly<Record<string, unknown>>;

export interface SqliteOptions {
  /** How long a statement waits for a lock, milliseconds; the thread waits with it. */
  readonly waitMs: number;
  readonly readOnly?: boolean;
  /** Whether foreign keys are checked. */
  readonly foreignKeys?: boolean;
  /** What an error of SQLite means to the caller; as it is where this is left out. */
  readonly meaningOf?: (error: unknown) => unknown;
}

/**
 * Result codes, sqlite.org/rescode.html. An error met while rows are read comes without its code,
 * with the message of that code alone.
 */
const codeOfMessage: Readonly<Record<string, number>> = {
  'access permission denied': 3,
  'database is locked': 5,
  'database table is locked': 6,
  'attempt to write a readonly database': 8,
  'disk I/O error': 10,
  'database disk image is malformed': 11,
  'database or disk is full': 13,
  'unable to open database file': 14,
  'file is not a database': 26,
};

/** SQLITE_IOERR_SHMSIZE: the index of the log, a file beside it, cannot grow. */
const noRoomForIndex = 4_874;

/** SQLite's primary result code; 0 for an error that is none of SQLite's. */
export function resultCode(error: unknown): number {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR')) return 0;
  if ('sqliteExtendedCode' in error && error.sqliteExtendedCode === noRoomForIndex) return 13;
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff;
  return codeOfMessage[error.message] ?? 1;
}

/**
 * One open SQLite file. The only place that knows the package. Calls are synchronous, so each must be
 * short. A file that was closed is let go of when its statements are collected, or its thread ends.
 */
export class Sqlite {
  readonly #database: DatabaseSyncInstance;
  readonly #meaningOf: (error: unknown) => unknown;
  readonly #prepared = new Map<string, ReturnType<DatabaseSyncInstance['prepare']>>();

  private constructor(
    database: DatabaseSyncInstance,
    meaningOf: (error: unknown) => unknown = (error) => error,
  ) {
    this.#database = database;
    this.#meaningOf = meaningOf;
  }

  /** Opens a file, and makes it where it is not there and may be written. */
  static async open(path: string, options: SqliteOptions): Promise<Sqlite> {
    const { DatabaseSync } = await import('@photostructure/sqlite');
    const { waitMs, readOnly = false, foreignKeys = false, meaningOf } = options;
    try {
      const database = new DatabaseSync(path, {
        timeout: waitMs,
        readOnly,
        enableForeignKeyConstraints: foreignKeys,
      });
      return new Sqlite(database, meaningOf);
    } catch (error) {
      throw meaningOf ? meaningOf(error) : error;
    }
  }

  /** Every text is one of ours: there are some dozens, and they are prepared once. */
  rows(sql: string, ...values: readonly SqlValue[]): readonly SqlRow[] {
    return this.#try(() => this.#prepare(sql).all(...values));
  }

  /** How many rows it changed. */
  change(sql: string, ...values: readonly SqlValue[]): number {
    return this.#try(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /** Several statements, without their rows. */
  exec(sql: string): void {
    this.#try(() => this.#database.exec(sql));
  }

  /** The first column of the first row as a number; undefined where there is no row, or NULL. */
  number(sql: string, ...values: readonly SqlValue[]): number | undefined {
    const [row] = this.rows(sql, ...values);
    const value = row === undefined ? undefined : Object.values(row)[0];
    return typeof value === 'number' ? value : undefined;
  }

  /**
   * All of it or nothing; one inside another is part of it. The lock for writing is taken at its
   * beginning: none can be refused later.
   */
  transaction<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      this.rollBack();
      throw error;
    }
  }

  /** Ends a transaction; a full disk may have done so already. */
  rollBack(): void {
    if (this.#database.isTransaction) this.exec('ROLLBACK');
  }

  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  #prepare(sql: string): ReturnType<DatabaseSyncInstance['prepare']> {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#meaningOf(error);
    }
  }
}
