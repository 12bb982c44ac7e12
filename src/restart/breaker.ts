import type { CircuitState } from '../model/repair.ts';
import type { DurationUs } from '../model/time.ts';

/** A breaker that changed, for the event. */
export interface CircuitChange {
  readonly state: CircuitState;
  readonly previous: CircuitState;
  readonly failures: number;
}

/** What is kept of a breaker; times are of the monotonic clock. */
export interface BreakerState {
  readonly state: CircuitState;
  /** Repairs in a row that failed. */
  readonly failures: number;
  /** When it opened; 0 where it is closed. */
  readonly openedUs: DurationUs;
  /** When a repair last failed; 0 for never. */
  readonly failedUs: DurationUs;
}

/**
 * The circuit breaker of one process. Closed: repairs are tried. Open after `max_restart_failures`
 * failed repairs in a row: none is tried for `circuit_reset_time`. Then half-open: one trial, which
 * closes it or opens it for as long again.
 */
export class Breaker {
  #state: CircuitState = 'closed';
  #failures = 0;
  #openedUs: DurationUs = 0;
  #failedUs: DurationUs = 0;

  get state(): CircuitState {
    return this.#state;
  }

  get failures(): number {
    return this.#failures;
  }

  /** When a repair last failed; 0 for never. */
  get failedUs(): DurationUs {
    return this.#failedUs;
  }

  /** When it lets a repair through: 0 for now, Infinity while a trial is under way. */
  opensAtUs(resetUs: DurationUs): DurationUs {
    if (this.#state === 'closed') return 0;
    return this.#state === 'open' ? this.#openedUs + resetUs : Number.POSITIVE_INFINITY;
  }

  /** A repair begins; only when `opensAtUs` has passed. An open one becomes half-open: the trial. */
  begin(): CircuitChange | undefined {
    return this.#state === 'open' ? this.#become('half_open') : undefined;
  }

  success(): CircuitChange | undefined {
    this.#failures = 0;
    this.#openedUs = 0;
    this.#failedUs = 0;
    return this.#become('closed');
  }

  /** A repair was given up. @param max repairs in a row that may fail */
  failure(nowUs: DurationUs, max: number): CircuitChange | undefined {
    this.#failures += 1;
    this.#failedUs = nowUs;
    if (this.#state === 'closed' && this.#failures < Math.max(1, max)) return undefined;
    this.#openedUs = nowUs;
    return this.#become('open');
  }

  /** A repair ended without having been tried: a trial may be made at once. */
  abandon(): CircuitChange | undefined {
    return this.#state === 'half_open' ? this.#become('open') : undefined;
  }

  save(): BreakerState {
    const [state, failures] = [this.#state, this.#failures];
    return { state, failures, openedUs: this.#openedUs, failedUs: this.#failedUs };
  }

  /** Takes up a state that was checked; its times are already of this run's monotonic clock. */
  restore(saved: BreakerState): void {
    this.#state = saved.state;
    this.#failures = saved.failures;
    this.#openedUs = saved.openedUs;
    this.#failedUs = saved.failedUs;
  }

  #become(state: CircuitState): CircuitChange | undefined {
    const previous = this.#state;
    if (previous === state) return undefined;
    this.#state = state;
    return { state, previous, failures: this.#failures };
  }
}
