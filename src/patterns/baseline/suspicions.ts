import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import type { Suspicion } from './suspicion.ts';

/** Suspicions that wait until it is clear that they are no crowd; more at once would be one. */
const mostWaiting = 1024;

/** Keeps suspicions back until others have had the time to follow. */
export class Suspicions {
  readonly #waiting = new Map<string, Suspicion>();
  readonly #settleUs: DurationUs;

  constructor(settleUs: DurationUs) {
    this.#settleUs = settleUs;
  }

  /** One of each aspect of a service waits: a later one replaces an earlier, and waits no longer. */
  add(suspicion: Suspicion): void {
    const key = `${suspicion.aspect} ${suspicion.service}`;
    const earlier = this.#waiting.get(key);
    if (earlier === undefined && this.#waiting.size >= mostWaiting) return;
    const restarts = suspicion.restarts + (earlier?.restarts ?? 0);
    const timeUs = earlier?.timeUs ?? suspicion.timeUs;
    this.#waiting.set(key, { ...suspicion, timeUs, restarts });
  }

  /** Those that have waited long enough, oldest first. */
  takeDue(nowUs: RealtimeUs): readonly Suspicion[] {
    const due: Suspicion[] = [];
    for (const [key, suspicion] of this.#waiting) {
      // They stand in the order that they came in: in a storm this is asked a thousand times a second.
      if (nowUs - suspicion.timeUs < this.#settleUs) break;
      this.#waiting.delete(key);
      due.push(suspicion);
    }
    return due;
  }
}
