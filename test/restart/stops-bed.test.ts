import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StopCause } from '../../src/collector/stops.ts';
import type { Watch } from '../../src/collector/watch.ts';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Draft } from '../../src/model/event.ts';
import { idleUnit, prepareForBeds, startUnits } from '../bed.ts';
import { until } from './settings.ts';
import { watchOn } from './watch-on.ts';

describe('who stopped a unit, on a real systemd', () => {
  let bed: ThrowAwaySystemd;
  let watch: Watch;
  const events: Draft[] = [];
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd();
    watch = watchOn(bed.busAddress, (draft) => events.push(draft));
    await watch.start();
  });
  after(async () => {
    watch.stop();
    await bed.stop();
  });

  const isUp = (name: string) => watch.follower.table.get(name)?.state.activeState === 'active';
  const isDown = (name: string) => {
    const state = watch.follower.table.get(name)?.state.activeState ?? 'inactive';
    return state === 'inactive' || state === 'failed';
  };
  const start = async (units: Readonly<Record<string, string>>) => {
    await startUnits(bed, units);
    for (const name of Object.keys(units)) await until(`${name} is up`, () => isUp(name));
  };
  const cause = (
    unit: string,
    above: readonly string[] = [],
    boundTo: readonly string[] = [],
  ): StopCause | undefined =>
    watch.stopCause(unit, {
      stopsWith: (name) => (name === unit ? above : []),
      boundTo: (name) => (name === unit ? boundTo : []),
    });
  const down = async (...names: readonly string[]) => {
    await until(`${names} are down`, () => names.every(isDown));
    const jobOf = (name: string) => watch.follower.table.get(name)?.state.jobId ?? 0;
    await until(`${names} have no job`, () => names.every((name) => jobOf(name) === 0));
  };

  test('systemctl stop: by hand, until it is started', async () => {
    await start({ 'hand.service': idleUnit() });
    assert.equal(cause('hand.service'), undefined);
    await bed.systemctl('stop', 'hand.service');
    await down('hand.service');
    assert.deepEqual(cause('hand.service'), { by: 'hand' });
    await bed.systemctl('start', 'hand.service');
    await until('it is up', () => isUp('hand.service'));
    assert.equal(cause('hand.service'), undefined);
  });

  test('systemctl stop of one that ends badly when it is told to: by hand too', async () => {
    const text = "trap 'exit 143' TERM; while :; do sleep 0.1; done";
    await start({ 'java.service': `[Service]\nExecStart=/bin/sh -c "${text}"\n` });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await bed.systemctl('stop', 'java.service');
    await down('java.service');
    assert.deepEqual(cause('java.service'), { by: 'hand' });
  });

  test('stopped while systemd waited to restart it: by hand', async () => {
    await startUnits(bed, {
      'waits.service': "[Service]\nExecStart=/bin/sh -c 'exit 1'\nRestart=always\nRestartSec=1h\n",
    });
    const exited = () =>
      events.some((e) => e.event_type === 'exited' && e.service === 'waits.service');
    await until('it waits', exited);
    await bed.systemctl('stop', 'waits.service');
    await down('waits.service');
    assert.deepEqual(cause('waits.service'), { by: 'hand' });
  });

  for (const [name, text] of [
    ['crashes', "[Service]\nExecStart=/bin/sh -c 'sleep 1; exit 1'\n"],
    ['ends-well', '[Service]\nExecStart=/bin/sleep 1\n'],
  ] as const) {
    test(`one that ${name} by itself: nobody`, async () => {
      await start({ [`${name}.service`]: text });
      await down(`${name}.service`);
      assert.equal(cause(`${name}.service`), undefined);
    });
  }

  test('a oneshot that ends under the job of its start, and a start that fails: nobody', async () => {
    const told = (name: string) =>
      events.some((e) => e.service === name && /stopped|failed/.test(e.event_type));
    for (const [name, status] of [
      ['once.service', 0],
      ['once-bad.service', 1],
    ] as const) {
      const text = `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 0.5; exit ${status}'\n`;
      await startUnits(bed, { [name]: text });
      await until(`${name} is told`, () => told(name));
      assert.equal(cause(name), undefined);
    }
  });

  test('killed by a person with systemctl kill: no stop', async () => {
    await start({ 'killed.service': idleUnit() });
    await bed.systemctl('kill', '--signal=KILL', 'killed.service');
    await down('killed.service');
    assert.equal(cause('killed.service'), undefined);
  });

  test('a stop that a person asked us for', async () => {
    await start({
      'ours.service': idleUnit(),
      'with-ours.service': `[Unit]\nPartOf=ours.service\n${idleUnit()}`,
    });
    assert.equal((await watch.stopUnit('ours.service', 20_000)).result, 'done');
    await down('ours.service', 'with-ours.service');
    assert.deepEqual(cause('ours.service'), { by: 'hand' });
    assert.deepEqual(cause('with-ours.service', ['ours.service']), {
      by: 'hand',
      of: 'ours.service',
    });
  });

  test('a restart by hand is no stop, also where the new start fails', async () => {
    const text = '[ ! -e /run/once ] || exit 1; touch /run/once; exec sleep infinity';
    await start({
      'again.service': idleUnit(),
      'once-only.service': `[Service]\nType=exec\nExecStartPre=/bin/true\nExecStart=/bin/sh -c '${text}'\n`,
      'refuses.service':
        "[Service]\nExecStartPre=/bin/sh -c '[ ! -e /run/refuse ]'\nExecStart=/bin/sh -c 'touch /run/refuse; exec sleep infinity'\n",
    });
    await bed.systemctl('restart', 'again.service');
    // Whether its systemctl fails depends on who is quicker.
    await bed.exec(['systemctl', 'restart', 'once-only.service']);
    const touched = await bed.exec(['test', '-e', '/run/refuse']);
    assert.equal(touched.status, 0);
    assert.notEqual((await bed.exec(['systemctl', 'restart', 'refuses.service'])).status, 0);
    await down('once-only.service', 'refuses.service');
    // Its answer comes after all that systemctl has heard.
    await watch.status('refuses.service');
    for (const name of ['again.service', 'once-only.service', 'refuses.service'])
      assert.equal(cause(name), undefined, name);
  });

  test('a dependency is stopped by hand', async () => {
    await start({
      'base.service': idleUnit(),
      'part.service': `[Unit]\nPartOf=base.service\n${idleUnit()}`,
      'requires.service': `[Unit]\nRequires=base.service\nAfter=base.service\n${idleUnit()}`,
    });
    await bed.systemctl('stop', 'base.service');
    await down('base.service', 'part.service', 'requires.service');
    assert.deepEqual(cause('base.service'), { by: 'hand' });
    for (const name of ['part.service', 'requires.service'])
      assert.deepEqual(cause(name, ['base.service']), { by: 'hand', of: 'base.service' });
  });

  test('what it is bound to crashes: systemd', async () => {
    await start({
      'anchor.service': idleUnit(),
      'bound.service': `[Unit]\nBindsTo=anchor.service\nAfter=anchor.service\n${idleUnit()}`,
    });
    await bed.systemctl('kill', '--signal=KILL', 'anchor.service');
    await down('anchor.service', 'bound.service');
    const bound = ['anchor.service'];
    assert.deepEqual(cause('bound.service', bound, bound), { by: 'systemd', of: 'anchor.service' });
  });

  test('it is remembered when the unit is unloaded', async () => {
    await bed.systemctl('stop', 'again.service');
    await until('it is unloaded', () => watch.follower.table.get('again.service') === undefined);
    assert.deepEqual(cause('again.service'), { by: 'hand' });
  });
});
