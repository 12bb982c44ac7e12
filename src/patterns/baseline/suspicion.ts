import { type DurationUs, humanDuration, type RealtimeUs } from '../../model/time.ts';
import type { UnusualLife } from './lives.ts';
import type { RateJudgement } from './restart-rate.ts';

/** What can be unusual about a service. */
export type Aspect =
  | 'restart_rate'
  | 'first_restart'
  | 'missed_start'
  | 'memory'
  | 'cpu'
  | 'uptime';

export type Evidence = Readonly<Record<string, number | string | boolean | readonly number[]>>;

/** Something unusual, before it is clear that it was not one of many at once. */
export interface Suspicion {
  readonly service: string;
  readonly aspect: Aspect;
  readonly timeUs: RealtimeUs;
  readonly sentence: string;
  readonly evidence: Evidence;
  /** How bad, in a unit of its own: twice as much is worth telling again. */
  readonly size: number;
  /** Restarts to take back from the rate if it was one of many. */
  readonly restarts: number;
}

export function firstRestart(
  service: string,
  timeUs: RealtimeUs,
  watchedUs: DurationUs,
  restarts: number,
): Suspicion {
  return {
    service,
    aspect: 'first_restart',
    timeUs,
    sentence: `restarted by itself for the first time in ${humanDuration(watchedUs)} of watching`,
    evidence: { aspect: 'first_restart', watched_s: seconds(watchedUs), restarts },
    size: restarts,
    restarts,
  };
}

export function tooManyRestarts(
  service: string,
  timeUs: RealtimeUs,
  judged: RateJudgement,
  restarts: number,
): Suspicion {
  const { windowHours, count, expected, probability } = judged;
  const window = windowHours === 1 ? 'this hour' : `in the last ${windowHours} h`;
  return {
    service,
    aspect: 'restart_rate',
    timeUs,
    sentence: `restarted ${count} times ${window}; ${shortNumber(expected)} would be usual for it`,
    evidence: {
      aspect: 'restart_rate',
      window_s: windowHours * 3600,
      restarts: count,
      expected_restarts: rounded(expected),
      probability: rounded(probability),
    },
    size: count,
    restarts,
  };
}

export function missedStart(
  service: string,
  timeUs: RealtimeUs,
  { intervalUs, lateUs }: { readonly intervalUs: DurationUs; readonly lateUs: DurationUs },
): Suspicion {
  return {
    service,
    aspect: 'missed_start',
    timeUs,
    sentence: `starts every ${humanDuration(intervalUs)}, and is ${humanDuration(lateUs)} late`,
    evidence: {
      aspect: 'missed_start',
      interval_s: seconds(intervalUs),
      late_s: seconds(lateUs),
    },
    // A whole interval more is worth telling again, an hour more is not.
    size: Math.max(1, lateUs / intervalUs),
    restarts: 0,
  };
}

export function unusualLife(service: string, timeUs: RealtimeUs, life: UnusualLife): Suspicion {
  const { resource, value, usual, score, lives } = life;
  return {
    service,
    aspect: resource,
    timeUs,
    sentence: `${lifeWords[resource](value, usual)} (${lives} lives seen)`,
    evidence: {
      aspect: resource,
      [`${resource}_${lifeUnits[resource]}`]: rounded(value),
      [`usual_${resource}_${lifeUnits[resource]}`]: rounded(usual),
      score: rounded(score),
      lives,
    },
    size: resource === 'uptime' ? usual / Math.max(value, 1) : value / Math.max(usual, 1e-9),
    restarts: 0,
  };
}

const lifeUnits = { memory: 'bytes', cpu: 'ratio', uptime: 's' } as const;

const lifeWords = {
  memory: (value: number, usual: number) =>
    `used up to ${mebibytes(value)} before it ended; ${mebibytes(usual)} is usual`,
  cpu: (value: number, usual: number) =>
    `used ${percent(value)} of a CPU in the life that ended; ${percent(usual)} is usual`,
  uptime: (value: number, usual: number) =>
    `ended after ${humanDuration(value * 1e6)}; ${humanDuration(usual * 1e6)} is usual`,
} as const;

function mebibytes(bytes: number): string {
  return `${shortNumber(bytes / 1_048_576)} MiB`;
}

function percent(share: number): string {
  return `${shortNumber(share * 100)}%`;
}

function shortNumber(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(2)));
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function seconds(us: DurationUs): number {
  return Math.round(us / 1e6);
}
