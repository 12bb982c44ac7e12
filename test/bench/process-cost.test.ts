import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bench } from '../../bench/process-cost.ts';

test('the bench of process checks finds what it put there, beside process-exporter', async () => {
  const rows = await bench(100, 5, 2);
  assert.equal(rows.length, 6);
  for (const { name, value } of rows) assert.ok(value >= 0, name);
});
