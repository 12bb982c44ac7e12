import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bench as decode } from '../../bench/decode.ts';
import { bench as replay } from '../../bench/replay.ts';
import type { Row } from '../../bench/row.ts';

/** Goals of the benches, five times as lax: this machine may be slow, and other tests run beside. */
function figure(rows: readonly Row[], name: string): number {
  const row = rows.find((one) => one.name === name);
  return row?.value ?? assert.fail(`no row "${name}"`);
}

test('the decode bench runs, small', async () => {
  const rows = await decode(30_000);
  for (const { name, value } of rows) assert.ok(value >= 0 && Number.isFinite(value), name);
  const signal = figure(rows, 'decode: a signal');
  assert.ok(signal < 5 * 8, `${signal} µs a signal`);
  const ratio = figure(rows, 'decode: unitwatch / dbus-next');
  assert.ok(ratio < 5 * 0.2, `${ratio} times dbus-next`);
  const unwatched = figure(rows, 'decode: a signal nobody follows');
  assert.ok(unwatched < signal, `${unwatched} µs for what nobody follows`);
  const memory = figure(rows, 'decode: memory taken a signal');
  assert.ok(memory < 5 * 520, `${memory} bytes a signal`);
});

test('the replay bench runs, small', async () => {
  const rows = await replay(50_000);
  for (const { name, value } of rows) assert.ok(value > 0 && Number.isFinite(value), name);
  const signals = figure(rows, 'replay: signals through the agent');
  assert.ok(signals > 50_000 / 5, `${signals} signals a second`);
});
