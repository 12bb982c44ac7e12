import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { amountsOf, isObject, isTimes } from './saved.ts';

/**
 * - `loop`: systemd restarts it, and it dies again.
 * - `failing`: it has no Restart=; whoever starts it, it fails.
 * - `stopped_trying`: systemd gave up after a start limit.
 * - `flapping`: it lives past the healthy time, yet dies too many times a day.
 * - `manual`: a script restarts it over and over.
 */
export type LoopKind = 'none' | 'flapping' | 'manual' | 'failing' | 'loop' | 'stopped_trying';

export interface LoopState {
  /** The open finding's kind. */
  kind: LoopKind;
  /** Crashes, newest last. */
  times: number[];
  /** Crashes that ended a healthy run, newest last. */
  flaps: number[];
  /** Crashes in a row with no healthy run between, and when the first was. */
  streak: number;
  firstUs: RealtimeUs;
  /** Crashes of the finding, or of the streak. */
  total: number;
  lastUs: RealtimeUs;
  longestGapUs: DurationUs;
  /** Since when it runs; 0 while it does not. */
  upUs: RealtimeUs;
  /** Since when it is stopped; 0 while it is not. */
  downUs: RealtimeUs;
  /** How long the run that has just ended was; -1 unknown. And of the one before the last crash. */
  runUs: DurationUs;
  lastRunUs: DurationUs;
  /** The last crash was followed by an automatic restart. */
  automatic: boolean;
  reason: string;
  manualStreak: number;
  manualUs: RealtimeUs;
}

const kinds: readonly LoopKind[] = [
  'none',
  'flapping',
  'manual',
  'failing',
  'loop',
  'stopped_trying',
];
const amounts = [
  'streak',
  'firstUs',
  'total',
  'lastUs',
  'longestGapUs',
  'upUs',
  'downUs',
  'manualStreak',
  'manualUs',
] as const;
const timesMax = 64;

/** A new state, or the one that was saved; undefined where that is not one. */
export function crashLoopState(saved?: unknown): LoopState | undefined {
  if (saved === undefined) return freshState();
  if (!isObject(saved)) return undefined;
  const kind = kinds.find((known) => known === saved['kind']);
  const numbers = amountsOf(saved, amounts);
  const { times, flaps, runUs, lastRunUs, automatic, reason } = saved;
  if (kind === undefined || numbers === undefined) return undefined;
  if (!isTimes(times, timesMax) || !isTimes(flaps, timesMax)) return undefined;
  if (!isRun(runUs) || !isRun(lastRunUs)) return undefined;
  if (typeof automatic !== 'boolean' || typeof reason !== 'string') return undefined;
  return {
    ...freshState(),
    ...numbers,
    kind,
    times: [...times],
    flaps: [...flaps],
    runUs,
    lastRunUs,
    automatic,
    reason: reason.slice(0, 32),
  };
}

function isRun(data: unknown): data is number {
  return typeof data === 'number' && data >= -1 && data <= Number.MAX_SAFE_INTEGER;
}

function freshState(): LoopState {
  return {
    kind: 'none',
    times: [],
    flaps: [],
    streak: 0,
    firstUs: 0,
    total: 0,
    lastUs: 0,
    longestGapUs: 0,
    upUs: 0,
    downUs: 0,
    runUs: -1,
    lastRunUs: -1,
    automatic: false,
    reason: '',
    manualStreak: 0,
    manualUs: 0,
  };
}
