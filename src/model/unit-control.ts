import type { UnitState } from './unit.ts';

/** What can be asked of systemd for one unit. */
export type UnitVerb = 'start' | 'stop' | 'restart';

/**
 * How a job of systemd ended. The first row is systemd's own (job_result, src/core/job.c); `late`:
 * it still runs after our time limit; `lost`: the bus went away, and nobody heard how it ended;
 * `refused`: there was no job at all.
 */
export const jobResults = [
  ...(['done', 'canceled', 'timeout', 'failed', 'dependency', 'skipped', 'invalid'] as const),
  ...(['assert', 'unsupported', 'collected', 'once', 'frozen', 'concurrency'] as const),
  ...(['late', 'lost', 'refused'] as const),
] as const;
export type JobResult = (typeof jobResults)[number];

export interface JobEnd {
  readonly result: JobResult;
  /** Why, and what to do, in one sentence; empty for `done`. */
  readonly reason: string;
}

/**
 * After a job is done, how long until the unit is looked at: the job of a Type=simple service is done
 * when its process was forked, before that has shown whether it can run.
 */
export const settleMs = 250;

/** One unit as systemd has it at this moment. */
export interface UnitStatus {
  /** `loaded`, `not-found`, `masked`, `bad-setting`, `error`. */
  readonly loadState: string;
  readonly state: Readonly<UnitState>;
}

/** systemd as restarts and the shell need it. Nothing here rejects because of the world. */
export interface UnitControl {
  /** systemd has the unit, or a file for it, masked ones included; undefined: it cannot be asked. */
  knows(unit: string): Promise<boolean | undefined>;
  /** Undefined where it cannot be asked. Loads the unit: ask `knows` first about a doubtful name. */
  status(unit: string): Promise<UnitStatus | undefined>;
  /** Each resolves after `limitMs` at the latest; the job itself goes on, and stays ours. */
  startUnit(unit: string, limitMs: number): Promise<JobEnd>;
  stopUnit(unit: string, limitMs: number): Promise<JobEnd>;
  restartUnit(unit: string, limitMs: number): Promise<JobEnd>;
  /** Takes back `failed` and the count towards the start limit. */
  resetFailed(unit: string): Promise<JobEnd>;
}
