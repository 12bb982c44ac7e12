import { momentOf, parseWall, wallAt } from '../model/local-time.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';

export const repeats = ['once', 'daily', 'weekly'] as const;
export type Repeat = (typeof repeats)[number];

/** Times in which a service is expected to be away. Local times of one zone: `2026-11-22T02:00`. */
export interface OutageTimes {
  readonly start: string;
  /** Later than `start`; of a repeating one the end of the first. */
  readonly end: string;
  /** IANA name of the zone: `Europe/Berlin`. */
  readonly time_zone: string;
  /** By the clock on the wall: a nightly outage at 02:00 stays at 02:00 in summer. */
  readonly repeat: Repeat;
  /** A repeating one begins no more after this local time. */
  readonly until?: string;
}

/** Whether now is in an outage, and when that may change; Infinity for never. */
export interface Window {
  readonly inside: boolean;
  readonly untilUs: RealtimeUs;
}

const never: RealtimeUs = Number.POSITIVE_INFINITY;
const stepsUs: Readonly<Record<Repeat, DurationUs>> = {
  once: 0,
  daily: 86_400e6,
  weekly: 7 * 86_400e6,
};

/** One sentence on what is wrong with the times; undefined where nothing is. Zones are not looked at. */
export function faultOfTimes(times: OutageTimes): string | undefined {
  const start = parseWall(times.start);
  const end = parseWall(times.end);
  if (start === undefined) return 'start must be a local time such as 2026-11-22T02:00.';
  if (end === undefined) return 'end must be a local time such as 2026-11-22T02:00.';
  if (end <= start) return 'end must be later than start.';
  const step = stepsUs[times.repeat];
  if (times.repeat !== 'once' && end - start >= step) {
    return `An outage that repeats ${times.repeat} must be shorter than a ${times.repeat === 'daily' ? 'day' : 'week'}.`;
  }
  if (times.until === undefined) return undefined;
  if (times.repeat === 'once') return 'until has no meaning without repeat.';
  const until = parseWall(times.until);
  if (until === undefined) return 'until must be a local time such as 2026-11-22T02:00.';
  return until < start ? 'until must not be before start.' : undefined;
}

/**
 * Where `now` stands among the occurrences of one outage. The end belongs no more to it. Whenever the
 * wall shows a time between start and end it is in it, also where daylight saving shows one twice.
 */
export function windowOf(times: OutageTimes, nowUs: RealtimeUs): Window {
  const start = wallOf(times.start);
  const length = wallOf(times.end) - start;
  const last = times.until === undefined ? never : wallOf(times.until);
  const step = stepsUs[times.repeat];
  const nearest = step === 0 ? 0 : Math.floor((wallAt(times.time_zone, nowUs) - start) / step);
  // An occurrence lasts at most one step, and daylight saving moves it by hours at the most.
  const from = step === 0 ? 0 : Math.max(0, nearest - 2);
  const to = step === 0 ? 0 : Math.max(0, nearest + 2);
  let window: Window = { inside: false, untilUs: never };
  for (let k = to; k >= from; k--) {
    const begins = start + k * step;
    if (begins > last) continue;
    const startUs = momentOf(times.time_zone, begins, 'first');
    const endUs = momentOf(times.time_zone, begins + length, 'last');
    if (endUs <= nowUs) break;
    window =
      startUs <= nowUs ? { inside: true, untilUs: endUs } : { inside: false, untilUs: startUs };
  }
  return window;
}

/** The same of several at once: the earliest moment at which any of them begins or ends. */
export function windowOfAll(all: readonly OutageTimes[], nowUs: RealtimeUs): Window {
  let inside = false;
  let untilUs = never;
  for (const times of all) {
    const window = windowOf(times, nowUs);
    inside ||= window.inside;
    untilUs = Math.min(untilUs, window.untilUs);
  }
  return { inside, untilUs };
}

/** Whether nothing of it is to come any more. */
export function isOver(times: OutageTimes, nowUs: RealtimeUs): boolean {
  const window = windowOf(times, nowUs);
  return !window.inside && window.untilUs === never;
}

function wallOf(text: string): number {
  const wall = parseWall(text);
  if (wall === undefined) throw new RangeError(`no local time: ${text}`);
  return wall;
}
