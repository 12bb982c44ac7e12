import type { DurationUs, RealtimeUs } from './time.ts';

/** A moment as the clock on the wall shows it: microseconds since 1970 as if the wall were UTC. */
export type WallUs = number;

/** A moment of a local day. */
export interface LocalTime {
  /** Hour of the day with its fraction: 13.5 is half past one. */
  readonly hour: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Local days since 1970: equal for two moments of the same local date. */
  readonly day: number;
}

const dayUs: DurationUs = 86_400e6;
/** Nearly all offsets change at whole quarters of an hour; some did at 00:01, in Newfoundland until 2011. */
const quarterUs: DurationUs = 900e6;
/** Offsets remembered of one zone: the 48 episodes of one analysis, a few services over. */
const offsetsMax = 512;
/** Zones remembered: there are about 600 names. */
const zonesMax = 1_000;
/** Dates that both Intl and RFC 3339 can write: the years 1970 to 9999. */
const latestUs: RealtimeUs = 253_402_300_799e6;

type Offset = (timeUs: RealtimeUs) => DurationUs;
const offsets = new Map<string, Offset>();

/** Whether it is a name of the IANA time zone database, `Europe/Berlin` or `UTC`. */
export function isTimeZone(name: string): boolean {
  // Offsets such as `+02:00` are taken by some versions of Node and have no daylight saving.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    zoneOffset(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * How far the clock on the wall is ahead of UTC, daylight saving as the zone has it then. Asking Intl
 * costs microseconds and its tables a megabyte, so it is asked only when needed and answers are kept.
 * @throws RangeError where the zone is not known
 */
export function zoneOffset(timeZone: string): Offset {
  const known = offsets.get(timeZone);
  if (known) return known;
  const offset = timeZone === 'UTC' ? () => 0 : offsetOf(timeZone);
  if (offsets.size >= zonesMax) offsets.clear();
  offsets.set(timeZone, offset);
  return offset;
}

/**
 * Local time in an IANA zone.
 * @throws RangeError where the zone is not known
 */
export function localClock(timeZone: string): (timeUs: RealtimeUs) => LocalTime {
  const offset = zoneOffset(timeZone);
  return (timeUs) => localTime(timeUs + offset(timeUs));
}

/** What the wall of the zone shows at a moment. @throws RangeError where the zone is not known */
export function wallAt(timeZone: string, timeUs: RealtimeUs): WallUs {
  const clamped = Math.min(Math.max(timeUs, 0), latestUs);
  return clamped + zoneOffset(timeZone)(clamped);
}

/**
 * When the wall shows that. Of a time that comes twice, `which` is taken. One that daylight saving
 * leaves out is, as a `first`, the moment at which the wall jumps over it; as a `last` it is read with
 * the offset from before, as in RFC 5545, section 3.3.5.
 */
export function momentOf(timeZone: string, wallUs: WallUs, which: 'first' | 'last'): RealtimeUs {
  const offset = zoneOffset(timeZone);
  const before = wallUs - offset(wallUs - dayUs);
  const after = wallUs - offset(wallUs + dayUs);
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

const wallPattern = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?$/;

/** `2026-11-22T02:00` or `2026-11-22T02:00:30`; undefined for what is no such time. */
export function parseWall(text: string): WallUs | undefined {
  const match = wallPattern.exec(text);
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

function offsetOf(timeZone: string): Offset {
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
  const known = new Map<number, DurationUs>();
  const atStart = (quarter: number): DurationUs => {
    let offset = known.get(quarter);
    if (offset === undefined) {
      offset = offsetAt(format, (quarter * quarterUs) / 1000);
      if (known.size >= offsetsMax) known.clear();
      known.set(quarter, offset);
    }
    return offset;
  };
  return (timeUs) => {
    const clamped = Math.min(Math.max(timeUs, 0), latestUs);
    const quarter = Math.floor(clamped / quarterUs);
    const offset = atStart(quarter);
    if (offset === atStart(quarter + 1)) return offset;
    return offsetAt(format, Math.floor(clamped / 1e6) * 1e3);
  };
}

function offsetAt(format: Intl.DateTimeFormat, ms: number): DurationUs {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(ms)) parts[type] = Number(value);
  const wall = Date.UTC(
    parts['year'] ?? 0,
    (parts['month'] ?? 1) - 1,
    parts['day'],
    parts['hour'],
    parts['minute'],
    parts['second'],
  );
  return (wall - ms) * 1000;
}

function localTime(wallUs: WallUs): LocalTime {
  const day = Math.floor(wallUs / dayUs);
  // 1 January 1970 was a Thursday.
  return { day, hour: (wallUs - day * dayUs) / 3600e6, weekday: (((day + 4) % 7) + 7) % 7 };
}
