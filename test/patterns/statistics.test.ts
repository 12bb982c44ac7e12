import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { median as reference } from 'simple-statistics';
import { median } from '../../src/patterns/statistics.ts';

test('the median is that of simple-statistics', () => {
  const number = fc.double({ min: -1e12, max: 1e12, noNaN: true });
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 50 }), (values) => {
      const given = [...values];
      assert.ok(Math.abs(median(values) - reference([...values])) <= 1e-4);
      assert.deepEqual(values, given, 'they stay in order');
    }),
  );
});

test('nothing has no median', () => {
  assert.ok(Number.isNaN(median([])));
});
