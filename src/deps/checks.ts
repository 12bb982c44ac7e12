import type { CheckState, CheckView } from '../model/check.ts';
import { defaultSettings, type UnitDependencies } from '../model/dependencies.ts';
import type { ActiveState } from '../model/unit.ts';
import { withType } from '../model/unit-name.ts';

/** The name under which a check stands in the graph. */
export function checkNode(name: string): string {
  return `check:${name}`;
}

/**
 * Checks as nodes of the graph: they want what they depend on, which is other checks or units, and
 * need the unit that they look at. systemd knows nothing of them: they are never stopped, but suffer.
 */
export function checkUnits(checks: readonly CheckView[]): UnitDependencies[] {
  const names = new Set(checks.map(({ name }) => name));
  return checks.map(({ name, state, dependsOn, unit }) => ({
    name: checkNode(name),
    aliases: [],
    loadState: 'loaded',
    activeState: activeStates[state],
    subState: state,
    lists: {
      Wants: dependsOn.map((other) => (names.has(other) ? checkNode(other) : withType(other))),
      Requires: unit === undefined ? [] : [unit],
    },
    slice: '',
    cgroup: '',
    settings: { ...defaultSettings, canStart: false, canStop: false },
  }));
}

/**
 * What is not known, as before the first look, may run and suffer. That it does run is no event, and
 * would be learned only with its first change.
 */
const activeStates: Readonly<Record<CheckState, ActiveState>> = {
  running: 'active',
  up: 'active',
  degraded: 'active',
  too_many: 'active',
  missing: 'failed',
  down: 'failed',
  unknown: 'active',
};
