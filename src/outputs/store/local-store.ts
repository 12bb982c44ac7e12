import { statSync } from 'node:fs';
import type { RealtimeUs } from '../../model/time.ts';
import type { Sqlite } from '../../sqlite.ts';
import {
  type Batch,
  type LocalFigures,
  type LocalSettings,
  type LocalTotals,
  type PlaceFigures,
  type Rejected,
  type Row,
  type Settled,
  StoreError,
} from './contract.ts';
import { LocalLog } from './local-log.ts';
import { backlogOf, spanAfter, storedRow } from './local-rows.ts';
import { prepare } from './local-schema.ts';
import { openSqlite } from './sqlite.ts';

/**
 * Rows deleted in one transaction, and their bytes: a few milliseconds, so that those who append wait
 * no longer, and a tenth of the log, so that a full disk has room for it.
 */
const deletedAtOnce = { rows: 1_000, bytes: 262_144 } as const;
/** The same of rows that nobody has: no more than it takes. */
const lostAtOnce = { rows: 100, bytes: 262_144 } as const;
/** Free pages (1 MiB) before the file is shrunk: below it they are soon used again. */
const freePages = 256;
/** Pages given back in one transaction; each moves up to three others. On a full disk fewer. */
const vacuumedAtOnce = 200;
const vacuumedTight = 64;
/** Deletions in one go on a full disk, before others have their turn. */
const reliefSteps = 16;
/** Rows that PostgreSQL refused, kept to be looked at. */
const rejectedMax = 1_000;

/** The local database, synchronous: it runs in a thread of its own (`local-worker.ts`). */
export class LocalStore {
  readonly #settings: LocalSettings;
  readonly #on: Sqlite;
  readonly #log: LocalLog;
  /** Last row appended, exported, and handed out to be exported. */
  #last: number;
  #exportedTo: number;
  #handedTo: number;
  #waiting: number;
  #lostSize = 0;
  #lostAge = 0;
  #deleted = 0;

  private constructor(settings: LocalSettings, on: Sqlite) {
    this.#settings = settings;
    this.#on = on;
    this.#log = new LocalLog(on, settings.path);
    const { exportedTo, waiting } = backlogOf(on);
    this.#exportedTo = exportedTo;
    this.#handedTo = exportedTo;
    this.#waiting = waiting;
    this.#last = Math.max(exportedTo, on.number('SELECT max(seq) FROM rows') ?? 0);
  }

  /** @param after number of the last row that a database in this place had: rows go on behind it */
  static async open(settings: LocalSettings, after: number): Promise<LocalStore> {
    const on = await openSqlite(settings.path);
    try {
      prepare(on);
      on.change(`UPDATE totals SET value = max(value, ?) WHERE name = 'exported_to'`, after);
      return new LocalStore(settings, on);
    } catch (error) {
      on.close();
      throw error;
    }
  }

  /** Number of the last row. */
  get last(): number {
    return this.#last;
  }

  /**
   * Appends all or none; makes room first where the database is at its bound.
   * @throws StoreError `full` also where the rows before are in the log alone
   */
  append(rows: readonly Row[], nowUs: RealtimeUs): void {
    for (let room = this.#hasRoom(); !room; room = this.#hasRoom()) {
      if (!this.#collectOne(nowUs)) break;
    }
    let bytes = 0;
    this.#on.transaction(() => {
      let seq = this.#last;
      for (const { kind, atUs, body } of rows) {
        this.#on.change('INSERT INTO rows VALUES (?, ?, ?, ?)', ++seq, kind, atUs, body);
        bytes += Buffer.byteLength(body);
      }
      this.#add('written', rows.length);
    });
    this.#last += rows.length;
    this.#waiting += rows.length;
    this.#log.wrote(bytes);
  }

  /** Lengths come first: rows are at most 130 KiB each, and a whole batch of such is too much. */
  next(rows: number, bytes: number): Batch {
    const { last } = spanAfter(this.#on, this.#exportedTo, { rows, bytes });
    const sql = 'SELECT seq, kind, at_us, body FROM rows WHERE seq > ? AND seq <= ? ORDER BY seq';
    const found = this.#on.rows(sql, this.#exportedTo, last).map(storedRow);
    this.#handedTo = Math.max(this.#handedTo, last);
    return { rows: found, more: found.length > 0 && last < this.#last };
  }

  /** @param keeps whether refused rows are kept, or only the reason: there may be no room for them */
  settle(
    seq: number,
    rejected: readonly Rejected[],
    nowUs: RealtimeUs,
    keeps = true,
  ): Pick<Settled, 'exported' | 'rejected'> {
    // It was handed out by a file that is gone: here the number is another row's.
    if (seq > this.#handedTo) return { exported: 0, rejected: 0 };
    const counts = this.#on.transaction(() => {
      const sql = 'SELECT count(*) FROM rows WHERE seq > ? AND seq <= ?';
      const done = this.#on.number(sql, this.#exportedTo, seq) ?? 0;
      let refused = 0;
      for (const one of rejected) refused += this.#reject(one, nowUs, keeps);
      this.#on.change(
        `DELETE FROM rejected WHERE seq IN
          (SELECT seq FROM rejected ORDER BY seq DESC LIMIT -1 OFFSET ${rejectedMax})`,
      );
      const move = `UPDATE totals SET value = max(value, ?) WHERE name = 'exported_to'`;
      this.#on.change(move, seq);
      this.#add('exported', done - refused);
      this.#add('rejected', refused);
      return { exported: done - refused, rejected: refused };
    });
    this.#exportedTo = Math.max(this.#exportedTo, seq);
    this.#waiting -= counts.exported + counts.rejected;
    this.#log.wrote(0);
    return counts;
  }

  /** @returns whether there is more to do */
  collect(nowUs: RealtimeUs): boolean {
    return this.#collectOne(nowUs) || this.#shrink(vacuumedAtOnce);
  }

  /**
   * The disk is full: deletes what was exported and gives the pages at the end of the file back, in
   * steps for which the log has room, until the log can be carried over.
   * @returns whether rows can be written without the file growing, or it has grown by now
   */
  relieve(): boolean {
    try {
      for (let step = 0; step < reliefSteps; step++) {
        const gone = this.#deleteExported();
        if (this.#log.carryOver() && gone === 0) break;
        const shrunk = this.#log.isStuck && this.#vacuum(vacuumedTight);
        if (gone === 0 && !shrunk) break;
      }
      this.#log.carryOver();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    return !this.#log.isStuck;
  }

  /** What is written stays in the log, and may not grow. */
  get isStuck(): boolean {
    return this.#log.isStuck;
  }

  /** Takes the room that deleting on a full disk needs. @returns whether it has it */
  prepareForFull(): boolean {
    return this.#log.lengthen();
  }

  /** Pages that rows can be written to without the file growing. */
  get freeBytes(): number {
    const free = this.#on.number('PRAGMA freelist_count') ?? 0;
    return free * (this.#on.number('PRAGMA page_size') ?? 0);
  }

  figures(): Omit<LocalFigures, keyof PlaceFigures> {
    const { path } = this.#settings;
    const [oldest] = this.#on.rows(
      'SELECT at_us FROM rows WHERE seq > ? ORDER BY seq LIMIT 1',
      this.#exportedTo,
    );
    const oldestUs = oldest?.['at_us'];
    return {
      waiting: this.#waiting,
      usedBytes: this.#usedBytes(),
      fileBytes: sizeOf(path) + this.#log.bytes,
      oldestUs: typeof oldestUs === 'number' ? oldestUs : undefined,
      lostSize: this.#lostSize,
      lostAge: this.#lostAge,
      deleted: this.#deleted,
    };
  }

  /** Writes all of it to an empty file, also where its own file is gone. @throws StoreError */
  copyTo(path: string): void {
    this.#on.change('VACUUM INTO ?', path);
  }

  close(): void {
    this.#on.close();
  }

  #reject({ seq, reason }: Rejected, nowUs: RealtimeUs, keeps: boolean): number {
    this.#on.change(
      `INSERT OR REPLACE INTO rejected
        SELECT seq, kind, at_us, iif(?, body, ''), ?, ? FROM rows WHERE seq = ?`,
      keeps ? 1 : 0,
      reason,
      nowUs,
      seq,
    );
    return this.#on.change('DELETE FROM rows WHERE seq = ?', seq);
  }

  #add(total: keyof LocalTotals, count: number): void {
    this.#on.change('UPDATE totals SET value = value + ? WHERE name = ?', count, total);
  }

  #usedBytes(): number {
    const pages = this.#on.number('PRAGMA page_count') ?? 0;
    return pages * (this.#on.number('PRAGMA page_size') ?? 0) - this.freeBytes;
  }

  #hasRoom(): boolean {
    return this.#usedBytes() <= this.#settings.maxBytes;
  }

  /** What was exported goes first; then what is too old; then the oldest while it is too much. */
  #collectOne(nowUs: RealtimeUs): boolean {
    const { maxAgeUs } = this.#settings;
    if (this.#deleteExported() > 0) return true;
    const free = Math.max(this.#exportedTo, this.#handedTo);
    const old = this.#lose('lost_age', free, nowUs - maxAgeUs);
    this.#lostAge += old;
    if (old > 0) return true;
    if (this.#hasRoom()) return false;
    const over = this.#lose('lost_size', free, Number.MAX_SAFE_INTEGER);
    this.#lostSize += over;
    return over > 0;
  }

  #deleteExported(): number {
    const first = this.#on.number('SELECT seq FROM rows ORDER BY seq LIMIT 1');
    if (first === undefined || first > this.#exportedTo) return 0;
    const { last, bytes } = spanAfter(this.#on, first - 1, deletedAtOnce);
    const sql = 'DELETE FROM rows WHERE seq <= ?';
    const done = this.#on.change(sql, Math.min(last, this.#exportedTo));
    this.#deleted += done;
    this.#log.wrote(bytes);
    return done;
  }

  #lose(total: 'lost_age' | 'lost_size', after: number, beforeUs: RealtimeUs): number {
    const sql = 'SELECT at_us < ? FROM rows WHERE seq > ? ORDER BY seq LIMIT 1';
    if (this.#on.number(sql, beforeUs, after) !== 1) return 0;
    const { last, bytes } = spanAfter(this.#on, after, lostAtOnce);
    const count = this.#on.transaction(() => {
      const gone = this.#on.change(
        'DELETE FROM rows WHERE seq > ? AND seq <= ? AND at_us < ?',
        after,
        last,
        beforeUs,
      );
      this.#add(total, gone);
      return gone;
    });
    this.#waiting -= count;
    this.#log.wrote(bytes);
    return count;
  }

  /** Gives free pages back to the file system, a piece at a time. */
  #shrink(pages: number): boolean {
    const free = this.#on.number('PRAGMA freelist_count') ?? 0;
    if (free < freePages) return false;
    const isSmaller = this.#vacuum(pages);
    // The file itself is cut when the log is carried over into it.
    this.#log.carryOver();
    return isSmaller;
  }

  #vacuum(pages: number): boolean {
    const free = this.#on.number('PRAGMA freelist_count') ?? 0;
    if (free > 0) this.#on.rows(`PRAGMA incremental_vacuum(${pages})`);
    return (this.#on.number('PRAGMA freelist_count') ?? 0) < free;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
