import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bench } from '../../bench/endpoints.ts';

test('the bench of endpoints meets every kind of server, beside blackbox_exporter', async () => {
  const rows = await bench([{ endpoints: 60, perMinute: 640, seconds: 4 }]);
  assert.equal(rows.length, 7);
  for (const { name, value } of rows) assert.ok(value >= 0, name);
  const [probes] = rows;
  for (const outcome of ['up', 'timeout', 'reset', 'garbage', 'certificate']) {
    assert.match(probes?.note ?? '', new RegExp(`\\b${outcome} \\d`));
  }
});
