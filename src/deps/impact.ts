import { unitType } from '../model/unit-name.ts';
import { blockedUnits } from './blocked.ts';
import type { Way, Ways } from './causes.ts';
import { degradedUnits } from './degraded.ts';
import type { DependencyGraph } from './graph.ts';
import { restart, stop } from './jobs.ts';
import { kinds } from './kinds.ts';
import { crash, resume } from './life.ts';
import { runToRest } from './run.ts';
import { Simulation } from './simulation.ts';
import { isDown, isUp } from './states.ts';

/** What happens to a unit: `systemctl stop`, its main process is killed, `systemctl restart`. */
export const triggers = ['stop', 'crash', 'restart'] as const;
export type Trigger = (typeof triggers)[number];

/** One unit that something happens to, and why. */
export interface Affected {
  readonly unit: string;
  /** From the unit that was asked for to this one, both included. */
  readonly path: readonly string[];
  /** The kind of dependency of each step of `path`: one less than it has units. */
  readonly kinds: readonly string[];
}

export interface Degraded extends Affected {
  /** It cannot do without: Requires=, Requisite=, BindsTo=. Otherwise it only wants it. */
  readonly hard: boolean;
}

export interface Impact {
  readonly unit: string;
  readonly on: Trigger;
  /** Why systemd would refuse; nothing happens then. */
  readonly refused?: string;
  /** systemd would never come to rest: the units start and stop each other without end. */
  readonly endless?: true;
  /**
   * It can come otherwise: the units' settings contradict each other and systemd decides by the order
   * of a hash table, or it depends on which of several processes ends first.
   */
  readonly chance?: true;
  /** Were active and end inactive or failed. */
  readonly stopped: readonly Affected[];
  /** Were active and are active again in a new run. */
  readonly restarted: readonly Affected[];
  /** Stay up without something that they need or want. */
  readonly degraded: readonly Degraded[];
  /** Are down at the end, and systemd would refuse or fail to start them. */
  readonly blocked: readonly Affected[];
}

/**
 * What systemd does to other units when something happens to one of them; found by letting its own
 * rules run on a copy of the states, see simulation.ts.
 */
export function impactOf(graph: DependencyGraph, name: string, on: Trigger): Impact | undefined {
  const root = graph.find(name);
  if (root === undefined) return undefined;
  const first = simulated(graph, root, on, 0);
  const impact = told(first, on);
  if (!first.sim.isDelicate) return impact;
  const same = ends(first);
  const isChance = otherTurns.some((turn) => ends(simulated(graph, root, on, turn)) !== same);
  return isChance ? { ...impact, chance: true } : impact;
}

/** The same without looking whether chance decides, which takes up to four times as long. */
export function likelyImpact(
  graph: DependencyGraph,
  name: string,
  on: Trigger,
): Impact | undefined {
  const root = graph.find(name);
  return root === undefined ? undefined : told(simulated(graph, root, on, 0), on);
}

/** Orders that are tried where systemd leaves one to chance: if all agree, it is taken for none. */
const otherTurns = [1, 2, 3];

/** What came of it. */
interface Simulated {
  readonly sim: Simulation;
  readonly root: number;
  readonly refused: string | undefined;
  readonly endless: boolean;
}

function simulated(graph: DependencyGraph, root: number, on: Trigger, turn: number): Simulated {
  const sim = new Simulation(graph, (unit) => typeRank(graph.name(unit)), turn);
  for (const unit of graph.restless) resume(sim, unit);
  const refused = begin(sim, root, on);
  return { sim, root, refused, endless: refused === undefined && !runToRest(sim) };
}

function told({ sim, root, refused, endless }: Simulated, on: Trigger): Impact {
  return {
    unit: sim.graph.name(root),
    on,
    ...(refused === undefined ? {} : { refused }),
    ...(endless ? { endless } : {}),
    ...outcome(sim, root),
  };
}

/** Whom it stopped and restarted, in one word that is the same where these are the same. */
function ends({ sim, root }: Simulated): string {
  const { stopped, restarted } = changes(sim, root, sim.causes.ways(root));
  return [stopped, restarted].map((list) => list.sort((a, b) => a - b).join()).join(';');
}

/** UnitType of src/basic/unit-def.h: jobs of the later types run first. */
const typeOrder = 'service mount swap socket target device automount timer path slice scope'.split(
  ' ',
);

function typeRank(name: string): number {
  return typeOrder.indexOf(unitType(name));
}

/** Starts it all; answers why systemd refuses, where it does. bus_unit_queue_job(), dbus-unit.c. */
function begin(sim: Simulation, root: number, on: Trigger): string | undefined {
  const { settings } = sim.graph.facts(root);
  if (on === 'crash') {
    if (!isDown(sim.states[root] as number)) crash(sim, root);
    return undefined;
  }
  if (settings.refuseManualStop || (on === 'restart' && settings.refuseManualStart))
    return `${sim.graph.name(root)} refuses to be stopped or started by hand`;
  return sim.addJob(on === 'stop' ? stop : restart, root, 'replace')?.refused;
}

interface Changes {
  /** The root is among these, where it went down itself. */
  readonly gone: number[];
  readonly stopped: number[];
  readonly restarted: number[];
}

function changes(sim: Simulation, root: number, ways: Ways): Changes {
  const found: Changes = { gone: [], stopped: [], restarted: [] };
  // What units in auto-restart and the like do to others would have happened anyway.
  const isStranger = (unit: number): boolean =>
    sim.graph.restless.size > 0 && ways.to(unit) === undefined;
  for (const unit of sim.changed) {
    if (!isUp(sim.graph.states[unit] as number)) continue;
    const state = sim.states[unit] as number;
    if (isDown(state) && (unit === root || !isStranger(unit))) found.gone.push(unit);
    if (unit === root || isStranger(unit)) continue;
    if (isDown(state)) found.stopped.push(unit);
    else if (isUp(state) && (sim.starts[unit] as number) > 0) found.restarted.push(unit);
  }
  return found;
}

function outcome(
  sim: Simulation,
  root: number,
): Pick<Impact, 'stopped' | 'restarted' | 'degraded' | 'blocked'> {
  const ways = sim.causes.ways(root);
  const { gone, stopped, restarted } = changes(sim, root, ways);
  const tell = (unit: number): Affected => affected(sim.graph, wayTo(ways, root, unit));
  const touched = new Set([root, ...stopped, ...restarted]);
  return {
    stopped: inOrder(stopped.map(tell)),
    restarted: inOrder(restarted.map(tell)),
    degraded: inOrder(
      degradedUnits(sim, gone, touched).map(({ way, hard }) => ({
        ...affected(sim.graph, behind(ways, root, way)),
        hard,
      })),
    ),
    blocked: inOrder(
      blockedUnits(sim, gone, root).map((way) => affected(sim.graph, behind(ways, root, way))),
    ),
  };
}

function wayTo(ways: Ways, root: number, unit: number): Way {
  return ways.to(unit) ?? { units: unit === root ? [root] : [root, unit], kinds: [] };
}

/** A way that begins at a unit that went down, lengthened by the way to that one. */
function behind(ways: Ways, root: number, way: Way): Way {
  const before = wayTo(ways, root, way.units[0] as number);
  return {
    units: [...before.units, ...way.units.slice(1)],
    kinds: [...before.kinds, ...way.kinds],
  };
}

/** Longer ways are told by their two ends: nobody reads more, and a chain may be of any length. */
const maxSteps = 32;

function affected(graph: DependencyGraph, { units, kinds: along }: Way): Affected {
  const path = units.map((unit) => graph.name(unit));
  const kindNames = along.map((kind) => kinds[kind] ?? '');
  const unit = path.at(-1) as string;
  if (path.length <= maxSteps) return { unit, path, kinds: kindNames };
  const half = maxSteps / 2;
  return {
    unit,
    path: [...path.slice(0, half), '...', ...path.slice(-half)],
    kinds: [...kindNames.slice(0, half), ...kindNames.slice(-half)],
  };
}

/** The nearest first, then by name. */
function inOrder<T extends Affected>(list: readonly T[]): T[] {
  return [...list].sort(
    (a, b) => a.path.length - b.path.length || (a.unit < b.unit ? -1 : Number(a.unit > b.unit)),
  );
}
