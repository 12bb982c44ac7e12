import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  faultOfTimes,
  isOver,
  type OutageTimes,
  windowOf,
  windowOfAll,
} from '../../src/checks/outages.ts';
import { isTimeZone, wallAt } from '../../src/model/local-time.ts';

const at = (text: string): number => Date.parse(text) * 1e3;
const times = (start: string, end: string, more: Partial<OutageTimes> = {}): OutageTimes => ({
  ...{ start, end, time_zone: 'Europe/Berlin', repeat: 'once' },
  ...more,
});
const nightly = times('2026-01-01T02:30', '2026-01-01T04:00', { repeat: 'daily' });
const noon = { repeat: 'daily', until: '2026-01-03T00:00' } as const;

for (const { name, outage, now, inside, until } of [
  {
    name: 'before',
    outage: times('2026-11-22T02:00', '2026-11-22T03:00'),
    now: '2026-11-22T00:59:59Z',
    inside: false,
    until: '2026-11-22T01:00:00Z',
  },
  {
    name: 'its first moment',
    outage: times('2026-11-22T02:00', '2026-11-22T03:00'),
    now: '2026-11-22T01:00:00Z',
    inside: true,
    until: '2026-11-22T02:00:00Z',
  },
  {
    name: 'its end is outside',
    outage: times('2026-11-22T02:00', '2026-11-22T03:00'),
    now: '2026-11-22T02:00:00Z',
    inside: false,
    until: undefined,
  },
  {
    name: 'nightly in winter',
    outage: nightly,
    now: '2026-02-03T02:00:00Z',
    inside: true,
    until: '2026-02-03T03:00:00Z',
  },
  {
    name: 'nightly in summer: the same time on the wall',
    outage: nightly,
    now: '2026-07-03T01:00:00Z',
    inside: true,
    until: '2026-07-03T02:00:00Z',
  },
  {
    name: 'its start is left out in spring: from the jump on',
    outage: nightly,
    now: '2026-03-29T00:59:59Z',
    inside: false,
    until: '2026-03-29T01:00:00Z',
  },
  {
    name: 'and ends by the new time',
    outage: nightly,
    now: '2026-03-29T01:00:00Z',
    inside: true,
    until: '2026-03-29T02:00:00Z',
  },
  {
    name: 'its start comes twice in autumn: from the first',
    outage: nightly,
    now: '2026-10-25T00:30:00Z',
    inside: true,
    until: '2026-10-25T03:00:00Z',
  },
  {
    name: 'over midnight',
    outage: times('2026-01-01T23:00', '2026-01-02T01:00', { repeat: 'daily' }),
    now: '2026-05-05T22:30:00Z',
    inside: true,
    until: '2026-05-05T23:00:00Z',
  },
  {
    name: 'weekly, on another day',
    outage: times('2026-11-22T02:00', '2026-11-22T04:00', { repeat: 'weekly' }),
    now: '2026-11-24T12:00:00Z',
    inside: false,
    until: '2026-11-29T01:00:00Z',
  },
  {
    name: 'until has passed',
    outage: times('2026-01-01T12:00', '2026-01-01T13:00', noon),
    now: '2026-01-03T12:00:00Z',
    inside: false,
    until: undefined,
  },
  {
    name: 'the last before until',
    outage: times('2026-01-01T12:00', '2026-01-01T13:00', noon),
    now: '2026-01-02T11:30:00Z',
    inside: true,
    until: '2026-01-02T12:00:00Z',
  },
] as const) {
  test(`a planned outage, ${name}`, () => {
    const untilUs = until === undefined ? Number.POSITIVE_INFINITY : at(until);
    assert.deepEqual(windowOf(outage, at(now)), { inside, untilUs });
    assert.equal(isOver(outage, at(now)), until === undefined);
  });
}

test('whenever the wall shows a time between start and end it is in the outage, and its borders are where that changes', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
  ];
  const minute = 60e6;
  const dayUs = 86_400e6;
  const from = at('2026-01-01T00:00:00Z');
  const clock = (minutes: number): string =>
    `2026-01-${String(1 + Math.floor(minutes / 1440)).padStart(2, '0')}T${String(Math.floor(minutes / 60) % 24).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 1_439 }),
      fc.integer({ min: 1, max: 1_439 }),
      fc.integer({ min: 4 * 1_440, max: 400 * 1_440 }),
      (time_zone, start, length, later) => {
        const outage = times(clock(start), clock(start + length), { time_zone, repeat: 'daily' });
        const now = from + later * minute;
        const { inside, untilUs } = windowOf(outage, now);
        assert.ok(untilUs > now && untilUs <= now + dayUs + 4 * 3_600e6);
        const onWall = (wallAt(time_zone, now) / minute) % 1_440;
        const isBetween = (onWall - start + 1_440) % 1_440 < length;
        // Daylight saving may make it longer, never shorter.
        if (isBetween) assert.ok(inside, `${time_zone} ${new Date(now / 1e3).toISOString()}`);
        assert.notEqual(windowOf(outage, untilUs).inside && inside, true, 'it ends where it says');
        if (!inside) assert.ok(windowOf(outage, untilUs).inside, 'it begins where it says');
      },
    ),
    { numRuns: Number(process.env['RUNS'] ?? 1_000) },
  );
});

test('several at once: in any of them, until the next border of any', () => {
  const all = [
    times('2026-11-22T02:00', '2026-11-22T04:00'),
    times('2026-11-22T03:00', '2026-11-22T05:00'),
  ];
  const window = windowOfAll(all, at('2026-11-22T01:30:00Z'));
  assert.deepEqual(window, { inside: true, untilUs: at('2026-11-22T02:00:00Z') });
  assert.equal(windowOfAll(all, at('2026-11-22T03:30:00Z')).inside, true);
});

for (const [outage, want] of [
  [times('2026-02-30T02:00', '2026-03-01T03:00'), /^start must be a local time/],
  [times('2026-02-03T02:00', '2026-02-03 25:00'), /^end must be a local time/],
  [times('2026-02-03T02:00', '2026-02-03T02:00'), /later than start/],
  [times('2026-02-03T02:00', '2026-02-04T02:00', { repeat: 'daily' }), /shorter than a day/],
  [times('2026-02-03T02:00', '2026-02-10T02:00', { repeat: 'weekly' }), /shorter than a week/],
  [times('2026-02-03T02:00', '2026-02-03T03:00', { until: '2026-03-01T00:00' }), /without repeat/],
] as const) {
  test(`refused: ${want}`, () => assert.match(faultOfTimes(outage) ?? '', want));
}

test('time zones are names', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'Asia/Kathmandu']) assert.ok(isTimeZone(name), name);
  for (const name of ['', '+02:00', 'Mars/Olympus', 'a b']) assert.ok(!isTimeZone(name), name);
});
