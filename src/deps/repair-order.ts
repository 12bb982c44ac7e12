import type { DependencyGraph } from './graph.ts';
import { type KindSet, kindSet } from './kinds.ts';

/** What a unit cannot run without, or is restarted with: it is repaired first. */
const repairedFirst: KindSet = kindSet('Requires', 'BindsTo', 'Requisite', 'PartOf');
const stopsWithIt: KindSet = kindSet(
  ...(['Requires', 'Requisite', 'BindsTo', 'PartOf', 'StopPropagatedFrom'] as const),
);
const bindsTo: KindSet = kindSet('BindsTo');

/** Its own name, where it was given by an alias; the same where it is not known. */
export function canonicalName(graph: DependencyGraph | undefined, unit: string): string {
  const number = graph?.find(unit);
  return (number === undefined ? undefined : graph?.name(number)) || unit;
}

/** Units whose stop stops this one too. */
export function stopsWith(graph: DependencyGraph | undefined, unit: string): readonly string[] {
  return namesOf(graph, unit, stopsWithIt);
}

/** Units whose end stops this one, however they end. */
export function boundTo(graph: DependencyGraph | undefined, unit: string): readonly string[] {
  return namesOf(graph, unit, bindsTo);
}

/** Units that have to run, or to be restarted, before a repair of this one makes sense. */
export function repairedBefore(
  graph: DependencyGraph | undefined,
  unit: string,
): readonly string[] {
  return namesOf(graph, unit, repairedFirst);
}

function namesOf(
  graph: DependencyGraph | undefined,
  unit: string,
  set: KindSet,
): readonly string[] {
  const number = graph?.find(unit);
  if (graph === undefined || number === undefined) return [];
  return [...graph.others(number, set)].map((other) => graph.name(other));
}

/** Names gone through for one: a host's units and what they stand on. */
const reachedMax = 10_000;

/**
 * Of each name, the other given ones that it stands on, directly or through any others.
 * @param below what a name stands on directly
 */
export function standsOn(
  names: readonly string[],
  below: (name: string) => readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const given = new Set(names);
  const known = new Map<string, readonly string[]>();
  const next = (name: string): readonly string[] => {
    const found = known.get(name) ?? below(name);
    known.set(name, found);
    return found;
  };
  const found = new Map<string, readonly string[]>();
  for (const name of names) {
    const reached = new Set([name]);
    for (const one of reached) {
      if (reached.size > reachedMax) break;
      for (const other of next(one)) reached.add(other);
    }
    reached.delete(name);
    found.set(name, reached.size === 0 ? [] : [...reached].filter((other) => given.has(other)));
  }
  return found;
}
