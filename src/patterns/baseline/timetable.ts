import type { DurationUs, RealtimeUs } from '../../model/time.ts';

const minuteUs = 60e6;
const hourUs = 60 * minuteUs;
/** Starts kept. */
const startsKept = 8;
/** Intervals that must agree before a start is expected. */
const intervalsNeeded = 6;
/** Starts closer together are one: a job that fails and tries again. */
const mergeUs = 10 * minuteUs;
/** Shorter rhythms are loops; longer ones cannot be learned from eight starts within months. */
const shortestUs = hourUs;
const longestUs = 8 * 24 * hourUs;
/** Intervals may differ by this share of their median: daylight saving is 4% of a day. */
const tolerance = 0.1;
/** A start is missed when it is late by this share of the interval, and by half an hour. */
const graceShare = 0.25;
const graceUs = 30 * minuteUs;

/** The rhythm of a service's starts, where it has one: every night, every six hours. */
export class Timetable {
  #starts: number[] = [];

  add(timeUs: RealtimeUs): void {
    const last = this.#starts.at(-1);
    if (last !== undefined && timeUs - last < mergeUs) return;
    const interval = this.interval();
    if (interval !== undefined && last !== undefined && timeUs - last > interval * 1.5) {
      // The rhythm goes on from here: what was missed is told once, not held against it.
      const shift = timeUs - last - interval;
      this.#starts = this.#starts.map((start) => start + shift);
    }
    this.#starts.push(timeUs);
    if (this.#starts.length > startsKept) this.#starts.shift();
  }

  /** Median interval; undefined while the starts keep no rhythm. */
  interval(): DurationUs | undefined {
    const gaps: number[] = [];
    for (let i = 1; i < this.#starts.length; i++) {
      gaps.push((this.#starts[i] as number) - (this.#starts[i - 1] as number));
    }
    if (gaps.length < intervalsNeeded) return undefined;
    gaps.sort((a, b) => a - b);
    const median = gaps[gaps.length >> 1] as number;
    const spread = Math.max(median - (gaps[0] as number), (gaps.at(-1) as number) - median);
    const isRhythm = median >= shortestUs && median <= longestUs && spread <= median * tolerance;
    return isRhythm ? median : undefined;
  }

  /**
   * How late the expected start is at `nowUs`, once that is too late; else undefined.
   * @param blindUntilUs up to then nobody watched: a start that was due before may have happened
   */
  late(nowUs: RealtimeUs, blindUntilUs: RealtimeUs): DurationUs | undefined {
    const interval = this.interval();
    const last = this.#starts.at(-1);
    if (interval === undefined || last === undefined) return undefined;
    const passed = Math.max(0, Math.floor((blindUntilUs - last) / interval));
    const late = nowUs - last - (passed + 1) * interval;
    return late > Math.max(interval * graceShare, graceUs) ? late : undefined;
  }

  save(): readonly number[] {
    return this.#starts;
  }

  static restore(starts: readonly number[]): Timetable {
    const table = new Timetable();
    table.#starts = starts.slice(-startsKept);
    return table;
  }
}
