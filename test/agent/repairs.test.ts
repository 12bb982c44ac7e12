import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Event } from '../../src/model/event.ts';
import { idleUnit, prepareForBeds, show, startUnits } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { command, eventsOf, heard, type RunningAgent, withAgent } from './agent-process.ts';

const run = promisify(execFile);

let bed: ThrowAwaySystemd;
let folder: string;
before(async () => {
  await prepareForBeds();
  bed = await bootSystemd();
  folder = mkdtempSync(join(tmpdir(), 'unitwatch-repairs-'));
});
after(async () => {
  await bed.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The steps of all repairs of a process, in two words each. */
function steps(agent: RunningAgent, process: string): string[] {
  return eventsOf(agent.events(), 'restart_step', process).map(
    ({ data }) => `${data.step} ${data.outcome}`,
  );
}

function invocation(unit: string): Promise<string | undefined> {
  return show(bed, unit, 'InvocationID').then((shown) => shown['InvocationID']);
}

describe('SQLite, with alarms raised by the command', () => {
  const config = (more: readonly string[] = []) =>
    [
      'restart:',
      '  enabled: true',
      '  check_interval: 1s',
      '  default: { restart_delay: 100ms, health_check_interval: 100ms }',
      ...more.map((line) => `  ${line}`),
      'database:',
      '  driver: sqlite',
      `  path: ${folder}/alarms.sqlite`,
      '',
    ].join('\n');

  const alarms = async (...argv: readonly string[]): Promise<string> => {
    const all = [command, 'alarms', ...argv, '--config', `${folder}/unitwatch.yaml`];
    return (await run(process.execPath, all)).stdout;
  };
  before(async () => {
    writeFileSync(`${folder}/unitwatch.yaml`, config());
    await alarms('init');
  });

  test('an alarm row, a restart, a passing health check, a cleared row with a note', async () => {
    await startUnits(bed, { 'shop.service': idleUnit() });
    await withAgent({ bus: bed.busAddress, config: config() }, async (agent) => {
      const before = await invocation('shop.service');
      await alarms('raise', 'shop');
      const end = () => steps(agent, 'shop').includes('settled ok');
      await heard(agent, 'alarm', 'shop', 2);
      assert.ok(end());
      assert.deepEqual(steps(agent, 'shop'), [
        'accepted ok',
        'restart ok',
        'health_check ok',
        'settled ok',
      ]);
      assert.notEqual(await invocation('shop.service'), before);
      assert.equal(await alarms('list'), 'No alarm is raised.\n');
      const lines = await agent.metrics();
      assert.equal(valueIn(lines, 'unitwatch_repair_attempts_total', { outcome: 'ok' }), 1);
      assert.equal(valueIn(lines, 'unitwatch_repairs_total', { end: 'settled' }), 1);
      assert.equal(valueIn(lines, 'unitwatch_alarms_open', {}), 0);
      assert.equal(valueIn(lines, 'unitwatch_alarm_source_up', { source: 'sqlite' }), 1);
      const phases = eventsOf(agent.events(), 'alarm', 'shop').map(phaseOf);
      assert.deepEqual(phases, ['raised', 'cleared']);
    });
  });
});

function phaseOf({ data }: Extract<Event, { event_type: 'alarm' }>): string {
  return data.phase;
}
