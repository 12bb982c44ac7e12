import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { zoneOffset } from '../../src/model/local-time.ts';
import { Crowd } from '../../src/patterns/baseline/crowd.ts';
import { upperTail } from '../../src/patterns/baseline/negative-binomial.ts';
import { calendarOf, RestartRate } from '../../src/patterns/baseline/restart-rate.ts';
import { Timetable } from '../../src/patterns/baseline/timetable.ts';

const hour = 3600e6;
/** A day's baseline, in UTC. */
const days = calendarOf(hour, 24 * hour, () => 0);

/** 1 - sum of the probabilities below `count`, each from the one before. */
function slowTail(count: number, mean: number, shape: number): number {
  const odds = mean / (mean + shape);
  let term = (1 - odds) ** shape;
  let below = 0;
  for (let k = 0; k < count; k++) {
    below += term;
    term *= ((k + shape) / (k + 1)) * odds;
  }
  return 1 - below;
}

describe('negative binomial tail', () => {
  for (const [count, mean, shape] of [
    [3, 0.5, 0.5],
    [5, 2, 10],
    [12, 4, 1.5],
    [30, 11, 200],
    [2, 0.01, 0.1],
  ] as const) {
    it(`P(N >= ${count}) at mean ${mean}, shape ${shape}`, () => {
      const want = slowTail(count, mean, shape);
      assert.ok(Math.abs(upperTail(count, mean, shape) - want) < 1e-9 + want * 1e-6);
    });
  }

  it('is Poisson’s for a rate that is known: 3 or more where 0.1 are expected', () => {
    const poisson = 1 - Math.exp(-0.1) * (1 + 0.1 + 0.005);
    assert.ok(Math.abs(upperTail(3, 0.1, 1e7) / poisson - 1) < 1e-3);
  });

  it('calls nothing above the mean impossible, and nothing below it unlikely', () => {
    assert.equal(upperTail(3, 5, 1), 1);
    assert.equal(upperTail(0, 0, 1), 1);
    assert.equal(upperTail(1, 0, 1), 0);
    assert.ok(upperTail(60_000, 10, 0.5) >= 0);
  });
});

describe('restart rate', () => {
  it('says nothing before two periods were seen', () => {
    const rate = new RestartRate(0, 30, days);
    rate.add(30, 50);
    assert.equal(rate.judge(), undefined);
  });

  it('expects more where the hour of the week had more, after weeks', () => {
    const rate = new RestartRate(0, 0, days);
    for (let week = 0; week < 8; week++) rate.add(week * 168 + 10, 6);
    rate.add(8 * 168 + 10, 12);
    const usualHour = rate.judge()?.expected ?? 0;
    rate.add(8 * 168 + 60, 12);
    const otherHour = rate.judge()?.expected ?? 0;
    assert.ok(usualHour > 3 && otherHour < 1, `${usualHour} and ${otherHour}`);
  });

  it('goes by the clock on the wall, also when it is put forward', () => {
    const berlin = calendarOf(hour, 24 * hour, zoneOffset('Europe/Berlin'));
    const monday = (month: number, day: number, utcHour: number) =>
      berlin.placeInWeek(Date.UTC(2026, month - 1, day, utcHour) / 3600e3);
    // Nine o'clock on a Monday before and after 29 March.
    assert.equal(monday(3, 23, 8), 24 + 9);
    assert.equal(monday(3, 30, 7), 24 + 9);
    const kolkata = calendarOf(hour, 24 * hour, zoneOffset('Asia/Kolkata'));
    assert.equal(kolkata.placeInWeek(Date.UTC(2026, 2, 1, 23) / 3600e3), 24 + 4);
    assert.equal(days.placeInWeek(Date.UTC(1970, 0, 4) / 3600e3), 0, 'Sunday');
  });

  it('takes restarts back', () => {
    const rate = new RestartRate(0, 500, days);
    rate.add(500, 9);
    assert.equal(rate.judge()?.count, 9);
    rate.remove(500, 9);
    assert.equal(rate.judge()?.count, 0);
  });

  it('crosses years without a restart in one step', () => {
    const rate = new RestartRate(0, 0, days);
    rate.add(1, 5);
    rate.advance(50_000);
    assert.equal(rate.judge()?.count, 0);
  });
});

describe('timetable', () => {
  it('knows a rhythm after eight intervals that agree', () => {
    const table = new Timetable(hour);
    for (let n = 0; n < 9; n++) {
      assert.equal(table.interval(), undefined);
      table.add(n * 24 * hour + (n % 2) * 600e6 + 1);
    }
    const interval = table.interval() ?? 0;
    assert.ok(Math.abs(interval - 24 * hour) < hour);
  });

  it('starts within ten minutes are one', () => {
    const table = new Timetable(hour);
    for (let n = 0; n < 9; n++) for (const again of [0, 60e6]) table.add(n * 6 * hour + again);
    assert.equal(table.interval(), 6 * hour);
  });

  it('loops of minutes are no rhythm', () => {
    const table = new Timetable(hour);
    for (let n = 0; n < 9; n++) table.add(n * 20 * 60e6);
    assert.equal(table.interval(), undefined);
  });
});

describe('crowd', () => {
  it('needs five services within a minute that were quiet before', () => {
    const crowd = new Crowd(hour);
    for (let n = 0; n < 4; n++) crowd.add(1000e6 + n * 10e6, undefined);
    assert.equal(crowd.surrounds(1000e6), false);
    crowd.add(1040e6, 1039e6);
    assert.equal(crowd.surrounds(1000e6), false, 'a loop is no crowd');
    crowd.add(1050e6, 0);
    assert.equal(crowd.surrounds(1000e6), true);
    assert.equal(crowd.surrounds(2000e6), false);
  });
});
