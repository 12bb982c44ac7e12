import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OutageTimes } from '../../src/checks/outages.ts';
import { SubscriptionCore } from '../../src/checks/subscriptions/core.ts';
import {
  type Action,
  expectedFor,
  originUs,
  type Run,
  type Scenario,
  Simulation,
  secondUs,
} from './subscriptions-simulation.ts';
import { worldFaults } from './subscriptions-world.ts';
import { insideAt } from './wall-judge.ts';

/** More with RUNS, for a longer search. */
const numRuns = Number(process.env['RUNS'] ?? 2_000);
const endMs = 300_000;
const callers = ['anna', 'bert', 'carla'];

const at = fc.integer({ min: 0, max: endMs - 60_000 });
const caller = fc.constantFrom(...callers);
const service = fc.constantFrom('web', 'db');
const polling = fc.oneof(
  fc.constantFrom(100, 1_000, 2_000, 5_000, 30_000),
  fc.integer({ min: 500, max: 60_000 }),
);
const grace = fc.oneof(fc.constantFrom(0, 500, 1_000, 10_000), fc.integer({ min: 0, max: 90_000 }));
/** Outages are written in whole seconds. */
const span = fc
  .tuple(fc.integer({ min: 0, max: 290 }), fc.integer({ min: 1, max: 100 }))
  .map(([from, length]) => [from * 1_000, (from + length) * 1_000] as const);
const common = { at, service };
const subscribe = fc.record({
  ...common,
  do: fc.constant('subscribe' as const),
  caller,
  polling,
  grace,
});

/** Moments just before a wall jumps, or near no jump, in zones that do it in their own ways. */
const clocks = fc
  .constantFrom(
    ['Europe/Berlin', '2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '2026-10-25T01:00:00Z'],
    ['America/New_York', '2026-03-08T07:00:00Z'],
    ['America/New_York', '2026-11-01T06:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
    ['Asia/Kathmandu', '2026-07-01T18:15:00Z'],
  )
  .chain(([zone = '', jump = '']) =>
    fc.integer({ min: 0, max: 290 }).map((before) => ({
      zone,
      originUs: Date.parse(jump) * 1e3 - before * secondUs,
    })),
  );

/** An outage whose borders are near what the wall shows at the beginning, in whole minutes. */
const planNear = (zone: string, fromUs: number): fc.Arbitrary<OutageTimes> =>
  fc
    .record({
      begins: fc.integer({ min: -75, max: 75 }),
      minutes: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 120 })),
      repeat: fc.constantFrom('daily' as const, 'weekly' as const),
      ago: fc.integer({ min: 0, max: 60 }),
    })
    .map(({ begins, minutes, repeat, ago }) => {
      const shown = new Date(fromUs / 1e3).toLocaleString('sv-SE', { timeZone: zone }).slice(0, 16);
      const days = ago * (repeat === 'weekly' ? 7 : 1);
      const start = Date.parse(`${shown.replace(' ', 'T')}Z`) + begins * 60_000 - days * 86_400_000;
      const text = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
      return { start: text(start), end: text(start + minutes * 60_000), time_zone: zone, repeat };
    });

const scenarios: fc.Arbitrary<Scenario> = clocks.chain(({ zone, originUs }) => {
  const plan = planNear(zone, originUs);
  const action: fc.Arbitrary<Action> = fc.oneof(
    subscribe,
    fc.record({ ...common, do: fc.constant('unsubscribe' as const), caller }),
    fc.record({
      ...common,
      do: fc.constant('outages' as const),
      spans: fc.array(span, { maxLength: 3 }),
    }),
    fc.record({
      ...common,
      do: fc.constant('plans' as const),
      plans: fc.array(plan, { minLength: 1, maxLength: 2 }),
    }),
    fc.record({
      at,
      do: fc.constant('restart' as const),
      away: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 })),
    }),
  );
  const gap = fc.oneof(
    fc.integer({ min: 1, max: 3_000 }),
    fc.integer({ min: 1, max: 60_000 }),
    fc.integer({ min: 60_000, max: 200_000 }),
  );
  const flips = fc.array(gap, { maxLength: 40 }).map((gaps) => {
    let now = 0;
    return gaps.map((one) => {
      now += one;
      return now;
    });
  });
  return fc
    .record({
      services: fc.record({ web: flips, db: flips }),
      first: fc.array(
        subscribe.map((one) => ({ ...one, at: 0 })),
        { maxLength: 4 },
      ),
      more: fc.array(action, { maxLength: 8 }),
      latencies: fc.array(fc.constantFrom(0, 1, 20, 700, 3_000), { maxLength: 6 }),
      blindEvery: fc.constantFrom(0, 0, 0, 2, 5),
    })
    .map(({ services, first, more, latencies, blindEvery }) => ({
      ...{ originUs, services, actions: [...first, ...more], latencies, blindEvery, endMs },
    }));
});

const heard = (run: Run, name: string) =>
  run.told
    .filter((told) => told.caller === name)
    .map(({ state, sinceUs, toldUs }) => ({ state, sinceUs, toldUs }));

test('each caller hears exactly the changes that outlast their grace, in order, none in an outage, none lost over a restart', () => {
  let told = 0;
  let restarts = 0;
  let planned = 0;
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const fromUs = scenario.originUs ?? originUs;
      for (const [name, run] of new Simulation(scenario).run()) {
        const faults = worldFaults(scenario, scenario.services[name] ?? [], run, fromUs);
        assert.deepEqual(faults, [], name);
        for (const who of callers) {
          const expected = expectedFor(who, run, fromUs, fromUs + endMs * 1e3);
          assert.deepEqual(heard(run, who), expected, `${who} of ${name}`);
          told += expected.length;
        }
        restarts += run.entries.filter((entry) => entry.is === 'away').length;
        planned += run.entries.filter(
          (entry) =>
            entry.is === 'outages' &&
            entry.outages.some((one) => one.repeat !== 'once' && insideAt(one, entry.us)),
        ).length;
      }
    }),
    { numRuns },
  );
  // Nothing is proved by scenarios in which nothing happens.
  assert.ok(told > numRuns, `only ${told} changes were told`);
  assert.ok(restarts > numRuns / 4, `${restarts} restarts`);
  assert.ok(planned > numRuns / 50, `${planned} repeating outages began at once`);
});

/** One service, looked at by the real core. */
type OneService = Omit<Scenario, 'services'> & { readonly flips: readonly number[] };
function runOf({ flips, ...scenario }: OneService): Run {
  const run = new Simulation({ ...scenario, services: { web: flips } }).run().get('web');
  assert.ok(run);
  return run;
}
const expectedOf = (who: string, run: Run) =>
  expectedFor(who, run, originUs, originUs + endMs * 1e3);

test('as often as the most eager subscriber needs, however many there are', () => {
  fc.assert(
    fc.property(fc.array(polling, { minLength: 1, maxLength: 5 }), (wanted) => {
      const run = runOf({
        flips: [],
        actions: wanted.map((one, i) => ({
          ...{ at: 0, do: 'subscribe', caller: `c${i}`, polling: one, grace: 0 },
        })),
        latencies: [],
        blindEvery: 0,
        endMs,
      });
      const fastestUs = Math.max(secondUs, Math.min(...wanted) * 1e3);
      // The first is due within 11 s; then one in each interval.
      assert.ok((run.lookUs[0] ?? 0) <= originUs + 11 * secondUs);
      const times = [...run.lookUs, originUs + endMs * 1e3];
      for (const [i, time] of times.entries()) {
        const before = times[i - 1] ?? time;
        assert.ok(time - before <= fastestUs + secondUs, `${time - before} µs without a look`);
      }
      assert.ok(run.lookUs.length <= (endMs * 1e3) / fastestUs + 3, 'no more often than that');
    }),
  );
});

test('a grace shorter than the interval: it is looked at more often, and at its end, while it is unsure', () => {
  const run = runOf({
    flips: [100_000],
    actions: [{ at: 0, do: 'subscribe', caller: 'anna', polling: 60_000, grace: 9_000 }],
    latencies: [],
    blindEvery: 0,
    endMs,
  });
  const [told] = run.told;
  assert.ok(told);
  const from = run.lookUs.indexOf(told.sinceUs);
  const looks = run.lookUs.slice(from, from + 5).map((us) => (us - told.sinceUs) / secondUs);
  assert.deepEqual(looks.slice(0, 4), [0, 3, 6, 9]);
  assert.ok((looks[4] ?? 0) > 50, 'then in its own time again');
  assert.equal(told.toldUs - told.sinceUs, 9 * secondUs);
});

const inOutage: Action = { at: 0, do: 'outages', spans: [[60_000, 120_000]] };
const hearing = (more: Partial<OneService> & { readonly grace?: number }) =>
  runOf({
    flips: [],
    latencies: [],
    blindEvery: 0,
    endMs,
    actions: [
      inOutage,
      { at: 0, do: 'subscribe', caller: 'anna', polling: 1_000, grace: more.grace ?? 5_000 },
    ],
    ...more,
  }).told.map(({ state, toldUs }) => [state, Math.round((toldUs - originUs) / secondUs)]);

for (const { name, flips, grace, want } of [
  { name: 'down and up within it: nothing', flips: [70, 90], want: [] },
  { name: 'still down at its end: then', flips: [70], want: [['down', 120]] },
  { name: 'down for less than the grace at its end', flips: [118], want: [['down', 123]] },
  { name: 'down before, in the grace: its time counts on', flips: [57], want: [['down', 120]] },
  {
    name: 'told down before, up within: told up at its end',
    flips: [20, 90],
    want: [
      ['down', 25],
      ['up', 120],
    ],
  },
  {
    name: 'told down before, up and down again within',
    flips: [20, 90, 100],
    want: [['down', 25]],
  },
  { name: 'a grace longer than all of it', flips: [70], grace: 80_000, want: [['down', 150]] },
]) {
  test(`a planned outage: ${name}`, () => {
    const told = hearing({
      flips: flips.map((second) => second * 1e3),
      ...(grace !== undefined && { grace }),
    });
    assert.equal(told.length, want.length, JSON.stringify(told));
    for (const [i, [state, second]] of want.entries()) {
      const [toldState, toldSecond] = told[i] ?? [];
      assert.equal(toldState, state);
      assert.ok(Math.abs(Number(toldSecond) - Number(second)) <= 1, JSON.stringify(told));
    }
  });
}

test('a caller who hears too seldom of a service that flaps: the oldest changes are left out, and counted', () => {
  const flips = Array.from({ length: 290 }, (_, i) => 5_000 + i * 1_000);
  const run = runOf({
    flips,
    actions: [
      { at: 0, do: 'subscribe', caller: 'anna', polling: 140_000, grace: 0 },
      { at: 0, do: 'subscribe', caller: 'bert', polling: 1_000, grace: 0 },
    ],
    latencies: [],
    blindEvery: 0,
    endMs,
  });
  const told = run.told.filter((one) => one.caller === 'anna');
  const leftOut = told.reduce((sum, one) => sum + one.leftOut, 0);
  assert.ok(leftOut > 0 && leftOut % 2 === 0, 'a down with its up');
  assert.equal(told.length + leftOut, expectedOf('anna', run).length);
  for (const [i, { state }] of told.entries()) assert.equal(state, i % 2 === 0 ? 'down' : 'up');
});

for (const bySeconds of [3_600, -3_600]) {
  test(`the clock is set by ${bySeconds} s: a grace stays as long as it is, and so does a second`, () => {
    const core = new SubscriptionCore();
    core.putService('web', undefined, originUs);
    const wants = { pollingUs: secondUs, graceUs: 10 * secondUs };
    core.subscribe('web', 'anna', wants, originUs);
    let shiftUs = 0;
    const looks: number[] = [];
    const told: number[] = [];
    for (let tenth = 0; tenth < 300; tenth++) {
      if (tenth === 60) {
        shiftUs = bySeconds * secondUs;
        core.step(shiftUs, originUs + tenth * 1e5 + shiftUs);
      }
      const now = originUs + tenth * 1e5 + shiftUs;
      for (const name of core.due(now, 1).looks) {
        looks.push(tenth);
        if (core.result(name, 'down', '', now).told.length > 0) told.push(tenth);
      }
    }
    const gaps = looks.slice(1).map((look, i) => look - (looks[i] ?? 0));
    assert.ok(Math.min(...gaps) >= 10, 'a second between looks');
    assert.ok(Math.max(...gaps) <= 21, 'and not many');
    assert.equal(told.length, 1);
    assert.ok(Math.abs((told[0] ?? 0) - (looks[0] ?? 0) - 100) <= 21, JSON.stringify(told));
  });
}

test('a down that waits for its turn is not lost when a restart hides its end', () => {
  const run = runOf({
    flips: [20_000, 40_000, 45_000, 70_000],
    actions: [
      { at: 0, do: 'subscribe', caller: 'anna', polling: 200_000, grace: 5_000 },
      { at: 0, do: 'subscribe', caller: 'bert', polling: 1_000, grace: 0 },
      { at: 65_000, do: 'restart', away: 10_000 },
    ],
    latencies: [],
    blindEvery: 0,
    endMs,
  });
  assert.deepEqual(heard(run, 'anna'), expectedOf('anna', run));
  assert.deepEqual(
    heard(run, 'anna').map(({ state }) => state),
    ['down', 'up', 'down', 'up'],
  );
});

test('a subscription that is changed to no rhythm at all: what waits is told at once', () => {
  const core = new SubscriptionCore();
  core.putService('web', undefined, originUs);
  const subscribe = (pollingUs: number, us: number) =>
    core.subscribe('web', 'anna', { pollingUs, graceUs: 0 }, us);
  subscribe(60 * secondUs, originUs);
  const look = (state: 'up' | 'down') => {
    const us = core.next(true);
    assert.deepEqual(core.due(us, 1).looks, ['web']);
    return { us, told: core.result('web', state, '', us).told };
  };
  const down = look('down');
  assert.equal(down.told.length, 1);
  core.hurry('web', down.us);
  const { us, told } = look('up');
  assert.deepEqual(told, [], 'it waits for the next interval');
  subscribe(0, us + 1);
  assert.ok(core.next(false) <= us + 1);
  const [heardOf] = core.due(us + 1, 0).told;
  assert.equal(heardOf?.state, 'up');
});

test('a look that is hurried: a second after the last one, and the next in its own time', () => {
  const core = new SubscriptionCore();
  assert.equal(core.hurry('web', originUs), false);
  core.putService('web', undefined, originUs);
  assert.equal(core.hurry('web', originUs), false, 'nobody has subscribed');
  core.subscribe('web', 'anna', { pollingUs: 60 * secondUs, graceUs: 0 }, originUs);
  assert.equal(core.hurry('web', originUs), true);
  const looks: number[] = [];
  for (let i = 0; i < 4; i++) {
    const us = core.next(true);
    looks.push((us - originUs) / secondUs);
    assert.deepEqual(core.due(us, 1).looks, ['web']);
    // While it is under way: another one has to follow.
    if (i === 0) assert.equal(core.hurry('web', us), true);
    core.result('web', 'up', '', us);
  }
  const [first = 0, second = 0, third = 0, fourth = 0] = looks;
  assert.equal(first, 1);
  assert.equal(second, 2);
  assert.ok(third > 2 && third <= 62, `${third}`);
  assert.equal(Math.round(fourth - third), 60);
});
