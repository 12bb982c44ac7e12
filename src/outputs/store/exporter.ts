import type { RealtimeUs } from '../../model/time.ts';
import { type Local, type Rejected, type Settled, type StoredRow, StoreError } from './contract.ts';
import { insertRows } from './insert.ts';
import { Loop } from './loop.ts';
import type { Partitions } from './partitions.ts';
import type { Postgres } from './postgres.ts';

/** Bytes of one batch: beside `batch` rows, so that long events do not add up to much. */
const batchBytes = 4_194_304;
/** Wait after a failure: doubles from the first to the last, spread by a fifth. */
const retryFirstMs = 500;
const retryLastMs = 30_000;
const jitter = 0.2;

export interface ExporterOptions {
  readonly local: Local;
  readonly postgres: Postgres;
  /** Of PostgreSQL; undefined where nobody looks after them. */
  readonly partitions: Partitions | undefined;
  readonly batch: number;
  /** How long rows may wait for others. */
  readonly intervalMs: number;
  readonly now: () => RealtimeUs;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onSettled: (settled: Settled) => void;
  /** Undefined: PostgreSQL took the rows. Told at each try. */
  readonly onTried: (error: StoreError | undefined) => void;
}

/** The second of the three workers: moves rows from the local database to PostgreSQL. */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #loop: Loop;
  #failures = 0;

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#loop = new Loop(() => this.#step());
  }

  start(): void {
    this.#loop.start();
  }

  /** What is under way is broken off where it takes longer; it is done again in the next life. */
  async stop(deadlineMs: number): Promise<void> {
    const ended = this.#loop.stop();
    const timer = setTimeout(() => void this.#options.postgres.close(), deadlineMs);
    await ended;
    clearTimeout(timer);
    await this.#options.postgres.close();
  }

  /**
   * Moves one batch.
   * @returns whether more rows wait
   * @throws StoreError of either database
   */
  async moveBatch(): Promise<boolean> {
    const { local, batch, now, onSettled, partitions } = this.#options;
    const { rows, more } = await local.next(batch, batchBytes);
    const last = rows.at(-1);
    if (last === undefined) return false;
    const rejected = await this.#insert(rows);
    onSettled(await local.settle(last.seq, rejected, now()));
    await partitions?.keep();
    return more;
  }

  async #insert(rows: readonly StoredRow[]): Promise<readonly Rejected[]> {
    const { postgres, onTried } = this.#options;
    try {
      const rejected = await insertRows(postgres, rows);
      onTried(undefined);
      return rejected;
    } catch (error) {
      if (error instanceof StoreError) onTried(error);
      throw error;
    }
  }

  async #step(): Promise<number> {
    try {
      const more = await this.moveBatch();
      this.#failures = 0;
      return more ? 0 : this.#options.intervalMs;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#backoff(error);
    }
  }

  #backoff({ kind }: StoreError): number {
    const doubled = retryFirstMs * 2 ** Math.min(this.#failures++, 16);
    const isLocal = kind === 'full';
    const ms =
      kind === 'refused' ? retryLastMs : Math.min(isLocal ? retryFirstMs : retryLastMs, doubled);
    return ms * (1 - jitter + 2 * jitter * this.#options.random());
  }
}
