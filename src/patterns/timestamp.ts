import type { RealtimeUs } from '../model/time.ts';

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):?(\d\d))?$/;

/**
 * RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC where no offset stands there), or seconds since 1970 as a
 * number or its text. undefined for anything else, and for times before 1970 or after 2255.
 */
export function parseTimestamp(value: unknown): RealtimeUs | undefined {
  if (typeof value === 'number') return inRange(Math.round(value * 1e6));
  if (typeof value !== 'string' || value.length > 40) return undefined;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return inRange(Math.round(Number(text) * 1e6));
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // A leap second is written :60; the clock of the kernel repeats :59.
  const date = Date.UTC(year, month - 1, day, hour, minute, Math.min(second, 59));
  const isReal = new Date(date).getUTCDate() === day && month >= 1 && month <= 12;
  if (!isReal || hour > 23 || minute > 59 || second > 60) return undefined;
  const fractionUs = Math.floor(Number(`0.${match[7] ?? '0'}`) * 1e6 + 1e-3);
  const offset = (Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0)) * 60e6;
  return inRange(date * 1000 + fractionUs - (match[9] === '-' ? -offset : offset));
}

function inRange(us: number): RealtimeUs | undefined {
  return us > 0 && us <= Number.MAX_SAFE_INTEGER ? us : undefined;
}
