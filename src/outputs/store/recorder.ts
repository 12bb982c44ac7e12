import type { LossReason } from '../../model/store.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { type Local, type LocalFigures, type Row, StoreError } from './contract.ts';
import { Loop } from './loop.ts';
import { RowQueue } from './row-queue.ts';

/** UTF-16 units in one transaction: on a full disk the log has room for it and for deleting. */
const batchChars = 262_144;
/** How long a row may wait for others, so that one transaction serves them all. */
const gatherMs = 250;
/** Wait after a write that failed. */
const retryMs = 1_000;
/** What waits in memory: a minute at 160 rows a second; about 20 MB at most. */
const queueLimits = { rows: 10_000, bytes: 8_388_608 } as const;

export interface RecorderOptions {
  readonly local: Local;
  /** Rows in one transaction. */
  readonly batch: number;
  readonly now: () => RealtimeUs;
  readonly onFigures: (figures: LocalFigures) => void;
  /** Rows were dropped from memory. */
  readonly onLost: (reason: LossReason, count: number) => void;
  /** Undefined: it works. Told at each try. */
  readonly onTried: (error: StoreError | undefined) => void;
}

/** The first of the three workers: brings what is given to it into the local database. */
export class Recorder {
  written = 0;
  readonly #options: RecorderOptions;
  readonly #queue = new RowQueue(queueLimits);
  readonly #loop: Loop;
  #trouble: StoreError | undefined;
  #ended = false;
  #waiting: (() => void)[] = [];

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#loop = new Loop(() => this.#step());
  }

  /** Rows that wait in memory. */
  get queued(): number {
    return this.#queue.length;
  }

  start(): void {
    this.#loop.start();
  }

  /** Never waits, and never fails for what the disk does. */
  push(row: Row): void {
    if (this.#ended) {
      this.#options.onLost('closed', 1);
      return;
    }
    const dropped = this.#queue.push(row);
    if (dropped > 0) this.#options.onLost(this.#lossReason(), dropped);
    if (this.#queue.length === this.#options.batch && !this.#trouble) this.#loop.wake();
  }

  /** Whether everything that was given to it is written, at the latest after `deadlineMs`. */
  async flush(deadlineMs: number): Promise<boolean> {
    if (this.#queue.length === 0) return true;
    this.#loop.wake();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#queue.length === 0;
  }

  /** Writes what waits, for at most `deadlineMs`; what is left then counts as lost. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#ended) return;
    await this.flush(deadlineMs);
    this.#ended = true;
    void this.#loop.stop();
  }

  /** Rows that were not written and never will be. After `stop` and the end of the local database. */
  async abandon(): Promise<void> {
    await this.#loop.stop();
    if (this.#queue.length > 0) this.#options.onLost('closed', this.#queue.length);
    while (this.#queue.take(this.#options.batch, batchChars).length > 0) this.#queue.settle();
  }

  async #step(): Promise<number> {
    const { local, batch, now, onFigures, onTried } = this.#options;
    const rows = this.#queue.take(batch, batchChars);
    if (rows.length === 0) return gatherMs;
    try {
      const figures = await local.append(rows, now());
      this.#queue.settle();
      this.written += rows.length;
      this.#trouble = undefined;
      onTried(undefined);
      onFigures(figures);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#trouble = error;
      onTried(error);
      return retryMs;
    }
    if (this.#queue.length === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    const isMuch = this.#queue.length >= batch || this.#queue.bytes >= batchChars;
    return isMuch || this.#waiting.length > 0 ? 0 : gatherMs;
  }

  #lossReason(): LossReason {
    if (this.#trouble === undefined) return 'memory_full';
    return this.#trouble.kind === 'full' ? 'disk_full' : 'write_failed';
  }
}
