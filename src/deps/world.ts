import type { DependencyGraph } from './graph.ts';
import { restart, stop } from './jobs.ts';
import type { Rules } from './versions.ts';

/** What a transaction is computed from: who there is, in what state, with what jobs. */
export interface World {
  readonly graph: DependencyGraph;
  readonly rules: Rules;
  /** ActiveState of each unit at this moment, see states.ts. */
  readonly states: Uint8Array;
  /** Job that is installed for each unit, see jobs.ts. */
  readonly jobs: Uint8Array;
  /** How many units have one. */
  readonly installed: number;
  /** unit_job_is_applicable(): whether the unit's type can do that at all. */
  isApplicable(unit: number, type: number): boolean;
  isIrreversible(unit: number): boolean;
  /** Where systemd leaves an order to chance: which one is taken; 0 is the plain one. */
  readonly turn: number;
  /** A start of the unit that another job pulls in may have an effect, see inert.ts. */
  isLive(unit: number): boolean;
}

/** unit_job_is_applicable(), src/core/unit.c. */
export function isApplicable(graph: DependencyGraph, unit: number, type: number): boolean {
  const { settings } = graph.facts(unit);
  if (type === stop) return !settings.perpetual;
  if (type === restart) return settings.canStart && settings.canStop;
  return true;
}
