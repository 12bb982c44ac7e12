import { isDown, isUp, isUpOrComing } from './states.ts';

/** Job types that can stand in a transaction, src/core/job.h. Reloads take nobody down: left out. */
export const none = 0;
export const start = 1;
export const verify = 2;
export const stop = 3;
export const restart = 4;

/** What asks for a job: job modes of src/core/job.h, those that systemd's own rules use. */
export type JobMode = 'replace' | 'fail' | 'replace-irreversibly' | 'restart-dependencies';

/** The mode of that name; every other name behaves as `replace` for what is predicted here. */
export function jobMode(name: string): JobMode {
  return name === 'fail' || name === 'replace-irreversibly' ? name : 'replace';
}

/** job_type_is_mergeable() and job_merging_table: the common type, or `none` where they conflict. */
export function merged(a: number, b: number): number {
  if (a === b) return a;
  if (a === stop || b === stop) return none;
  return a === restart || b === restart ? restart : start;
}

/** job_type_is_redundant(): nothing would change. */
export function isRedundant(type: number, state: number): boolean {
  if (type === start || type === verify) return isUp(state);
  return type === stop && isDown(state);
}

/** job_type_collapse() of a try-restart: only what is up or coming up is restarted. */
export function tryRestart(state: number): number {
  return isUpOrComing(state) ? restart : none;
}

/**
 * job_compare(): whether job `a` has to run before job `b`, where a's unit is ordered Before= (or,
 * with `after`, After=) b's. Stops run first, in reverse order.
 */
export function runsBefore(a: number, b: number, after: boolean): boolean {
  return after ? isStopLike(a) : !isStopLike(b);
}

/** A restart is a stop until it has stopped. */
export function isStopLike(type: number): boolean {
  return type === stop || type === restart;
}

/** A verify-active job is a start job in everything but starting. */
export function isStart(type: number): boolean {
  return type === start || type === verify;
}
