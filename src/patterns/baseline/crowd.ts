import type { DurationUs, RealtimeUs } from '../../model/time.ts';

/** Services that start over within a minute of each other before it is nobody's own doing. */
const crowdSize = 5;
const withinHours = 1 / 60;
/** Remembered; a crowd is recognised by `crowdSize` of them. */
const remembered = 64;
/** A service that started over ten minutes before or less is in trouble of its own: it makes no crowd. */
const quietHours = 1 / 6;

/**
 * Notices when many services start over at once: a boot, a package upgrade, a restart of what they
 * all need.
 */
export class Crowd {
  readonly #times = new Float64Array(remembered);
  readonly #quietUs: DurationUs;
  #next = 0;
  /** How long after a start it can be told whether others followed. */
  readonly settleUs: DurationUs;

  constructor(hourUs: DurationUs) {
    this.settleUs = withinHours * hourUs;
    this.#quietUs = quietHours * hourUs;
  }

  /** @param lastUs when the same service started over before; undefined for never */
  add(timeUs: RealtimeUs, lastUs: RealtimeUs | undefined): void {
    if (lastUs !== undefined && timeUs - lastUs < this.#quietUs) return;
    this.#times[this.#next % remembered] = timeUs;
    this.#next++;
  }

  /** Whether a start at `timeUs` was one of many. */
  surrounds(timeUs: RealtimeUs): boolean {
    let near = 0;
    for (let i = 0; i < Math.min(this.#next, remembered); i++) {
      if (Math.abs((this.#times[i] as number) - timeUs) <= this.settleUs) near++;
    }
    return near >= crowdSize;
  }
}
