import type { RealtimeUs } from '../../model/time.ts';
import { type Local, type LocalFigures, StoreError } from './contract.ts';
import { Loop } from './loop.ts';

/** How often there is something to delete, and the wait between two small steps of it. */
const restMs = 5_000;
const betweenMs = 20;

export interface CollectorOptions {
  readonly local: Local;
  readonly now: () => RealtimeUs;
  readonly onFigures: (figures: LocalFigures) => void;
}

/**
 * The third of the three workers: deletes what was exported and what is over a bound, and gives the
 * space back. A step that fails is done again later; the one who appends tells of a broken database.
 */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #loop: Loop;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#loop = new Loop(() => this.#step());
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #step(): Promise<number> {
    const { local, now, onFigures } = this.#options;
    try {
      const { more, figures } = await local.collect(now());
      onFigures(figures);
      return more ? betweenMs : restMs;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return restMs;
    }
  }
}
