import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { Schedule } from '../../src/checks/schedule.ts';
import { systemClock } from '../../src/collector/system-clock.ts';

/** Runs that end when the test says so. */
function controlled(intervalMs = 1_000_000) {
  let under = 0;
  let most = 0;
  const began: (() => void)[] = [];
  const schedule = new Schedule({
    intervalMs,
    clock: systemClock,
    run: async () => {
      most = Math.max(most, ++under);
      await new Promise<void>((resolve) => began.push(resolve));
      under--;
    },
  });
  const next = async (count: number): Promise<void> => {
    while (began.length < count) await sleep(1);
  };
  return { schedule, began, next, most: () => most };
}

test('those who ask at the same time share one run; who asks during it gets the next', async () => {
  const { schedule, began, next, most } = controlled();
  const first = [schedule.runNow(), schedule.runNow(), schedule.runNow()];
  await next(1);
  let isSecondDone = false;
  const second = [schedule.runNow(), schedule.runNow()];
  void Promise.all(second).then(() => {
    isSecondDone = true;
  });
  began[0]?.();
  await Promise.all(first);
  await next(2);
  assert.equal(isSecondDone, false);
  began[1]?.();
  await Promise.all(second);
  assert.equal(began.length, 2);
  assert.equal(most(), 1);
});

test('a timer that fires during a run does not begin a second one beside it', async () => {
  const { schedule, began, next, most } = controlled(5);
  schedule.start();
  await next(1);
  await sleep(40);
  assert.equal(began.length, 1);
  began[0]?.();
  await next(2);
  began[1]?.();
  await next(3);
  const stopped = schedule.stop();
  for (let n = 2; n < 10; n++) {
    await sleep(2);
    began[n]?.();
  }
  await stopped;
  const count = began.length;
  await sleep(30);
  assert.equal(began.length, count, 'it runs after stop()');
  assert.equal(most(), 1);
});

test('runs stay at whole multiples of the interval, however long they take', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 5_000;
  const startsMs: number[] = [];
  // The first three take 15 ms, the fourth three intervals and a half, later ones nothing.
  const takesMs = [15, 15, 15, 140];
  const schedule = new Schedule({
    intervalMs: 40,
    clock: { monotonicUs: () => nowMs * 1e3 },
    run: async () => {
      startsMs.push(nowMs - 5_000);
      nowMs += takesMs[startsMs.length - 1] ?? 0;
    },
  });
  schedule.start();
  for (let step = 0; step < 400; step++) {
    await immediate();
    t.mock.timers.tick(1);
    nowMs += 1;
  }
  await schedule.stop();
  // The timers stand still while a run takes its time at once: by that much the next one is late,
  // and by no more.
  const lateMs = startsMs.map((startMs) => startMs % 40);
  assert.ok(Math.max(...lateMs.slice(0, 4)) <= 15 + 3, `${startsMs}`);
  assert.ok(Math.max(...lateMs.slice(5)) <= 3, `${startsMs}`);
  assert.ok(startsMs.length >= 10, `${startsMs}`);
  const intervals = startsMs.map((startMs) => Math.floor(startMs / 40));
  assert.equal(new Set(intervals).size, intervals.length, 'one in each interval');
});

test('a timer that fires early does not make two runs of one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  let runs = 0;
  const schedule = new Schedule({
    intervalMs: 40,
    // Half a millisecond behind the timers.
    clock: { monotonicUs: () => Math.max(0, nowMs - 0.5) * 1e3 },
    run: async () => {
      runs++;
    },
  });
  schedule.start();
  for (let step = 0; step < 400; step++) {
    await immediate();
    nowMs += 1;
    t.mock.timers.tick(1);
  }
  await schedule.stop();
  assert.ok(runs === 10 || runs === 11, `${runs}`);
});
