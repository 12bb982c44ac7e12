import type { DurationUs } from './time.ts';

/** How full the bucket must be again, once empty, before anything passes. */
const reopenShare = 0.25;

/**
 * A token bucket that holds one second's worth. Once empty it stays shut until a quarter of it is
 * there: so a long storm loses its events in at most four runs a second, and not in one run
 * between any two that pass. Over any longer time exactly `perSecond` pass.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #reopenAt: number;
  #tokens: number;
  #refilledUs: DurationUs = Number.NaN;
  #shut = false;

  /** @param perSecond 0 for no limit */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#reopenAt = Math.max(1, perSecond * reopenShare);
    this.#tokens = perSecond;
  }

  /** Whether one more may pass now. */
  isOpen(nowUs: DurationUs): boolean {
    if (this.#perSecond === 0) return true;
    const elapsedUs = nowUs - this.#refilledUs;
    if (!(elapsedUs <= 0)) {
      if (elapsedUs > 0) {
        const more = (elapsedUs * this.#perSecond) / 1e6;
        this.#tokens = Math.min(Math.max(1, this.#perSecond), this.#tokens + more);
      }
      this.#refilledUs = nowUs;
    }
    if (this.#tokens < 1) this.#shut = true;
    else if (this.#tokens >= this.#reopenAt) this.#shut = false;
    return !this.#shut;
  }

  /** One passed. */
  spend(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  /** When it opens again, on the clock that `isOpen` was asked with, to the microsecond above. */
  opensAt(): DurationUs {
    if (this.#perSecond === 0 || Number.isNaN(this.#refilledUs)) return 0;
    const missing = Math.max(0, this.#reopenAt - this.#tokens);
    return Math.ceil(this.#refilledUs + (missing * 1e6) / this.#perSecond) + 1;
  }
}
