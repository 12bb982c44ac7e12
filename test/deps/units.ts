import { DependencyGraph } from '../../src/deps/graph.ts';
import { rulesOf } from '../../src/deps/versions.ts';
import {
  type DependencyProperty,
  defaultSettings,
  dependencyProperties,
  type UnitDependencies,
  type UnitSettings,
} from '../../src/model/dependencies.ts';
import type { ActiveState } from '../../src/model/unit.ts';
import { unitType } from '../../src/model/unit-name.ts';

/**
 * One unit in short: `Requires=b.service After=b.service Restart=always down`. Words without `=` are
 * its state: `down`, `failed`, `exited` (up without a process), `auto-restart`, `not-found`.
 */
export function unit(name: string, words = ''): UnitDependencies {
  const lists: Partial<Record<DependencyProperty, string[]>> = {};
  let settings: UnitSettings = {
    ...defaultSettings,
    serviceType: unitType(name) === 'service' ? 'simple' : '',
  };
  let state = 'up';
  let slice = '';
  for (const word of words.split(' ').filter(Boolean)) {
    const [key = '', value] = word.split('=');
    const property = dependencyProperties.find((known) => known === key);
    if (value === undefined) state = key;
    else if (key === 'Slice') slice = value;
    else if (property) lists[property] = [...(lists[property] ?? []), value];
    else settings = { ...settings, ...setting(key, value) };
  }
  return {
    name,
    aliases: [],
    loadState: state === 'not-found' ? 'not-found' : 'loaded',
    activeState: activeStates[state] ?? 'active',
    subState: state === 'up' ? 'running' : state,
    lists,
    slice,
    cgroup: '',
    settings,
  };
}

const activeStates: Readonly<Record<string, ActiveState>> = {
  down: 'inactive',
  'not-found': 'inactive',
  failed: 'failed',
  'auto-restart': 'activating',
};

function setting(key: string, value: string): Partial<UnitSettings> {
  switch (key) {
    case 'Restart':
      return { restart: value };
    case 'RestartMode':
      return { restartMode: value };
    case 'Type':
      return { serviceType: value };
    case 'RemainAfterExit':
      return { remainAfterExit: value === 'yes' };
    case 'StopWhenUnneeded':
      return { stopWhenUnneeded: value === 'yes' };
    case 'RefuseManualStop':
      return { refuseManualStop: value === 'yes' };
    case 'Perpetual':
      return { perpetual: value === 'yes', canStop: value !== 'yes' };
    default:
      throw new Error(`units.ts does not know ${key}=`);
  }
}

export type UnitTable = Readonly<Record<string, string>>;

/** A graph of such units, by name; of the systemd version that is given, or of the newest. */
export function graphOf(units: UnitTable, version = 0): DependencyGraph {
  const graph = new DependencyGraph(rulesOf(version));
  graph.replaceAll(Object.entries(units).map(([name, words]) => unit(name, words)));
  return graph;
}
