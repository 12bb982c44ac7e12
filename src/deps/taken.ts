import type { DependencyGraph } from './graph.ts';
import type { Trigger } from './impact.ts';
import { atoms, type KindSet, kindSet } from './kinds.ts';
import { isDown, isUpOrComing } from './states.ts';

/**
 * Units that go down, or are restarted, with one that goes down, by the kinds of their dependencies
 * alone: no jobs, no orderings, and of what is started again only what that stops. It costs no more
 * than the signals of those it names, so there is always time for it; impact.ts knows better.
 */
export function takenAlong(graph: DependencyGraph, name: string, on: Trigger): string[] {
  const root = graph.find(name);
  if (root === undefined) return [];
  const taken = new Set([root]);
  for (const unit of taken) {
    const isCrash = unit === root && on === 'crash';
    const stops = isCrash ? takenByCrash(graph, unit) : takenByStop(graph, unit === root);
    take(graph, taken, graph.others(unit, stops));
    for (const other of graph.others(unit, atoms.mayBeUnneeded))
      if (isUnneeded(graph, other, taken)) take(graph, taken, [other]);
    for (const started of graph.others(unit, isCrash ? atoms.onFailure : atoms.onSuccess))
      take(graph, taken, graph.others(started, rivals));
  }
  return [...taken].slice(1).map((unit) => graph.name(unit));
}

const rivals: KindSet = kindSet('Conflicts', 'ConflictedBy');

function take(graph: DependencyGraph, taken: Set<number>, units: Iterable<number>): void {
  for (const unit of units) if (isUpOrComing(graph.states[unit] as number)) taken.add(unit);
}

/** Restart= that does not follow a crash. */
const restsAfterCrash: ReadonlySet<string> = new Set(['', 'no', 'on-success']);

/** Its automatic restart takes along whom a restart by hand would. */
function takenByCrash(graph: DependencyGraph, unit: number): KindSet {
  const { restart } = graph.facts(unit).settings;
  const again = restsAfterCrash.has(restart) ? 0 : atoms.propagateStop;
  return atoms.retroactiveStopOnStop | again;
}

function takenByStop({ rules }: DependencyGraph, isRoot: boolean): KindSet {
  const goesOn = isRoot || !rules.gracefulPropagation;
  return goesOn ? atoms.propagateStop | atoms.stopTo : atoms.propagateStop;
}

function isUnneeded(graph: DependencyGraph, unit: number, taken: ReadonlySet<number>): boolean {
  if (!graph.facts(unit).settings.stopWhenUnneeded) return false;
  for (const user of graph.others(unit, atoms.pins))
    if (!taken.has(user) && !isDown(graph.states[user] as number)) return false;
  return true;
}
