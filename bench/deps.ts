import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { DependencyGraph } from '../src/deps/graph.ts';
import { impactOf, triggers } from '../src/deps/impact.ts';
import {
  type DependencyProperty,
  defaultSettings,
  type UnitDependencies,
} from '../src/model/dependencies.ts';
import { seeded } from '../test/deps/random-graph.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

const unitCount = 10_000;
const edgeCount = 60_000;

/** The kinds that are drawn, as often as they stand here. */
const drawn: readonly DependencyProperty[] = [
  ...['Requires', 'Requires', 'Wants', 'Wants', 'BindsTo', 'PartOf', 'Upholds', 'Conflicts'],
  ...['After', 'After', 'After', 'After', 'OnFailure', 'PropagatesStopTo', 'Requisite', 'Triggers'],
] as DependencyProperty[];

/**
 * Units as they are on a host: what systemd adds to each service by itself, and the rest drawn. All
 * are up; those that others conflict with are not.
 */
function manyUnits(): UnitDependencies[] {
  const random = seeded(4);
  const name = (i: number) => (i < 3 ? hubs[i] : `unit-${i}.service`) as string;
  const below = (n: number) => Math.floor(random() * n);
  const drawnEach = edgeCount / unitCount - 4;
  const conflicting = new Set(['shutdown.target']);
  const all = Array.from({ length: unitCount }, (_, i) => {
    const lists: Partial<Record<DependencyProperty, string[]>> =
      i < 3
        ? {}
        : {
            Requires: ['sysinit.target'],
            After: ['sysinit.target', 'basic.target'],
            Conflicts: ['shutdown.target'],
          };
    for (let k = 0; k < drawnEach; k++) {
      const kind = drawn[below(drawn.length)] as DependencyProperty;
      // Mostly neighbours, and orderings one way, as in a system that has grown in layers.
      const other = Math.max(3, i - 1 - below(random() < 0.9 ? 30 : i + 1));
      if (kind === 'Conflicts') conflicting.add(name(other));
      lists[kind] = [...(lists[kind] ?? []), name(other)];
    }
    return { name: name(i), lists };
  });
  return all.map((unit) => ({
    ...unit,
    aliases: [],
    loadState: 'loaded',
    activeState: conflicting.has(unit.name) ? 'inactive' : 'active',
    subState: conflicting.has(unit.name) ? 'dead' : 'running',
    slice: 'system.slice',
    cgroup: `/system.slice/${unit.name}`,
    settings: { ...defaultSettings, serviceType: 'simple', restart: 'no' },
  }));
}

const hubs = ['sysinit.target', 'basic.target', 'shutdown.target'];

/** Builds the graph several times, asks for the impact of a thousand units each way. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  const units = manyUnits();
  const builds = Array.from({ length: 7 }, () => timed(() => built(units)).ms);
  rows.push({
    name: 'graph built from decoded replies',
    value: median(builds),
    unit: 'ms',
    note: `${unitCount} units, ${built(units).edgeCount} edges; median of ${builds.length}, first ${builds[0]?.toFixed(0)}`,
  });
  const { graph, bytes } = memoryOf();
  rows.push({ name: 'memory of a unit', value: bytes, unit: 'B', note: 'heap and buffers' });
  const random = seeded(5);
  const names = Array.from(
    { length: 1_000 },
    () => `unit-${3 + Math.floor(random() * 9_990)}.service`,
  );
  let hash = 0;
  for (const on of triggers) {
    for (const name of names.slice(0, 100)) impactOf(graph, name, on);
    const times = names.map((name) => {
      const tries = Array.from({ length: 3 }, () => timed(() => impactOf(graph, name, on)));
      const { ms, value } = tries.sort((a, b) => a.ms - b.ms)[0] as (typeof tries)[0];
      hash = (hash * 31 + (value?.stopped.length ?? 0) + (value?.restarted.length ?? 0)) | 0;
      return ms;
    });
    times.sort((a, b) => a - b);
    rows.push({
      name: `impact of ${on}`,
      value: median(times),
      unit: 'ms',
      note: `best of 3 for each; p99 ${times[989]?.toFixed(2)}, worst ${times[999]?.toFixed(2)}; answers ${hash >>> 0}`,
    });
  }
  return rows;
}

function built(units: readonly UnitDependencies[]): DependencyGraph {
  const graph = new DependencyGraph();
  graph.replaceAll(units);
  return graph;
}

/** Needs --expose-gc to be exact; without it what is left of the replies is counted too. */
function memoryOf(): { graph: DependencyGraph; bytes: number } {
  // Only the graph is to be left: the replies are made, used and let go in here.
  const graph = new DependencyGraph();
  const before = settled();
  graph.replaceAll(structuredClone(manyUnits()));
  return { graph, bytes: Math.round((settled() - before) / unitCount) };
}

function settled(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function timed<T>(work: () => T): { ms: number; value: T } {
  const begun = performance.now();
  const value = work();
  return { ms: performance.now() - begun, value };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

if (pathToFileURL(argv[1] ?? '').href === import.meta.url)
  for (const row of await bench())
    process.stdout.write(`${row.name}: ${row.value.toFixed(3)} ${row.unit} (${row.note})\n`);
