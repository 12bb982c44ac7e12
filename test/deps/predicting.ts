import assert from 'node:assert/strict';
import { busTargets } from '../../src/collector/address.ts';
import { type Bus, connectBus } from '../../src/collector/bus.ts';
import { readUnitDependencies } from '../../src/collector/dependencies.ts';
import { SignalConnection } from '../../src/collector/signals.ts';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { type Cause, causesOf, type Happened } from '../../src/deps/cause.ts';
import { DependencyGraph } from '../../src/deps/graph.ts';
import { type Impact, impactOf, type Trigger, triggers } from '../../src/deps/impact.ts';
import { majorVersion, rulesOf } from '../../src/deps/versions.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import { unitPath } from '../../src/model/unit-name.ts';
import { sleep } from '../bed.ts';
import { type RandomGraph, seeded } from './random-graph.ts';

/** A connection to a bed's bus, for looking at many units at once. */
export interface Observer {
  graph(): Promise<DependencyGraph>;
  /** State and InvocationID of each unit. */
  states(names: readonly string[]): Promise<Map<string, UnitState>>;
  /** Waits until no unit has a job or is between two states; fails after a while. */
  quiet(): Promise<void>;
  close(): void;
}

export async function observe(bed: ThrowAwaySystemd): Promise<Observer> {
  const [target = { path: '' }] = busTargets(bed.busAddress);
  const connection = await SignalConnection.open({
    target,
    uid: 0,
    bufferBytes: 4_194_304,
    sink: {
      find: () => undefined,
      changed: () => {},
      unitNew: () => {},
      unitRemoved: () => {},
      jobRemoved: () => {},
      reloading: () => {},
      ownerChanged: () => {},
      overflow: () => {},
    },
  });
  const bus = await connectBus(target, { callsTimedOut: 0, callsFailed: 0 });
  const version = await bed.systemctl('--version');
  const rules = rulesOf(majorVersion(version));
  return {
    graph: async () => {
      const names = (await list(bus)).map(([name]) => name);
      const graph = new DependencyGraph(rules);
      const units = await readUnitDependencies(connection, names);
      assert.equal(units.length, names.length, 'every unit could be read');
      graph.replaceAll(units);
      return graph;
    },
    states: async (names) => {
      const found = new Map<string, UnitState>();
      // dbus-daemon refuses more than 128 calls under way.
      for (let i = 0; i < names.length; i += 64)
        await Promise.all(names.slice(i, i + 64).map((name) => readState(connection, name, found)));
      assert.equal(found.size, names.length, 'every unit could be read');
      return found;
    },
    quiet: () => untilQuiet(bus),
    close: () => {
      connection.close('done');
      bus.close();
    },
  };
}

function readState(
  connection: Pick<SignalConnection<never>, 'getAll'>,
  name: string,
  into: Map<string, UnitState>,
): Promise<void> {
  return new Promise((resolve) => {
    connection.getAll(unitPath(name), (reply) => {
      const state = newUnitState();
      const facts = { loadState: '', cgroup: '', restartPolicy: '' };
      if (reply.kind === 'properties' && reply.readInto(state, facts)) into.set(name, state);
      resolve();
    });
  });
}

type Row = readonly [name: string, active: string, sub: string, job: number];

async function list(bus: Bus): Promise<Row[]> {
  const [rows] = await bus.call({
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member: 'ListUnits',
  });
  return (rows as unknown[][]).map((row) => [
    String(row[0]),
    String(row[3]),
    String(row[4]),
    Number(row[7]),
  ]);
}

/** A unit between two states is one that will change by itself. */
const passing = new Set(['activating', 'deactivating', 'reloading']);

async function untilQuiet(bus: Bus): Promise<void> {
  const deadline = Date.now() + 30_000;
  let before = '';
  for (;;) {
    const rows = await list(bus);
    const now = JSON.stringify(rows);
    const busy = rows.filter(([, active, , job]) => passing.has(active) || job !== 0);
    if (busy.length === 0 && now === before) return;
    if (Date.now() > deadline)
      throw new Error(`no quiet within 30 s: ${JSON.stringify(busy.slice(0, 5))}`);
    before = now;
    await sleep(60);
  }
}

/** What was foretold and what came; equal where the prediction was right. */
export interface Trial {
  readonly seed: number;
  readonly unit: string;
  readonly on: Trigger;
  readonly predicted: Impact;
  readonly stopped: readonly string[];
  readonly restarted: readonly string[];
  readonly isRight: boolean;
  /** For a crash: the causes that were found for all that happened. */
  readonly causes: readonly Cause[];
}

const isUp = (state: UnitState | undefined) =>
  state?.activeState === 'active' || state?.activeState === 'reloading';

const invocation = (s: UnitState | undefined) =>
  `${s?.invocation0},${s?.invocation1},${s?.invocation2},${s?.invocation3}`;

/**
 * For each graph, which all run at once in a bed and have nothing to do with each other: draws a
 * unit that is up, foretells what happens when it is stopped, killed or restarted, does that, and
 * looks what happened.
 */
export async function tryOut(
  bed: ThrowAwaySystemd,
  observer: Observer,
  graphs: readonly RandomGraph[],
): Promise<Trial[]> {
  for (const graph of graphs)
    for (const [name, text] of Object.entries(graph.units)) bed.writeUnit(name, text);
  await bed.systemctl('daemon-reload');
  const trials: Trial[] = [];
  for (const on of triggers) {
    await bringUp(bed, graphs);
    await observer.quiet();
    trials.push(...(await round(bed, observer, graphs, on)));
  }
  await cleanUp(bed, observer, graphs);
  return trials;
}

async function round(
  bed: ThrowAwaySystemd,
  observer: Observer,
  graphs: readonly RandomGraph[],
  on: Trigger,
): Promise<Trial[]> {
  const names = graphs.flatMap((graph) => Object.keys(graph.units));
  const before = await observer.states(names);
  const known = await observer.graph();
  const chosen = graphs.flatMap((graph) => {
    const random = seeded(graph.seed * 31 + triggers.indexOf(on));
    const able = Object.keys(graph.units).filter((name) => mayHappen(before.get(name), on));
    // Where systemd itself leaves it to chance, and the prediction says so, there is nothing to try.
    while (able.length > 0) {
      const [unit = ''] = able.splice(Math.floor(random() * able.length), 1);
      const predicted = impactOf(known, unit, on);
      assert.ok(predicted, `${unit} is in the graph`);
      if (predicted.chance) chances.push(`${on} ${unit}`);
      else return [{ graph, unit, predicted }];
    }
    return [];
  });
  const actedUs = Date.now() * 1_000;
  await act(
    bed,
    on,
    chosen.map(({ unit }) => unit),
  );
  await observer.quiet();
  const after = await observer.states(names);
  return chosen.map(({ graph, unit, predicted }) => {
    const others = Object.keys(graph.units).filter((name) => name !== unit);
    const were = others.filter((name) => isUp(before.get(name)));
    const stopped = were.filter((name) => !isUp(after.get(name)));
    const restarted = were.filter(
      (name) =>
        isUp(after.get(name)) && invocation(before.get(name)) !== invocation(after.get(name)),
    );
    const isRight =
      sameNames(stopped, predicted.stopped) && sameNames(restarted, predicted.restarted);
    const causes =
      on === 'crash' ? causesOf(known, happened(graph, unit, actedUs, before, after)) : [];
    return { seed: graph.seed, unit, on, predicted, stopped, restarted, isRight, causes };
  });
}

/** Who was led wrong: anything but one root, the unit that crashed, and the rest its consequences. */
export function isOneRoot({ unit, stopped, restarted, causes }: Trial): boolean {
  const told = new Set(causes[0]?.consequences.map((one) => one.unit));
  return (
    causes.length === 1 &&
    causes[0]?.root === unit &&
    [...stopped, ...restarted].every((name) => told.has(name))
  );
}

/** The transitions that a listener would have been told. */
function happened(
  graph: RandomGraph,
  crashed: string,
  killedUs: number,
  before: ReadonlyMap<string, UnitState>,
  after: ReadonlyMap<string, UnitState>,
): Happened[] {
  return Object.keys(graph.units).flatMap((unit): Happened[] => {
    const was = before.get(unit);
    const is = after.get(unit);
    if (!was || !is || was.stateChangeUs === is.stateChangeUs) return [];
    if (unit === crashed) return ofCrashed(unit, was, is, killedUs);
    const one = ofOther(was, is, killedUs);
    return one ? [{ unit, ...one }] : [];
  });
}

/** It may have come up and gone down again since: the first end is what a listener heard first. */
function ofCrashed(unit: string, was: UnitState, is: UnitState, killedUs: number): Happened[] {
  const end = { unit, kind: isUp(is) ? 'exited' : 'failed', timeUs: killedUs } as const;
  if (invocation(was) === invocation(is)) return [end];
  return [end, { unit, kind: 'restarted', timeUs: is.activeEnterUs }];
}

/** systemd forgets a unit that is down and that nobody needs, and its timestamps with it. */
function ofOther(
  was: UnitState,
  is: UnitState,
  killedUs: number,
): Omit<Happened, 'unit'> | undefined {
  if (isUp(was) && invocation(was) === invocation(is) && isUp(is)) return undefined;
  const downUs = Math.max(is.inactiveEnterUs, killedUs + 1);
  if (isUp(was)) return { kind: isUp(is) ? 'restarted' : 'stopped', timeUs: downUs };
  return isUp(is) ? { kind: 'started', timeUs: is.activeEnterUs } : undefined;
}

/** What was not tried because it is chance. */
export const chances: string[] = [];

/** Only what runs a process can be killed. */
function mayHappen(state: UnitState | undefined, on: Trigger): boolean {
  return isUp(state) && (on !== 'crash' || state?.mainPid !== 0);
}

function sameNames(names: readonly string[], affected: readonly { unit: string }[]): boolean {
  return (
    [...names].sort().join() ===
    affected
      .map(({ unit }) => unit)
      .sort()
      .join()
  );
}

/** A status other than 0 is an outcome too: systemd may refuse, and so it was foretold. */
async function act(bed: ThrowAwaySystemd, on: Trigger, units: readonly string[]): Promise<void> {
  const verb = on === 'crash' ? ['kill', '--kill-who=main', '--signal=KILL'] : ['--no-block', on];
  for (const unit of units) await bed.exec(['systemctl', ...verb, unit]);
}

async function bringUp(bed: ThrowAwaySystemd, graphs: readonly RandomGraph[]): Promise<void> {
  const started = graphs.flatMap((graph) => graph.started);
  await bed.exec(['systemctl', 'reset-failed']);
  // What contradicts something that is up already may be refused.
  await bed.exec(['systemctl', '--no-block', 'start', ...started]);
}

async function cleanUp(
  bed: ThrowAwaySystemd,
  observer: Observer,
  graphs: readonly RandomGraph[],
): Promise<void> {
  const names = graphs.flatMap((graph) => Object.keys(graph.units));
  const argv = ['-c', 'cd /run/systemd/system && rm -f -- "$@"', 'sh', ...names];
  await bed.exec(['sh', ...argv]);
  await bed.exec(['systemctl', 'kill', '--signal=KILL', ...names]);
  await bed.exec(['systemctl', '--no-block', 'stop', ...names]);
  await bed.exec(['systemctl', 'daemon-reload']);
  await bed.exec(['systemctl', '--no-block', 'stop', ...names]);
  await observer.quiet();
  await bed.exec(['systemctl', 'reset-failed']);
}

/** One line for a person, and the seed to do it again. */
export function tell(trial: Trial): string {
  const names = (list: readonly { unit: string }[]) => list.map(({ unit }) => unit).sort();
  return [
    `graph ${trial.seed}: ${trial.on} ${trial.unit}`,
    `  foretold: stopped [${names(trial.predicted.stopped)}] restarted [${names(trial.predicted.restarted)}]${trial.predicted.refused ? ` refused: ${trial.predicted.refused}` : ''}`,
    ...[...trial.predicted.stopped, ...trial.predicted.restarted].map(
      ({ path, kinds }) => `    ${path.map((name, i) => `${name} ${kinds[i] ?? ''}`).join(' ')}`,
    ),
    ...trial.causes.map(
      ({ root, consequences }) => `  cause: ${root} <- ${consequences.map(({ unit }) => unit)}`,
    ),
    `  happened: stopped [${[...trial.stopped].sort()}] restarted [${[...trial.restarted].sort()}]`,
  ].join('\n');
}
