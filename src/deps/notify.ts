import { finishJob, triggerOnFailure, triggerOnSuccess } from './finish.ts';
import { isStart, none, start, stop } from './jobs.ts';
import { atoms, type KindSet } from './kinds.ts';
import type { Simulation } from './simulation.ts';
import {
  activating,
  deactivating,
  failed,
  inactive,
  isDown,
  isDownOrGoing,
  isUp,
  isUpOrComing,
  maintenance,
} from './states.ts';

/**
 * A unit gets into a state, with all that systemd does at that moment. unit_notify(),
 * src/core/unit.c. `willRestart`: Restart= follows, and the version is one that minds that.
 */
export function setState(sim: Simulation, unit: number, to: number, willRestart = false): void {
  const from = sim.states[unit] as number;
  sim.states[unit] = to;
  sim.epochs[unit] = (sim.epochs[unit] as number) + 1;
  sim.disturb(unit);
  const unexpected = sim.jobs[unit] === none || informJob(sim, unit, to);
  if (unexpected) {
    if (isDown(from) && isUpOrComing(to)) startAlong(sim, unit);
    else if (isUpOrComing(from) && isDownOrGoing(to)) stopAlong(sim, unit);
  }
  const quiet = willRestart && !sim.rules.failureBeforeRestart;
  const wasUp = from !== failed && from !== inactive && from !== maintenance;
  if (to === failed && from !== failed && !quiet) triggerOnFailure(sim, unit);
  if (to === inactive && wasUp && !quiet) triggerOnSuccess(sim, unit);
  submitChecks(sim, unit, to);
}

function submitChecks(sim: Simulation, unit: number, to: number): void {
  if (isDown(to)) {
    for (const other of sim.graph.others(unit, atoms.mayBeUnneeded)) sim.submit('unneeded', other);
    for (const other of sim.graph.others(unit, atoms.boundBy)) sim.submit('bound', other);
    sim.submit('upheld', unit);
  } else if (isUp(to)) {
    for (const other of sim.graph.others(unit, atoms.upholds)) sim.submit('upheld', other);
    sim.submit('unneeded', unit);
    sim.submit('bound', unit);
  }
}

/** unit_process_job(): whether the new state is one that the unit's job did not ask for. */
function informJob(sim: Simulation, unit: number, to: number): boolean {
  const type = sim.jobs[unit] as number;
  const isRunning = sim.running[unit] === 1;
  if (!isRunning) sim.addToRunQueue(unit);
  return isStart(type)
    ? informStart(sim, unit, to, isRunning)
    : informStop(sim, unit, to, isRunning);
}

function informStart(sim: Simulation, unit: number, to: number, isRunning: boolean): boolean {
  if (isUp(to)) finishJob(sim, unit, 'done');
  if (isUp(to) || !isRunning || to === activating) return false;
  if (isDown(to)) finishJob(sim, unit, to === failed ? 'failed' : 'done');
  return true;
}

function informStop(sim: Simulation, unit: number, to: number, isRunning: boolean): boolean {
  if (isDown(to)) finishJob(sim, unit, 'done');
  if (isDown(to) || !isRunning || to === deactivating) return false;
  finishJob(sim, unit, 'failed');
  return true;
}

/** retroactively_start_dependencies() */
function startAlong(sim: Simulation, unit: number): void {
  for (const [set, mode] of [
    [atoms.retroactiveStart, 'replace'],
    [atoms.retroactiveWanted, 'fail'],
  ] as const) {
    for (const other of sim.others(unit, set)) {
      if (isUpOrComing(sim.states[other] as number)) continue;
      if (!sim.graph.has(unit, atoms.after, other)) addJob(sim, start, unit, other, set, mode);
    }
  }
  for (const other of sim.others(unit, atoms.retroactiveStopOnStart))
    if (!isDownOrGoing(sim.states[other] as number))
      addJob(sim, stop, unit, other, atoms.retroactiveStopOnStart, 'replace');
}

/** retroactively_stop_dependencies() */
function stopAlong(sim: Simulation, unit: number): void {
  for (const other of sim.others(unit, atoms.retroactiveStopOnStop))
    if (!isDownOrGoing(sim.states[other] as number))
      addJob(sim, stop, unit, other, atoms.retroactiveStopOnStop, 'replace');
}

function addJob(
  sim: Simulation,
  type: number,
  from: number,
  unit: number,
  set: KindSet,
  mode: 'replace' | 'fail',
): void {
  sim.causes.add(from, unit, sim.kindBetween(from, unit, set));
  sim.addJob(type, unit, mode);
}
