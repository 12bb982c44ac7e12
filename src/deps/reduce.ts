import { circlesOf } from './circles.ts';

/** An edge of a picture, between numbers of units. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
  /** It cannot do without. */
  readonly hard: boolean;
}

/**
 * Leaves out what is said already: an edge from a to c where a needs b and b needs c. A hard edge is
 * only left out for a way of hard ones. Edges within a circle all stay, since in one everything
 * leads to everything.
 */
export function reduced(edges: readonly Edge[]): Edge[] {
  const keptHard = new Set(reduction(edges.filter(({ hard }) => hard)));
  const keptAny = new Set(reduction(edges));
  return edges.filter((edge) => (edge.hard ? keptHard.has(edge) : keptAny.has(edge)));
}

function reduction(edges: readonly Edge[]): Edge[] {
  const outgoing = new Map<number, Edge[]>();
  for (const edge of edges) {
    const list = outgoing.get(edge.from);
    if (list === undefined) outgoing.set(edge.from, [edge]);
    else list.push(edge);
  }
  const circle = circlesOf([...outgoing.keys()], (unit, at) => outgoing.get(unit)?.[at]?.to);
  return [...outgoing.values()].flatMap((list) => reductionOf(list, outgoing, circle));
}

/** Of one unit's edges, those that no other one of them leads to. */
function reductionOf(
  list: readonly Edge[],
  outgoing: ReadonlyMap<number, readonly Edge[]>,
  circle: ReadonlyMap<number, number>,
): Edge[] {
  const own = circle.get(list[0]?.from ?? -1);
  // Circles are numbered from those that lead nowhere upwards: the highest leads furthest.
  const order = [...list].sort((a, b) => (circle.get(b.to) ?? 0) - (circle.get(a.to) ?? 0));
  const reached = new Set<number>();
  const direct = new Set<number>();
  return order.filter(({ from, to }) => {
    if (circle.get(to) === own) return true;
    if (reached.has(to)) return direct.has(to);
    direct.add(to);
    const stack = [to];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (reached.has(at) || at === from) continue;
      reached.add(at);
      for (const next of outgoing.get(at) ?? []) stack.push(next.to);
    }
    return true;
  });
}
