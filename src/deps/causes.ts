/** What led to what: edges of units, each with the kind of dependency that it went along. */
export interface Causes {
  add(from: number, to: number, kind: number): void;
  /** It led there only in a job that systemd threw away again: told where nothing else is known. */
  addFaint(from: number, to: number, kind: number): void;
  /** Shortest ways from `root` to all that can be reached. */
  ways(root: number): Ways;
}

export interface Ways {
  /** Units from the root to `unit`, both included; undefined where nothing led there. */
  to(unit: number): Way | undefined;
}

export interface Way {
  readonly units: readonly number[];
  /** Kind of each step: one less than units. */
  readonly kinds: readonly number[];
}

type Steps = Map<number, [to: number, kind: number][]>;
type Before = Map<number, readonly [from: number, kind: number]>;

export function newCauses(): Causes {
  const strong: Steps = new Map();
  const faint: Steps = new Map();
  return {
    add: (from, to, kind) => addStep(strong, from, to, kind),
    addFaint: (from, to, kind) => addStep(faint, from, to, kind),
    ways(root) {
      let before: Before | undefined;
      return {
        to(unit) {
          before ??= allFrom(root, strong, faint);
          return wayTo(root, unit, before);
        },
      };
    },
  };
}

function addStep(steps: Steps, from: number, to: number, kind: number): void {
  const list = steps.get(from);
  if (list === undefined) steps.set(from, [[to, kind]]);
  else list.push([to, kind]);
}

function allFrom(root: number, strong: Steps, faint: Steps): Before {
  const before: Before = new Map();
  const reached = spreadOut([root], [strong], root, before);
  if (faint.size > 0) spreadOut(reached, [strong, faint], root, before);
  return before;
}

/** Breadth first: the first way that is found to a unit is a shortest one. */
function spreadOut(
  from: readonly number[],
  along: readonly Steps[],
  root: number,
  before: Before,
): number[] {
  const queue = [...from];
  for (const at of queue) {
    for (const [to, kind] of along.flatMap((steps) => steps.get(at) ?? [])) {
      if (to === root || before.has(to)) continue;
      before.set(to, [at, kind]);
      queue.push(to);
    }
  }
  return queue;
}

function wayTo(root: number, unit: number, before: Before): Way | undefined {
  const units = [unit];
  const kinds: number[] = [];
  for (let at = unit; at !== root; ) {
    const step = before.get(at);
    if (step === undefined) return undefined;
    at = step[0];
    units.push(at);
    kinds.push(step[1]);
  }
  return { units: units.reverse(), kinds: kinds.reverse() };
}
