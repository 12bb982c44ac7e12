import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Analysis } from '../../src/analysis.ts';
import { UnitTable } from '../../src/collector/units.ts';
import type { Finding } from '../../src/model/finding.ts';
import { configOf } from '../config/reading.ts';
import { crash, day, hour, minute, mondayUs, second, unit } from './pattern-inputs.ts';

test('a finding whose unit is gone for good ends: at once where it is not to be watched, else after a day', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { config } = await configOf('bus: unix:path=/nowhere\n');
  const table = new UnitTable();
  const findings: Finding[] = [];
  let nowUs = mondayUs;
  let follows = true;
  const analysis = new Analysis({
    ...{ config, timeZone: 'UTC', keepState: false, table, follows: () => follows },
    clock: { realtimeUs: () => nowUs, monotonicUs: () => nowUs },
    onFinding: (finding) => findings.push(finding),
    onSample: () => {},
    log: { warn: () => {} },
  });
  await analysis.start();
  t.after(() => analysis.stop());
  const passTo = (us: number): void => {
    nowUs = mondayUs + us;
    t.mock.timers.tick(1_000);
  };
  const phases = (): string[] => findings.splice(0).map(({ phase }) => phase);
  const loop = (fromUs: number): void => {
    for (let i = 0; i < 6; i++) {
      for (const one of crash(fromUs + i * 2 * second, second).slice(0, i === 5 ? 1 : 3))
        analysis.transition(one);
    }
    passTo(fromUs + minute);
  };
  const record = table.add(unit, nowUs);
  record.restarts.automatic = 5;

  loop(0);
  assert.deepEqual(phases(), ['opened']);
  passTo(2 * day);
  assert.deepEqual(phases(), [], 'it waits for its restart');
  table.remove(record);
  analysis.gone(record);
  passTo(2 * day + hour);
  assert.deepEqual(phases(), [], 'it may come back');
  table.add(unit, nowUs);
  passTo(3 * day);
  assert.deepEqual(phases(), [], 'it came back');
  table.remove(table.get(unit) ?? assert.fail('it is there'));
  passTo(3 * day + hour);
  passTo(4 * day);
  assert.deepEqual(phases(), []);
  passTo(4 * day + hour);
  assert.deepEqual(phases(), ['cleared']);

  loop(5 * day);
  assert.deepEqual(phases(), ['opened']);
  follows = false;
  passTo(5 * day + 2 * minute);
  assert.deepEqual(phases(), ['cleared']);
  assert.deepEqual([...analysis.counts.open()], []);
});
