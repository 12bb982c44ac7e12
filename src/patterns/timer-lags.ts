import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { isAmount, isObject } from './saved.ts';
import { binomialTail } from './statistics.ts';
import type { TimerLog } from './timer-log.ts';

/** Timers compared with one service's crashes; at midnight a dozen fire at once. */
const suspectsMax = 8;
/** Coincidences that are needed, and the share of the crashes that must have one. */
const hitsMin = 5;
const hitShareMin = 0.8;

/** A timer that fired shortly before a crash, and what became of the suspicion. */
export interface Suspect {
  timer: string;
  /** Crashes since it became one, and those that it fired before. */
  crashes: number;
  hits: number;
  leastLagUs: DurationUs;
  mostLagUs: DurationUs;
}

/** A timer after which the service crashes, more often than chance. */
export interface TimerLink {
  readonly timer: string;
  readonly unit: string;
  readonly hits: number;
  readonly crashes: number;
  readonly lagUs: DurationUs;
  readonly chance: number;
}

/** Books a crash with every timer that fired at most `withinUs` before it. */
export function suspectTimers(
  suspects: Suspect[],
  timers: TimerLog,
  crashUs: RealtimeUs,
  withinUs: DurationUs,
): void {
  for (const suspect of suspects) suspect.crashes += 1;
  for (const { record, lagUs } of timers.before(crashUs, withinUs)) {
    const suspect = suspects.find((known) => known.timer === record.timer);
    if (suspect === undefined) {
      const { timer } = record;
      suspects.push({ timer, crashes: 1, hits: 1, leastLagUs: lagUs, mostLagUs: lagUs });
    } else {
      suspect.hits += 1;
      suspect.leastLagUs = Math.min(suspect.leastLagUs, lagUs);
      suspect.mostLagUs = Math.max(suspect.mostLagUs, lagUs);
    }
  }
  suspects.sort((a, b) => b.hits / b.crashes - a.hits / a.crashes || b.hits - a.hits);
  suspects.length = Math.min(suspects.length, suspectsMax);
}

/**
 * The suspect that chance explains worst. Chance: the share of all time that lies within the lags
 * seen after one of the timer's elapses; corrected for the timers there are.
 */
export function linkedTimer(
  suspects: readonly Suspect[],
  timers: TimerLog,
  nowUs: RealtimeUs,
  { maxChance, lagNoiseUs }: { readonly maxChance: number; readonly lagNoiseUs: DurationUs },
): TimerLink | undefined {
  let best: TimerLink | undefined;
  for (const { timer, crashes, hits, leastLagUs, mostLagUs } of suspects) {
    const record = timers.find(timer);
    if (record === undefined || hits < hitsMin || hits < hitShareMin * crashes) continue;
    const rate = record.count / Math.max(nowUs - record.firstUs, 1);
    // The range of n values is (n - 1) / (n + 1) of what they were drawn from, on average.
    const bandUs = ((mostLagUs - leastLagUs) * (hits + 1)) / (hits - 1) + lagNoiseUs;
    // Two crashes are spent on the ends of the band.
    const byChance = binomialTail(crashes - 2, hits - 2, Math.min(1, bandUs * rate));
    const chance = Math.min(1, byChance * timers.size * 2);
    const lagUs = (leastLagUs + mostLagUs) / 2;
    if (chance > maxChance || (best !== undefined && lagUs >= best.lagUs)) continue;
    best = { timer, unit: record.unit, hits, crashes, lagUs, chance };
  }
  return best;
}

export function isSuspects(data: unknown): data is Suspect[] {
  return Array.isArray(data) && data.length <= suspectsMax && data.every(isSuspect);
}

function isSuspect(data: unknown): data is Suspect {
  if (!isObject(data)) return false;
  const { timer, crashes, hits, leastLagUs, mostLagUs } = data;
  return typeof timer === 'string' && [crashes, hits, leastLagUs, mostLagUs].every(isAmount);
}
