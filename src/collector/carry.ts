import { type Phase, phaseOf, type UnitState } from '../model/unit.ts';
import { automaticRestarts, endedAnew } from './transition.ts';

/**
 * Completes a freshly read state with what has to be remembered from one signal to the next: the
 * job under which a run ended, and restarts that are scheduled but have not come up.
 */
export function carry(before: Readonly<UnitState>, after: UnitState): void {
  const phase = phaseOf(after);
  const scheduled = before.scheduled + automaticRestarts(before, after);
  const isDown = phase === 'down' || phase === 'failed';
  carryEndJob(before, after, phase);
  after.scheduled = scheduled;
  if (phase === 'up') {
    after.scheduled = 0;
  } else if (endedAnew(before, after)) {
    // Of the restarts up to this end only one can still be pending, and then its job is queued.
    after.scheduled = after.jobId !== 0 && scheduled > before.scheduled ? 1 : 0;
  } else if (isDown && after.jobId === 0) {
    after.scheduled = 0;
  }
}

function carryEndJob(before: Readonly<UnitState>, after: UnitState, phase: Phase): void {
  const was = phaseOf(before);
  const isDown = phase === 'down' || phase === 'failed';
  // A run that failed by itself ended under no job: one that shows with its end came after it.
  const endedByJob = was === 'waiting' || (isRun(was) && after.result === 'success');
  const ends = phase === 'stopping' || (isDown && endedByJob);
  if (phase === 'up') {
    after.endJobId = 0;
    after.endJobSeen = false;
  } else if (ends && after.jobId !== 0 && after.jobId !== before.endJobId) {
    after.endJobId = after.jobId;
    after.endJobSeen = phase === 'stopping' || was === 'waiting' || before.jobId === after.jobId;
  } else {
    after.endJobId = before.endJobId;
    after.endJobSeen = before.endJobSeen;
  }
}

function isRun(phase: Phase): boolean {
  return phase === 'up' || phase === 'starting' || phase === 'stopping';
}

/**
 * Before systemd 254 a unit that is about to wait for its restart is `failed` or `inactive` first,
 * for some hundred microseconds, and a signal may show just that. True where the state can be such
 * a passing one: a run ended without a job, and the unit is one that systemd restarts.
 */
export function mayPass(before: Readonly<UnitState>, after: Readonly<UnitState>): boolean {
  const phase = phaseOf(after);
  return (phase === 'down' || phase === 'failed') && after.jobId === 0 && isRun(phaseOf(before));
}
