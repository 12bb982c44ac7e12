import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatDuration,
  likelyDuration,
  meantDuration,
  parseDuration,
} from '../../src/config/duration.ts';

const valid: readonly (readonly [string, number])[] = [
  ['0s', 0],
  ['300ms', 300],
  ['5s', 5_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['0.3s', 300],
  ['24h', 86_400_000],
  ['168h', 604_800_000],
  ['7d', 604_800_000],
  ['1d2h3m4s5ms', 93_784_005],
];
for (const [text, ms] of valid) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
}

const invalid = ['', '5', 's', '5 m', '-5s', '+5s', '5S', '5m5m', '5s1m', '1e3s', '.5s', '0.0001s'];
for (const text of [...invalid, '99999999999999999d', `${'1d'.repeat(40)}`, '5m\n', '٣s']) {
  test(`${JSON.stringify(text)} is no duration`, () =>
    assert.equal(parseDuration(text), undefined));
}

test('every duration is read back as it was written', () => {
  fc.assert(
    fc.property(fc.nat({ max: 400 * 86_400_000 }), (ms) => {
      assert.equal(parseDuration(formatDuration(ms)), ms);
    }),
  );
});

test('no text makes parsing throw, and what it takes is a whole number of milliseconds', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.dhms]{0,20}$/));
  fc.assert(
    fc.property(text, (any) => {
      const ms = parseDuration(any);
      assert.ok(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0));
      const meant = meantDuration(any);
      assert.ok(meant === undefined || parseDuration(meant) !== undefined);
    }),
  );
});

const bare: readonly (readonly [number, number, string | undefined])[] = [
  [300, 300_000, '300s'],
  [5, 300_000, '5m'],
  [30, 30_000, '30s'],
  [30_000, 30_000, '30000ms'],
  [7, 604_800_000, '7d'],
  [168, 604_800_000, '168h'],
  [0, 30_000, undefined],
  [-5, 30_000, undefined],
  [Number.POSITIVE_INFINITY, 30_000, undefined],
];
for (const [number, usual, want] of bare) {
  test(`a bare ${number} beside a usual ${formatDuration(usual)} is meant as ${want}`, () =>
    assert.equal(likelyDuration(number, usual), want));
}

const words: readonly (readonly [string, string | undefined])[] = [
  ['5 minutes', '5m'],
  ['5min', '5m'],
  ['1 hour, 30 minutes', '1h30m'],
  ['2w', '14d'],
  ['5M', '5m'],
  ['soon', undefined],
  ['constructor', undefined],
];
for (const [text, want] of words) {
  test(`${text} is meant as ${want}`, () => assert.equal(meantDuration(text), want));
}
