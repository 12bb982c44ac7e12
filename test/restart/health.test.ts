import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/collector/system-clock.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import type { UnitControl } from '../../src/model/unit-control.ts';
import { Commands } from '../../src/restart/command.ts';
import { checkHealth } from '../../src/restart/health.ts';
import { findProcesses, named, signalProcess } from '../../src/restart/processes.ts';
import { pause, search, settingsOf, until } from './settings.ts';

type State = Partial<UnitState> | undefined;

/** A systemd that shows these states of a unit, one after another, and the last one for ever. */
function toolsFor(...states: readonly State[]) {
  const left = [...states];
  const neither = () => assert.fail('a health check changes nothing');
  const units: UnitControl = {
    knows: async () => true,
    status: async () => {
      const state = left.length > 1 ? left.shift() : left[0];
      return state && { loadState: 'loaded', state: { ...newUnitState(), ...state } };
    },
    startUnit: neither,
    stopUnit: neither,
    restartUnit: neither,
    resetFailed: neither,
  };
  const commands = new Commands(systemClock);
  return { units, commands, own: new Set<string>(), search, sleep: async () => {} };
}

const up = { activeState: 'active', subState: 'running', invocation0: 1 } as const;

test('a command that finds no place says nothing of the process', async () => {
  const commands = new Commands(systemClock, 50);
  const tools = { ...toolsFor(undefined), commands };
  const settings = settingsOf({ postHealthCheck: 'exec sleep 1', healthTimeoutMs: 5_000 });
  const looks = Array.from({ length: 9 }, () => checkHealth('web', 'service', settings, tools));
  const outcomes = (await Promise.all(looks)).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, [...Array<string>(8).fill('ok'), 'lost']);
});

describe('health of a unit', () => {
  const rows: readonly (readonly [string, readonly State[], string, string])[] = [
    ['it runs', [up], 'ok', ''],
    ['it reloads', [up, { ...up, activeState: 'reloading' }], 'ok', ''],
    [
      'it is starting',
      [{ activeState: 'activating', subState: 'start' }],
      'failed',
      'a.service is activating (start).',
    ],
    [
      'it waits for its restart',
      [{ activeState: 'activating', subState: 'auto-restart' }],
      'failed',
      'a.service is activating (auto-restart).',
    ],
    ['it is down', [{}], 'failed', 'a.service is inactive (dead).'],
    [
      'it ends in the meantime',
      [up, { activeState: 'failed', subState: 'failed' }],
      'failed',
      'a.service is failed (failed).',
    ],
    [
      'it is another run by then',
      [up, { ...up, invocation0: 2 }],
      'failed',
      'a.service was started again within 1 s.',
    ],
    ['systemd is gone', [up, undefined], 'lost', 'systemd could not be asked about a.service.'],
  ];
  for (const [name, states, outcome, reason] of rows) {
    test(name, async () => {
      const done = await checkHealth('a', 'service', settingsOf(), toolsFor(...states));
      assert.deepEqual(done, { outcome, reason });
    });
  }
});

describe('health by a command', () => {
  const check = (postHealthCheck: string, healthTimeoutMs = 20_000) =>
    checkHealth(
      'a',
      'service',
      settingsOf({ postHealthCheck, healthTimeoutMs, commandTimeoutMs: 1 }),
      toolsFor({}),
    );
  test('it decides alone', async () =>
    assert.deepEqual(await check('true'), { outcome: 'ok', reason: '' }));
  test('it fails', async () =>
    assert.deepEqual(await check('echo 503; exit 22'), {
      outcome: 'failed',
      reason: 'post_health_check ended with status 22: 503',
    }));
  test('it has a time limit of its own', async () =>
    assert.equal((await check('exec sleep 1000', 200)).outcome, 'timeout'));
});

describe('health of processes', () => {
  const name = `healthy-${process.pid}`;
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'unitwatch-health-'));
    const sleep = execFileSync('readlink', ['-f', '/bin/sleep'], { encoding: 'utf8' }).trim();
    copyFileSync(sleep, join(folder, name));
  });
  after(async () => {
    for (const entry of await findProcesses(named(name))) signalProcess(entry, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });
  const start = async (seconds: string) => {
    execFileSync('setsid', ['--fork', join(folder, name), seconds], { stdio: 'ignore' });
    await until('it runs', async () => (await findProcesses(named(name))).length > 0);
  };
  const check = (more = {}) =>
    checkHealth(name, 'process', settingsOf(more), { ...toolsFor({}), sleep: pause });

  test('none runs', async () =>
    assert.deepEqual(await check(), { outcome: 'failed', reason: 'No process of it runs.' }));

  test('it runs', async () => {
    await start('1000');
    assert.deepEqual(await check(), { outcome: 'ok', reason: '' });
    assert.equal((await check({ match: `${name} 1000` })).outcome, 'ok');
    assert.equal((await check({ match: `${name} 2000` })).outcome, 'failed');
    for (const entry of await findProcesses(named(name))) signalProcess(entry, 'SIGKILL');
  });

  test('it ends a moment later', async () => {
    await start('1000');
    const [entry] = await findProcesses(named(name));
    const sleep = async () => {
      if (entry) signalProcess(entry, 'SIGKILL');
      await until('it is gone', async () => (await findProcesses(named(name))).length === 0);
    };
    const tools = { ...toolsFor({}), sleep };
    const done = await checkHealth(name, 'process', settingsOf(), tools);
    assert.deepEqual(done, { outcome: 'failed', reason: 'Its processes ended within 1 s.' });
  });

  test('a custom restart with nothing to check by', async () => {
    const { outcome } = await checkHealth('x', 'custom', settingsOf(), toolsFor({}));
    assert.equal(outcome, 'skipped');
    const byUnit = await checkHealth('x', 'custom', settingsOf({ unit: 'a' }), toolsFor(up));
    assert.equal(byUnit.outcome, 'ok');
  });
});
