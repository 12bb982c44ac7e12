import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { resultCode, Sqlite } from '../../sqlite.ts';
import { SourceError } from '../contract.ts';
import { quoted } from './name.ts';

/** SQLite waits for a lock in the event loop's own thread: so only a moment, and again a moment later. */
const busyMs = 50;
const betweenMs = 50;

/** Where the database is, as the configuration has it; durations in milliseconds. */
export interface SqliteOptions {
  readonly path: string;
  readonly query_timeout: number;
}

/** What is wrong with the file, by SQLite's result code (sqlite.org/rescode.html), with what to do. */
const refusals: Readonly<Record<number, (path: string) => string>> = {
  3: (path) => `${path} may not be used by this user: check its owner and mode`,
  8: (path) =>
    `${path} may only be read by this user: check the owner and mode of the file and its directory`,
  11: (path) => `${path} is damaged: restore it, or move it away and run unitwatch alarms init`,
  14: (path) => `${path} cannot be opened: check the owner and mode of the file and its directory`,
  26: (path) => `${path} is no SQLite database: check database.path`,
};
const outages: Readonly<Record<number, string>> = {
  5: 'another program has locked it for longer than database.query_timeout',
  6: 'another program has locked it for longer than database.query_timeout',
  10: 'reading or writing it failed',
  13: 'the disk is full',
};

/** Any error of SQLite as one sentence; others are ours, and go on as they are. */
function sqliteError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (!(error instanceof Error) || code === 0) return error;
  const shown = quoted(path);
  const says = refusals[code];
  if (says) return new SourceError('refused', `${says(shown)}.`, error);
  if (code === 1 && error.message.startsWith('no such table')) {
    const sentence = `${shown} has no table STATUS_PROCESS or PROCESE: check database.path, or run unitwatch alarms init.`;
    return new SourceError('refused', sentence, error);
  }
  if (code === 1 && error.message.startsWith('no such column')) {
    const sentence = `In ${shown} a column is missing: STATUS_PROCESS needs process_id, alarma, sound and notes, PROCESE needs process_id and process_name.`;
    return new SourceError('refused', sentence, error);
  }
  const why = outages[code] ?? quoted(error.message);
  return new SourceError('down', `${shown} cannot be used: ${why}.`, error);
}

/** One SQLite file, opened when it is wanted, and anew after a failure. */
export class SqliteFile {
  readonly #options: SqliteOptions;
  #open: Sqlite | undefined;
  #inode = 0;
  #closed = false;

  constructor(options: SqliteOptions) {
    this.#options = options;
  }

  /** Work without a transaction around it. It may run again where the file was locked. */
  async use<T>(work: (on: Sqlite) => T): Promise<T> {
    const { path, query_timeout } = this.#options;
    const deadline = performance.now() + query_timeout;
    for (;;) {
      try {
        return work(await this.#database());
      } catch (error) {
        const isLocked = resultCode(error) === 5 || resultCode(error) === 6;
        if (!isLocked) this.#drop();
        if (!isLocked || performance.now() >= deadline) throw sqliteError(error, path);
      }
      await sleep(betweenMs);
    }
  }

  /** All of it or nothing. */
  async transaction<T>(work: (on: Sqlite) => T): Promise<T> {
    return this.use((on) => on.transaction(() => work(on)));
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  /** A file that was put in the place of the old one is opened anew: the old one is nobody's. */
  async #database(): Promise<Sqlite> {
    const { path } = this.#options;
    const inode = await inodeOf(path);
    if (inode !== this.#inode) this.#drop();
    if (this.#closed) throw new SourceError('down', 'The source is closed.');
    if (this.#open) return this.#open;
    const opened = await Sqlite.open(path, { waitMs: busyMs });
    if (this.#open) opened.close();
    this.#open ??= opened;
    this.#inode = inode;
    return this.#open;
  }
}

/** Opening a path where nothing is would create a database there. */
async function inodeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const what =
      code === 'ENOENT' ? 'is not there: run unitwatch alarms init' : `cannot be reached (${code})`;
    throw new SourceError('refused', `The database ${quoted(path)} ${what}.`, error);
  }
}
