import type { CheckState } from '../../model/check.ts';
import type { Component } from '../../model/platform.ts';
import type { UnitView } from '../../model/unit.ts';

/** What a look at the host has shown of one component. */
export interface Seen {
  /** Processes that match. */
  readonly found: number;
  /** Why that number cannot be relied on; empty where it can. */
  readonly doubt: string;
}

/** What a check says about one component. */
export interface Judgement {
  readonly state: CheckState;
  /** In a few words; empty where it is well. */
  readonly reason: string;
  /** What it depends on and does not run. */
  readonly waitsFor: readonly string[];
}

const well: Judgement = { state: 'running', reason: '', waitsFor: [] };

/** By its processes alone. Enough are enough, whatever else there may be; too few in doubt are not known. */
export function judgeProcesses({ min, max }: Component, { found, doubt }: Seen): Judgement {
  const reason = `${found} of ${found > max ? max : min} processes`;
  if (found > max) return { ...well, state: 'too_many', reason };
  if (found >= min) return well;
  if (doubt !== '') return { ...well, state: 'unknown', reason: doubt };
  return { ...well, state: 'missing', reason };
}

/** By systemd's word. */
export function judgeUnit(unit: UnitView | undefined): Judgement {
  if (unit === undefined)
    return { ...well, state: 'unknown', reason: 'systemd has not told of it' };
  if (unit.missing || unit.loadState === 'not-found') {
    return { ...well, state: 'missing', reason: 'systemd knows no such unit' };
  }
  switch (unit.state.activeState) {
    case 'active':
    case 'reloading':
    case 'refreshing':
      return well;
    default:
      return { ...well, state: 'missing', reason: unit.state.activeState };
  }
}

/**
 * The same with what it depends on: one that runs is degraded while something below it, directly or
 * not, does not run. What nobody can see does not count against it.
 *
 * @param needs names of all that a component depends on and this host has
 */
export function withDependencies(
  judgements: ReadonlyMap<string, Judgement>,
  needs: (name: string) => readonly string[],
): ReadonlyMap<string, Judgement> {
  const judged = new Map<string, Judgement>();
  for (const [name, judgement] of judgements) {
    const waitsFor = needs(name).filter((other) => judgements.get(other)?.state === 'missing');
    const isDegraded = judgement.state === 'running' && waitsFor.length > 0;
    judged.set(
      name,
      isDegraded
        ? { state: 'degraded', reason: `does not run: ${waitsFor.join(', ')}`, waitsFor }
        : { ...judgement, waitsFor },
    );
  }
  return judged;
}
