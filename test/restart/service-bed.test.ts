import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/collector/system-clock.ts';
import type { Watch } from '../../src/collector/watch.ts';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Draft } from '../../src/model/event.ts';
import { Commands } from '../../src/restart/command.ts';
import type { ProcessSettings } from '../../src/restart/contract.ts';
import { hostEffects } from '../../src/restart/effects.ts';
import { asUser, nobody } from '../agent/agent-process.ts';
import { idleUnit, killBus, prepareForBeds, show, startUnits, writeUnits } from '../bed.ts';
import { pause, search, settingsOf, until } from './settings.ts';
import { watchOn } from './watch-on.ts';

/** A service that hangs when it is stopped. */
const hangs = (stopSec: string) =>
  `[Service]\nExecStart=/bin/sh -c 'trap "" TERM; while :; do sleep 0.2; done'\nTimeoutStopSec=${stopSec}\n`;

const repository = fileURLToPath(new URL('../../../', import.meta.url));

describe('units, on a real systemd', () => {
  let bed: ThrowAwaySystemd;
  let watch: Watch;
  const events: Draft[] = [];
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd({ binds: [repository] });
    watch = watchOn(bed.busAddress, (draft) => events.push(draft));
    await watch.start();
  });
  after(async () => {
    watch.stop();
    await bed.stop();
  });

  const effects = () =>
    hostEffects({
      units: watch,
      commands: new Commands(systemClock),
      own: new Set(),
      search,
      sleep: pause,
    });
  const restart = (name: string, more: Partial<ProcessSettings> = {}) =>
    effects().restart(name, 'service', settingsOf(more));
  const health = (name: string) => effects().health(name, settingsOf());
  const restartsOf = (name: string) =>
    [...watch.follower.table.all()].find((unit) => unit.name === name)?.restarts;
  const start = async (units: Readonly<Record<string, string>>) => {
    await startUnits(bed, units);
    for (const name of Object.keys(units))
      await until(`${name} is followed`, () => restartsOf(name) !== undefined);
  };

  /** Its first start has ended: where a job is under way, ours is refused. */
  const hasFailed = (unit: string) =>
    until(
      `${unit} has failed`,
      async () => (await show(bed, unit, 'ActiveState'))['ActiveState'] === 'failed',
    );

  test('a restart: done, healthy, and counted as ours', async () => {
    await start({ 'plain.service': idleUnit() });
    await until(
      'it runs',
      async () => (await show(bed, 'plain.service', 'ActiveState'))['ActiveState'] === 'active',
    );
    assert.equal(await effects().resolve('plain', settingsOf()), 'service');
    assert.deepEqual(await restart('plain'), { outcome: 'ok', reason: '' });
    assert.deepEqual(await health('plain'), { outcome: 'ok', reason: '' });
    assert.deepEqual(restartsOf('plain.service'), { automatic: 0, manual: 0, unitwatch: 1 });
    const told = events.filter(
      (e) => e.event_type === 'restarted' && e.service === 'plain.service',
    );
    assert.deepEqual(
      told.map(({ data }) => 'cause' in data && data.cause),
      ['unitwatch'],
    );
  });

  test('a start that fails at once, and a health check that says so', async () => {
    await start({ 'broken.service': "[Service]\nExecStart=/bin/sh -c 'exit 7'\n" });
    await hasFailed('broken.service');
    const done = await restart('broken');
    assert.deepEqual(done, {
      outcome: 'failed',
      reason:
        'broken.service did not stay up (exit-code, status 7): journalctl --unit broken.service says more.',
    });
    assert.deepEqual(await health('broken'), {
      outcome: 'failed',
      reason: 'broken.service is failed (failed).',
    });
  });

  test('a start that systemd itself sees fail', async () => {
    await start({
      'never.service': "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'exit 5'\n",
    });
    await hasFailed('never.service');
    const done = await restart('never');
    assert.equal(done.outcome, 'failed');
    assert.match(
      done.reason,
      /^never\.service did not stay up \((exit-code, status 5|protocol.*)\)/,
    );
  });

  test('the start limit was hit: it is reset, and starts', async () => {
    await start({
      'limited.service': `[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nExecStart=/bin/sh -c '[ ! -e /run/mended ] || exec sleep infinity; exit 1'\nRestart=always\nRestartSec=50ms\n`,
    });
    const state = async () => (await show(bed, 'limited.service', 'ActiveState'))['ActiveState'];
    await until('it is given up', async () => (await state()) === 'failed');
    writeFileSync(join(bed.root, 'run', 'mended'), '');
    const refused = await bed.exec(['systemctl', 'start', 'limited.service']);
    assert.notEqual(refused.status, 0, 'the limit holds for others');
    assert.deepEqual(await restart('limited'), { outcome: 'ok', reason: '' });
    assert.deepEqual(await health('limited'), { outcome: 'ok', reason: '' });
  });

  test('a stop that hangs: late, and still counted as ours when it is over', async () => {
    await start({ 'hangs.service': hangs('6s') });
    await pause(500);
    const done = await restart('hangs', { commandTimeoutMs: 500 });
    assert.equal(done.outcome, 'timeout');
    assert.match(done.reason, /was not over after 0\.5 s.*TimeoutStopSec=/);
    const again = await restart('hangs');
    assert.deepEqual(again, {
      outcome: 'refused',
      reason: 'systemd has a job under way for hangs.service.',
    });
    await until('it is restarted', () => restartsOf('hangs.service')?.unitwatch === 1);
    assert.equal(restartsOf('hangs.service')?.manual, 0);
  });

  test('a job that another takes the place of', async () => {
    await start({ 'replaced.service': hangs('8s') });
    await pause(500);
    const restarting = watch.restartUnit('replaced.service', 30_000);
    await until(
      'its job runs',
      async () => ((await watch.status('replaced.service'))?.state.jobId ?? 0) > 0,
    );
    await bed.systemctl('--no-block', 'stop', 'replaced.service');
    const { result, reason } = await restarting;
    assert.equal(result, 'canceled');
    assert.match(reason, /another job took its place/);
  });

  test('a job that is cancelled', async () => {
    await start({ 'cancelled.service': hangs('8s') });
    await pause(500);
    const restarting = restart('cancelled');
    await until(
      'its job runs',
      async () => ((await watch.status('cancelled.service'))?.state.jobId ?? 0) > 0,
    );
    await bed.systemctl('cancel');
    assert.equal((await restarting).outcome, 'failed');
  });

  test('something that it requires does not start', async () => {
    await writeUnits(bed, {
      'needs.service': `[Unit]\nRequires=needed.service\nAfter=needed.service\n${idleUnit()}`,
      'needed.service': "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 1'\n",
    });
    const done = await restart('needs');
    assert.deepEqual(done, {
      outcome: 'failed',
      reason: 'A unit that needs.service requires did not start.',
    });
  });

  test('masked, faulty, unknown, a template', async () => {
    await writeUnits(bed, {
      'template@.service': idleUnit(),
      'faulty.service': '[Service]\nType=nonsense-without-ExecStart\n',
    });
    await bed.exec(['ln', '-s', '/dev/null', '/run/systemd/system/masked.service']);
    await bed.systemctl('daemon-reload');
    assert.match((await restart('masked')).reason, /is masked: systemctl unmask masked\.service/);
    assert.match((await restart('faulty')).reason, /cannot be loaded \(bad-setting\)/);
    assert.equal((await restart('unheard-of')).reason, 'systemd knows no unit unheard-of.service.');
    assert.equal((await restart('template@')).reason, 'That is no name of a unit.');
    assert.equal(await effects().resolve('unheard-of', settingsOf()), 'process');
    assert.equal(await effects().resolve('masked', settingsOf()), 'service');
    assert.equal(await effects().resolve('template@one', settingsOf()), 'service');
    const { result } = await watch.restartUnit('unheard-of.service', 5_000);
    assert.equal(result, 'refused');
  });

  test('what is not permitted is said, and what to do', async () => {
    await start({ 'not-ours.service': idleUnit() });
    const child = fileURLToPath(new URL('./not-permitted-child.js', import.meta.url));
    const argv = asUser(nobody, [process.execPath, child, 'not-ours.service']);
    const { status, stdout, stderr } = await bed.exec(argv);
    assert.equal(status, 0, stderr);
    const needed = (verb: string) =>
      `systemd does not permit this user to ${verb} not-ours.service: name not-ours.service and the verb ${verb} in the polkit rule (packaging/60-unitwatch.rules, to go into /etc/polkit-1/rules.d/).`;
    assert.deepEqual(
      JSON.parse(stdout),
      ['restart', 'start', 'stop', 'reset-failed'].map((verb) => ({
        result: 'refused',
        reason: needed(verb),
      })),
    );
  });

  test('start and stop, as the shell asks for them', async () => {
    await writeUnits(bed, { 'shell.service': idleUnit() });
    assert.deepEqual(await watch.startUnit('shell', 20_000), { result: 'done', reason: '' });
    assert.equal((await watch.status('shell'))?.state.activeState, 'active');
    assert.deepEqual(await watch.stopUnit('shell', 20_000), { result: 'done', reason: '' });
    assert.equal((await watch.status('shell'))?.state.activeState, 'inactive');
    const told = events.filter(({ service }) => service === 'shell.service');
    assert.deepEqual(
      told.map(({ event_type }) => event_type),
      ['started', 'stopped'],
    );
  });

  test('two of ours for one unit end with the same job', async () => {
    await start({ 'twice.service': hangs('1s') });
    await pause(500);
    const ends = await Promise.all([
      watch.restartUnit('twice.service', 30_000),
      watch.restartUnit('twice.service', 30_000),
    ]);
    assert.deepEqual(
      ends.map(({ result }) => result),
      ['done', 'done'],
    );
  });

  test('the bus is killed in the middle of a job', async () => {
    await start({ 'cut-off.service': hangs('2s') });
    await pause(500);
    const restarting = restart('cut-off');
    await until(
      'its job runs',
      async () => ((await watch.status('cut-off.service'))?.state.jobId ?? 0) > 0,
    );
    await killBus(bed);
    const done = await restarting;
    assert.equal(done.outcome, 'lost');
    await until('the bus is back', () => watch.ready);
    await until('it can be asked again', async () => (await health('cut-off')).outcome === 'ok');
  });

  test('systemd is executed anew in the middle of a job', async () => {
    await start({ 'reexec.service': hangs('3s') });
    await pause(500);
    const restarting = watch.restartUnit('reexec.service', 60_000);
    await until(
      'its job runs',
      async () => ((await watch.status('reexec.service'))?.state.jobId ?? 0) > 0,
    );
    await bed.systemctl('daemon-reexec');
    const { result } = await restarting;
    assert.ok(result === 'lost' || result === 'done', result);
    await until('it can be asked again', async () => (await health('reexec')).outcome === 'ok');
  });
});
