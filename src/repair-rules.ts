import type { Config } from './config/keys.ts';
import { processSettings } from './config/process-settings.ts';
import type { DependencyGraph } from './deps/graph.ts';
import { canonicalName, repairedBefore, standsOn } from './deps/repair-order.ts';
import type { CheckView } from './model/check.ts';
import { isGlob, matcher } from './model/pattern.ts';
import { unitType, unitTypes, withType } from './model/unit-name.ts';
import type { ProcessRule, Rules } from './restart/engine-contract.ts';

/** What is known of the host while repairs are decided on. */
export interface RulesWorld {
  /** Undefined where dependencies are not tracked, or not read yet. */
  readonly graph: () => DependencyGraph | undefined;
  readonly checks: () => readonly CheckView[];
  /** The unit whose failure took this one down, as far as one is known. */
  readonly rootOf: (unit: string) => string | undefined;
  /** The unit that the agent runs in; empty where it is none. */
  readonly ownUnit: string;
}

/** Names come out of a database: the settings of so many are kept. About 1 KB each. */
const rulesMax = 10_000;

/** What the configuration says to the restart engine. */
export function repairRules(config: Config, world: RulesWorld): Rules {
  const { budget, dry_run: dryRun, never_restart: patterns } = config.restart;
  const never = patterns.map((pattern) => matcher(isGlob(pattern) ? pattern : withType(pattern)));
  return {
    process: processRules(config),
    canonical: (unit) => canonicalName(world.graph(), unit),
    order: (names) => standsOn(names, below(world)),
    orderVersion: versionOf(world.graph),
    ownUnit: world.ownUnit,
    never: (unit) => never.some((matches) => matches(unit)),
    budget: { perHour: budget.max_restarts_per_hour, atOnce: budget.max_restarts_at_once },
    dryRun,
  };
}

/** Another number for each other graph, and for each other structure of one. */
function versionOf(graph: RulesWorld['graph']): () => number {
  let version = 0;
  let of: DependencyGraph | undefined;
  let structure: number | undefined;
  return () => {
    const now = graph();
    if (now !== of || now?.structure !== structure) version += 1;
    of = now;
    structure = now?.structure;
    return version;
  };
}

function processRules(config: Config): (name: string) => ProcessRule {
  const { processes } = config.restart;
  const byUnit = new Map<string, string>();
  for (const [name, { unit }] of processes)
    if (unit !== undefined) byUnit.set(withType(unit), name);
  const known = new Map<string, ProcessRule>();
  /** Findings and states of units come with the unit's name, which an entry may have in short. */
  const entryOf = (name: string): string => {
    const short = name.replace(/\.service$/, '');
    return processes.has(name) ? name : (byUnit.get(name) ?? (processes.has(short) ? short : name));
  };
  return (name) => {
    const found = known.get(name) ?? processRule(config, entryOf(name));
    if (known.size >= rulesMax) known.clear();
    known.set(name, found);
    return found;
  };
}

function processRule(config: Config, entry: string): ProcessRule {
  const own = config.restart.processes.get(entry);
  const settings = processSettings(config, entry);
  if (own === undefined) return { settings, named: false };
  // An entry that is called `dbus.service` names that unit as much as `unit: dbus.service` does.
  const isFull = unitTypes.has(unitType(entry)) && settings.unit === '';
  const unit = isFull && settings.strategy !== 'process' ? entry : settings.unit;
  const named = unit !== '' || own.match !== undefined || settings.strategy === 'custom';
  return { settings: { ...settings, unit }, named };
}

/** What a unit or a component stands on directly. */
function below(world: RulesWorld): (name: string) => readonly string[] {
  const checks = world.checks();
  const unitOf = new Map(checks.map(({ name, unit }) => [name, unit || name]));
  const ofChecks = new Map<string, string[]>();
  for (const { name, unit, dependsOn } of checks) {
    const others = dependsOn.map((other) => unitOf.get(other) ?? withType(other));
    for (const one of new Set([name, unit || name]))
      ofChecks.set(one, [...(ofChecks.get(one) ?? []), ...others]);
  }
  const graph = world.graph();
  return (name) => {
    const root = world.rootOf(name);
    return [
      ...repairedBefore(graph, name),
      ...(ofChecks.get(name) ?? []),
      ...(root === undefined ? [] : [root]),
    ];
  };
}
