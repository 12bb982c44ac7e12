import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { editDistance, nearestName } from '../../src/config/nearest.ts';

const distances: readonly (readonly [string, string, number])[] = [
  ['bus', 'bus', 0],
  ['bsu', 'bus', 1],
  ['bs', 'bus', 1],
  ['buss', 'bus', 1],
  ['bis', 'bus', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
  ['', 'bus', 3],
];
for (const [a, b, want] of distances) {
  test(`${a} becomes ${b} in ${want}`, () => {
    assert.equal(editDistance(a, b, 99), want);
    assert.equal(editDistance(b, a, 99), want);
  });
}

const candidates = ['restart_window', 'restart_threshold', 'service_whitelist', 'bus', 'listen'];
const nearest: readonly (readonly [string, string | undefined])[] = [
  ['restart_treshold', 'restart_threshold'],
  ['RESTART-WINDOW', 'restart_window'],
  ['whitelist', 'service_whitelist'],
  ['lsiten', 'listen'],
  ['bsu', 'bus'],
  ['restart', undefined],
  ['xyz', undefined],
  ['', undefined],
  ['l'.repeat(1_000_000), undefined],
];
for (const [name, want] of nearest) {
  test(`${name.slice(0, 20)} is nearest to ${want}`, () =>
    assert.equal(nearestName(name, candidates), want));
}

test('the distance is symmetric, zero only for the same, and never above the longer text', () => {
  const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', '_') });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const edits = editDistance(a, b, 99);
      assert.equal(edits, editDistance(b, a, 99));
      assert.equal(edits === 0, a === b);
      assert.ok(edits <= Math.max(a.length, b.length));
    }),
  );
});
