import { unitType } from '../model/unit-name.ts';
import type { DependencyGraph } from './graph.ts';
import type { Affected, Impact } from './impact.ts';
import { kindSet, needs } from './kinds.ts';

const wants = kindSet('Wants', 'TriggeredBy');

/** What DefaultDependencies= ties every unit to. */
const defaults: ReadonlySet<string> = new Set(['sysinit.target', 'basic.target']);

/**
 * Names of the units that `unit` depends on, the nearest first, what it needs before what it only
 * wants, up to `depth` steps. Left out is what everything depends on: slices, what can never stop,
 * what DefaultDependencies= adds.
 * Targets only group: what they want is not part of the chain. Empty for an unknown unit.
 */
export function chainAbove(graph: DependencyGraph, unit: string, depth: number): string[] {
  const root = graph.find(unit);
  if (root === undefined) return [];
  const seen = new Set([root]);
  let level = [root];
  for (let step = 0; step < depth && level.length > 0; step++) {
    const next: number[] = [];
    for (const other of level.flatMap((at) => stepsUp(graph, at, at === root))) {
      if (seen.has(other) || isEverywhere(graph, other)) continue;
      seen.add(other);
      next.push(other);
    }
    level = next;
  }
  return [...seen].slice(1).map((other) => graph.name(other));
}

function stepsUp(graph: DependencyGraph, unit: number, isRoot: boolean): number[] {
  const isGroup = unitType(graph.name(unit)) === 'target' && !isRoot;
  const needed = [...graph.others(unit, needs)];
  return isGroup ? needed : [...needed, ...graph.others(unit, wants)];
}

function isEverywhere(graph: DependencyGraph, unit: number): boolean {
  const { settings, loadState } = graph.facts(unit);
  const name = graph.name(unit);
  if (settings.perpetual || loadState !== 'loaded') return true;
  return defaults.has(name) || unitType(name) === 'slice';
}

/** How many suffer, and who they are. */
export interface Suffering {
  /** All of them. */
  readonly count: number;
  /** Those up to the depth that was asked for, the nearest first, `namesMax` at the most. */
  readonly names: readonly string[];
}

/** Names of both kinds with long ones among them still fit in a line of 64 KiB. */
const namesMax = 100;

/**
 * Who suffers. `hard`: systemd stops or restarts them, or they stay up without what they need.
 * `soft`: they stay up without what they want, or can no longer be started.
 */
export interface Affects {
  readonly hard: Suffering;
  readonly soft: Suffering;
}

/** An impact in short, for an event. */
export function affectsOf(impact: Impact, depth: number): Affects {
  const { stopped, restarted, degraded, blocked } = impact;
  const hard = [...stopped, ...restarted, ...degraded.filter((one) => one.hard)];
  const named = new Set(hard.map((one) => one.unit));
  const soft = [...degraded.filter((one) => !one.hard), ...blocked];
  return {
    hard: suffering(hard, depth),
    soft: suffering(
      soft.filter((one) => !named.has(one.unit)),
      depth,
    ),
  };
}

function suffering(all: readonly Affected[], depth: number): Suffering {
  const near = all.filter(({ path }) => path.length - 1 <= depth);
  near.sort((a, b) => a.path.length - b.path.length);
  return { count: all.length, names: near.slice(0, namesMax).map(({ unit }) => unit) };
}
