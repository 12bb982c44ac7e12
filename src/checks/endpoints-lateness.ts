import { Histogram } from '../model/histogram.ts';
import type { EndpointStats } from '../model/probe.ts';

/** Counted as late. */
const lateSeconds = 1;

/** By how much probes begin after they were due. */
export class Lateness {
  readonly #histogram = new Histogram([0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]);
  #maxSeconds = 0;
  #late = 0;

  observe(seconds: number): void {
    this.#histogram.observe(seconds);
    this.#maxSeconds = Math.max(this.#maxSeconds, seconds);
    if (seconds > lateSeconds) this.#late++;
  }

  stats(): Pick<EndpointStats, 'lateness' | 'latenessMaxSeconds' | 'late'> {
    return { lateness: this.#histogram, latenessMaxSeconds: this.#maxSeconds, late: this.#late };
  }
}
