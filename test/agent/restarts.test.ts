import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Collector, type Event } from '../../src/collector/collector.ts';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import {
  calm,
  calmFile,
  crashLoopUnit,
  idleUnit,
  manyUnits,
  prepareForBeds,
  scheduledRestarts,
  show,
  startAtOnce,
  startUnits,
  until,
} from '../bed.ts';
import {
  eventsOf,
  heard,
  type RunningAgent,
  restartsIn,
  startAgent,
  story,
} from './agent-process.ts';
import { shellUnit } from './endings.ts';

describe('restarts', () => {
  let bed: ThrowAwaySystemd;
  let agent: RunningAgent;
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd({ journal: true });
    agent = await startAgent({ bus: bed.busAddress });
  });
  after(async () => {
    await agent.stop();
    await bed.stop();
  });

  const countsOf = async (unit: string) => {
    const lines = await agent.metrics();
    return {
      automatic: restartsIn(lines, unit, 'automatic'),
      manual: restartsIn(lines, unit, 'manual'),
      unitwatch: restartsIn(lines, unit, 'unitwatch'),
    };
  };

  /** And lets later loops of this bed crash again. */
  const calmAll = async (names: readonly string[]) => {
    await calm(bed, names);
    rmSync(join(bed.root, calmFile));
  };

  test('by hand: one, of cause manual', async () => {
    await startUnits(bed, { 'hand.service': idleUnit() });
    await heard(agent, 'started', 'hand.service');
    await bed.systemctl('restart', 'hand.service');
    const { data } = await heard(agent, 'restarted', 'hand.service');
    assert.deepEqual([data.cause, data.count, data.restarts_total], ['manual', 1, 1]);
    assert.ok(data.down_s !== undefined && data.down_s < 5, `${data.down_s} s`);
    assert.deepEqual(story(agent, 'hand.service'), ['started', 'stopped clean', 'restarted clean']);
    assert.deepEqual(await countsOf('hand.service'), { automatic: 0, manual: 1, unitwatch: 0 });
  });

  test('by a script, as fast as it can: each is counted', async () => {
    const unit = `[Unit]\nStartLimitIntervalSec=0\n${idleUnit()}`;
    await startUnits(bed, { 'script.service': unit });
    await heard(agent, 'started', 'script.service');
    const script = 'for i in $(seq 40); do systemctl restart script.service; done';
    const { status, stderr } = await bed.exec(['sh', '-c', script]);
    assert.equal(status, 0, stderr);
    await until('40 are counted', async () => (await countsOf('script.service')).manual === 40);
    const told = eventsOf(agent.events(), 'restarted', 'script.service');
    assert.equal(
      told.reduce((sum, { data }) => sum + data.count, 0),
      40,
    );
    assert.deepEqual(eventsOf(agent.events(), 'restarting', 'script.service'), []);
  });

  test('a clean end under Restart=always', async () => {
    const unit = shellUnit('sleep 0.2; exit 0', 'Restart=always', 'RestartSec=200ms');
    await startUnits(bed, { 'clean.service': unit });
    const restarted = await heard(agent, 'restarted', 'clean.service');
    await bed.systemctl('stop', 'clean.service');
    const [exited] = eventsOf(agent.events(), 'exited', 'clean.service');
    assert.deepEqual(
      [exited?.data.reason, exited?.data.exit_code, exited?.severity, restarted.data.cause],
      ['clean', 0, 'info', 'automatic'],
    );
  });

  test('counts go on over a stop, reset-failed, a restart by hand and an unloading', async () => {
    const unit = crashLoopUnit({ restartSec: '50ms', runs: '0.05' });
    await startUnits(bed, { 'goes-on.service': unit });
    await heard(agent, 'restarting', 'goes-on.service', 3);
    await bed.systemctl('restart', 'goes-on.service');
    await heard(agent, 'restarting', 'goes-on.service', 6);
    await bed.systemctl('stop', 'goes-on.service');
    await bed.exec(['systemctl', 'reset-failed', 'goes-on.service']);
    assert.equal((await show(bed, 'goes-on.service', 'NRestarts'))['NRestarts'], '0');
    await bed.systemctl('start', 'goes-on.service');
    await heard(agent, 'restarting', 'goes-on.service', 9);
    await calmAll(['goes-on.service']);
    const truth = (await scheduledRestarts(bed)).get('goes-on.service');
    await until(
      `${truth} are counted`,
      async () => (await countsOf('goes-on.service')).automatic === truth,
    );
    const told = eventsOf(agent.events(), 'restarting', 'goes-on.service');
    assert.equal(
      told.reduce((sum, { data }) => sum + data.count, 0),
      truth,
    );
    assert.equal(told.at(-1)?.data.restarts_total, truth);
    assert.equal((await countsOf('goes-on.service')).manual, 1);
    await bed.systemctl('stop', 'goes-on.service');
  });

  test('RestartSec=0', async () => {
    const units = manyUnits('at-once', 5, crashLoopUnit({ restartSec: '0', runs: '0.05' }));
    const names = Object.keys(units);
    await startAtOnce(bed, units);
    for (const name of names) await heard(agent, 'restarting', name, 20);
    await calmAll(names);
    const truth = await scheduledRestarts(bed);
    for (const name of names) {
      await until(name, async () => (await countsOf(name)).automatic === truth.get(name));
      const told = eventsOf(agent.events(), 'restarting', name);
      assert.equal(
        told.reduce((sum, { data }) => sum + data.count, 0),
        truth.get(name),
      );
    }
    await bed.systemctl('stop', ...names);
  });

  test('by hand while systemd waits to do it', async () => {
    await startUnits(bed, { 'waits.service': crashLoopUnit({ restartSec: '60s' }) });
    await heard(agent, 'exited', 'waits.service');
    await bed.systemctl('restart', 'waits.service');
    const { data } = await heard(agent, 'restarted', 'waits.service');
    assert.equal(data.cause, 'manual');
    await heard(agent, 'exited', 'waits.service', 2);
    assert.deepEqual(await countsOf('waits.service'), { automatic: 0, manual: 1, unitwatch: 0 });
  });

  test('prevented by a stop', async () => {
    await startUnits(bed, { 'prevented.service': crashLoopUnit({ restartSec: '60s' }) });
    await heard(agent, 'exited', 'prevented.service');
    await bed.systemctl('stop', 'prevented.service');
    const down = () => {
      const [failed] = eventsOf(agent.events(), 'failed', 'prevented.service');
      return eventsOf(agent.events(), 'stopped', 'prevented.service')[0] ?? failed;
    };
    await until('its end is told', () => down() !== undefined);
    assert.deepEqual(story(agent, 'prevented.service').slice(0, 2), [
      'started',
      'exited exit-code',
    ]);
    assert.deepEqual(eventsOf(agent.events(), 'restarting', 'prevented.service'), []);
    const state = await show(bed, 'prevented.service', 'ActiveState');
    assert.equal(down()?.data.active_state, state['ActiveState']);
  });

  test("unitwatch's own, through the library, and somebody's beside it", async () => {
    await startUnits(bed, { 'own.service': idleUnit(), 'other.service': idleUnit() });
    const collector = new Collector({
      bus: bed.busAddress,
      only: ['own.service', 'other.service'],
    });
    const events: Event[] = [];
    const reading = (async () => {
      for await (const event of collector.events()) events.push(event);
    })();
    await until('it has read the table', () => [...collector.units()].length === 2);
    await until('and told so', () => events.length > 0);
    assert.deepEqual(await collector.restart('own.service'), { result: 'done', reason: '' });
    await bed.systemctl('restart', 'other.service');
    await until(
      'both are told',
      () => events.filter((e) => e.event_type === 'restarted').length === 2,
    );
    assert.deepEqual(await collector.restart('own.service'), { result: 'done', reason: '' });
    await until('three', () => events.filter((e) => e.event_type === 'restarted').length === 3);
    const counts = Object.fromEntries([...collector.units()].map((u) => [u.name, u.restarts]));
    assert.deepEqual(counts, {
      'own.service': { automatic: 0, manual: 0, unitwatch: 2 },
      'other.service': { automatic: 0, manual: 1, unitwatch: 0 },
    });
    const absent = { result: 'refused', reason: 'systemd knows no unit absent.service.' };
    assert.deepEqual(await collector.restart('absent.service'), absent);
    collector.stop();
    await reading;
  });
});
