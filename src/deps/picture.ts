import { unitType } from '../model/unit-name.ts';
import type { DependencyGraph } from './graph.ts';
import { kindOf, otherOf } from './graph.ts';
import { type KindSet, kindSet, kinds } from './kinds.ts';
import { type Edge, reduced } from './reduce.ts';
import { active, failed, isDown } from './states.ts';

/** What is drawn: a graph with less in it. */
export interface Picture {
  /** Slices and the units in each, by name. */
  readonly groups: readonly { readonly slice: string; readonly units: readonly PictureUnit[] }[];
  /** From a unit to what it depends on, or to what it starts or stops. */
  readonly edges: readonly PictureEdge[];
}

export interface PictureUnit {
  readonly name: string;
  readonly state: 'up' | 'failed' | 'down' | 'changing';
}

export interface PictureEdge {
  readonly from: string;
  readonly to: string;
  /** `Requires`, `Wants`, ...: the strongest one between the two. */
  readonly kind: string;
  readonly hard: boolean;
}

const hardKinds: KindSet = kindSet('Requires', 'BindsTo', 'Requisite');
/** Orderings alone are left out: there are far more of them, and they stop nobody. */
const drawnKinds: KindSet =
  hardKinds |
  kindSet('Wants', 'Upholds', 'PartOf', 'PropagatesStopTo', 'Triggers', 'OnFailure', 'OnSuccess');

/** Units that systemd ties everything to, and that tell nothing in a picture of all. */
const everywhere = new Set([
  'shutdown.target',
  'umount.target',
  '-.slice',
  '-.mount',
  'init.scope',
]);

/** What DefaultDependencies= ties units to. */
const defaults = new Set(['sysinit.target', 'basic.target']);

/**
 * What there is to draw of a graph, or of what one unit depends on and who depends on it, up to
 * `depth` steps. Undefined where the unit is not known.
 */
export function pictureOf(
  graph: DependencyGraph,
  unit?: string,
  depth = Number.POSITIVE_INFINITY,
): Picture | undefined {
  const root = unit === undefined ? undefined : graph.find(unit);
  if (unit !== undefined && root === undefined) return undefined;
  const shown = root === undefined ? wholeHost(graph) : around(graph, root, depth);
  const all = edgesAmong(graph, shown);
  // Every unit needs sysinit.target, unless it says otherwise: in a picture of all that is noise.
  const told = root === undefined ? all.filter(({ to }) => !defaults.has(graph.name(to))) : all;
  const edges = reduced(told);
  return {
    groups: grouped(graph, shown),
    edges: edges.map(({ from, to, kind, hard }) => ({
      from: graph.name(from),
      to: graph.name(to),
      kind,
      hard,
    })),
  };
}

/** What is up or failed, and no device: these come in hundreds and say little. */
function wholeHost(graph: DependencyGraph): Set<number> {
  const shown = new Set<number>();
  for (const unit of graph.units()) {
    const name = graph.name(unit);
    const state = graph.states[unit] as number;
    const type = unitType(name);
    if (type === 'device' || type === 'slice' || everywhere.has(name)) continue;
    if (!isDown(state) || state === failed) shown.add(unit);
  }
  return shown;
}

/** Up and down from one unit, not sideways. */
function around(graph: DependencyGraph, root: number, depth: number): Set<number> {
  const shown = new Set([root]);
  for (const isBelow of [true, false]) {
    let level = [root];
    const seen = new Set(level);
    for (let step = 0; step < depth && level.length > 0; step++) {
      level = level.flatMap((at) =>
        neighbours(graph, at, isBelow, at === root).filter((to) => !seen.has(to)),
      );
      for (const to of level) seen.add(to);
      level = [...new Set(level)];
    }
    for (const at of seen) shown.add(at);
  }
  return shown;
}

const drawnReverse: KindSet = kindSet(
  ...(['RequiredBy', 'BoundBy', 'RequisiteOf', 'WantedBy', 'UpheldBy', 'ConsistsOf'] as const),
  ...(['StopPropagatedFrom', 'TriggeredBy', 'OnFailureOf', 'OnSuccessOf'] as const),
);

/** Targets only group: what they want has nothing to do with who is tied to them. */
function neighbours(
  graph: DependencyGraph,
  unit: number,
  isBelow: boolean,
  isRoot: boolean,
): number[] {
  const isGroup = isBelow && !isRoot && unitType(graph.name(unit)) === 'target';
  const below = isGroup ? hardKinds : drawnKinds;
  return [...graph.others(unit, isBelow ? below : drawnReverse)].filter(
    (to) => !everywhere.has(graph.name(to)) && unitType(graph.name(to)) !== 'slice',
  );
}

/** One edge for each pair, with the first, which is the strongest, of the kinds between them. */
function edgesAmong(graph: DependencyGraph, shown: ReadonlySet<number>): Edge[] {
  const edges: Edge[] = [];
  for (const from of shown) {
    const tied = new Set<number>();
    for (const edge of graph.edges[from] as number[]) {
      const to = otherOf(edge);
      const kind = kindOf(edge);
      if (!((drawnKinds >>> kind) & 1) || !shown.has(to) || tied.has(to)) continue;
      tied.add(to);
      edges.push({ from, to, kind: kinds[kind] ?? '', hard: ((hardKinds >>> kind) & 1) === 1 });
    }
  }
  return edges;
}

function grouped(graph: DependencyGraph, shown: ReadonlySet<number>): Picture['groups'] {
  const groups = new Map<string, PictureUnit[]>();
  for (const unit of shown) {
    const slice = graph.facts(unit).slice;
    const one = { name: graph.name(unit), state: stateWord(graph.states[unit] as number) };
    const group = groups.get(slice);
    if (group === undefined) groups.set(slice, [one]);
    else group.push(one);
  }
  return [...groups]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([slice, units]) => ({
      slice,
      units: units.sort((a, b) => compareNames(a.name, b.name)),
    }));
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function stateWord(state: number): PictureUnit['state'] {
  if (state === active) return 'up';
  if (state === failed) return 'failed';
  return isDown(state) ? 'down' : 'changing';
}
