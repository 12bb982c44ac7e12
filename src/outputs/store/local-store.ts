import { statSync } from 'node:fs';
import type { RealtimeUs } from '../../model/time.ts';
import {
  type Batch,
  type LocalFigures,
  type LocalSettings,
  type LocalTotals,
  type Rejected,
  type Row,
  type Settled,
  type StoredRow,
  StoreError,
} from './contract.ts';
import { prepare } from './local-schema.ts';
import { Sqlite, type SqlRow } from './sqlite.ts';

/** Rows deleted in one transaction: a few milliseconds, so that those who append wait no longer. */
const deletedAtOnce = 1_000;
/** The same of rows that nobody has: no more than it takes. */
const lostAtOnce = 100;
/** Free pages (1 MiB) before the file is shrunk: below it they are soon used again. */
const freePages = 256;
/** Pages given back in one transaction. */
const vacuumedAtOnce = 1_000;
/** Rows that PostgreSQL refused, kept to be looked at. */
const rejectedMax = 1_000;

/** What an agent, or `unitwatch store status`, finds in the file. */
export function totalsOf(on: Sqlite): LocalTotals {
  const value = (name: string): number =>
    on.number('SELECT value FROM totals WHERE name = ?', name) ?? 0;
  return {
    written: value('written'),
    exported: value('exported'),
    lost_size: value('lost_size'),
    lost_age: value('lost_age'),
    rejected: value('rejected'),
  };
}

/** Rows that are not exported, and when the oldest of them was given to the store. */
export function backlogOf(on: Sqlite) {
  const exportedTo = on.number(`SELECT value FROM totals WHERE name = 'exported_to'`) ?? 0;
  return {
    exportedTo,
    waiting: on.number('SELECT count(*) FROM rows WHERE seq > ?', exportedTo) ?? 0,
    oldestUs: on.number('SELECT at_us FROM rows WHERE seq > ? ORDER BY seq LIMIT 1', exportedTo),
  };
}

/** The local database, synchronous: it runs in a thread of its own (`local-worker.ts`). */
export class LocalStore {
  readonly #settings: LocalSettings;
  readonly #on: Sqlite;
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
    const { exportedTo, waiting } = backlogOf(on);
    this.#exportedTo = exportedTo;
    this.#handedTo = exportedTo;
    this.#waiting = waiting;
    this.#last = Math.max(exportedTo, on.number('SELECT max(seq) FROM rows') ?? 0);
  }

  /** @param after number of the last row that a database in this place had: rows go on behind it */
  static async open(settings: LocalSettings, after: number): Promise<LocalStore> {
    const on = await Sqlite.open(settings.path);
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

  /** Appends all or none; makes room first where the database is at its bound. */
  append(rows: readonly Row[], nowUs: RealtimeUs): void {
    for (let room = this.#hasRoom(); !room; room = this.#hasRoom()) {
      if (!this.#collectOne(nowUs)) break;
    }
    this.#on.transaction(() => {
      let seq = this.#last;
      for (const { kind, atUs, body } of rows) {
        this.#on.change('INSERT INTO rows VALUES (?, ?, ?, ?)', ++seq, kind, atUs, body);
      }
      this.#add('written', rows.length);
    });
    this.#last += rows.length;
    this.#waiting += rows.length;
  }

  /** Lengths come first: rows are at most 130 KiB each, and a whole batch of such is too much. */
  next(rows: number, chars: number): Batch {
    const lengths =
      'SELECT seq, length(body) AS chars FROM rows WHERE seq > ? ORDER BY seq LIMIT ?';
    let last = this.#exportedTo;
    let held = 0;
    for (const { seq, chars: more } of this.#on.rows(lengths, last, rows)) {
      held += Number(more);
      if (held > chars && last > this.#exportedTo) break;
      last = Number(seq);
    }
    const sql = 'SELECT seq, kind, at_us, body FROM rows WHERE seq > ? AND seq <= ? ORDER BY seq';
    const found = this.#on.rows(sql, this.#exportedTo, last).map(storedRow);
    this.#handedTo = Math.max(this.#handedTo, last);
    return { rows: found, more: found.length > 0 && last < this.#last };
  }

  settle(
    seq: number,
    rejected: readonly Rejected[],
    nowUs: RealtimeUs,
  ): Pick<Settled, 'exported' | 'rejected'> {
    const counts = this.#on.transaction(() => {
      const sql = 'SELECT count(*) FROM rows WHERE seq > ? AND seq <= ?';
      const done = this.#on.number(sql, this.#exportedTo, seq) ?? 0;
      let refused = 0;
      for (const one of rejected) refused += this.#reject(one, nowUs);
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
    return counts;
  }

  /** @returns whether there is more to do */
  collect(nowUs: RealtimeUs): boolean {
    return this.#collectOne(nowUs) || this.#shrink();
  }

  /**
   * The disk is full: carries the log over into the file, as far as that goes, so that the log's own
   * room can be used again, for deleting what was exported.
   */
  relieve(): void {
    try {
      this.#on.rows('PRAGMA wal_checkpoint(RESTART)');
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Pages that rows can be written to without the file growing. */
  get freeBytes(): number {
    const free = this.#on.number('PRAGMA freelist_count') ?? 0;
    return free * (this.#on.number('PRAGMA page_size') ?? 0);
  }

  figures(): Omit<LocalFigures, 'setAside' | 'lostDamaged'> {
    const { path } = this.#settings;
    const [oldest] = this.#on.rows(
      'SELECT at_us FROM rows WHERE seq > ? ORDER BY seq LIMIT 1',
      this.#exportedTo,
    );
    const oldestUs = oldest?.['at_us'];
    return {
      waiting: this.#waiting,
      usedBytes: this.#usedBytes(),
      fileBytes: sizeOf(path) + sizeOf(`${path}-wal`),
      oldestUs: typeof oldestUs === 'number' ? oldestUs : undefined,
      lostSize: this.#lostSize,
      lostAge: this.#lostAge,
      deleted: this.#deleted,
    };
  }

  close(): void {
    this.#on.close();
  }

  #reject({ seq, reason }: Rejected, nowUs: RealtimeUs): number {
    this.#on.change(
      `INSERT OR REPLACE INTO rejected SELECT seq, kind, at_us, body, ?, ? FROM rows WHERE seq = ?`,
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
    const done = this.#on.change(
      `DELETE FROM rows WHERE seq IN
        (SELECT seq FROM rows WHERE seq <= ? ORDER BY seq LIMIT ${deletedAtOnce})`,
      this.#exportedTo,
    );
    this.#deleted += done;
    if (done > 0) return true;
    const free = Math.max(this.#exportedTo, this.#handedTo);
    const old = this.#lose('lost_age', free, nowUs - maxAgeUs);
    this.#lostAge += old;
    if (old > 0) return true;
    if (this.#hasRoom()) return false;
    const over = this.#lose('lost_size', free, Number.MAX_SAFE_INTEGER);
    this.#lostSize += over;
    return over > 0;
  }

  #lose(total: 'lost_age' | 'lost_size', after: number, beforeUs: RealtimeUs): number {
    const sql = 'SELECT at_us < ? FROM rows WHERE seq > ? ORDER BY seq LIMIT 1';
    if (this.#on.number(sql, beforeUs, after) !== 1) return 0;
    const count = this.#on.transaction(() => {
      const gone = this.#on.change(
        `DELETE FROM rows WHERE seq IN
          (SELECT seq FROM rows WHERE seq > ? ORDER BY seq LIMIT ${lostAtOnce}) AND at_us < ?`,
        after,
        beforeUs,
      );
      this.#add(total, gone);
      return gone;
    });
    this.#waiting -= count;
    return count;
  }

  /** Gives free pages back to the file system, a piece at a time. */
  #shrink(): boolean {
    const free = this.#on.number('PRAGMA freelist_count') ?? 0;
    if (free < freePages) return false;
    this.#on.rows(`PRAGMA incremental_vacuum(${vacuumedAtOnce})`);
    // The file itself is cut when the log is carried over into it.
    this.#on.rows('PRAGMA wal_checkpoint(PASSIVE)');
    return (this.#on.number('PRAGMA freelist_count') ?? 0) < free;
  }
}

function storedRow({ seq, kind, at_us, body }: SqlRow): StoredRow {
  return {
    seq: Number(seq),
    kind: kind === 'event' ? 'event' : 'result',
    atUs: Number(at_us),
    body: String(body),
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
