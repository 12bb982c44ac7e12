import assert from 'node:assert/strict';
import type { BootOptions, ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Event } from '../../src/model/event.ts';
import {
  calm,
  crashLoopUnit,
  journalRecords,
  killBus,
  manyUnits,
  scheduledRestart,
  scheduledRestarts,
  sleep,
  startAtOnce,
  starvedMs,
  until,
  withBed,
} from '../bed.ts';
import { type Line, valueIn } from '../outputs/metrics-text.ts';
import { accountOf } from '../validate.ts';
import { type RunningAgent, restartsIn, withAgent } from './agent-process.ts';

export interface Storm {
  readonly name: string;
  /** What happens in the midst of it. */
  readonly disturb: (bed: ThrowAwaySystemd, agent: RunningAgent) => Promise<unknown>;
  /** How often that happens, spread over the storm. */
  readonly times: number;
  /** How it ends: each loop's next run lasts, or all are stopped wherever they are. */
  readonly end: 'calm' | 'stop';
}

/** Each must lose nothing. */
export const storms: readonly Storm[] = [
  { name: 'undisturbed', disturb: async () => {}, times: 0, end: 'calm' },
  {
    name: 'nobody reads standard output for 10 s',
    disturb: async (_bed, agent) => {
      agent.stopReading();
      await sleep(10_000);
      agent.readAgain();
    },
    times: 1,
    end: 'stop',
  },
  {
    name: 'daemon-reexec',
    disturb: (bed) => bed.systemctl('daemon-reexec'),
    times: 3,
    end: 'calm',
  },
  {
    name: 'daemon-reload',
    disturb: (bed) => bed.systemctl('daemon-reload'),
    times: 3,
    end: 'stop',
  },
  {
    name: 'the bus daemon killed, its socket starts it again',
    disturb: (bed) => killBus(bed),
    times: 3,
    end: 'calm',
  },
];

const quietMs = 1_000;
const lostMs = 15_000;

/** How large and how long. */
export interface StormSize {
  readonly units: number;
  readonly seconds: number;
}

/** What a storm came to. */
export interface StormFigures {
  readonly restarts: number;
  readonly events: number;
  readonly signals: number;
  /** Events that call a service failed which systemd never gives up: passing states. */
  readonly failed: number;
}

/**
 * Lets `size.units` services crash for `size.seconds` under a real agent and compares, for each,
 * the restarts in the events, in /metrics and in the journal.
 */
export async function weather(
  storm: Storm,
  size: StormSize,
  boot: BootOptions = {},
): Promise<StormFigures> {
  const units = manyUnits('crash', size.units, crashLoopUnit({ restartSec: '400ms' }));
  const names = Object.keys(units);
  return withBed(boot, (bed) =>
    withAgent({ bus: bed.busAddress }, async (agent) => {
      await startAtOnce(bed, units);
      const share = (size.seconds * 1_000) / (storm.times + 1);
      for (let i = 0; i < storm.times; i++) {
        await sleep(share);
        await storm.disturb(bed, agent);
      }
      await sleep(share);
      await endStorm(bed, storm, names);
      const truth = await scheduledRestarts(bed);
      await untilQuiet(agent, truth);
      const lines = await agent.metrics();
      await agent.stop();
      const counts = countsOf(agent.events(), lines, truth, names);
      const differ = counts.filter(
        (row) => row.journal !== row.events || row.journal !== row.metrics || row.byHand !== 0,
      );
      const why = differ[0] && (await explain(bed, agent.events(), differ[0].name));
      assert.deepEqual(differ, [], why);
      return figuresOf(agent.events(), lines, truth);
    }),
  );
}

async function endStorm(
  bed: ThrowAwaySystemd,
  storm: Storm,
  names: readonly string[],
): Promise<void> {
  if (storm.end === 'calm') return calm(bed, names, starvedMs);
  const { status, stderr } = await bed.exec(['xargs', 'systemctl', 'stop', '--'], {
    input: names.join('\n'),
  });
  assert.equal(status, 0, stderr);
}

/**
 * Waits until all that was sent has been told: as many restarts as the journal has, and nothing more
 * for a second. Where some are missing, that long silence says that they will not come.
 */
async function untilQuiet(agent: RunningAgent, truth: ReadonlyMap<string, number>): Promise<void> {
  const all = sum(truth.values());
  let before = -1;
  let silentSince = 0;
  await until(
    'the agent has told everything',
    () => {
      const events = agent.events();
      if (events.length !== before) silentSince = Date.now();
      before = events.length;
      const silentMs = Date.now() - silentSince;
      return silentMs >= (restartsTold(events) === all ? quietMs : lostMs);
    },
    starvedMs,
    200,
  );
}

function restartsTold(events: readonly Event[]): number {
  return sum(events.map((e) => (e.event_type === 'restarting' ? e.data.count : 0)));
}

interface Counts {
  readonly name: string;
  readonly journal: number;
  readonly events: number;
  readonly metrics: number | undefined;
  /** Restarts of cause `manual` in the metrics: nobody did that. */
  readonly byHand: number | undefined;
}

/** Automatic restarts of each unit, by each of the three witnesses. */
function countsOf(
  events: readonly Event[],
  lines: readonly Line[],
  truth: ReadonlyMap<string, number>,
  names: readonly string[],
): Counts[] {
  const told = new Map<string, number>();
  for (const event of events) {
    if (event.event_type !== 'restarting') continue;
    assert.equal(event.data.cause, 'automatic');
    told.set(event.service, (told.get(event.service) ?? 0) + event.data.count);
  }
  return names.map((name) => ({
    name,
    journal: truth.get(name) ?? 0,
    events: told.get(name) ?? 0,
    metrics: restartsIn(lines, name, 'automatic'),
    byHand: restartsIn(lines, name, 'manual'),
  }));
}

/** No event was dropped, none is missing; how much there was of everything. */
function figuresOf(
  events: readonly Event[],
  lines: readonly Line[],
  truth: ReadonlyMap<string, number>,
): StormFigures {
  assert.equal(accountOf(events, events.length).dropped, 0);
  const dropped = lines.filter((line) => line.name === 'unitwatch_events_dropped_total');
  assert.ok(dropped.length > 0);
  for (const { labels, value } of dropped) assert.equal(value, 0, JSON.stringify(labels));
  return {
    restarts: sum(truth.values()),
    events: events.length,
    signals: valueIn(lines, 'unitwatch_dbus_signals_received_total') ?? 0,
    failed: events.filter((event) => event.event_type === 'failed').length,
  };
}

/** What both sides say of one unit, for whoever has to find out which of them is wrong. */
async function explain(
  bed: ThrowAwaySystemd,
  events: readonly Event[],
  name: string,
): Promise<string> {
  const counters: unknown[] = [];
  for await (const record of journalRecords(bed, [scheduledRestart, `UNIT=${name}`]))
    counters.push(record['N_RESTARTS']);
  const told = events
    .filter((event) => event.service === name || event.service === 'unitwatch')
    .map(({ seq, time, event_type, resync, inferred, data }) =>
      JSON.stringify({ seq, time, event_type, resync, inferred, ...data }),
    );
  return `${name}: the journal has ${counters.join(' ')}; told was:\n${told.join('\n')}`;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
