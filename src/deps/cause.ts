import type { Transition, TransitionKind } from '../model/transition.ts';
import type { DependencyGraph } from './graph.ts';
import { kindOf, otherOf } from './graph.ts';
import type { Affected } from './impact.ts';
import { atoms, type KindSet, kindSet, kinds } from './kinds.ts';

/** What is looked at of a transition. */
export type Happened = Pick<Transition, 'unit' | 'kind' | 'timeUs'>;

/** A job that ended with the result `dependency`: what its unit needs failed. */
export interface FailedDependency {
  readonly unit: string;
  readonly timeUs: number;
}

/** One unit that began it, and what followed from that. */
export interface Cause {
  readonly root: string;
  /** With the way from the root to each; the nearest first. */
  readonly consequences: readonly Affected[];
}

/** More units than this in one span are looked at only as far as the first of them. */
const maxUnits = 2_000;

interface Node {
  readonly unit: number;
  readonly timeUs: number;
  readonly wentDown: boolean;
  readonly cameUp: boolean;
  /** It ended by itself and badly: nobody stopped it. */
  readonly crashed: boolean;
}

/**
 * Of what happened within a short span: which units began it, and what is a consequence of which.
 * A unit explains another where systemd's rules lead from the one to the other and the time allows
 * it; whoever is explained by nobody is a root. Units that the graph does not know are roots.
 *
 * @param transitions of all units within the span, in any order
 * @param failed jobs of the span that ended with the result `dependency`
 */
export function causesOf(
  graph: DependencyGraph,
  transitions: readonly Happened[],
  failed: readonly FailedDependency[] = [],
): Cause[] {
  const { nodes, strangers } = gather(graph, transitions, failed);
  const reach = new Map([...nodes.keys()].map((unit) => [unit, waysFrom(graph, nodes, unit)]));
  const roots = [...nodes.values()].filter((node) => isRoot(node, nodes, reach)).sort(earlier);
  const taken = new Set(roots.map(({ unit }) => unit));
  const causes = roots.map(({ unit: root }) => {
    const ways = reach.get(root) ?? new Map();
    const consequences: Affected[] = [];
    for (const unit of ways.keys()) {
      if (taken.has(unit) || !nodes.has(unit)) continue;
      taken.add(unit);
      consequences.push(wayTo(graph, ways, root, unit));
    }
    return { root: graph.name(root), consequences };
  });
  return [...causes, ...strangers.map((root) => ({ root, consequences: [] }))];
}

function gather(
  graph: DependencyGraph,
  transitions: readonly Happened[],
  failed: readonly FailedDependency[],
): { nodes: Map<number, Node>; strangers: string[] } {
  const nodes = new Map<number, Node>();
  const strangers = new Set<string>();
  const all = [
    ...transitions,
    ...failed.map(({ unit, timeUs }) => ({ unit, timeUs, kind: 'stopped' as const })),
  ].sort((a, b) => a.timeUs - b.timeUs);
  for (const { unit: name, kind, timeUs } of all) {
    const unit = graph.find(name);
    if (unit === undefined) strangers.add(name);
    else if (nodes.has(unit) || nodes.size < maxUnits)
      nodes.set(unit, added(nodes.get(unit), unit, kind, timeUs));
  }
  return { nodes, strangers: [...strangers] };
}

const crashKinds: ReadonlySet<TransitionKind> = new Set<TransitionKind>(['failed', 'exited']);
const upKinds: ReadonlySet<TransitionKind> = new Set<TransitionKind>(['started', 'restarted']);

function added(before: Node | undefined, unit: number, kind: TransitionKind, timeUs: number): Node {
  return {
    unit,
    timeUs: before?.timeUs ?? timeUs,
    wentDown: before?.wentDown === true || kind !== 'started',
    cameUp: before?.cameUp === true || upKinds.has(kind),
    crashed: before?.crashed ?? crashKinds.has(kind),
  };
}

/** Along which kinds what went down takes others with it, or lets them fail. */
const downward: KindSet =
  atoms.propagateStop | atoms.stopTo | atoms.onFailure | atoms.onSuccess | kindSet('UpheldBy');
/** Along which kinds what came up pulls others up, or pushes them down. */
const upward: KindSet =
  atoms.pullInStart | atoms.pullInWanted | atoms.pullInStop | atoms.pullInStopIgnored;

type Ways = Map<number, readonly [from: number, kind: number]>;

/** Everything that the unit explains, with the step that leads there. */
function waysFrom(graph: DependencyGraph, nodes: ReadonlyMap<number, Node>, root: number): Ways {
  const ways: Ways = new Map();
  const { crashed, timeUs } = nodes.get(root) as Node;
  // Who is told to stop may go down after those that it takes along: they are stopped first.
  const isTooEarly = (node: Node | undefined) =>
    crashed && node !== undefined && node.timeUs < timeUs;
  const queue = [root];
  for (const from of queue) {
    for (const edge of graph.edges[from] as number[]) {
      const to = otherOf(edge);
      if (to === root || ways.has(to) || isTooEarly(nodes.get(to))) continue;
      if (!leads(graph, nodes.get(from), nodes.get(to), edge)) continue;
      ways.set(to, [from, kindOf(edge)]);
      queue.push(to);
    }
  }
  return ways;
}

/** Whether what happened at one end of the edge can have led to what happened at the other. */
function leads(
  graph: DependencyGraph,
  from: Node | undefined,
  to: Node | undefined,
  edge: number,
): boolean {
  const kind = kindOf(edge);
  if (from === undefined || to === undefined) return leadsThrough(from, to, kind);
  const bit = 1 << kind;
  if (from.wentDown && bit & downward) return true;
  if (from.wentDown && bit & atoms.mayBeUnneeded && to.wentDown)
    return graph.facts(to.unit).settings.stopWhenUnneeded;
  return from.cameUp && (bit & upward) !== 0;
}

/**
 * What comes up pulls in what it needs and wants, and so on, also through units that are up already
 * and to which nothing happens. Who crashed is not explained so.
 */
function leadsThrough(from: Node | undefined, to: Node | undefined, kind: number): boolean {
  if (from?.cameUp === false || to?.crashed === true) return false;
  const set = to === undefined ? atoms.pullInStart | atoms.pullInWanted : upward;
  return ((set >>> kind) & 1) === 1;
}

/** Nobody explains it but those whom it explains itself; of such a circle the first one counts. */
function isRoot(
  node: Node,
  nodes: ReadonlyMap<number, Node>,
  reach: ReadonlyMap<number, Ways>,
): boolean {
  const own = reach.get(node.unit) as Ways;
  return [...nodes.values()].every((other) => {
    if (other.unit === node.unit || !reach.get(other.unit)?.has(node.unit)) return true;
    return own.has(other.unit) && earlier(node, other) < 0;
  });
}

function earlier(a: Node, b: Node): number {
  return Number(b.crashed) - Number(a.crashed) || a.timeUs - b.timeUs || a.unit - b.unit;
}

function wayTo(graph: DependencyGraph, ways: Ways, root: number, unit: number): Affected {
  const path = [graph.name(unit)];
  const along: string[] = [];
  for (let at = unit; at !== root; ) {
    const [from, kind] = ways.get(at) as readonly [number, number];
    path.unshift(graph.name(from));
    along.unshift(kinds[kind] ?? '');
    at = from;
  }
  return { unit: graph.name(unit), path, kinds: along };
}
