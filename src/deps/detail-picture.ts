import type { CheckView } from '../model/check.ts';
import type { DependencyEdge, DependencyNode, DependencyPicture } from '../model/status.ts';
import { checkNode, checkUnits } from './checks.ts';
import { DependencyGraph } from './graph.ts';
import { type PictureEdge, pictureOf } from './picture.ts';
import { rulesOf } from './versions.ts';

/** Components are nodes of the graph under this prefix; people know them without. */
const prefix = checkNode('');

/** Between components systemd's rules mean nothing: any version's will do. */
const anyVersion = 257;

export interface PictureAsked {
  readonly name: string;
  readonly isUnit: boolean;
}

/**
 * What a unit or a component needs and what needs it, components under their own names and with their
 * own states. Undefined where it is in no graph.
 * @param depth steps up and down
 * @param graph undefined: not read yet, or not kept; then components alone are drawn
 */
export function detailPicture(
  graph: DependencyGraph | undefined,
  checks: readonly CheckView[],
  { name, isUnit }: PictureAsked,
  depth: number,
): DependencyPicture | undefined {
  const known = graph ?? (isUnit ? undefined : graphOf(checks));
  const picture = known && pictureOf(known, isUnit ? name : checkNode(name), depth);
  if (picture === undefined) return undefined;
  const units = picture.groups.flatMap((group) => group.units);
  const nodes = new Map<string, DependencyNode>();
  for (const { name: node, state } of units)
    if (!node.startsWith(prefix)) nodes.set(node, { name: node, kind: 'unit', state });
  const views = new Map(checks.map((view) => [checkNode(view.name), view]));
  // One that is called like its unit is drawn as the unit.
  const drawn = units.flatMap((unit) => views.get(unit.name) ?? []);
  const components = drawn.filter((view) => !nodes.has(view.name));
  for (const view of components)
    nodes.set(view.name, { name: view.name, kind: 'component', state: stateOf(view) });
  const away = components.flatMap(edgesAway);
  for (const { to } of away) nodes.set(to, { name: to, kind: 'elsewhere', state: 'unknown' });
  const edges = [...picture.edges.map(plainEdge), ...away];
  return { nodes: [...nodes.values()], edges: edges.filter(({ from, to }) => from !== to) };
}

/** What it needs on another host, by a name that nothing here has. */
function edgesAway({ name: from, elsewhere = [] }: CheckView): readonly DependencyEdge[] {
  return elsewhere.map((other) => {
    const to = `${other} (on another host)`;
    return { from, to, kind: 'depends on', hard: false };
  });
}

function graphOf(checks: readonly CheckView[]): DependencyGraph {
  const graph = new DependencyGraph(rulesOf(anyVersion));
  for (const unit of checkUnits(checks)) graph.add(unit);
  graph.settle();
  return graph;
}

function plainEdge({ from, to, kind, hard }: PictureEdge): DependencyEdge {
  if (!from.startsWith(prefix)) return { from, to, kind, hard };
  const component = from.slice(prefix.length);
  return to.startsWith(prefix)
    ? { from: component, to: to.slice(prefix.length), kind: 'depends on', hard: false }
    : { from: component, to, kind: hard ? 'is this unit' : 'depends on', hard };
}

function stateOf({ state }: CheckView): DependencyNode['state'] {
  if (state === 'up') return 'running';
  return state === 'down' ? 'missing' : state;
}
