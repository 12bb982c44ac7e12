/** A unit on the path of the search, and which of its edges comes next. */
interface Step {
  readonly unit: number;
  at: number;
}

interface Search {
  /** When each unit was met, and the earliest one on the path that it leads back to. */
  readonly met: Map<number, number>;
  readonly back: Map<number, number>;
  readonly open: number[];
  readonly circle: Map<number, number>;
  circles: number;
}

/**
 * Number of the circle (strongly connected component) of each unit, Tarjan's algorithm with a stack
 * of its own. Numbers rise from those that lead nowhere: an edge leads to a smaller number or stays.
 *
 * @param next where the `at`-th edge of a unit leads; undefined behind the last
 */
export function circlesOf(
  units: readonly number[],
  next: (unit: number, at: number) => number | undefined,
): Map<number, number> {
  const search: Search = {
    met: new Map(),
    back: new Map(),
    open: [],
    circle: new Map(),
    circles: 0,
  };
  for (const unit of units) if (!search.met.has(unit)) searchFrom(search, unit, next);
  return search.circle;
}

function searchFrom(
  search: Search,
  first: number,
  next: (unit: number, at: number) => number | undefined,
): void {
  const path = [meet(search, first)];
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const to = next(step.unit, step.at++);
    if (to === undefined) {
      path.pop();
      close(search, step.unit);
      const parent = path.at(-1);
      if (parent) leadsBack(search, parent.unit, search.back.get(step.unit));
    } else if (!search.met.has(to)) {
      path.push(meet(search, to));
    } else if (!search.circle.has(to)) {
      leadsBack(search, step.unit, search.met.get(to));
    }
  }
}

function meet(search: Search, unit: number): Step {
  search.back.set(unit, search.met.size);
  search.met.set(unit, search.met.size);
  search.open.push(unit);
  return { unit, at: 0 };
}

function leadsBack(search: Search, unit: number, to = 0): void {
  search.back.set(unit, Math.min(search.back.get(unit) ?? 0, to));
}

/** All is known of the unit: where it leads back to nobody before it, it closes a circle. */
function close(search: Search, unit: number): void {
  if (search.back.get(unit) !== search.met.get(unit)) return;
  for (let member = search.open.pop(); member !== undefined; member = search.open.pop()) {
    search.circle.set(member, search.circles);
    if (member === unit) break;
  }
  search.circles++;
}
