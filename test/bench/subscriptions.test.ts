import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bench } from '../../bench/subscriptions.ts';

test('the subscriptions bench runs, small', async () => {
  const rows = await bench(2);
  assert.equal(rows.length, 2);
  for (const { name, value } of rows) assert.ok(value > 0 && Number.isFinite(value), name);
});
