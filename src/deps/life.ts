import { unitType } from '../model/unit-name.ts';
import { restart, start, stop } from './jobs.ts';
import { atoms } from './kinds.ts';
import { setState } from './notify.ts';
import type { Simulation } from './simulation.ts';
import { activating, active, deactivating, failed, inactive, isDown } from './states.ts';

/**
 * How long things take that take time, microseconds. Only what comes before what counts, and
 * RestartSec= (100 ms by default) is longer than either.
 */
const stopUs = 2_000;
const startUs = 5_000;

/** Some processes are up before others have ended: so it is in one of the orders that are tried. */
function startTime({ turn }: Simulation): number {
  return turn === 2 ? 1 : startUs;
}

/** Answers of a unit that was told to start or to stop. */
export type Told = 'under way' | 'already' | 'later' | 'wait' | 'failed';

/** UNIT_VTABLE(u)->start(), for the types of which it is more than a change of state. */
export function startUnit(sim: Simulation, unit: number): Told {
  const type = unitType(sim.graph.name(unit));
  if (type === 'service') return startService(sim, unit);
  if (sim.states[unit] === deactivating) return 'later';
  if (type === 'device') return 'wait';
  if (type === 'socket' && hasRunningService(sim, unit)) return 'failed';
  begin(sim, unit);
  if (type !== 'mount' && type !== 'swap') {
    setState(sim, unit, active);
    return 'under way';
  }
  setState(sim, unit, activating);
  sim.later(unit, startTime(sim), () => setState(sim, unit, active));
  return 'under way';
}

/** UNIT_VTABLE(u)->stop() */
export function stopUnit(sim: Simulation, unit: number): Told {
  const type = unitType(sim.graph.name(unit));
  if (type === 'service') return stopService(sim, unit);
  if (type === 'device') return 'wait';
  if (sim.states[unit] === deactivating) return 'under way';
  if (type !== 'mount' && type !== 'swap' && type !== 'scope') {
    setState(sim, unit, inactive);
    return 'under way';
  }
  setState(sim, unit, deactivating);
  sim.later(unit, stopUs, () => setState(sim, unit, inactive));
  return 'under way';
}

/** Types of units that cannot fail, only go away. */
const neverFail: ReadonlySet<string> = new Set(['target', 'slice', 'device']);

/** The main process is killed by SIGKILL; what has none, but can fail or go away, does that. */
export function crash(sim: Simulation, unit: number): void {
  const type = unitType(sim.graph.name(unit));
  if (type !== 'service') setState(sim, unit, neverFail.has(type) ? inactive : failed);
  else if (!sim.hasNoProcess(unit)) endRun(sim, unit, 'killed', true);
}

/** Takes up what was under way when the states were read. */
export function resume(sim: Simulation, unit: number): void {
  const state = sim.states[unit] as number;
  if (sim.graph.subStates[unit]?.startsWith('auto-restart')) {
    sim.autoRestart.add(unit);
    armRestart(sim, unit);
  } else if (state === activating)
    sim.later(unit, startTime(sim), () => setState(sim, unit, active));
  else if (state === deactivating) sim.later(unit, stopUs, () => setState(sim, unit, inactive));
}

function begin(sim: Simulation, unit: number): void {
  sim.starts[unit] = Math.min((sim.starts[unit] as number) + 1, 255);
}

/** socket_start(): a socket cannot be opened while its service runs. */
function hasRunningService(sim: Simulation, unit: number): boolean {
  if (sim.graph.facts(unit).settings.accept) return false;
  return sim
    .others(unit, atoms.triggers)
    .some((other) => !isDown(sim.states[other] as number) && !sim.autoRestart.has(other));
}

/** service_start(), src/core/service.c */
function startService(sim: Simulation, unit: number): Told {
  const state = sim.states[unit];
  if (state === deactivating) return 'later';
  if (sim.autoRestart.has(unit) && !sim.restartQueued.has(unit)) {
    if (sim.rules.startHurriesRestart) enterRestart(sim, unit);
    return 'later';
  }
  if (state === activating && !sim.autoRestart.has(unit)) return 'under way';
  const { serviceType, remainAfterExit } = sim.graph.facts(unit).settings;
  begin(sim, unit);
  leaveAutoRestart(sim, unit);
  sim.forbidRestart.delete(unit);
  sim.exited.delete(unit);
  if (serviceType === 'simple' || serviceType === 'idle' || serviceType === '') {
    setState(sim, unit, active);
    return 'under way';
  }
  setState(sim, unit, activating);
  sim.later(unit, startTime(sim), () => {
    if (serviceType !== 'oneshot') {
      setState(sim, unit, active);
    } else if (remainAfterExit) {
      sim.exited.add(unit);
      setState(sim, unit, active);
    } else {
      endRun(sim, unit, 'success', true);
    }
  });
  return 'under way';
}

/** service_stop() */
function stopService(sim: Simulation, unit: number): Told {
  sim.forbidRestart.add(unit);
  if (sim.states[unit] === deactivating) return 'under way';
  if (sim.autoRestart.has(unit)) {
    leaveAutoRestart(sim, unit);
    setState(sim, unit, inactive);
  } else if (sim.hasNoProcess(unit)) {
    endRun(sim, unit, 'success', true);
  } else {
    setState(sim, unit, deactivating);
    sim.later(unit, stopUs, () => endRun(sim, unit, 'success', true));
  }
  return 'under way';
}

/** service_enter_dead() */
function endRun(
  sim: Simulation,
  unit: number,
  result: 'success' | 'killed' | 'resources',
  mayRestart: boolean,
): void {
  const { settings } = sim.graph.facts(unit);
  const isSuccess = result === 'success' || (result === 'killed' && settings.killIsSuccess);
  const end = isSuccess ? inactive : failed;
  const restarts =
    mayRestart &&
    sim.jobs[unit] !== stop &&
    !sim.forbidRestart.has(unit) &&
    shallRestart(sim, unit, isSuccess, result === 'killed');
  if (restarts) {
    const direct = sim.rules.restartIsStart && settings.restartMode === 'direct';
    if (!direct) setState(sim, unit, end, true);
    sim.autoRestart.add(unit);
    setState(sim, unit, activating);
    armRestart(sim, unit);
  } else {
    setState(sim, unit, end);
  }
  sim.forbidRestart.delete(unit);
}

/** service_shall_restart(); Restart= as systemd.service(5) has it, for success and for SIGKILL. */
function shallRestart(
  sim: Simulation,
  unit: number,
  isSuccess: boolean,
  isKilled: boolean,
): boolean {
  const { settings } = sim.graph.facts(unit);
  if (isKilled && settings.killPreventsRestart) return false;
  if (isKilled && settings.killForcesRestart) return true;
  switch (settings.restart) {
    case 'always':
      return true;
    case 'on-success':
      return isSuccess;
    case 'on-failure':
      return !isSuccess;
    case 'on-abnormal':
    case 'on-abort':
      return isKilled && !isSuccess;
    default:
      return false;
  }
}

function leaveAutoRestart(sim: Simulation, unit: number): void {
  sim.autoRestart.delete(unit);
  sim.restartQueued.delete(unit);
}

function armRestart(sim: Simulation, unit: number): void {
  sim.later(unit, sim.graph.facts(unit).settings.restartUs, () => enterRestart(sim, unit));
}

/** service_enter_restart() */
function enterRestart(sim: Simulation, unit: number): void {
  if (sim.jobs[unit] === stop) return;
  const { restartMode } = sim.graph.facts(unit).settings;
  const { restartIsStart, directRestartsAlone } = sim.rules;
  const isAlone = restartMode === 'direct' && directRestartsAlone;
  const mode = restartIsStart && !isAlone ? 'restart-dependencies' : 'replace';
  const refusal = sim.addJob(restartIsStart ? start : restart, unit, mode);
  if (refusal !== undefined) {
    leaveAutoRestart(sim, unit);
    endRun(sim, unit, 'resources', false);
  } else if (restartIsStart) {
    sim.restartQueued.add(unit);
    setState(sim, unit, activating);
  }
}
