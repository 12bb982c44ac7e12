import type { DurationUs, RealtimeUs } from '../model/time.ts';

/** A moment as the clock on the wall shows it: microseconds since 1970 as if the wall were UTC. */
export type WallUs = number;

const dayUs: DurationUs = 86_400e6;
/** Dates that both Intl and RFC 3339 can write: the years 1970 to 9999. */
const latestUs: RealtimeUs = 253_402_300_799e6;
/** Zones whose tables are kept: there are about 600 names. */
const zonesMax = 1_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether it is a name of the IANA time zone database, `Europe/Berlin` or `UTC`. */
export function isTimeZone(name: string): boolean {
  // Offsets such as `+02:00` are taken by some versions of Node and have no daylight saving.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What the wall of the zone shows at a moment. @throws RangeError where the zone is not known */
export function wallAt(timeZone: string, timeUs: RealtimeUs): WallUs {
  const clamped = Math.min(Math.max(timeUs, 0), latestUs);
  const seconds = Math.floor(clamped / 1e6);
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(seconds * 1000)) {
    parts[type] = Number(value);
  }
  const wallMs = Date.UTC(
    parts['year'] ?? 0,
    (parts['month'] ?? 1) - 1,
    parts['day'],
    parts['hour'],
    parts['minute'],
    parts['second'],
  );
  return wallMs * 1000 + (clamped - seconds * 1e6);
}

/**
 * When the wall shows that. Of a time that comes twice, `which` is taken. One that daylight saving
 * leaves out is, as a `first`, the moment at which the wall jumps over it; as a `last` it is read with
 * the offset from before, as in RFC 5545, section 3.3.5.
 */
export function momentOf(timeZone: string, wallUs: WallUs, which: 'first' | 'last'): RealtimeUs {
  const before = wallUs - offsetAt(timeZone, wallUs - dayUs);
  const after = wallUs - offsetAt(timeZone, wallUs + dayUs);
  const right = [before, after].filter((moment) => wallAt(timeZone, moment) === wallUs);
  if (right.length > 0) return which === 'first' ? Math.min(...right) : Math.max(...right);
  return which === 'last' ? before : jumpBetween(timeZone, after, before, wallUs);
}

/** The first whole second at which the wall is past that. */
function jumpBetween(
  timeZone: string,
  fromUs: RealtimeUs,
  toUs: RealtimeUs,
  wallUs: WallUs,
): RealtimeUs {
  let [low, high] = [Math.floor(fromUs / 1e6), Math.ceil(toUs / 1e6)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (wallAt(timeZone, middle * 1e6) > wallUs) high = middle;
    else low = middle;
  }
  return high * 1e6;
}

function offsetAt(timeZone: string, timeUs: RealtimeUs): DurationUs {
  const clamped = Math.min(Math.max(timeUs, 0), latestUs);
  return wallAt(timeZone, clamped) - clamped;
}

const localPattern = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?$/;

/** `2026-11-22T02:00` or `2026-11-22T02:00:30`; undefined for what is no such time. */
export function parseWall(text: string): WallUs | undefined {
  const match = localPattern.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  if (year < 1971 || hour > 23 || minute > 59 || second > 59) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  // 31 February would become a day in March.
  const isReal = new Date(ms).getUTCMonth() === month - 1 && new Date(ms).getUTCDate() === day;
  return isReal ? ms * 1000 : undefined;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formats.size >= zonesMax) formats.clear();
  formats.set(timeZone, format);
  return format;
}
