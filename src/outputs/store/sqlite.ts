import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { StoreError } from './contract.ts';

/** Somebody looks at the file with another program: waits a moment; the rows wait in memory. */
const busyMs = 2_000;

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** The database is damaged, or is none: it is set aside. */
export class DamagedError extends Error {}

/**
 * SQLite's result codes, sqlite.org/rescode.html, as sentences. Errors met while rows are read come
 * without their code, with the message of that code alone.
 */
const troubles: Readonly<
  Record<
    number,
    { readonly text: string; readonly kind: 'refused' | 'full' | 'down'; says: string }
  >
> = {
  3: {
    text: 'access permission denied',
    kind: 'refused',
    says: 'may not be used by this user: check its owner and mode',
  },
  5: { text: 'database is locked', kind: 'down', says: 'is locked by another program' },
  6: { text: 'database table is locked', kind: 'down', says: 'is locked by another program' },
  8: {
    text: 'attempt to write a readonly database',
    kind: 'refused',
    says: 'may only be read by this user: check the owner and mode of the file and its directory',
  },
  10: { text: 'disk I/O error', kind: 'down', says: 'cannot be read or written (I/O error)' },
  13: { text: 'database or disk is full', kind: 'full', says: 'cannot grow: the disk is full' },
  14: {
    text: 'unable to open database file',
    kind: 'refused',
    says: 'cannot be opened: check the owner and mode of the file and its directory',
  },
};
const damaged: Readonly<Record<number, string>> = {
  11: 'database disk image is malformed',
  26: 'file is not a database',
};

/** SQLITE_IOERR_SHMSIZE: the index of the log, a file beside it, cannot grow. */
const noRoomForIndex = 4_874;

/** SQLite's primary result code; 0 for an error that is none of SQLite's. */
function resultCode(error: unknown): number {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR')) return 0;
  if ('sqliteExtendedCode' in error && error.sqliteExtendedCode === noRoomForIndex) return 13;
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff;
  const known = [...Object.entries(troubles).map(([code, { text }]) => [code, text] as const)];
  const all = [...known, ...Object.entries(damaged)];
  return Number(all.find(([, text]) => text === error.message)?.[0] ?? 1);
}

/** An error of SQLite as what it means; others are ours, and go on as they are. */
function meaningOf(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === 0 || !(error instanceof Error)) return error;
  if (damaged[code] !== undefined) return new DamagedError(error.message, { cause: error });
  const trouble = troubles[code];
  if (trouble === undefined) return error;
  return new StoreError(trouble.kind, `${JSON.stringify(path)} ${trouble.says}.`, error);
}

/** One open SQLite file. The only place that knows the package. */
export class Sqlite {
  readonly #path: string;
  readonly #database: DatabaseSyncInstance;
  readonly #prepared = new Map<string, ReturnType<DatabaseSyncInstance['prepare']>>();

  private constructor(path: string, database: DatabaseSyncInstance) {
    this.#path = path;
    this.#database = database;
  }

  /** @throws StoreError, DamagedError */
  static async open(path: string, options: { readonly readOnly?: boolean; waitMs?: number } = {}) {
    const { DatabaseSync } = await import('@photostructure/sqlite');
    try {
      const database = new DatabaseSync(path, {
        timeout: options.waitMs ?? busyMs,
        readOnly: options.readOnly ?? false,
      });
      return new Sqlite(path, database);
    } catch (error) {
      throw meaningOf(error, path);
    }
  }

  /** Every text is one of ours: there are few, and they are prepared once. */
  rows(sql: string, ...values: readonly SqlValue[]): readonly SqlRow[] {
    return this.#try(() => this.#prepare(sql).all(...values));
  }

  /** How many rows it changed. */
  change(sql: string, ...values: readonly SqlValue[]): number {
    return this.#try(() => this.#prepare(sql).run(...values).changes);
  }

  exec(sql: string): void {
    this.#try(() => this.#database.exec(sql));
  }

  /** The first column of the first row as a number; undefined where there is no row, or NULL. */
  number(sql: string, ...values: readonly SqlValue[]): number | undefined {
    const [row] = this.rows(sql, ...values);
    const value = row === undefined ? undefined : Object.values(row)[0];
    return typeof value === 'number' ? value : undefined;
  }

  /** All of it or nothing. */
  transaction<T>(work: () => T): T {
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
      throw meaningOf(error, this.#path);
    }
  }
}
