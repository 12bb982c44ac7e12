import type { DependencyEdge, DependencyNode, DependencyPicture } from '../../model/status.ts';

/** More than these cannot be read, and the list has them all. */
const nodesMax = 60;
/** Steps from the unit in the middle, up and down. */
const depthMax = 3;
const perRow = 4;

export const box = { width: 200, height: 34, gapX: 16, gapY: 44, gapRow: 12 } as const;

export interface Placed {
  readonly node: DependencyNode;
  readonly x: number;
  readonly y: number;
  readonly isRoot: boolean;
}

export interface Layout {
  /** Boxes in its longest row: 1 to 4. */
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Placed[];
  /** Among those nodes only. */
  readonly edges: readonly (DependencyEdge & { readonly a: Placed; readonly b: Placed })[];
  /** Nodes that found no place. */
  readonly leftOut: number;
}

/**
 * Places a unit, what needs it above it and what it needs below it, a layer a step, at most four
 * boxes in a row. A unit that is both is placed above. Within a layer a unit stands near those that
 * it is tied to: its place is the mean of theirs in the layer before (the barycenter heuristic of
 * Sugiyama, Tagawa and Toda, 1981).
 */
export function layout(root: string, { nodes, edges }: DependencyPicture): Layout {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const needs = new Map<string, string[]>();
  const neededBy = new Map<string, string[]>();
  for (const { from, to } of edges) {
    if (!byName.has(from) || !byName.has(to) || from === to) continue;
    push(needs, from, to);
    push(neededBy, to, from);
  }
  const taken = new Set([root]);
  const above: string[][] = [];
  const below: string[][] = [];
  // Level by level on both sides, so that what is near has its place before what is far.
  for (let step = 0; step < depthMax; step++) {
    above.push(nextLayer(above.at(-1) ?? [root], neededBy, taken));
    below.push(nextLayer(below.at(-1) ?? [root], needs, taken));
  }
  const layers = [...above.reverse(), [root], ...below].filter((layer) => layer.length > 0);
  const columns = Math.max(...layers.map(({ length }) => Math.ceil(length / rowsOf(length))));
  const placed = place(layers, byName, root, columns);
  const drawn = edges.flatMap((edge) => {
    const a = placed.get(edge.from);
    const b = placed.get(edge.to);
    return a && b && a !== b ? [{ ...edge, a, b }] : [];
  });
  const all = [...placed.values()];
  return {
    columns,
    width: columns * (box.width + box.gapX) - box.gapX,
    height: Math.max(...all.map(({ y }) => y)) + box.height,
    nodes: all,
    edges: drawn,
    leftOut: nodes.length - all.length,
  };
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** The neighbours of a layer that have no place yet, each where the mean of its own is. */
function nextLayer(
  layer: readonly string[],
  ties: ReadonlyMap<string, readonly string[]>,
  taken: Set<string>,
): string[] {
  const places = new Map<string, { sum: number; count: number }>();
  for (const [i, name] of layer.entries()) {
    for (const other of ties.get(name) ?? []) {
      const place = places.get(other);
      if (place) {
        place.sum += i;
        place.count += 1;
      } else if (!taken.has(other) && taken.size < nodesMax) {
        taken.add(other);
        places.set(other, { sum: i, count: 1 });
      }
    }
  }
  return [...places]
    .map(([name, { sum, count }]) => ({ name, at: sum / count }))
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

function rowsOf(length: number): number {
  return Math.ceil(length / perRow);
}

function place(
  layers: readonly (readonly string[])[],
  byName: ReadonlyMap<string, DependencyNode>,
  root: string,
  columns: number,
): Map<string, Placed> {
  const placed = new Map<string, Placed>();
  let y = 0;
  for (const layer of layers) {
    const rows = rowsOf(layer.length);
    // Rows of equal length look calmer than a full one and a rest.
    const length = Math.ceil(layer.length / rows);
    for (const [i, name] of layer.entries()) {
      const inRow = Math.min(length, layer.length - Math.floor(i / length) * length);
      const free = (columns - inRow) * (box.width + box.gapX);
      const node = byName.get(name) ?? { name, kind: 'unit', state: 'down' };
      placed.set(name, {
        node,
        x: free / 2 + (i % length) * (box.width + box.gapX),
        y: y + Math.floor(i / length) * (box.height + box.gapRow),
        isRoot: name === root,
      });
    }
    y += rows * (box.height + box.gapRow) - box.gapRow + box.gapY;
  }
  return placed;
}
