import { Budget } from './budget.ts';
import type { Rules } from './engine-contract.ts';
import type { Core } from './engine-state.ts';
import { Telling } from './engine-telling.ts';

/** An engine that knows of nothing yet. @param random 0 up to 1, without 1 */
export function newCore(rules: Rules, random: () => number): Core {
  return {
    rules,
    random,
    now: { wallUs: 0, monoUs: Number.NEGATIVE_INFINITY },
    alarms: new Map(),
    things: new Map(),
    flights: new Map(),
    fresh: new Set(),
    unsettled: new Set(),
    units: new Map(),
    sources: new Map(),
    askedUs: new Map(),
    outages: new Map(),
    budget: new Budget(rules.budget),
    telling: new Telling(),
    counts: {
      attempts: { ok: 0, failed: 0, timeout: 0, refused: 0, skipped: 0, lost: 0 },
      repairs: { settled: 0, given_up: 0, cancelled: 0 },
      leftOut: new Map(),
      invalid: 0,
    },
    actions: [],
    events: [],
    unnamed: false,
    unresolved: false,
    dirty: false,
    left: 0,
    sweep: undefined,
    waitsFor: undefined,
    waitsForVersion: 0,
    nextRepair: 1,
    nextAction: 1,
  };
}
