import { engineLimits, type UnitFact } from './engine-contract.ts';
import type { Core } from './engine-state.ts';

/**
 * Why a unit is not there: systemd has unloaded it, and perhaps loads it again; it knows no such unit
 * any more; nobody follows it any more.
 */
export type GoneFor = 'unloaded' | 'unknown' | 'unfollowed';

/** Notes a unit's state; see `Engine.unit`. @returns whether something may follow from it */
export function unitIs(core: Core, name: string, fact: UnitFact, run: string): boolean {
  const { units } = core;
  const known = units.get(name);
  const isOther = run !== '' && known !== undefined && known.run !== '' && known.run !== run;
  if (fact === 'auto_restart' || fact === 'stopped_by_hand') {
    units.delete(name);
    units.set(name, { fact, run });
    const [oldest] = units.keys();
    if (units.size > engineLimits.units && oldest !== undefined) units.delete(oldest);
  } else if (known?.fact === 'auto_restart' || fact !== 'down' || isOther) {
    units.delete(name);
  }
  const news = units.get(name);
  if (known?.fact === news?.fact && known?.run === news?.run) return false;
  if (known?.fact === 'stopped_by_hand' || fact === 'stopped_by_hand') core.dirty = true;
  return true;
}

/** A unit is not there any more. @returns whether something may follow from it */
export function unitGone(core: Core, name: string, why: GoneFor): boolean {
  const known = core.units.get(name);
  if (known === undefined) return false;
  const isByHand = known.fact === 'stopped_by_hand';
  // systemd unloads what is stopped; it stays stopped by hand until it has another run.
  if (isByHand && why !== 'unfollowed') return false;
  core.units.delete(name);
  if (isByHand) core.dirty = true;
  return true;
}
