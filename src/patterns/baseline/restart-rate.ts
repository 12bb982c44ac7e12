import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import { upperTail } from './negative-binomial.ts';

const hoursADay = 24;
const hoursAWeek = 168;
/** 1 January 1970 was a Thursday; the week begins on Sunday. */
const thursday = 4 * hoursADay;
/** The baseline forgets half of what it knows in so many baseline periods. */
const periodsToHalf = 14;
/** Half a restart is believed before any was seen: Jeffreys' prior of a Poisson rate. */
const priorEvents = 0.5;
/** Weeks of the week's profile before it is used, and the weight of the plain rate against it. */
const weeksNeeded = 3;
const weeksOfPrior = 2;
/** A window must exceed the largest of earlier days by this factor, and by one. */
const beyondRecord = 1.5;
/** Windows that are judged, in hours up to now: a burst, a bad shift, a bad day. */
const windows = [1, 6, 24] as const;
/** So many restarts at least, this much more than expected, and this improbable, are too many. */
const leastRestarts = 3;
const leastFactor = 3;
const mostProbable = 1e-5;
/** Where the records begin, behind the hours. */
const recordsAt = hoursADay;

/** How hours are numbered, the same for all services. */
export interface Calendar {
  readonly hourUs: DurationUs;
  /** `baseline_period`, in hours. */
  readonly periodHours: number;
  /** Hour of the local week, 0 to 167, of an hour since 1970. */
  placeInWeek(hour: number): number;
}

/** @param offset how far local time is ahead of UTC */
export function calendarOf(
  hourUs: DurationUs,
  periodUs: DurationUs,
  offset: (timeUs: RealtimeUs) => DurationUs,
): Calendar {
  return {
    hourUs,
    periodHours: Math.max(1, periodUs / hourUs),
    placeInWeek: (hour) => {
      const local = hour + Math.floor(offset(hour * hourUs) / hourUs) + thursday;
      return ((local % hoursAWeek) + hoursAWeek) % hoursAWeek;
    },
  };
}

/** A window of hours with more restarts than the baseline explains. */
export interface RateJudgement {
  readonly windowHours: number;
  readonly count: number;
  readonly expected: number;
  /** Probability of so many or more under the baseline. */
  readonly probability: number;
}

/** What of a baseline is kept over a restart of the agent. */
export interface SavedRate {
  readonly startHour: number;
  readonly hour: number;
  readonly events: number;
  readonly squares: number;
  readonly bursts: number;
  readonly exposure: number;
  readonly weekExposure: number;
  readonly recent: readonly number[];
  readonly week: readonly number[];
}

/**
 * The restarts of one service by the hour, against its own past: a Gamma-Poisson (negative
 * binomial) rate that forgets slowly, heavier-tailed where past hours came in bursts, and by hour
 * of the local week once it has seen weeks. The last 24 hours are judged, never learned from.
 */
export class RestartRate {
  /**
   * Restarts in each of the last 24 hours, by hour modulo 24; then the largest count of each window:
   * today's, yesterday's, and of the days before, fading. One array, as arrays have a price.
   */
  readonly #recent = new Float32Array(recordsAt + 3 * windows.length);
  /** Restarts by hour of the week, forgetting; the hours they were seen in are `#weekExposure`. */
  readonly #week = new Uint16Array(hoursAWeek);
  readonly #startHour: number;
  readonly #calendar: Calendar;
  readonly #keep: number;
  #hour: number;
  #events = 0;
  #squares = 0;
  /** Hours with restarts that follow one without. */
  #bursts = 0;
  #hadRestart = false;
  #exposure = 0;
  #weekExposure = 0;

  /**
   * @param startHour hour since 1970 from which the service was watched, without a restart so far
   * @param hour the present hour
   */
  constructor(startHour: number, hour: number, calendar: Calendar) {
    this.#startHour = startHour;
    this.#hour = Math.max(startHour, hour - hoursADay);
    this.#calendar = calendar;
    this.#keep = 2 ** (-1 / (calendar.periodHours * periodsToHalf));
    this.#pass(Math.max(0, this.#hour - hoursADay - startHour));
    this.advance(hour);
  }

  /** Makes `hour` the present one; hours that are a day old become part of the baseline. */
  advance(hour: number): void {
    const last = Math.min(hour, this.#hour + 2 * hoursADay);
    while (this.#hour < last) {
      this.#hour++;
      const leaving = this.#hour - hoursADay;
      const place = this.#hour % hoursADay;
      if (leaving >= this.#startHour) this.#learn(leaving, this.#recent[place] as number);
      this.#recent[place] = 0;
      if (place === 0) this.#turnDay();
    }
    if (hour > this.#hour) {
      this.#pass(hour - this.#hour);
      this.#hour = hour;
    }
  }

  /** @returns how many there were in the widest window that is judged, these included */
  add(hour: number, count: number): number {
    this.advance(hour);
    const place = this.#hour % hoursADay;
    this.#recent[place] = (this.#recent[place] as number) + count;
    let sum = 0;
    let back = 0;
    for (const [i, windowHours] of windows.entries()) {
      for (; back < windowHours; back++)
        sum += this.#recent[(place + hoursADay - back) % hoursADay] as number;
      const at = recordsAt + i;
      this.#recent[at] = Math.max(this.#recent[at] as number, sum);
    }
    return sum;
  }

  /** A day is over: what was today's becomes yesterday's, which joins the days before. */
  #turnDay(): void {
    const records = this.#recent.subarray(recordsAt);
    const fading = this.#keep ** hoursADay;
    for (let i = 0; i < windows.length; i++) {
      const yesterday = i + windows.length;
      const before = yesterday + windows.length;
      records[before] = Math.max(
        (records[before] as number) * fading,
        records[yesterday] as number,
      );
      records[yesterday] = records[i] as number;
      records[i] = 0;
    }
  }

  /** Takes back what was no restart of the service's own doing. */
  remove(hour: number, count: number): void {
    if (this.#hour - hour >= hoursADay || hour > this.#hour) return;
    const place = hour % hoursADay;
    this.#recent[place] = Math.max((this.#recent[place] as number) - count, 0);
  }

  /** The least probable of the windows that end now; undefined while the baseline is too short. */
  judge(): RateJudgement | undefined {
    if (this.#hour - hoursADay - this.#startHour < this.#calendar.periodHours) return undefined;
    let least: RateJudgement = { windowHours: 1, count: 0, expected: 0, probability: 1 };
    let count = 0;
    let expected = 0;
    let hours = 0;
    for (const [i, windowHours] of windows.entries()) {
      for (; hours < windowHours && this.#hour - hours >= this.#startHour; hours++) {
        count += this.#recent[(this.#hour - hours) % hoursADay] as number;
        expected += this.#expected(this.#hour - hours);
      }
      const record = this.#recent[recordsAt + 2 * windows.length + i] as number;
      if (count < record * beyondRecord + 1) continue;
      const probability = upperTail(count, expected, this.#shape(hours));
      if (probability < least.probability) least = { windowHours, count, expected, probability };
    }
    return least;
  }

  /**
   * The window that has too many, if any has.
   * @param recently what `add` answered
   * @param told the count that was told last: less than twice that is no news, and is not judged, so
   *   that a loop costs no more than its events
   */
  excess(recently: number, told: number): RateJudgement | undefined {
    if (recently < Math.max(leastRestarts, 2 * told)) return undefined;
    const judged = this.judge();
    if (judged === undefined) return undefined;
    const { count, expected, probability } = judged;
    const isTooMany = count >= Math.max(leastRestarts, leastFactor * expected);
    return isTooMany && probability < mostProbable ? judged : undefined;
  }

  #rate(): number {
    return (priorEvents + this.#events) / this.#exposure;
  }

  #expected(hour: number): number {
    const rate = this.#rate();
    const weeks = this.#weekExposure / hoursAWeek;
    if (weeks < weeksNeeded) return rate;
    const seen = this.#week[this.#calendar.placeInWeek(hour)] as number;
    // The profile only excuses: a quiet hour that was lucky so far makes no restart suspicious.
    return Math.max(rate, (seen + weeksOfPrior * rate) / (weeks + weeksOfPrior));
  }

  /** The smaller, the heavier the tail: little knowledge, or hours that differ more than by chance. */
  #shape(hours: number): number {
    // Restarts that come together are one piece of knowledge about the rate, not many.
    const knowledge = priorEvents + this.#bursts;
    if (this.#events === 0) return knowledge;
    const mean = this.#events / this.#exposure;
    const excess = this.#squares / this.#exposure - mean * mean - mean;
    return excess > 0 ? Math.min(knowledge, (hours * mean * mean) / excess) : knowledge;
  }

  #learn(hour: number, count: number): void {
    this.#pass(1);
    this.#events += count;
    this.#squares += count * count;
    if (count > 0 && !this.#hadRestart) this.#bursts++;
    this.#hadRestart = count > 0;
    if (count === 0) return;
    const place = this.#calendar.placeInWeek(hour);
    this.#week[place] = Math.min((this.#week[place] as number) + count, 0xffff);
  }

  /** So many hours without a restart. */
  #pass(hours: number): void {
    if (hours <= 0) return;
    const keep = this.#keep ** hours;
    this.#events *= keep;
    this.#squares *= keep;
    this.#bursts *= keep;
    this.#exposure = this.#exposure * keep + (1 - keep) / (1 - this.#keep);
    this.#weekExposure += hours;
    if (this.#weekExposure > 2 * hoursInProfile) this.#fadeWeek();
  }

  /** The profile forgets in steps: half of it, each time it is full. */
  #fadeWeek(): void {
    this.#weekExposure /= 2;
    for (let i = 0; i < hoursAWeek; i++) this.#week[i] = (this.#week[i] as number) >> 1;
  }

  save(): SavedRate {
    return {
      startHour: this.#startHour,
      hour: this.#hour,
      events: this.#events,
      squares: this.#squares,
      bursts: this.#bursts,
      exposure: this.#exposure,
      weekExposure: this.#weekExposure,
      recent: [...this.#recent],
      week: [...this.#week],
    };
  }

  static restore(saved: SavedRate, calendar: Calendar): RestartRate {
    const rate = new RestartRate(saved.startHour, saved.startHour, calendar);
    rate.#hour = saved.hour;
    rate.#events = saved.events;
    rate.#squares = saved.squares;
    rate.#bursts = saved.bursts;
    rate.#exposure = saved.exposure;
    rate.#weekExposure = saved.weekExposure;
    rate.#recent.set(saved.recent.slice(0, rate.#recent.length));
    rate.#week.set(saved.week.slice(0, hoursAWeek));
    return rate;
  }
}

/** Eight weeks at half strength: long enough for a month's habits, short enough to follow changes. */
const hoursInProfile = 8 * hoursAWeek;
