import type { DurationUs, RealtimeUs } from '../model/time.ts';

/** A moment as the clock on the wall shows it. */
export interface LocalTime {
  /** Hour of the day with its fraction: 13.5 is half past one. */
  readonly hour: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Local days since 1970: equal for two moments of the same local date. */
  readonly day: number;
}

const dayUs: DurationUs = 86_400e6;
/** Offsets change at whole quarters of an hour in every zone since 1970. */
const quarterUs: DurationUs = 900e6;
/** Offsets remembered: the 48 episodes of one analysis, a few services over. */
const offsetsMax = 512;
/** Dates that Intl can write: years 1970 to 9999. */
const latestUs: RealtimeUs = 253_402_300_799e6;

/**
 * Local time in an IANA zone, daylight saving as the zone had it then.
 * @throws RangeError where the zone is not known
 */
export function localClock(timeZone: string): (timeUs: RealtimeUs) => LocalTime {
  const offset = zoneOffset(timeZone);
  return (timeUs) => localTime(timeUs + offset(timeUs));
}

/**
 * How far the clock on the wall is ahead of UTC. Asking Intl costs microseconds and its tables a
 * megabyte, so it is asked only when needed and answers are kept.
 * @throws RangeError where the zone is not known
 */
export function zoneOffset(timeZone: string): (timeUs: RealtimeUs) => DurationUs {
  if (timeZone === 'UTC') return () => 0;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsets = new Map<number, DurationUs>();
  return (timeUs) => {
    const quarter = Math.floor(Math.min(Math.max(timeUs, 0), latestUs) / quarterUs);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      offset = offsetAt(format, (quarter * quarterUs) / 1000);
      if (offsets.size >= offsetsMax) offsets.clear();
      offsets.set(quarter, offset);
    }
    return offset;
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

function localTime(wallUs: RealtimeUs): LocalTime {
  const day = Math.floor(wallUs / dayUs);
  // 1 January 1970 was a Thursday.
  return { day, hour: (wallUs - day * dayUs) / 3600e6, weekday: (((day + 4) % 7) + 7) % 7 };
}
