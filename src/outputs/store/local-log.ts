import { statSync } from 'node:fs';
import type { Sqlite } from '../../sqlite.ts';
import { StoreError } from './contract.ts';
import { logBytes } from './local-schema.ts';

/** Pages that are written to the log before it is carried over: a fifth of it. */
const carriedPages = 192;
/** Bytes of rows that fill a page, of 4,096, in the worst usual case; and pages of every transaction. */
const bytesOfPage = 2_048;
const pagesBeside = 4;

/**
 * SQLite's write-ahead log, as far as a full disk asks for care. Whatever is written, deleting
 * included, goes to the log first, and is carried over into the database later (a checkpoint), which
 * may make that grow. Two things let a disk that is full to the last byte be freed from within:
 *
 * - The log's file is made as long as it may get while there is room, and never cut below that. So
 *   there is room to delete in when there is none on the disk.
 * - It is carried over often. When that fails, nothing more is appended: most of the log is empty
 *   then, and waits for what makes room.
 */
export class LocalLog {
  readonly #on: Sqlite;
  readonly #path: string;
  #pages = 0;
  #isStuck = false;

  constructor(on: Sqlite, path: string) {
    this.#on = on;
    this.#path = `${path}-wal`;
  }

  /** What is in the log cannot be carried over: the database would grow. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** Whether the file is as long as it may get. */
  get isLong(): boolean {
    return this.bytes >= logBytes;
  }

  get bytes(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * Makes the file as long as it may get, with a transaction that is larger than the cache, and is
   * taken back. On a full disk it becomes as long as there is room.
   * @returns whether it is long now
   */
  lengthen(): boolean {
    if (this.isLong) return true;
    this.#on.exec('PRAGMA cache_size = 16');
    try {
      this.#on.exec('BEGIN IMMEDIATE');
      this.#on.change(
        `INSERT INTO rejected VALUES (-1, '', 0, zeroblob(?), '', 0)`,
        logBytes + logBytes / 16,
      );
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    } finally {
      this.#on.rollBack();
      this.#on.exec('PRAGMA cache_size = -2048');
    }
    return this.isLong;
  }

  /** A transaction has written rows of so many bytes, or deleted them. */
  wrote(bytes: number): void {
    this.#pages += pagesBeside + Math.ceil(bytes / bytesOfPage);
    if (this.#pages >= carriedPages) this.carryOver();
  }

  /** @returns whether all of it is in the database, so that the log begins anew */
  carryOver(): boolean {
    try {
      const [state] = this.#on.rows('PRAGMA wal_checkpoint(PASSIVE)');
      this.#pages = 0;
      this.#isStuck = false;
      return state !== undefined && state['log'] === state['checkpointed'];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#isStuck = error.kind === 'full';
      return false;
    }
  }
}
