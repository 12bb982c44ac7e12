import { isStart, jobMode, none, restart, start, stop } from './jobs.ts';
import { atoms, type KindSet, kindNumber } from './kinds.ts';
import type { Simulation } from './simulation.ts';
import { isUp } from './states.ts';

/** How a job ended. JobResult, src/core/job.h; `skipped` and `failed` have the same consequences. */
export type JobResult = 'done' | 'failed' | 'dependency';

/** The installed job of a unit has ended. job_finish_and_invalidate(), src/core/job.c. */
export function finishJob(sim: Simulation, unit: number, result: JobResult): void {
  const type = sim.jobs[unit] as number;
  if (type === none) return;
  if (result === 'done' && type === restart) {
    sim.jobs[unit] = start;
    sim.running[unit] = 0;
    sim.addToRunQueue(unit);
  } else {
    sim.uninstall(unit);
    failDependants(sim, unit, type, result);
    if (result === 'dependency') triggerOnFailure(sim, unit);
  }
  sim.wakeNeighbours(unit);
  sim.submitAll(unit);
}

function failDependants(sim: Simulation, unit: number, type: number, result: JobResult): void {
  if (result !== 'done') {
    if (isStart(type)) failJobs(sim, unit, atoms.startFailure);
    else if (type === stop) failJobs(sim, unit, atoms.stopFailure);
  } else if (type === start && !isUp(sim.states[unit] as number)) {
    failJobs(sim, unit, atoms.inactiveStartFailure);
  }
}

/** job_fail_dependencies() */
function failJobs(sim: Simulation, unit: number, set: KindSet): void {
  for (const other of sim.others(unit, set)) {
    if (!isStart(sim.jobs[other] as number)) continue;
    const kind = sim.kindBetween(unit, other, set);
    sim.causes.add(unit, other, kind);
    finishJob(sim, other, 'dependency');
  }
}

/** unit_start_on_failure(), since 254 unit_start_on_termination_deps() */
export function triggerOnFailure(sim: Simulation, unit: number): void {
  const mode = jobMode(sim.graph.facts(unit).settings.onFailureJobMode);
  for (const other of sim.others(unit, atoms.onFailure)) {
    sim.causes.add(unit, other, kindNumber.OnFailure);
    sim.addJob(start, other, mode);
  }
}

export function triggerOnSuccess(sim: Simulation, unit: number): void {
  const mode = jobMode(sim.graph.facts(unit).settings.onSuccessJobMode);
  for (const other of sim.others(unit, atoms.onSuccess)) {
    sim.causes.add(unit, other, kindNumber.OnSuccess);
    sim.addJob(start, other, mode);
  }
}
