/** Microseconds since 1970, as systemd and D-Bus give them. Exact in a double until the year 2255. */
export type RealtimeUs = number;

/** Microseconds of CLOCK_MONOTONIC or of a difference between two times. */
export type DurationUs = number;

/** What `time` arguments are made of; only `cmd/` and tests create one. */
export interface Clock {
  /** Wall time, for people and for comparing with systemd's own timestamps. */
  realtimeUs(): RealtimeUs;
  /** Time that never steps, for deadlines and rates. */
  monotonicUs(): DurationUs;
}

/** The last microsecond-exact double in the year 2255: what a clock beyond it is written as. */
const MAX_US: RealtimeUs = Number.MAX_SAFE_INTEGER;

let cachedSecond = Number.NaN;
let cachedPrefix = '';

/**
 * RFC 3339 in UTC with microseconds: `2026-01-31T09:26:53.589793Z`.
 * Events come in bursts within one second, so the text of the last second is kept.
 * A time before 1970 or after 2255 is written as the nearest of them.
 */
export function rfc3339(us: RealtimeUs): string {
  const clamped = Math.min(Math.max(Math.trunc(us) || 0, 0), MAX_US);
  const second = Math.floor(clamped / 1e6);
  if (second !== cachedSecond) {
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 19);
    cachedSecond = second;
  }
  const fraction = clamped - second * 1e6;
  return `${cachedPrefix}.${String(fraction).padStart(6, '0')}Z`;
}

let parsedPrefix = '';
let parsedSecond = 0;

/** The reverse of `rfc3339`, for its own form only: NaN or nonsense for any other text. */
export function realtimeUs(text: string): RealtimeUs {
  const prefix = text.slice(0, 19);
  if (prefix !== parsedPrefix) {
    parsedSecond = Date.parse(`${prefix}Z`) / 1000;
    parsedPrefix = prefix;
  }
  return parsedSecond * 1e6 + Number(text.slice(20, 26));
}

/** `1.5 s`, `3 min 20 s`, `2 d 4 h`: at most two parts, for sentences that people read. */
export function humanDuration(us: DurationUs): string {
  const seconds = us / 1e6;
  if (seconds < 0.001) return `${Math.round(us)} µs`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [bigName, bigSize] = units[first] ?? ['s', 1];
  const big = Math.floor(seconds / bigSize);
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds - big * bigSize) / next[1]) : 0;
  return rest > 0 && next ? `${big} ${bigName} ${rest} ${next[0]}` : `${big} ${bigName}`;
}
