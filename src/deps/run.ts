import { finishJob } from './finish.ts';
import { kindOf, otherOf } from './graph.ts';
import { none, restart, start, stop, verify } from './jobs.ts';
import { atoms, inverse, kindNumber } from './kinds.ts';
import { startUnit, stopUnit, type Told } from './life.ts';
import type { Check, Simulation } from './simulation.ts';
import { activating, active, isDown, isUp, maintenance } from './states.ts';

/**
 * A simulation that has not come to rest after so much was started, stopped or checked goes in
 * circles (units that start and stop each other for ever), as systemd itself would.
 */
const maxSteps = 200_000;

/** Runs until nothing more would happen; false where that is never. manager_loop(), manager.c. */
export function runToRest(sim: Simulation): boolean {
  for (let steps = 0; steps < maxSteps; steps++) {
    if (runChecks(sim) || sim.letHappen(false)) continue;
    const unit = sim.takeRunnable();
    if (unit !== undefined) {
      // The whole run queue is worked off before anything else is looked at.
      for (let next: number | undefined = unit; next !== undefined; next = sim.takeRunnable()) {
        runJob(sim, next);
        steps++;
      }
    } else if (!sim.letHappen(true)) {
      return true;
    }
  }
  return false;
}

/** The three queues, in the order of manager_loop(); each is worked off before the next. */
function runChecks(sim: Simulation): boolean {
  return (['upheld', 'bound', 'unneeded'] as const).some((check) => runCheck(sim, check));
}

function runCheck(sim: Simulation, check: Check): boolean {
  let any = false;
  for (let u = sim.takeCheck(check); u !== undefined; u = sim.takeCheck(check)) {
    any = true;
    const culprit = culpritOf(sim, check, u);
    if (culprit === undefined || !sim.isWithinRate(u)) continue;
    sim.isDelicate = true;
    sim.causes.add(culprit.unit, u, culprit.kind);
    if (check === 'upheld') sim.addJob(start, u, 'fail');
    else sim.addJob(stop, u, check === 'bound' ? 'replace' : 'fail');
  }
  return any;
}

interface Culprit {
  readonly unit: number;
  readonly kind: number;
}

function culpritOf(sim: Simulation, check: Check, unit: number): Culprit | undefined {
  switch (check) {
    case 'upheld':
      return upholder(sim, unit);
    case 'bound':
      return missingBond(sim, unit);
    case 'unneeded':
      return lastUser(sim, unit);
  }
}

/** unit_is_upheld_by_active() */
function upholder(sim: Simulation, unit: number): Culprit | undefined {
  if (!isDown(sim.states[unit] as number) || sim.jobs[unit] !== none) return undefined;
  for (const other of sim.graph.others(unit, atoms.upheldBy))
    if (sim.jobs[other] === none && isUp(sim.states[other] as number))
      return { unit: other, kind: kindNumber.Upholds };
  return undefined;
}

/** unit_is_bound_by_inactive() */
function missingBond(sim: Simulation, unit: number): Culprit | undefined {
  if (sim.states[unit] !== active || sim.jobs[unit] !== none) return undefined;
  for (const other of sim.graph.others(unit, atoms.boundTo))
    if (sim.jobs[other] === none && isDown(sim.states[other] as number))
      return { unit: other, kind: kindNumber.BoundBy };
  return undefined;
}

/** unit_is_unneeded(): the one that went down last is named. */
function lastUser(sim: Simulation, unit: number): Culprit | undefined {
  if (sim.states[unit] !== active || sim.jobs[unit] !== none) return undefined;
  let last: Culprit = { unit, kind: -1 };
  for (const edge of sim.graph.edges[unit] as number[]) {
    const kind = kindOf(edge);
    if (((atoms.pins >>> kind) & 1) === 0) continue;
    const other = otherOf(edge);
    if (sim.jobs[other] !== none || !isDown(sim.states[other] as number)) return undefined;
    if (last.kind < 0 || sim.changed.has(other))
      last = { unit: other, kind: inverse[kind] as number };
  }
  return last;
}

/** job_run_and_invalidate(), src/core/job.c */
function runJob(sim: Simulation, unit: number): void {
  const type = sim.jobs[unit] as number;
  if (type === none || sim.running[unit] === 1 || !sim.isRunnable(unit)) return;
  sim.running[unit] = 1;
  const told = perform(sim, unit, type);
  if (told === 'already') finishJob(sim, unit, 'done');
  else if (told === 'failed') finishJob(sim, unit, 'failed');
  else if (told === 'dependency') finishJob(sim, unit, 'dependency');
  else if (told === 'later' && sim.jobs[unit] !== none) sim.running[unit] = 0;
}

function perform(sim: Simulation, unit: number, type: number): Told | 'dependency' {
  const state = sim.states[unit] as number;
  switch (type) {
    case verify:
      if (isUp(state)) return 'already';
      return state === activating ? 'later' : 'failed';
    case start:
      return performStart(sim, unit, state);
    case stop:
    case restart:
      return isDown(state) ? 'already' : stopUnit(sim, unit);
    default:
      return 'already';
  }
}

/** unit_start() */
function performStart(sim: Simulation, unit: number, state: number): Told | 'dependency' {
  if (isUp(state)) return 'already';
  if (state === maintenance) return 'later';
  const { loadState, settings } = sim.graph.facts(unit);
  if (loadState !== 'loaded') return 'failed';
  if (state !== activating && settings.conditionFailed) return 'already';
  if (!bondsHold(sim, unit)) return 'dependency';
  if (!settings.canStart) return 'wait';
  return startUnit(sim, unit);
}

/** unit_verify_deps(): what it is both bound to and ordered after has to be up. */
function bondsHold(sim: Simulation, unit: number): boolean {
  return sim
    .others(unit, atoms.boundTo)
    .every(
      (other) => !sim.graph.has(unit, atoms.after, other) || isUp(sim.states[other] as number),
    );
}
