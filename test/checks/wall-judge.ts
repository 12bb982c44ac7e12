import type { OutageTimes } from '../../src/checks/outages.ts';

/**
 * Whether a moment is in an outage, found by looking at a clock on the wall minute by minute, as
 * docs/subscriptions.md has it. It shares nothing with the code that it judges: what the wall shows is
 * what Intl writes for people.
 */
export function insideAt(times: OutageTimes, timeUs: number): boolean {
  return occurrencesNear(times, timeUs).some(([from, to]) => from <= timeUs && timeUs < to);
}

const minuteUs = 60e6;
const dayMinutes = 1_440;

interface Wall {
  readonly firstMinute: number;
  /** What the wall shows in each minute, as minutes since 1970. */
  readonly shown: readonly number[];
}

const walls = new Map<string, Wall>();
const known = new Map<string, readonly (readonly [number, number])[]>();

/** The wall from two days before a day to two behind it. */
function wallAround(timeZone: string, dayUs: number): Wall {
  const key = `${timeZone} ${dayUs}`;
  const before = walls.get(key);
  if (before) return before;
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const firstMinute = dayUs / minuteUs - 2 * dayMinutes;
  const shown = Array.from({ length: 5 * dayMinutes }, (_, i) => {
    const text = format.format((firstMinute + i) * 60_000);
    return Date.parse(`${text.replace(' ', 'T')}Z`) / 60_000;
  });
  const wall = { firstMinute, shown };
  walls.set(key, wall);
  return wall;
}

function occurrencesNear(
  times: OutageTimes,
  timeUs: number,
): readonly (readonly [number, number])[] {
  const startUs = Date.parse(`${times.start}Z`) * 1e3;
  const endUs = Date.parse(`${times.end}Z`) * 1e3;
  if (times.repeat === 'once' && times.time_zone === 'UTC') return [[startUs, endUs]];
  const dayUs = Math.floor(timeUs / (dayMinutes * minuteUs)) * dayMinutes * minuteUs;
  const key = `${JSON.stringify(times)} ${dayUs}`;
  const before = known.get(key);
  if (before) return before;
  const wall = wallAround(times.time_zone, dayUs);
  const step = { once: Number.POSITIVE_INFINITY, daily: 1, weekly: 7 }[times.repeat];
  const until = times.until === undefined ? Infinity : Date.parse(`${times.until}Z`) / 60_000;
  const [start, length] = [startUs / minuteUs, (endUs - startUs) / minuteUs];
  const found: (readonly [number, number])[] = [];
  for (let day = -2; day <= 2; day++) {
    const wanted = Math.floor(dayUs / minuteUs / dayMinutes) + day;
    const since = wanted - Math.floor(start / dayMinutes);
    if (since < 0 || (since > 0 && since % step !== 0)) continue;
    const begins = start + since * dayMinutes;
    if (begins > until) continue;
    found.push([firstAt(wall, begins) * minuteUs, lastAt(wall, begins + length) * minuteUs]);
  }
  if (known.size > 20_000) known.clear();
  known.set(key, found);
  return found;
}

/** The first minute that shows it, or the jump over it. */
function firstAt({ firstMinute, shown }: Wall, wanted: number): number {
  const same = shown.indexOf(wanted);
  if (same >= 0) return firstMinute + same;
  const jump = shown.findIndex((now, i) => now > wanted && (shown[i - 1] ?? Infinity) < wanted);
  return jump < 0 ? Number.POSITIVE_INFINITY : firstMinute + jump;
}

/** The last minute that shows it, or where it were if the wall had not jumped. */
function lastAt({ firstMinute, shown }: Wall, wanted: number): number {
  const same = shown.lastIndexOf(wanted);
  if (same >= 0) return firstMinute + same;
  const jump = shown.findIndex((now, i) => now > wanted && (shown[i - 1] ?? Infinity) < wanted);
  if (jump < 1) return Number.NEGATIVE_INFINITY;
  return firstMinute + jump - 1 + (wanted - (shown[jump - 1] ?? wanted));
}
