import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { momentOf, parseWall, wallAt, zoneOffset } from '../../src/model/local-time.ts';

const numRuns = Number(process.env['RUNS'] ?? 3_000);
/** Whole seconds, 1973 to 2050. */
const seconds = fc.integer({ min: 94_694_400, max: 2_524_608_000 });
const zones = fc.oneof(
  fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
  fc.constantFrom('Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns', 'Africa/Casablanca'),
);

/** What Intl writes for people there, read as a text: `2026-03-29 03:00:00`. */
const shownIn = (timeZone: string, timeUs: number): string =>
  new Date(timeUs / 1e3).toLocaleString('sv-SE', { timeZone });
const textOf = (wallUs: number): string =>
  new Date(wallUs / 1e3).toISOString().slice(0, 19).replace('T', ' ');

/** Where the offset of the zone changes in a year, to the second. */
function jumps(timeZone: string, year: number): readonly number[] {
  const hourUs = 3_600e6;
  const found: number[] = [];
  let before = shownOffset(timeZone, Date.UTC(year) * 1e3);
  for (let us = Date.UTC(year) * 1e3; us < Date.UTC(year + 1) * 1e3; us += hourUs) {
    const offset = shownOffset(timeZone, us);
    if (offset === before) continue;
    let low = us - hourUs;
    let high = us;
    while (high - low > 1e6) {
      const middle = Math.floor((low + high) / 2e6) * 1e6;
      if (shownOffset(timeZone, middle) === before) low = middle;
      else high = middle;
    }
    found.push(high);
    before = offset;
  }
  return found;
}

const shownOffset = (timeZone: string, timeUs: number): number =>
  Date.parse(`${shownIn(timeZone, timeUs).replace(' ', 'T')}Z`) * 1e3 - timeUs;

test('the wall shows what Intl writes, in every zone', () => {
  fc.assert(
    fc.property(zones, seconds, (zone, second) => {
      const timeUs = second * 1e6;
      assert.equal(textOf(wallAt(zone, timeUs)), shownIn(zone, timeUs), zone);
      assert.equal(wallAt(zone, timeUs + 7), wallAt(zone, timeUs) + 7);
    }),
    { numRuns },
  );
});

test('the moment of what the wall shows: the first and the last at which it does', () => {
  fc.assert(
    fc.property(zones, seconds, (zone, second) => {
      const timeUs = second * 1e6;
      const wallUs = wallAt(zone, timeUs);
      const [first, last] = [momentOf(zone, wallUs, 'first'), momentOf(zone, wallUs, 'last')];
      assert.ok(first <= timeUs && timeUs <= last, zone);
      for (const moment of [first, last]) assert.equal(shownIn(zone, moment), textOf(wallUs), zone);
    }),
    { numRuns },
  );
});

for (const zone of [
  ...['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/St_Johns'],
  ...['Africa/Casablanca', 'Asia/Beirut', 'Pacific/Chatham', 'Antarctica/Troll'],
]) {
  test(`${zone}: times that daylight saving leaves out or brings twice, second by second`, () => {
    const around = jumps(zone, 2026);
    assert.ok(around.length >= 2, `${around.length} changes`);
    for (const jumpUs of around) {
      const [old, young] = [shownOffset(zone, jumpUs - 1e6), shownOffset(zone, jumpUs)];
      const lengthUs = Math.abs(young - old);
      // From a little before the first time that is left out or comes twice to a little behind.
      const fromUs = jumpUs + Math.min(old, young) - 5e6;
      for (let wallUs = fromUs; wallUs <= fromUs + lengthUs + 10e6; wallUs += 61e6) {
        const both = [wallUs - old, wallUs - young].filter(
          (moment) => shownIn(zone, moment) === textOf(wallUs),
        );
        const [first, last] = [momentOf(zone, wallUs, 'first'), momentOf(zone, wallUs, 'last')];
        if (both.length > 0) {
          assert.equal(first, Math.min(...both), textOf(wallUs));
          assert.equal(last, Math.max(...both), textOf(wallUs));
        } else {
          assert.equal(first, jumpUs, 'the jump');
          assert.equal(last, wallUs - old, 'the offset from before');
        }
      }
    }
  });
}

test('a zone that leaves out a whole day', () => {
  const wallUs = parseWall('2011-12-30T12:00') ?? Number.NaN;
  const jump = Date.parse('2011-12-30T10:00:00Z') * 1e3;
  assert.equal(momentOf('Pacific/Apia', wallUs, 'first'), jump);
});

test('offsets are remembered, and there is no end to what may be asked', () => {
  const offset = zoneOffset('Europe/Berlin');
  for (let quarter = 0; quarter < 5_000; quarter++) {
    const timeUs = (1_767_225_600 + quarter * 900) * 1e6;
    assert.equal(offset(timeUs), shownOffset('Europe/Berlin', timeUs));
  }
  assert.throws(() => zoneOffset('Mars/Olympus'), RangeError);
});

for (const [text, want] of [
  ['2026-11-22T02:00', '2026-11-22 02:00:00'],
  ['2026-11-22 02:00:30', '2026-11-22 02:00:30'],
  ['2026-02-30T02:00', undefined],
  ['2026-02-03T24:00', undefined],
  ['1970-01-01T00:00', undefined],
  ['tomorrow', undefined],
] as const) {
  test(`read as a local time: ${text}`, () => {
    const wallUs = parseWall(text);
    assert.equal(wallUs === undefined ? undefined : textOf(wallUs), want);
  });
}
