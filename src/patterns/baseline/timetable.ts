import type { DurationUs, RealtimeUs } from '../../model/time.ts';

/** Starts kept. */
const startsKept = 12;
/**
 * Intervals that must agree before a start is expected: few where they do so to the minute, more where
 * they only do so roughly, as upgrades do that come on most nights. A start is missed when it is late
 * by `grace` of the interval, and by half an hour.
 */
const needed = [
  { intervals: 8, tolerance: 0.015, grace: 0.1 },
  { intervals: 10, tolerance: 0.1, grace: 0.25 },
] as const;
/** Starts closer together are one: a job that fails and tries again. */
const mergeHours = 1 / 6;
/** Shorter rhythms are loops; longer ones cannot be learned from eight starts within months. */
const shortestHours = 1;
const longestHours = 8 * 24;
const graceHours = 0.5;

interface Rhythm {
  readonly intervalUs: DurationUs;
  /** How late a start may be. */
  readonly graceUs: DurationUs;
}

/** The rhythm of a service's starts, where it has one: every night, every six hours. */
export class Timetable {
  #starts: number[] = [];
  /** Undefined: not looked for since the last start; null: none. */
  #known: Rhythm | null | undefined;
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
    this.#known = undefined;
    if (this.#starts.length > startsKept) this.#starts.shift();
  }

  /** Median interval; undefined while the starts keep no rhythm. */
  interval(): DurationUs | undefined {
    return this.#rhythm()?.intervalUs;
  }

  /** Asked for at each transition, and new at a start only. */
  #rhythm(): Rhythm | undefined {
    if (this.#known === undefined) this.#known = this.#find() ?? null;
    return this.#known ?? undefined;
  }

  #find(): Rhythm | undefined {
    if (this.#starts.length <= needed[0].intervals) return undefined;
    const gaps: number[] = [];
    for (let i = 1; i < this.#starts.length; i++) {
      gaps.push((this.#starts[i] as number) - (this.#starts[i - 1] as number));
    }
    for (const { intervals, tolerance, grace } of needed) {
      const last = gaps.slice(-intervals);
      const intervalUs = last.length < intervals ? undefined : agreed(last, tolerance);
      const hours = (intervalUs ?? 0) / this.#hourUs;
      if (intervalUs === undefined || hours < shortestHours || hours > longestHours) continue;
      const graceUs = Math.max(grace * intervalUs, graceHours * this.#hourUs);
      return { intervalUs, graceUs };
    }
    return undefined;
  }

  /**
   * The interval, and how late the expected start is at `nowUs`, once that is too late.
   * @param blindUntilUs up to then nobody watched: a start that was due before may have happened
   */
  missed(
    nowUs: RealtimeUs,
    blindUntilUs: RealtimeUs,
  ): { readonly intervalUs: DurationUs; readonly lateUs: DurationUs } | undefined {
    const rhythm = this.#rhythm();
    const last = this.#starts.at(-1);
    if (rhythm === undefined || last === undefined) return undefined;
    const { intervalUs, graceUs } = rhythm;
    const passed = Math.max(0, Math.floor((blindUntilUs - last) / intervalUs));
    const lateUs = nowUs - last - (passed + 1) * intervalUs;
    return lateUs > graceUs ? { intervalUs, lateUs } : undefined;
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

/** The median, where none is further from it than this share of it; daylight saving is 4% of a day. */
function agreed(gaps: number[], tolerance: number): DurationUs | undefined {
  gaps.sort((a, b) => a - b);
  const median = gaps[gaps.length >> 1] as number;
  const spread = Math.max(median - (gaps[0] as number), (gaps.at(-1) as number) - median);
  return spread <= median * tolerance ? median : undefined;
}
