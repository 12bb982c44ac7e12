import type { DependencyGraph } from './graph.ts';
import { kindOf, otherOf } from './graph.ts';
import { atoms, type KindSet, kindSet, kinds } from './kinds.ts';
import { isDown } from './states.ts';

/**
 * Which start jobs come to nothing. Starting a unit pulls in a start of everything that it needs or
 * wants, of all that these need, and so on; in a system that is up nearly all of that is up already,
 * and systemd throws those jobs away again. They need not be made in the first place where nothing
 * that they pull in could have an effect. What could is called live here:
 *
 * - a start of units that are down and pull in each other: systemd keeps such a circle even when
 *   nobody else pulls it in (transaction_collect_garbage());
 * - a start of what cannot be loaded, which makes the others fail;
 * - a start that stops something, by Conflicts=;
 * - a job for a unit whose state has changed or that has a job.
 */
export interface Liveness {
  /** A start of the unit may have an effect. */
  isLive(unit: number): boolean;
  /** The unit's state has changed, or it has got a job. */
  disturb(unit: number): void;
}

const startLive = 1;
const stopLive = 2;

/** Who pulls in a start of a unit. */
const pulledInBy: KindSet = kindSet('RequiredBy', 'BoundBy', 'WantedBy', 'UpheldBy', 'RequisiteOf');
/** Whose stop stops a unit. */
const stoppedBy: KindSet = kindSet(
  ...(['Requires', 'Requisite', 'BindsTo', 'PartOf', 'StopPropagatedFrom'] as const),
);
const opponents: KindSet = kindSet('Conflicts', 'ConflictedBy');
const neededBy: KindSet = kindSet('RequiredBy', 'BoundBy', 'RequisiteOf');
const pulls: KindSet = atoms.pullInStart | atoms.pullInWanted;
const pulledBy: KindSet = kindSet('RequiredBy', 'BoundBy', 'WantedBy', 'UpheldBy');

/**
 * After so many changes the marks are made anew: until then, whatever changed counts as live, which
 * is never wrong but makes jobs that come to nothing.
 */
const movedMax = 256;

const remembered = new WeakMap<DependencyGraph, Uint8Array>();

/** Liveness of a graph as it is now, and from then on as it is disturbed. */
export function livenessOf(graph: DependencyGraph): Liveness {
  const marks = marksOf(graph).slice();
  const queue: number[] = [];
  return {
    isLive: (unit) => ((marks[unit] as number) & startLive) !== 0,
    disturb: (unit) => disturb(graph, marks, queue, unit),
  };
}

function marksOf(graph: DependencyGraph): Uint8Array {
  const { moved, states } = graph;
  let marks = remembered.get(graph);
  if (marks?.length !== states.length || moved.size > movedMax) {
    marks = initialMarks(graph);
    remembered.set(graph, marks);
  } else {
    const queue: number[] = [];
    for (const unit of moved) disturb(graph, marks, queue, unit);
  }
  moved.clear();
  return marks;
}

function disturb(graph: DependencyGraph, marks: Uint8Array, queue: number[], unit: number): void {
  mark(marks, queue, unit, startLive | stopLive);
  spread(graph, marks, queue);
}

function initialMarks(graph: DependencyGraph): Uint8Array {
  const marks = new Uint8Array(graph.states.length);
  const queue: number[] = [];
  for (let unit = 0; unit < graph.nodes.length; unit++) {
    if (graph.nodes[unit] === undefined) continue;
    if (!isDown(graph.states[unit] as number)) mark(marks, queue, unit, stopLive);
    if (graph.facts(unit).loadState !== 'loaded')
      for (const other of graph.others(unit, neededBy)) mark(marks, queue, other, startLive);
  }
  for (const unit of circlesOfDown(graph)) mark(marks, queue, unit, startLive);
  spread(graph, marks, queue);
  return marks;
}

function mark(marks: Uint8Array, queue: number[], unit: number, bits: number): void {
  const before = marks[unit] as number;
  if ((before | bits) === before) return;
  marks[unit] = before | bits;
  queue.push(unit);
}

/** Whoever leads to something live is live. */
function spread(graph: DependencyGraph, marks: Uint8Array, queue: number[]): void {
  for (let unit = queue.pop(); unit !== undefined; unit = queue.pop()) {
    const passedOn = passes[marks[unit] as number] as readonly number[];
    for (const edge of graph.edges[unit] as number[]) {
      const bits = passedOn[kindOf(edge)] as number;
      if (bits !== 0) mark(marks, queue, otherOf(edge), bits);
    }
  }
}

/** By the marks of a unit, and by the kind of an edge of it: what the other end gets from it. */
const passes: readonly (readonly number[])[] = [0, 1, 2, 3].map((bits) =>
  kinds.map((_, kind) => {
    const isIn = (set: KindSet) => ((set >>> kind) & 1) === 1;
    const starts = bits & startLive && isIn(pulledInBy);
    const fights = bits & stopLive && isIn(opponents);
    const stops = bits & stopLive && isIn(stoppedBy);
    return (starts || fights ? startLive : 0) | (stops ? stopLive : 0);
  }),
);

/**
 * Units that are down and from which a circle of such units is reached: what is left when, again and
 * again, those are taken away that pull in no other one that is left.
 */
function circlesOfDown(graph: DependencyGraph): number[] {
  const left = new Map<number, number>();
  const removed: number[] = [];
  for (let unit = 0; unit < graph.nodes.length; unit++) {
    if (!isDownHere(graph, unit)) continue;
    const count = [...graph.others(unit, pulls)].filter((other) => isDownHere(graph, other)).length;
    if (count > 0) left.set(unit, count);
    else removed.push(unit);
  }
  for (let unit = removed.pop(); unit !== undefined; unit = removed.pop())
    for (const other of graph.others(unit, pulledBy)) if (takeOne(left, other)) removed.push(other);
  return [...left.keys()];
}

function isDownHere(graph: DependencyGraph, unit: number): boolean {
  return graph.nodes[unit] !== undefined && isDown(graph.states[unit] as number);
}

/** Counts down; true where that was the last one. */
function takeOne(left: Map<number, number>, unit: number): boolean {
  const count = left.get(unit);
  if (count === undefined) return false;
  if (count > 1) left.set(unit, count - 1);
  else left.delete(unit);
  return count === 1;
}
