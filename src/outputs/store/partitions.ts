import type { Clock } from '../../model/time.ts';
import { StoreError } from './contract.ts';
import { keepPartitions } from './init-postgres.ts';
import type { Postgres } from './postgres.ts';

/** The next partitions are there for three periods: an hour more or less does not matter. */
const everyUs = 3_600_000_000;
/** After somebody has locked the tables, say. */
const againUs = 600_000_000;
/** What passes by itself is told when it has not passed so many times. */
const failuresMax = 3;

export interface PartitionsOptions {
  readonly postgres: Postgres;
  /** Only the monotonic one counts: the other one may be set back by months. */
  readonly clock: Pick<Clock, 'monotonicUs'>;
  /** Undefined: it works. Told when a person should know. */
  readonly onTried: (error: StoreError | undefined) => void;
}

/**
 * Has PostgreSQL make the next partitions, in time. Where that cannot be done, rows go to the
 * partition for everything else, and that is told.
 */
export class Partitions {
  readonly #options: PartitionsOptions;
  #nextUs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  /** Where it is time; after rows were taken, so that PostgreSQL is known to be there. */
  async keep(): Promise<void> {
    const { postgres, clock, onTried } = this.#options;
    if (clock.monotonicUs() < this.#nextUs) return;
    try {
      await keepPartitions(postgres);
      this.#failures = 0;
      this.#nextUs = clock.monotonicUs() + everyUs;
      onTried(undefined);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failures++;
      this.#nextUs = clock.monotonicUs() + againUs;
      if (error.kind === 'refused' || this.#failures >= failuresMax) onTried(error);
    }
  }
}
