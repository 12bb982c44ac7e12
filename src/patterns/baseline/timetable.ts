import type { DurationUs, RealtimeUs } from '../../model/time.ts';

/** Starts kept. */
const startsKept = 8;
/** Intervals that must agree before a start is expected. */
const intervalsNeeded = 6;
/** Starts closer together are one: a job that fails and tries again. */
const mergeHours = 1 / 6;
/** Shorter rhythms are loops; longer ones cannot be learned from eight starts within months. */
const shortestHours = 1;
const longestHours = 8 * 24;
/** Intervals may differ by this share of their median: daylight saving is 4% of a day. */
const tolerance = 0.1;
/** A start is missed when it is late by this share of the interval, and by half an hour. */
const graceShare = 0.25;
const graceHours = 0.5;

/** The rhythm of a service's starts, where it has one: every night, every six hours. */
export class Timetable {
  #starts: number[] = [];
  readonly #hourUs: DurationUs;

  constructor(hourUs: DurationUs) {
    this.#hourUs = hourUs;
  }

  add(timeUs: RealtimeUs): void {
    const last = this.#starts.at(-1);
    if (last !== undefined && timeUs - last < mergeHours * this.#hourUs) return;
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
    const hours = median / this.#hourUs;
    const isUsual = hours >= shortestHours && hours <= longestHours;
    return isUsual && spread <= median * tolerance ? median : undefined;
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
    return late > Math.max(interval * graceShare, graceHours * this.#hourUs) ? late : undefined;
  }

  save(): readonly number[] {
    return this.#starts;
  }

  static restore(starts: readonly number[], hourUs: DurationUs): Timetable {
    const table = new Timetable(hourUs);
    table.#starts = starts.slice(-startsKept);
    return table;
  }
}
