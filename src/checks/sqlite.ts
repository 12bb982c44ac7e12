import { statSync } from 'node:fs';
import { chmod, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { resultCode, Sqlite, type SqlRow, type SqlValue } from '../sqlite.ts';

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
/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const damagedCodes: ReadonlySet<number> = new Set([11, 26]);

/** One SQLite file of our own, held by one process at a time. Calls are synchronous and short. */
export class OwnSqlite {
  readonly #path: string;
  #database: Sqlite;
  #lock: Sqlite | undefined;
  /** Which files they are. */
  #files: readonly (string | undefined)[];
  /** Why nothing may be written: it would be written to a file that nobody finds again. */
  #away: SqliteError | undefined;

  private constructor(path: string, database: Sqlite, lock: Sqlite | undefined) {
    this.#path = path;
    this.#database = database;
    this.#lock = lock;
    this.#files = filesAt(path);
  }

  /**
   * Opens or makes it, for this user only: it may hold secrets. The tables are brought to the newest
   * version. The lock is SQLite's own on a file beside it, so that it ends with the process.
   * @throws SqliteError
   */
  static async open({ path, migrations }: SqliteOptions): Promise<OwnSqlite> {
    let lock: Sqlite | undefined;
    let database: Sqlite | undefined;
    try {
      if (path !== memory) {
        await makeFile(path);
        lock = await lockOf(path);
      }
      database = await openFile(path);
      refuseStranger(database, path);
      if (path !== memory) await chmod(path, 0o600);
      prepare(database);
      migrate(database, path, migrations);
      return new OwnSqlite(path, database, lock);
    } catch (error) {
      database?.close();
      lock?.close();
      throw explained(error, path);
    }
  }

  rows(sql: string, ...values: readonly SqlValue[]): readonly SqlRow[] {
    return this.#database.rows(sql, ...values);
  }

  /** How many rows it changed. */
  change(sql: string, ...values: readonly SqlValue[]): number {
    if (this.#away) throw this.#away;
    return this.#database.change(sql, ...values);
  }

  /** All of it or nothing. */
  transaction<T>(work: () => T): T {
    if (this.#away) throw this.#away;
    return this.#database.transaction(work);
  }

  /**
   * SQLite goes on in a file that was removed, where nobody finds it again. It can still be read, and
   * is written to its place with all that was in it.
   * @returns whether it was
   * @throws SqliteError where that cannot be, or another file is there; nothing is written until it can
   */
  async keep(): Promise<boolean> {
    if (this.#path === memory) return false;
    try {
      const [there, lock] = filesAt(this.#path);
      const [file, lockFile] = this.#files;
      if (there !== undefined && there !== file) throw replaced(this.#path);
      if (there === undefined) await makeFile(this.#path);
      if (lock !== lockFile || !this.#lock) {
        this.#lock?.close();
        this.#lock = undefined;
        this.#lock = await lockOf(this.#path);
      }
      if (there === undefined) await this.#moveBack();
      this.#files = filesAt(this.#path);
      this.#away = undefined;
      return there === undefined;
    } catch (error) {
      const known = explained(error, this.#path);
      if (known instanceof SqliteError) this.#away = known;
      throw known;
    }
  }

  close(): void {
    this.#database.close();
    this.#lock?.close();
  }

  async #moveBack(): Promise<void> {
    try {
      const there = await openFile(this.#path);
      // From here on nobody comes in between.
      this.#database.change('VACUUM INTO ?', this.#path);
      prepare(there);
      this.#database.close();
      this.#database = there;
    } catch (error) {
      // What is half there would be taken for another file the next time.
      await rm(this.#path, { force: true });
      throw error;
    }
  }
}

const memory = ':memory:';

/** What tells the file and its lock from others in their places. */
function filesAt(path: string): readonly (string | undefined)[] {
  if (path === memory) return [];
  return [path, `${path}.lock`].map((one) => {
    const found = statSync(one, { throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  });
}

function openFile(path: string): Promise<Sqlite> {
  const meaningOf = (error: unknown): unknown => explained(error, path);
  return Sqlite.open(path, { waitMs: busyMs, foreignKeys: true, meaningOf });
}

async function lockOf(path: string): Promise<Sqlite> {
  await makeFile(`${path}.lock`);
  const meaningOf = (error: unknown): unknown => explained(error, path);
  const lock = await Sqlite.open(`${path}.lock`, { waitMs: busyMs, meaningOf });
  try {
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** In WAL, FULL keeps what was committed also when the power fails. */
function prepare(database: Sqlite): void {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
}

function replaced(path: string): SqliteError {
  const sentence = `${JSON.stringify(path)} was replaced by another file while it was in use, and nothing is written: start unitwatch anew to use that one, or move it away.`;
  return new SqliteError('unusable', sentence);
}

function migrate(database: Sqlite, path: string, migrations: readonly string[]): void {
  const from = database.number('PRAGMA user_version') ?? 0;
  if (from > migrations.length) {
    const sentence = `${JSON.stringify(path)} was written by a later version of unitwatch: use that one, or move the file away.`;
    throw new SqliteError('newer', sentence);
  }
  if (from === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  for (const sql of migrations.slice(from)) database.exec(sql);
  database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
}

/** A database that was never ours is left as it is. */
function refuseStranger(database: Sqlite, path: string): void {
  if ((database.number('PRAGMA user_version') ?? 0) > 0) return;
  if (database.number('SELECT count(*) FROM sqlite_schema') === 0) return;
  const sentence = `${JSON.stringify(path)} is the database of something else: choose another file.`;
  throw new SqliteError('unusable', sentence);
}

/** One that root makes belongs to whom its folder does: the agent's user has to open it, too. */
async function makeFile(path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const file = await open(path, 'a', 0o600);
  try {
    const [{ size, uid }, owner] = [await file.stat(), await stat(folder)];
    if (size === 0 && uid === 0 && process.getuid?.() === 0) await file.chown(owner.uid, owner.gid);
  } finally {
    await file.close();
  }
}

/** Errors of SQLite and of the file system as one sentence; others are ours, and go on. */
function explained(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof SqliteError) return error;
  const shown = JSON.stringify(path);
  const code = resultCode(error);
  if (lockedCodes.has(code)) {
    const sentence = `${shown} is in use by another unitwatch: stop it, or ask it over its API.`;
    return new SqliteError('locked', sentence, error);
  }
  if (damagedCodes.has(code)) {
    const sentence = `${shown} is damaged, or no database of unitwatch (${error.message}): move it away, or put a copy of it back.`;
    return new SqliteError('unusable', sentence, error);
  }
  const isSystem = 'syscall' in error;
  if (code === 0 && !isSystem) return error;
  const sentence = `${shown} cannot be used (${error.message}): check its owner, its mode and the space on its disk.`;
  return new SqliteError('unusable', sentence, error);
}
