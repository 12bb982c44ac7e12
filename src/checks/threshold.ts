import { type CheckState, isWell } from '../model/check.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';

/** When a result that differs is believed. */
export interface ThresholdSettings {
  /** Results in a row that say it is not well before that is told; at least 1. */
  readonly down: number;
  /** Results in a row that say it is well before that is told; at least 1. */
  readonly up: number;
  /** How long it has to have been unwell before that is told; 0 for at once. */
  readonly graceUs: DurationUs;
}

/** What has been told, and what is building up against it. */
export interface Held {
  /** Undefined as long as nothing has been. */
  readonly state: CheckState | undefined;
  /** Since when that has been told. */
  readonly sinceUs: RealtimeUs;
  /** Results in a row, the last included, that speak for a change; 0 for none. */
  readonly results: number;
  /** Whether those say that it is well. */
  readonly toWell: boolean;
  /** When the first of them came, on the monotonic clock. */
  readonly firstUs: DurationUs;
}

/** A change that is to be told. */
export interface Change {
  readonly state: CheckState;
  /** Undefined for the first that is told. */
  readonly previous: CheckState | undefined;
  /** How long that had been told. */
  readonly previousUs: DurationUs;
  readonly results: number;
}

/** The two clocks at the moment of a result. */
export interface Moment {
  readonly realtimeUs: RealtimeUs;
  readonly monotonicUs: DurationUs;
}

/** Nothing has been told yet. */
export function heldAtFirst(nowUs: RealtimeUs): Held {
  return { state: undefined, sinceUs: nowUs, results: 0, toWell: false, firstUs: 0 };
}

/**
 * Takes in one result. A change is told when `down` (or `up`) results in a row have spoken for it
 * and, on the way down, the grace is over. Results in a row are those of one kind, well or not: what
 * flickers between two faults is not well all the same, and told as its last one.
 */
export function takeResult(
  held: Held,
  result: CheckState,
  now: Moment,
  settings: ThresholdSettings,
): { readonly held: Held; readonly change?: Change } {
  if (result === held.state) return { held: { ...held, results: 0 } };
  const toWell = isWell(result);
  const goesOn = held.results > 0 && held.toWell === toWell;
  const results = goesOn ? held.results + 1 : 1;
  const firstUs = goesOn ? held.firstUs : now.monotonicUs;
  const isEnough = results >= (toWell ? settings.up : settings.down);
  const isOver = toWell || now.monotonicUs - firstUs >= settings.graceUs;
  if (!isEnough || !isOver) return { held: { ...held, results, toWell, firstUs } };
  const told: Held = { state: result, sinceUs: now.realtimeUs, results: 0, toWell, firstUs };
  const previousUs = Math.max(0, now.realtimeUs - held.sinceUs);
  return { held: told, change: { state: result, previous: held.state, previousUs, results } };
}
