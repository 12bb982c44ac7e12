import assert from 'node:assert/strict';
import { busTargets } from '../../src/collector/address.ts';
import { type Bus, connectBus } from '../../src/collector/bus.ts';
import { readUnitDependencies } from '../../src/collector/dependencies.ts';
import { unitFilter } from '../../src/collector/filter.ts';
import { SignalConnection } from '../../src/collector/signals.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { tellingSink } from '../../src/collector/tell.ts';
import { Watch } from '../../src/collector/watch.ts';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { Dependencies } from '../../src/dependencies.ts';
import { DependencyGraph } from '../../src/deps/graph.ts';
import { type Impact, impactOf, type Trigger, triggers } from '../../src/deps/impact.ts';
import { majorVersion, rulesOf } from '../../src/deps/versions.ts';
import type { Draft } from '../../src/model/event.ts';
import { newUnitState, type UnitState, type UnitView } from '../../src/model/unit.ts';
import { unitPath, unitTypes } from '../../src/model/unit-name.ts';
import { sleep, until } from '../bed.ts';
import { type RandomGraph, seeded } from './random-graph.ts';

/** A connection to a bed's bus, for looking at many units at once. */
export interface Observer {
  graph(): Promise<DependencyGraph>;
  /** State and InvocationID of each unit. */
  states(names: readonly string[]): Promise<Map<string, UnitState>>;
  /** Waits until no unit has a job or is between two states; those that never come to rest. */
  quiet(): Promise<ReadonlySet<string>>;
  /** Waits until the listener has read all that is up, also what was loaded just now. */
  known(): Promise<void>;
  /** What the agent would have told since the last call, as it would have told it. */
  told(): Draft[];
  /** Waits until a listener has read all units anew, after something that made it do so. */
  reread(what: () => Promise<unknown>): Promise<void>;
  close(): void;
}

/** The dependencies as they are at work in the agent; counts how often all units were read. */
class Listening extends Dependencies {
  begun = 0;
  ended = 0;

  override begin(version: string): void {
    this.begun++;
    super.begin(version);
  }

  override end(): void {
    super.end();
    this.ended = this.begun;
  }
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
  const drafts: Draft[] = [];
  const dependencies = new Listening({
    config: { track_dependencies: true, dependency_depth: 3 },
    clock: systemClock,
    follows: () => true,
    onDraft: (draft) => drafts.push(draft),
    log: { warn: (fields, message) => assert.fail(`${message} ${JSON.stringify(fields)}`) },
  });
  const watch = listen(bed, dependencies, drafts);
  await watch.start();
  return {
    told: () => drafts.splice(0),
    known: async () => {
      const up = (await list(bus)).filter(([, active]) => active === 'active');
      const isKnown = ([name]: Row) =>
        dependencies.picture({ name, isUnit: true }, []) !== undefined;
      await until('the listener knows all', () => up.every(isKnown), 60_000);
    },
    reread: async (what) => {
      const { begun } = dependencies;
      await what();
      await until('all units are read anew', () => dependencies.ended > begun, 60_000);
    },
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
      watch.stop();
      connection.close('done');
      bus.close();
    },
  };
}

function listen(bed: ThrowAwaySystemd, dependencies: Dependencies, drafts: Draft[]): Watch {
  const listener = {
    draft: (draft: Draft) => drafts.push(dependencies.explained(draft)),
    changed: (unit: UnitView) => dependencies.followed(unit),
  };
  return new Watch({
    address: bed.busAddress,
    uid: 0,
    bufferBytes: 4_194_304,
    filter: unitFilter({
      monitorAll: true,
      whitelist: [],
      blacklist: [],
      containersOnly: false,
      unitTypes: [...unitTypes],
    }),
    clock: systemClock,
    random: Math.random,
    sink: tellingSink(systemClock, listener, () => 0),
    units: dependencies,
  });
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

async function untilQuiet(bus: Bus): Promise<ReadonlySet<string>> {
  const deadline = Date.now() + 30_000;
  let before = '';
  for (;;) {
    const rows = await list(bus);
    const now = JSON.stringify(rows);
    const busy = rows.filter(([, active, , job]) => passing.has(active) || job !== 0);
    if (busy.length === 0 && now === before) return new Set();
    if (Date.now() > deadline) return new Set(busy.map(([name]) => name));
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
  /** Units started and stopped each other for as long as anybody looked. */
  readonly isEndless: boolean;
  readonly isRight: boolean;
  /** What a listener was told meanwhile of the ends of the graph's units. */
  readonly ends: readonly Draft[];
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
  await observer.reread(() => bed.systemctl('daemon-reload'));
  const trials: Trial[] = [];
  let resting = graphs;
  for (const on of triggers) {
    await bringUp(bed, resting);
    const circling = circlingOf(resting, await observer.quiet());
    // What goes on for ever before anything was asked can be asked nothing.
    endless.push(...circling.map(({ seed }) => seed));
    await cleanUp(bed, observer, circling);
    resting = resting.filter((graph) => !circling.includes(graph));
    const came = await round(bed, observer, resting, on);
    trials.push(...came);
    const gone = resting.filter(({ seed }) =>
      came.some((one) => one.isEndless && one.seed === seed),
    );
    await cleanUp(bed, observer, gone);
    resting = resting.filter((graph) => !gone.includes(graph));
  }
  await cleanUp(bed, observer, resting);
  return trials;
}

function circlingOf(graphs: readonly RandomGraph[], busy: ReadonlySet<string>): RandomGraph[] {
  return graphs.filter(({ units }) => Object.keys(units).some((name) => busy.has(name)));
}

/** Graphs that never came to rest when they were started. */
export const endless: number[] = [];

async function round(
  bed: ThrowAwaySystemd,
  observer: Observer,
  graphs: readonly RandomGraph[],
  on: Trigger,
): Promise<Trial[]> {
  const names = graphs.flatMap((graph) => Object.keys(graph.units));
  await observer.known();
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
  observer.told();
  await act(
    bed,
    on,
    chosen.map(({ unit }) => unit),
  );
  const circling = circlingOf(graphs, await observer.quiet());
  const after = await observer.states(names);
  const told = observer.told();
  return chosen.map(({ graph, unit, predicted }) => {
    const others = Object.keys(graph.units).filter((name) => name !== unit);
    const were = others.filter((name) => isUp(before.get(name)));
    const stopped = were.filter((name) => !isUp(after.get(name)));
    const restarted = were.filter(
      (name) =>
        isUp(after.get(name)) && invocation(before.get(name)) !== invocation(after.get(name)),
    );
    const isEndless = circling.includes(graph);
    const isSame =
      sameNames(stopped, predicted.stopped) && sameNames(restarted, predicted.restarted);
    const isRight = isEndless ? predicted.endless === true : isSame && !predicted.endless;
    // Some graphs start and fail something without end: that goes on, and is nobody's crash.
    const ends = told.filter((end) => end.service === unit || were.includes(end.service));
    return {
      seed: graph.seed,
      unit,
      on,
      predicted,
      stopped,
      restarted,
      isEndless,
      isRight,
      ends: ends.filter(isEnd),
    };
  });
}

function isEnd(draft: Draft): boolean {
  if (draft.event_type === 'restarted') return draft.data.cause === 'manual';
  return ['exited', 'failed', 'stopped'].includes(draft.event_type);
}

/**
 * Whether the listener was told of one root, the unit that crashed, and of all that went down with it
 * as its consequences.
 */
export function isOneRoot({ unit, stopped, restarted, ends }: Trial): boolean {
  const roots = new Set(ends.filter((end) => end.caused_by === undefined).map((e) => e.service));
  const others = ends.filter((end) => end.service !== unit);
  const told = new Set(others.map((end) => end.service));
  return (
    roots.size === 1 &&
    roots.has(unit) &&
    others.every((end) => end.caused_by === unit) &&
    [...stopped, ...restarted].every((name) => told.has(name))
  );
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
  if (names.length === 0) return;
  const argv = ['-c', 'cd /run/systemd/system && rm -f -- "$@"', 'sh', ...names];
  await bed.exec(['sh', ...argv]);
  await bed.exec(['systemctl', 'kill', '--signal=KILL', ...names]);
  await bed.exec(['systemctl', '--no-block', 'stop', ...names]);
  await bed.exec(['systemctl', 'daemon-reload']);
  await bed.exec(['systemctl', '--no-block', 'stop', ...names]);
  const left = circlingOf(graphs, await observer.quiet());
  assert.deepEqual(left, [], 'units that are gone come to rest');
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
    ...trial.ends.map(
      ({ event_type, service, caused_by }) => `  told: ${service} ${event_type} <- ${caused_by}`,
    ),
    `  happened: stopped [${[...trial.stopped].sort()}] restarted [${[...trial.restarted].sort()}]${trial.isEndless ? ' without end' : ''}`,
  ].join('\n');
}
