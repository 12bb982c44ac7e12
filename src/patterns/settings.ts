import type { DurationUs } from '../model/time.ts';

const second = 1e6;
const minute = 60 * second;
const hour = 60 * minute;

/** What a user may set, and what tests scale to compress time. */
export interface PatternSettings {
  /** `restart_threshold`: crashes that make a loop. */
  readonly restartThreshold: number;
  /** `restart_window`: the time they have to fall into. */
  readonly restartWindowUs: DurationUs;
  /**
   * A run at least this long was healthy: it ends a loop. Kubernetes forgets a container's crashes
   * after the same ten minutes.
   */
  readonly healthyRunUs: DurationUs;
  /** Restarts closer than this are a fast loop; also the least stable time that clears one. */
  readonly fastGapUs: DurationUs;
  /** Memory in the first part of a run says nothing about leaks: caches and pools fill. */
  readonly warmUpUs: DurationUs;
  /** The shortest stretch of memory that a leak is called on. */
  readonly leakSpanUs: DurationUs;
  /** Lags from a timer to a crash that differ by less are the same: a start takes its time. */
  readonly lagNoiseUs: DurationUs;
  /** `baseline_period`: what `anomaly` learns before it speaks. */
  readonly baselinePeriodUs: DurationUs;
  /** The hour that `anomaly` counts restarts by; its day has 24 of them, its week 168. */
  readonly hourUs: DurationUs;
  /** IANA name; hours and days of the week are told and tested in it. */
  readonly timeZone: string;
}

export const defaultSettings: PatternSettings = Object.freeze({
  restartThreshold: 5,
  restartWindowUs: 5 * minute,
  healthyRunUs: 10 * minute,
  fastGapUs: 30 * second,
  warmUpUs: 2 * minute,
  leakSpanUs: 5 * minute,
  lagNoiseUs: 2 * second,
  baselinePeriodUs: 24 * hour,
  hourUs: hour,
  timeZone: 'UTC',
});
