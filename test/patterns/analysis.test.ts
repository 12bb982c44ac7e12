import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Analysis } from '../../src/analysis.ts';
import { UnitTable } from '../../src/collector/units.ts';
import type { Finding } from '../../src/model/finding.ts';
import { configOf } from '../config/reading.ts';
import { crash, day, hour, minute, mondayUs, second, unit } from './pattern-inputs.ts';

/** An agent's analysis with a clock that is set, and its units. */
async function analysed(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { config } = await configOf('bus: unix:path=/nowhere\n');
  const table = new UnitTable();
  const findings: Finding[] = [];
  const world = { nowUs: mondayUs, follows: true };
  const analysis = new Analysis({
    ...{ config, timeZone: 'UTC', keepState: false, table, follows: () => world.follows },
    clock: { realtimeUs: () => world.nowUs, monotonicUs: () => world.nowUs },
    onFinding: (finding) => findings.push(finding),
    onSample: () => {},
    log: { warn: () => {} },
  });
  await analysis.start();
  t.after(() => analysis.stop());
  const passTo = (us: number): void => {
    world.nowUs = mondayUs + us;
    t.mock.timers.tick(1_000);
  };
  const phases = (): string[] => findings.splice(0).map(({ phase }) => phase);
  /** So many crashes, 2 s apart; it waits for its restart after the last one. */
  const loop = (fromUs: number, count: number): void => {
    for (let i = 0; i < count; i++)
      for (const one of crash(fromUs + i * 2 * second, second)) analysis.transition(one);
    for (const one of crash(fromUs + count * 2 * second, second).slice(0, 1))
      analysis.transition(one);
    passTo(fromUs + minute);
  };
  return { analysis, table, world, passTo, phases, loop };
}

test('a finding whose unit is gone for good ends: at once where it is not to be watched, else after a day', async (t) => {
  const { analysis, table, world, passTo, phases, loop } = await analysed(t);
  const record = table.add(unit, world.nowUs);
  record.restarts.automatic = 5;

  loop(0, 5);
  assert.deepEqual(phases(), ['opened']);
  passTo(2 * day);
  assert.deepEqual(phases(), [], 'it waits for its restart');
  table.remove(record);
  analysis.gone(record);
  passTo(2 * day + hour);
  assert.deepEqual(phases(), [], 'it may come back');
  table.add(unit, world.nowUs);
  passTo(3 * day);
  assert.deepEqual(phases(), [], 'it came back');
  table.remove(table.get(unit) ?? assert.fail('it is there'));
  passTo(3 * day + hour);
  passTo(4 * day);
  assert.deepEqual(phases(), []);
  passTo(4 * day + hour);
  assert.deepEqual(phases(), ['cleared']);

  loop(5 * day, 5);
  assert.deepEqual(phases(), ['opened']);
  world.follows = false;
  passTo(5 * day + 2 * minute);
  assert.deepEqual(phases(), ['cleared']);
  assert.deepEqual([...analysis.counts.open()], []);
});

test('a reload: another threshold and window, and no anomalies', async (t) => {
  const { analysis, loop, phases } = await analysed(t);
  loop(0, 3);
  assert.deepEqual(phases(), []);
  const { config } = await configOf('restart_threshold: 3\nanomaly_detection: false\n');
  analysis.configure(config);
  loop(day, 3);
  assert.deepEqual(phases(), ['opened']);
  assert.equal(analysis.counts.spentUs.anomaly, undefined, 'nobody looks for them');
  const { config: back } = await configOf('restart_threshold: 1000\n');
  analysis.configure(back);
  assert.equal(analysis.counts.spentUs.anomaly, 0);
});
