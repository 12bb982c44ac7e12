import { humanDuration } from '../model/time.ts';
import type { Telling } from './detector.ts';
import type { Trend } from './leak-trend.ts';

export interface LeakTold {
  readonly trend: Trend;
  /** Lives of the service that grew alike, this one included. */
  readonly lives: number;
  readonly bytes: number;
  /** 0 where no limit is known. */
  readonly limitBytes: number;
  readonly source: string;
}

/** A limit nearer than this makes a leak an error: somebody has to act today. */
const urgentHours = 24;

export function tellLeak({ trend, lives, bytes, limitBytes, source }: LeakTold): Telling {
  const { bytesPerHour, growthBytes, relativeGrowth, windowUs, tau, chance } = trend;
  const hoursLeft = limitBytes > 0 ? Math.max(0, limitBytes - bytes) / bytesPerHour : undefined;
  const left =
    hoursLeft === undefined || hoursLeft > 1e6
      ? ''
      : `; at this rate it reaches its limit of ${size(limitBytes)} in ${humanDuration(hoursLeft * 3600e6)}`;
  const again = lives > 1 ? `, as in ${lives - 1} of its lives before` : '';
  return {
    severity: hoursLeft !== undefined && hoursLeft < urgentHours ? 'error' : 'warning',
    sentence: `memory that it never gives back grows by ${size(bytesPerHour)} an hour, for ${humanDuration(windowUs)} now${again}${left}`,
    evidence: {
      bytes_per_hour: Math.round(bytesPerHour),
      growth_bytes: Math.round(growthBytes),
      growth_percent: Math.round(relativeGrowth * 1000) / 10,
      observed_s: windowUs / 1e6,
      // Each life that agrees halves the doubt that the order of the floors leaves.
      confidence: Math.round((1 - (1 - tau) / 2 ** (lives - 1)) * 1000) / 1000,
      significance: chance,
      lives,
      memory_bytes: bytes,
      source,
      ...(hoursLeft !== undefined && { limit_bytes: limitBytes, limit_in_s: hoursLeft * 3600 }),
    },
  };
}

const ends = {
  flat: 'memory no longer grows',
  stopped: 'it has ended, and its memory is free again',
  unseen: 'its memory has not been measured for a day',
} as const;

export function tellLeakEnd(how: keyof typeof ends, bytes: number): Telling {
  return {
    severity: 'info',
    sentence: ends[how],
    evidence: { memory_bytes: bytes, cleared_by: how },
  };
}

/** `1.5 GB`, in powers of 1000 as disks and bandwidth are told. */
function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}
