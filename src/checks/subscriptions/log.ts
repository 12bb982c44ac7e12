import type { OwnSqlite } from '../sqlite.ts';
import type { DeliveryNews } from './deliveries.ts';

/** Entries kept for each caller: what a person looks back at. */
const entriesMax = 200;

/** What went to a caller, or did not. */
export interface LogEntry extends DeliveryNews {
  /** RFC 3339. */
  readonly time: string;
}

/** The last news of each caller's deliveries. */
export class CallerLog {
  readonly #file: OwnSqlite;

  constructor(file: OwnSqlite) {
    this.#file = file;
  }

  add(entry: LogEntry): void {
    const { caller } = entry.message;
    this.#file.change(
      'INSERT INTO log (caller, entry) VALUES (?, ?)',
      caller,
      JSON.stringify(entry),
    );
    this.#file.change(
      `DELETE FROM log WHERE caller = ? AND id <= (
         SELECT id FROM log WHERE caller = ? ORDER BY id DESC LIMIT 1 OFFSET ${entriesMax})`,
      caller,
      caller,
    );
  }

  /** The oldest first. */
  of(caller: string): readonly LogEntry[] {
    const rows = this.#file.rows('SELECT entry FROM log WHERE caller = ? ORDER BY id', caller);
    return rows.map(({ entry }) => JSON.parse(String(entry)) as LogEntry);
  }

  forget(caller: string): void {
    this.#file.change('DELETE FROM log WHERE caller = ?', caller);
  }
}
