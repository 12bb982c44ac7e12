/** What led to what: edges of units, each with the kind of dependency that it went along. */
export interface Causes {
  add(from: number, to: number, kind: number): void;
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

export function newCauses(): Causes {
  const outgoing = new Map<number, [to: number, kind: number][]>();
  return {
    add(from, to, kind) {
      const list = outgoing.get(from);
      if (list === undefined) outgoing.set(from, [[to, kind]]);
      else list.push([to, kind]);
    },
    ways(root) {
      const before = new Map<number, readonly [from: number, kind: number]>();
      const queue = [root];
      for (let i = 0; i < queue.length; i++) {
        const from = queue[i] as number;
        for (const [to, kind] of outgoing.get(from) ?? []) {
          if (to === root || before.has(to)) continue;
          before.set(to, [from, kind]);
          queue.push(to);
        }
      }
      return { to: (unit) => wayTo(root, unit, before) };
    },
  };
}

function wayTo(
  root: number,
  unit: number,
  before: ReadonlyMap<number, readonly [from: number, kind: number]>,
): Way | undefined {
  const units = [unit];
  const kinds: number[] = [];
  for (let at = unit; at !== root; at = units[0] as number) {
    const step = before.get(at);
    if (step === undefined) return undefined;
    units.unshift(step[0]);
    kinds.unshift(step[1]);
  }
  return { units, kinds };
}
