import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bench } from '../bench/line.ts';

test('the line bench runs, small', async () => {
  const rows = await bench(2_000);
  assert.equal(rows.length, 5);
  for (const { name, value } of rows) assert.ok(value > 0 && Number.isFinite(value), name);
});
