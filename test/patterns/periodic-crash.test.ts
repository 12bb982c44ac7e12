import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../bench/random.ts';
import { localClock } from '../../src/model/local-time.ts';
import { findCluster } from '../../src/patterns/hour-cluster.ts';
import { findPeriod } from '../../src/patterns/period-search.ts';
import {
  crash,
  day,
  hour,
  minute,
  mondayUs,
  newRunner,
  play,
  second,
  told,
} from './pattern-inputs.ts';

/** A schedule of `cycles` with jitter and misses, as shares of the period. */
function schedule(
  random: Random,
  periodUs: number,
  cycles: number,
  jitter: number,
  missing: number,
) {
  const times = [];
  for (let k = 0; k < cycles; k++) {
    if (!random.chance(missing)) times.push(mondayUs + periodUs * (k + jitter * random.normal()));
  }
  return times.sort((a, b) => a - b);
}

test('a period is found through jitter and misses, within 2 percent', () => {
  const random = new Random(1);
  for (let n = 0; n < 100; n++) {
    const periodUs = random.between(1, 20) * hour;
    const found = findPeriod(schedule(random, periodUs, 20, 0.02, 0.2), 10 * minute, 1e-3);
    assert.ok(found, `trace ${n}`);
    assert.ok(Math.abs(found.periodUs / periodUs - 1) < 0.02, `trace ${n}: ${found.periodUs}`);
  }
});

test('both clocks are told apart', () => {
  const random = new Random(2);
  let at = mondayUs;
  const walk = Array.from({ length: 30 }, () => (at += hour * (1 + 0.06 * random.normal())));
  assert.equal(findPeriod(walk, 10 * minute, 1e-3)?.clock, 'delay');
  assert.equal(
    findPeriod(schedule(random, hour, 30, 0.03, 0), 10 * minute, 1e-3)?.clock,
    'schedule',
  );
});

test('five episodes are needed, and four cycles', () => {
  const times = [0, 1, 2, 3].map((k) => mondayUs + k * hour);
  assert.equal(findPeriod(times, 10 * minute, 1e-3), undefined);
  assert.ok(findPeriod([...times, mondayUs + 4 * hour], 10 * minute, 1e-3));
});

test('crashes at random have no period: at most 1 of 300 services', () => {
  const random = new Random(3);
  let found = 0;
  for (let n = 0; n < 300; n++) {
    let at = mondayUs;
    const times = Array.from(
      { length: 32 },
      () => (at += 10 * minute + random.exponential(5 * hour)),
    );
    if (findPeriod(times, 10 * minute, 1e-3)) found += 1;
  }
  assert.ok(found <= 1, `${found}`);
});

test('the longest period that explains the data: not its half', () => {
  const found = findPeriod(schedule(new Random(4), 6 * hour, 12, 0.01, 0), 10 * minute, 1e-3);
  assert.ok(found && Math.abs(found.periodUs / (6 * hour) - 1) < 0.02);
});

test('local time follows daylight saving, half-hour zones and the date line', () => {
  const berlin = localClock('Europe/Berlin');
  const at = (text: string) => Date.parse(text) * 1000;
  assert.equal(berlin(at('2026-03-29T00:59:59Z')).hour.toFixed(3), '2.000');
  assert.equal(berlin(at('2026-03-29T01:00:00Z')).hour, 3);
  assert.equal(berlin(at('2026-10-25T00:30:00Z')).hour, 2.5);
  assert.equal(berlin(at('2026-10-25T01:30:00Z')).hour, 2.5);
  assert.equal(berlin(at('2026-03-01T23:30:00Z')).weekday, 1);
  assert.equal(localClock('Asia/Kolkata')(at('2026-03-01T20:00:00Z')).hour, 1.5);
  assert.equal(
    localClock('Pacific/Auckland')(at('2026-01-31T12:00:00Z')).day,
    at('2026-02-01T00:00:00Z') / 86_400e6,
  );
  assert.throws(() => localClock('Mars/Olympus'), RangeError);
});

test('crashes at four in the morning, local time, over a change of the clock', () => {
  const clock = localClock('Europe/Berlin');
  const times: number[] = [];
  for (let n = 0; n < 24; n++) {
    // 03:00 UTC in winter, 02:00 UTC in summer: cron's 04:00 in Berlin, plus up to half an hour.
    const midnight = Date.UTC(2026, 2, 17 + n) * 1000;
    const offset = midnight < Date.UTC(2026, 2, 29) * 1000 ? 3 : 2;
    times.push(midnight + offset * hour + ((n * 7) % 30) * minute);
  }
  const cluster = findCluster(times.map(clock), 1e-3);
  assert.equal(cluster?.kind, 'hours');
  assert.equal(cluster?.inside, 24);
  assert.equal(cluster?.from, 4);
  assert.equal(
    cluster?.to,
    5,
    'one hour holds them all: the change of the clock does not widen it',
  );
});

test('several crashes on one bad day are not several proofs', () => {
  const clock = localClock('UTC');
  const times = Array.from({ length: 30 }, (_, n) => mondayUs + 9 * hour + n * minute);
  assert.equal(findCluster(times.map(clock), 1e-3), undefined);
});

test('clusters by day of the week need several weeks', () => {
  const clock = localClock('UTC');
  const sundays = (n: number) =>
    Array.from({ length: n }, (_, k) =>
      clock(mondayUs + (6 + 7 * k) * day + ((k * 5) % 24) * hour),
    );
  assert.equal(findCluster(sundays(4), 1e-3), undefined);
  const cluster = findCluster(sundays(9), 1e-3);
  assert.deepEqual([cluster?.kind, cluster?.from, cluster?.inside], ['weekdays', 0, 9]);
});

test('opened with the period and the time of day, cleared when the crashes stay away', () => {
  const runner = newRunner({ timeZone: 'Europe/Berlin' });
  const daily = Array.from({ length: 8 }, (_, n) =>
    crash(n * day + 3 * hour + ((n * 37) % 60) * second, 23 * hour),
  );
  const findings = play(runner, daily.flat());
  assert.deepEqual(told(findings), ['opened periodic_crash period']);
  assert.match(
    findings[0]?.sentence ?? '',
    /^crashes keep a timetable: every day at about 04:00 Europe\/Berlin/,
  );
  const period = findings[0]?.evidence['period_s'];
  assert.ok(typeof period === 'number' && Math.abs(period / 86_400 - 1) < 0.001);
  assert.deepEqual(play(runner, [], 10 * day), []);
  assert.deepEqual(told(play(runner, [], 13 * day)), ['cleared periodic_crash period']);
});

test('a burst is one episode; a loop of fixed length is no timetable', () => {
  const bursts = Array.from({ length: 7 }, (_, n) =>
    [0, 5, 11].flatMap((s) => crash(n * 6 * hour + s * second, s === 0 ? 6 * hour : 4 * second)),
  );
  const findings = play(newRunner(), bursts.flat());
  assert.deepEqual(told(findings), ['opened periodic_crash period']);
  assert.equal(findings[0]?.evidence['period_s'], 21_600);
  // RestartSec=30min and dead at once: exactly periodic, and a loop.
  const loop = Array.from({ length: 30 }, (_, n) => crash(n * 30 * minute, 100_000));
  assert.ok(told(play(newRunner(), loop.flat())).every((line) => line.includes('crash_loop')));
});

test('the timer that fires just before is named, and an innocent one is not', () => {
  const runner = newRunner();
  const random = new Random(5);
  const findings = [];
  let at = 0;
  for (let n = 0; n < 8; n++) {
    at += random.between(2, 30) * hour;
    for (let k = 1; k < 10; k++) {
      runner.timerElapsed({
        timer: 'poll.timer',
        unit: 'poll.service',
        timeUs: mondayUs + at - k * 10 * minute + k * second,
      });
    }
    runner.timerElapsed({ timer: 'backup.timer', unit: 'backup.service', timeUs: mondayUs + at });
    findings.push(...play(runner, crash(at + (20 + n) * second, 2 * hour)));
  }
  assert.deepEqual(told(findings), ['opened periodic_crash timer']);
  const evidence = findings[0]?.evidence ?? {};
  assert.equal(evidence['timer'], 'backup.timer');
  assert.equal(evidence['timer_unit'], 'backup.service');
  assert.ok(Number(evidence['timer_lag_s']) >= 20 && Number(evidence['timer_lag_s']) <= 30);
  assert.ok(Number(evidence['significance']) < 2e-3);
});

test('a daily failure in a log of 43 days, a weekly restart of 6 weeks and of 7 with one extra', () => {
  const random = new Random(6);
  const jitter = () => random.between(0, 5) * minute;
  const cases: { at: number[]; period: number }[] = [
    { at: Array.from({ length: 43 }, (_, n) => n * day + 4 * hour + jitter()), period: day },
    { at: Array.from({ length: 6 }, (_, n) => n * 7 * day + 4 * hour + jitter()), period: 7 * day },
    {
      at: [0, 1, 2, 2.4, 3, 4, 5, 6].map((n) => n * 7 * day + 4 * hour + jitter()),
      period: 7 * day,
    },
  ];
  for (const { at, period } of cases) {
    const findings = play(
      newRunner(),
      at.flatMap((time) => crash(time, 5 * hour)),
    );
    assert.equal(new Set(findings.map(({ id }) => id)).size, 1);
    const found = Number(findings.at(-1)?.evidence['period_s']) * 1e6;
    assert.ok(Math.abs(found / period - 1) < 0.02, `${found}`);
  }
});

test('what keeps to the clock on the wall stays one timetable over a change of it', () => {
  const from = (month: number, date: number) => Date.UTC(2026, month, date) * 1000 - mondayUs;
  const berlin = { timeZone: 'Europe/Berlin', first: from(2, 2), before: 3, changed: from(2, 29) };
  const newYork = { timeZone: 'America/New_York', first: from(2, 2), before: 9, after: 8 };
  const autumn = { timeZone: 'Europe/Berlin', first: from(9, 5), changed: from(9, 25) };
  const cases = [
    { ...berlin, after: 2, period: day, count: 43 },
    { ...berlin, after: 2, period: 12 * hour, count: 100 },
    { ...newYork, changed: from(2, 8), period: day, count: 43 },
    { ...newYork, changed: from(2, 8), period: 7 * day, count: 6 },
    { ...autumn, before: 2, after: 3, period: day, count: 43 },
    // It keeps to UTC.
    { ...berlin, after: 3, period: day, count: 43 },
  ];
  for (const { timeZone, first, before, after, changed, period, count } of cases) {
    const crashes = Array.from({ length: count }, (_, n) => {
      const at = first + n * period;
      const offset = at < changed ? before : after;
      return crash(at + offset * hour + ((n * 7) % 5) * minute, 11 * hour);
    });
    const findings = play(newRunner({ timeZone }), crashes.flat());
    assert.ok(findings.every(({ pattern }) => pattern === 'periodic_crash'));
    const what = `${timeZone} ${period / hour} h`;
    assert.equal(new Set(findings.map(({ id }) => id)).size, 1, what);
    assert.ok(!findings.some(({ phase }) => phase === 'cleared'), what);
    const found = Number(findings.at(-1)?.evidence['period_s']) * second;
    assert.ok(Math.abs(found / period - 1) < 0.001, `${what}: ${found / hour} h`);
  }
});
