import type { Way } from './causes.ts';
import { kindOf, otherOf } from './graph.ts';
import { atoms, kindNumber, kindSet } from './kinds.ts';
import type { Simulation } from './simulation.ts';
import { isDown } from './states.ts';

const requisiteOf = kindNumber.RequisiteOf;
const pulling = kindSet('Requires', 'BindsTo', 'Wants', 'Upholds');

/**
 * Units that are down at the end and that systemd cannot start any more: those whose Requisite= went
 * down and is not brought up by their own start, and those that need one of these. Everything else
 * pulls in what it needs when it is started. Each with the way from the unit that went down.
 */
export function blockedUnits(sim: Simulation, gone: readonly number[], root: number): Way[] {
  const ways = new Map<number, Way>();
  const queue: number[] = [];
  const block = (unit: number, way: Way): void => {
    if (unit === root || ways.has(unit) || !isDown(sim.states[unit] as number)) return;
    if (sim.graph.facts(unit).loadState !== 'loaded') return;
    ways.set(unit, way);
    queue.push(unit);
  };
  for (const unit of gone) {
    for (const edge of sim.graph.edges[unit] as number[]) {
      const other = otherOf(edge);
      if (kindOf(edge) === requisiteOf && !isPulledInBy(sim, other, unit))
        block(other, { units: [unit, other], kinds: [requisiteOf] });
    }
  }
  for (let i = 0; i < queue.length; i++) {
    const unit = queue[i] as number;
    const way = ways.get(unit) as Way;
    for (const edge of sim.graph.edges[unit] as number[]) {
      const kind = kindOf(edge);
      if ((atoms.startFailure >>> kind) & 1)
        block(otherOf(edge), {
          units: [...way.units, otherOf(edge)],
          kinds: [...way.kinds, kind],
        });
    }
  }
  return [...ways.values()];
}

/** Whether starting `unit` also starts `needed`: then its Requisite= is met. */
function isPulledInBy(sim: Simulation, unit: number, needed: number): boolean {
  const seen = new Set([unit]);
  for (const at of seen) {
    for (const other of sim.graph.others(at, pulling)) {
      if (other === needed) return true;
      // What is up already is not started again, and pulls in nothing.
      if (isDown(sim.states[other] as number)) seen.add(other);
    }
  }
  return false;
}
