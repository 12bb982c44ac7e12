import type { Way } from './causes.ts';
import { kindOf, otherOf } from './graph.ts';
import { type KindSet, kindSet } from './kinds.ts';
import type { Simulation } from './simulation.ts';
import { isUp } from './states.ts';

const hardKinds = kindSet('RequiredBy', 'RequisiteOf', 'BoundBy');
/** A socket, timer or path that is gone no longer starts what it triggers. */
const softKinds = kindSet('WantedBy', 'UpheldBy', 'Triggers');

/**
 * Units that stay up, untouched, although something that they need or want has gone down; with the
 * step from that to them, and whether they need it.
 */
export function degradedUnits(
  sim: Simulation,
  gone: readonly number[],
  touched: ReadonlySet<number>,
): { readonly way: Way; readonly hard: boolean }[] {
  const found = new Map<number, { way: Way; hard: boolean }>();
  for (const unit of gone) {
    for (const edge of sim.graph.edges[unit] as number[]) {
      const kind = kindOf(edge);
      const other = otherOf(edge);
      if (!isIn(hardKinds | softKinds, kind) || touched.has(other)) continue;
      const hard = isIn(hardKinds, kind);
      const isNews = !found.has(other) || (hard && !found.get(other)?.hard);
      if (isNews && isUp(sim.states[other] as number))
        found.set(other, { way: { units: [unit, other], kinds: [kind] }, hard });
    }
  }
  return [...found.values()];
}

function isIn(set: KindSet, kind: number): boolean {
  return ((set >>> kind) & 1) === 1;
}
