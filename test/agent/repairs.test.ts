import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { idleUnit, prepareForBeds, sleep, startUnits, until } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { eventsOf, heard, type RunningAgent, startAgent } from './agent-process.ts';
import {
  countedUnit,
  invocation,
  quick,
  reasons,
  Scratch,
  startsOf,
  stepped,
  steps,
} from './repairs-world.ts';

/** PIDs of the processes whose program lies at `path`. */
function processesOf(path: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && firstArgument(pid) === path);
}

function firstArgument(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
  } catch {
    return undefined;
  }
}

describe('repairs of a real host, alarms raised by the command', () => {
  const scratch = new Scratch();
  let bed: ThrowAwaySystemd;
  let agent: RunningAgent;
  const worker = scratch.at('unitwatch-worker');
  const other = scratch.at('unitwatch-other');
  const hook = `cat >> ${scratch.at('hooks')}`;
  const config = (dryRun: boolean) => `
restart:
  enabled: true
  dry_run: ${dryRun}
  check_interval: 1s
  budget: { max_restarts_per_hour: 1000 }
  default: ${quick}
  processes:
    the shop: { unit: shop.service }
    worker: { restart_strategy: process, match: "^${worker}", start_command: "${worker} 1000 > /dev/null 2>&1 &", stop_grace: 1s }
    unitwatch-other: { start_command: "${other} 1000 > /dev/null 2>&1 &" }
    report job:
      restart_strategy: custom
      restart_command: "echo restart >> ${scratch.at('report')}"
      pre_restart_command: "echo before >> ${scratch.at('report')}"
      post_health_check: "echo check >> ${scratch.at('report')}; test $(grep -c check ${scratch.at('report')}) -ge 3"
    hesitant:
      restart_strategy: custom
      pre_restart_command: "false"
      restart_command: [touch, "${scratch.at('never')}"]
      max_attempts: 1
      max_restart_failures: 1000
      backoff_max: 1h
    flaky:
      restart_strategy: custom
      restart_command: [test, -e, "${scratch.at('mended')}"]
      max_attempts: 1
      max_restart_failures: 2
      circuit_reset_time: 2s
    broken.service: { repair_on: [failed] }
    spinning.service: { repair_on: [start_limit] }
  hooks:
    repair_failed: "${hook}"
    circuit_opened: "${hook}"
${scratch.database}`;

  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd();
    copyFileSync('/bin/sleep', worker);
    copyFileSync('/bin/sleep', other);
    await scratch.alarms('init');
    agent = await startAgent({ bus: bed.busAddress, config: config(false) });
  });
  after(async () => {
    await agent.stop();
    for (const path of [worker, other])
      for (const pid of processesOf(path)) process.kill(pid, 'SIGKILL');
    await bed.stop();
    scratch.remove();
  });

  test('auto: an alarm row, a restart, a passing health check, a cleared row', async () => {
    await startUnits(bed, { 'plain.service': idleUnit() });
    const before = await invocation(bed, 'plain.service');
    await scratch.alarms('raise', 'plain');
    await heard(agent, 'alarm', 'plain', 2);
    assert.deepEqual(steps(agent, 'plain'), [
      ...['accepted ok', 'restart ok', 'health_check ok', 'settled ok'],
    ]);
    assert.notEqual(await invocation(bed, 'plain.service'), before);
    assert.equal(await scratch.alarms('list'), 'No alarm is raised.\n');
    const phases = eventsOf(agent.events(), 'alarm', 'plain').map(({ data }) => data.phase);
    assert.deepEqual(phases, ['raised', 'cleared']);
    const lines = await agent.metrics();
    assert.equal(valueIn(lines, 'unitwatch_repair_attempts_total', { outcome: 'ok' }), 1);
    assert.equal(valueIn(lines, 'unitwatch_repairs_total', { end: 'settled' }), 1);
    assert.equal(valueIn(lines, 'unitwatch_alarms_open', {}), 0);
    assert.equal(valueIn(lines, 'unitwatch_alarm_source_up', { source: 'sqlite' }), 1);
  });

  test('service: the unit behind another name', async () => {
    await startUnits(bed, { 'shop.service': countedUnit('shop') });
    await until('it runs', () => startsOf(bed, 'shop') === 1);
    await scratch.alarms('raise', 'the shop');
    await stepped(agent, 'the shop', 'settled ok');
    assert.equal(startsOf(bed, 'shop'), 2);
  });

  for (const [name, path] of [
    ['worker', worker],
    ['unitwatch-other', other],
  ] as const) {
    test(`processes: ${name} is ended and started again`, async () => {
      await scratch.alarms('raise', name);
      await stepped(agent, name, 'settled ok');
      const first = processesOf(path);
      assert.equal(first.length, 1);
      await until('its row is cleared', async () => !(await scratch.alarms('list')).includes(name));
      await scratch.alarms('raise', name);
      await stepped(agent, name, 'settled ok', 2);
      const second = processesOf(path);
      assert.equal(second.length, 1);
      assert.notDeepEqual(second, first);
    });
  }

  test('custom: a command before it, the command, a health check that fails twice', async () => {
    await scratch.alarms('raise', 'report job');
    await stepped(agent, 'report job', 'settled ok');
    assert.deepEqual(scratch.lines('report'), ['before', 'restart', 'check', 'check', 'check']);
  });

  test('a command before the restart that fails: no restart', async () => {
    await scratch.alarms('raise', 'hesitant');
    await stepped(agent, 'hesitant', 'given_up failed');
    await scratch.alarms('clear', 'hesitant');
    assert.ok(!steps(agent, 'hesitant').some((step) => step.startsWith('restart ')));
    assert.deepEqual(scratch.lines('never'), []);
  });

  test('the breaker opens, tries once, opens again, closes; hooks hear of it', async () => {
    const states = () =>
      eventsOf(agent.events(), 'circuit', 'flaky').map(({ data }) => data.state as string);
    await scratch.alarms('raise', 'flaky');
    await until('a trial has failed', () => states().length >= 3, 30_000);
    assert.deepEqual(states().slice(0, 3), ['open', 'half_open', 'open']);
    writeFileSync(scratch.at('mended'), '');
    await until('it is closed', () => states().includes('closed'), 30_000);
    await stepped(agent, 'flaky', 'settled ok');
    const told = scratch.lines('hooks').map((line) => JSON.parse(line));
    const hooks = told.filter(({ process }) => process === 'flaky').map((one) => one.hook);
    assert.ok(hooks.includes('repair_failed') && hooks.includes('circuit_opened'), `${hooks}`);
    assert.ok(steps(agent, 'flaky').includes('hook ok'));
  });

  test('a unit stopped by hand is left alone until somebody starts it', async () => {
    await startUnits(bed, { 'resting.service': countedUnit('resting') });
    await until('it runs', () => startsOf(bed, 'resting') === 1);
    await heard(agent, 'started', 'resting.service');
    await bed.systemctl('stop', 'resting.service');
    await heard(agent, 'stopped', 'resting.service');
    await scratch.alarms('raise', 'resting');
    await stepped(agent, 'resting', 'ignored skipped');
    assert.deepEqual(reasons(agent, 'resting', 'ignored'), ['it was stopped by hand']);
    await sleep(1_500);
    assert.equal(startsOf(bed, 'resting'), 1);
    await bed.systemctl('start', 'resting.service');
    await stepped(agent, 'resting', 'settled ok');
  });

  test('the system stands on it: dbus, systemd, targets', async () => {
    const names = ['dbus', 'systemd-journald', 'multi-user.target'];
    for (const name of names) await scratch.alarms('raise', name);
    for (const name of names) await stepped(agent, name, 'ignored skipped');
    for (const name of names) {
      assert.ok(!steps(agent, name).some((step) => step.startsWith('restart ')));
      await scratch.alarms('clear', name);
    }
  });

  test('what others depend on comes first, and its dependants are restarted once', async () => {
    await startUnits(bed, {
      'base.service': countedUnit('base'),
      'app.service': countedUnit('app', ['Requires=base.service', 'After=base.service']),
    });
    await until('both run', () => startsOf(bed, 'base') + startsOf(bed, 'app') === 2);
    await bed.systemctl('is-active', 'base.service', 'app.service');
    // Dependencies of new units are read a moment after they were loaded.
    await sleep(1_000);
    const page = await agent.page('/api/graph?unit=app.service');
    assert.match(page.body, /base\.service/);
    await scratch.alarms('raise', 'app');
    await scratch.alarms('raise', 'base');
    await stepped(agent, 'base', 'settled ok');
    await stepped(agent, 'app', 'settled ok');
    assert.equal(startsOf(bed, 'base'), 2);
    assert.ok(startsOf(bed, 'app') <= 3, 'once by itself at most');
  });

  test('states of units are alarms where that is switched on', async () => {
    await startUnits(bed, {
      'broken.service': `[Service]\nExecStart=/bin/sh -c '[ -e /run/tried ] && exec sleep infinity; touch /run/tried; exit 1'\n`,
      'unasked.service': '[Service]\nExecStart=/bin/false\n',
      'spinning.service': `[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nRestart=always\nRestartSec=100ms\nExecStart=/bin/sh -c '[ $(wc -l < /run/spun) -ge 2 ] && exec sleep infinity; echo >> /run/spun; exit 1'\nExecStartPre=/bin/sh -c 'touch /run/spun'\n`,
    });
    await stepped(agent, 'broken.service', 'settled ok');
    await stepped(agent, 'spinning.service', 'settled ok');
    assert.deepEqual(steps(agent, 'unasked.service'), []);
    assert.equal(eventsOf(agent.events(), 'alarm', 'broken.service')[0]?.data.source, 'unit');
  });

  test('dry_run tells and does nothing; a reload while a repair waits goes on with it', async () => {
    await startUnits(bed, { 'dry.service': countedUnit('dry') });
    await until('it runs', () => startsOf(bed, 'dry') === 1);
    const reload = async (text: string, count: number) => {
      writeFileSync(agent.configFile, text);
      agent.kill('SIGHUP');
      const told = () =>
        agent
          .events()
          .filter((event) => event.event_type === 'agent' && event.data.phase === 'reloaded');
      await until('the reload is told', () => told().length >= count);
    };
    await reload(config(true), 1);
    await scratch.alarms('raise', 'dry');
    await stepped(agent, 'dry', 'ignored skipped');
    await sleep(1_200);
    assert.equal(startsOf(bed, 'dry'), 1);
    const told = eventsOf(agent.events(), 'restart_step', 'dry');
    assert.ok(told.every(({ data }) => data.dry_run === true));
    await reload(config(false), 2);
    await stepped(agent, 'dry', 'settled ok');
    assert.equal(startsOf(bed, 'dry'), 2);
  });

  test('the page shows what stands', async () => {
    await scratch.alarms('raise', 'dbus');
    const shown = async () => JSON.parse((await agent.page('/api/status')).body).repairs;
    await until('it is shown', async () => (await shown()).length > 0);
    assert.deepEqual(await shown(), [
      {
        process: 'dbus',
        state: 'ignored',
        reason: 'the system stands on it, and the configuration does not name it',
        attempt: 0,
      },
    ]);
    rmSync(join(scratch.path, 'hooks'), { force: true });
  });
});
