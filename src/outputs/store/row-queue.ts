import type { StoredKind } from '../../model/store.ts';
import type { Row } from './contract.ts';

export interface QueueLimits {
  readonly rows: number;
  /** UTF-16 units of the bodies: what they take in memory, at most doubled. */
  readonly bytes: number;
}

/** Rows of one kind, oldest first. */
class Line {
  #items: { readonly order: number; readonly row: Row }[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Row | undefined {
    return this.#items[this.#head]?.row;
  }

  /** Infinity where it is empty. */
  get order(): number {
    return this.#items[this.#head]?.order ?? Number.POSITIVE_INFINITY;
  }

  push(order: number, row: Row): void {
    this.#items.push({ order, row });
  }

  shift(): Row | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item.row;
  }
}

/**
 * Rows that wait in memory for the local database, in the order in which they came. When it is full
 * the oldest results go first, then the oldest events. What `take` has handed out stays until
 * `settle`, and cannot be dropped meanwhile.
 */
export class RowQueue {
  readonly #limits: QueueLimits;
  readonly #lines: Readonly<Record<StoredKind, Line>> = { result: new Line(), event: new Line() };
  #taken: readonly Row[] = [];
  #order = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Rows that wait, those handed out included. */
  get length(): number {
    return this.#lines.result.length + this.#lines.event.length + this.#taken.length;
  }

  /** @returns how many rows were dropped for it */
  push(row: Row): number {
    this.#lines[row.kind].push(this.#order++, row);
    this.#bytes += row.body.length;
    let dropped = 0;
    while (this.length > this.#limits.rows || this.#bytes > this.#limits.bytes) {
      const { result, event } = this.#lines;
      const gone = result.shift() ?? event.shift();
      if (gone === undefined) break;
      this.#bytes -= gone.body.length;
      dropped++;
    }
    return dropped;
  }

  /** UTF-16 units of their bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest rows, at most `max` and so many bytes, but one: the same again until they are settled. */
  take(max: number, bytes: number): readonly Row[] {
    if (this.#taken.length > 0) return this.#taken;
    const { result, event } = this.#lines;
    const rows: Row[] = [];
    let held = 0;
    while (rows.length < max) {
      const line = result.order < event.order ? result : event;
      const { first } = line;
      if (first === undefined) break;
      held += first.body.length;
      if (held > bytes && rows.length > 0) break;
      rows.push(first);
      line.shift();
    }
    this.#taken = rows;
    return rows;
  }

  /** What was handed out is written. */
  settle(): void {
    for (const { body } of this.#taken) this.#bytes -= body.length;
    this.#taken = [];
  }
}
