import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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

/** More with RUNS, for a longer search. */
const numRuns = Number(process.env['RUNS'] ?? 2_000);
const endMs = 300_000;
const callers = ['anna', 'bert', 'carla'];

const at = fc.integer({ min: 0, max: endMs - 60_000 });
const caller = fc.constantFrom(...callers);
const polling = fc.oneof(
  fc.constantFrom(100, 1_000, 2_000, 5_000, 30_000),
  fc.integer({ min: 500, max: 60_000 }),
);
const grace = fc.oneof(fc.constantFrom(0, 500, 1_000, 10_000), fc.integer({ min: 0, max: 90_000 }));
/** Outages are written in whole seconds. */
const span = fc
  .tuple(fc.integer({ min: 0, max: 290 }), fc.integer({ min: 1, max: 100 }))
  .map(([from, length]) => [from * 1_000, (from + length) * 1_000] as const);
const subscribe = fc.record({ at, do: fc.constant('subscribe' as const), caller, polling, grace });
const action: fc.Arbitrary<Action> = fc.oneof(
  subscribe,
  fc.record({ at, do: fc.constant('unsubscribe' as const), caller }),
  fc.record({ at, do: fc.constant('outages' as const), spans: fc.array(span, { maxLength: 3 }) }),
  fc.record({
    at,
    do: fc.constant('restart' as const),
    away: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 })),
  }),
);
const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    gaps: fc.array(
      fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 60_000 })),
      { maxLength: 40 },
    ),
    first: fc.array(
      subscribe.map((one) => ({ ...one, at: 0 })),
      { maxLength: 3 },
    ),
    more: fc.array(action, { maxLength: 8 }),
    latencies: fc.array(fc.constantFrom(0, 1, 20, 700, 3_000), { maxLength: 6 }),
    blindEvery: fc.constantFrom(0, 0, 0, 2, 5),
  })
  .map(({ gaps, first, more, latencies, blindEvery }) => {
    let now = 0;
    const flips = gaps.map((gap) => {
      now += gap;
      return now;
    });
    return { flips, actions: [...first, ...more], latencies, blindEvery, endMs };
  });

const heard = (run: Run, name: string) =>
  run.told
    .filter((told) => told.caller === name)
    .map(({ state, sinceUs, toldUs }) => ({ state, sinceUs, toldUs }));

test('each caller hears exactly the changes that outlast their grace, and no service is looked at more than once a second', () => {
  let told = 0;
  let restarts = 0;
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const run = new Simulation(scenario).run();
      for (const [i, look] of run.lookUs.entries()) {
        const before = run.lookUs[i - 1];
        if (before !== undefined) assert.ok(look - before >= secondUs, `${look - before} µs apart`);
      }
      for (const name of callers) {
        const expected = expectedFor(name, run, originUs + endMs * 1e3);
        assert.deepEqual(heard(run, name), expected, name);
        told += expected.length;
      }
      restarts += run.entries.filter((entry) => entry.is === 'away').length;
    }),
    { numRuns },
  );
  // Nothing is proved by scenarios in which nothing happens.
  assert.ok(told > numRuns, `only ${told} changes were told`);
  assert.ok(restarts > numRuns / 4);
});

test('as often as the most eager subscriber needs, however many there are', () => {
  fc.assert(
    fc.property(fc.array(polling, { minLength: 1, maxLength: 5 }), (wanted) => {
      const run = new Simulation({
        flips: [],
        actions: wanted.map((one, i) => ({
          ...{ at: 0, do: 'subscribe', caller: `c${i}`, polling: one, grace: 0 },
        })),
        latencies: [],
        blindEvery: 0,
        endMs,
      }).run();
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
  const run = new Simulation({
    flips: [100_000],
    actions: [{ at: 0, do: 'subscribe', caller: 'anna', polling: 60_000, grace: 9_000 }],
    latencies: [],
    blindEvery: 0,
    endMs,
  }).run();
  const [told] = run.told;
  assert.ok(told);
  const from = run.lookUs.indexOf(told.sinceUs);
  const looks = run.lookUs.slice(from, from + 5).map((us) => (us - told.sinceUs) / secondUs);
  assert.deepEqual(looks.slice(0, 4), [0, 3, 6, 9]);
  assert.ok((looks[4] ?? 0) > 50, 'then in its own time again');
  assert.equal(told.toldUs - told.sinceUs, 9 * secondUs);
});

const inOutage: Action = { at: 0, do: 'outages', spans: [[60_000, 120_000]] };
const hearing = (more: Partial<Scenario> & { readonly grace?: number }) =>
  new Simulation({
    flips: [],
    latencies: [],
    blindEvery: 0,
    endMs,
    actions: [
      inOutage,
      { at: 0, do: 'subscribe', caller: 'anna', polling: 1_000, grace: more.grace ?? 5_000 },
    ],
    ...more,
  })
    .run()
    .told.map(({ state, toldUs }) => [state, Math.round((toldUs - originUs) / secondUs)]);

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
  const run = new Simulation({
    flips,
    actions: [
      { at: 0, do: 'subscribe', caller: 'anna', polling: 140_000, grace: 0 },
      { at: 0, do: 'subscribe', caller: 'bert', polling: 1_000, grace: 0 },
    ],
    latencies: [],
    blindEvery: 0,
    endMs,
  }).run();
  const told = run.told.filter((one) => one.caller === 'anna');
  const leftOut = told.reduce((sum, one) => sum + one.leftOut, 0);
  assert.ok(leftOut > 0 && leftOut % 2 === 0, 'a down with its up');
  assert.equal(told.length + leftOut, expectedFor('anna', run, originUs + endMs * 1e3).length);
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
  const run = new Simulation({
    flips: [20_000, 40_000, 45_000, 70_000],
    actions: [
      { at: 0, do: 'subscribe', caller: 'anna', polling: 200_000, grace: 5_000 },
      { at: 0, do: 'subscribe', caller: 'bert', polling: 1_000, grace: 0 },
      { at: 65_000, do: 'restart', away: 10_000 },
    ],
    latencies: [],
    blindEvery: 0,
    endMs,
  }).run();
  assert.deepEqual(heard(run, 'anna'), expectedFor('anna', run, originUs + endMs * 1e3));
  assert.deepEqual(
    heard(run, 'anna').map(({ state }) => state),
    ['down', 'up', 'down', 'up'],
  );
});
