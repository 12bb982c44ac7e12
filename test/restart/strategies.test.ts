import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/collector/system-clock.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import type { JobEnd, JobResult, UnitControl } from '../../src/model/unit-control.ts';
import { jobResults } from '../../src/model/unit-control.ts';
import { isUnitName } from '../../src/model/unit-name.ts';
import { Commands } from '../../src/restart/command.ts';
import type { ProcessSettings } from '../../src/restart/contract.ts';
import { hostEffects } from '../../src/restart/effects.ts';
import { findProcesses, isStill, named, signalProcess } from '../../src/restart/processes.ts';
import type { StrategyTools } from '../../src/restart/strategies.ts';
import { ownUnits, whyNotUnit } from '../../src/restart/strategies-protected.ts';
import { hostileNames, pause, search, settingsOf, until } from './settings.ts';

const commands = new Commands(systemClock);

/** A systemd that has the unit a.service, and writes down what it is asked. */
function fakeUnits(
  answers: {
    readonly loadState?: string;
    readonly before?: Partial<UnitState>;
    readonly after?: Partial<UnitState>;
    readonly restart?: JobEnd;
    readonly reset?: JobEnd;
    readonly knows?: boolean | undefined;
  } = {},
  sleep: StrategyTools['sleep'] = async () => {},
) {
  const asked: string[] = [];
  let restarted = false;
  const done: JobEnd = { result: 'done', reason: '' };
  const up = { activeState: 'active', subState: 'running' } as const;
  const units: UnitControl = {
    knows: async (unit) => ('knows' in answers ? answers.knows : unit === 'a.service'),
    status: async () => ({
      loadState: answers.loadState ?? 'loaded',
      state: { ...newUnitState(), ...up, ...(restarted ? answers.after : answers.before) },
    }),
    startUnit: () => assert.fail('a repair starts nothing'),
    stopUnit: () => assert.fail('a repair stops nothing'),
    restartUnit: async (unit) => {
      asked.push(`restart ${unit}`);
      restarted = true;
      return answers.restart ?? done;
    },
    resetFailed: async (unit) => {
      asked.push(`reset ${unit}`);
      return answers.reset ?? done;
    },
  };
  const own = new Set(['own.service']);
  return { asked, effects: hostEffects({ units, commands, own, search, sleep }) };
}

describe('strategy service', () => {
  const restart = (fake: ReturnType<typeof fakeUnits>, name = 'a', unit = '') =>
    fake.effects.restart(name, 'service', settingsOf({ unit }));

  test('a restart that is done', async () => {
    const fake = fakeUnits();
    assert.deepEqual(await restart(fake), { outcome: 'ok', reason: '' });
    assert.deepEqual(fake.asked, ['restart a.service']);
  });

  test('a failed unit is reset first, whatever its Result', async () => {
    const fake = fakeUnits({ before: { activeState: 'failed', result: 'exit-code' } });
    assert.equal((await restart(fake)).outcome, 'ok');
    assert.deepEqual(fake.asked, ['reset a.service', 'restart a.service']);
  });

  test('no restart where the reset is refused', async () => {
    const reset: JobEnd = { result: 'refused', reason: 'not permitted' };
    const fake = fakeUnits({ before: { activeState: 'failed' }, reset });
    assert.deepEqual(await restart(fake), { outcome: 'refused', reason: 'not permitted' });
    assert.deepEqual(fake.asked, ['reset a.service']);
  });

  const outcomes: Partial<Record<JobResult, string>> = {
    done: 'ok',
    late: 'timeout',
    timeout: 'timeout',
    lost: 'lost',
    refused: 'refused',
    skipped: 'skipped',
  };
  for (const result of jobResults) {
    test(`a job that ends as ${result}`, async () => {
      const reason = result === 'done' ? '' : 'because';
      const { outcome } = await restart(fakeUnits({ restart: { result, reason } }));
      assert.equal(outcome, outcomes[result] ?? 'failed');
    });
  }

  for (const [name, after, reason] of [
    [
      'failed at once',
      { activeState: 'failed', result: 'exit-code', execMainCode: 1, execMainStatus: 3 },
      'a.service did not stay up (exit-code, status 3): journalctl --unit a.service says more.',
    ],
    [
      'crashed at once, and systemd waits to start it',
      { activeState: 'activating', subState: 'auto-restart', result: 'signal', execMainCode: 2 },
      'a.service did not stay up (signal): journalctl --unit a.service says more.',
    ],
  ] as const) {
    test(`done, and ${name}`, async () => {
      assert.deepEqual(await restart(fakeUnits({ after })), { outcome: 'failed', reason });
    });
  }

  for (const [name, answers, outcome] of [
    ['a job of others is under way', { before: { jobId: 7 } }, 'refused'],
    ['it is masked', { loadState: 'masked' }, 'refused'],
    ['its file is faulty', { loadState: 'bad-setting' }, 'refused'],
    ['systemd does not know it', { knows: false }, 'refused'],
    ['systemd cannot be asked', { knows: undefined }, 'lost'],
  ] as const) {
    test(`nothing is done where ${name}`, async () => {
      const fake = fakeUnits(answers);
      const done = await restart(fake);
      assert.equal(done.outcome, outcome);
      assert.notEqual(done.reason, '');
      assert.deepEqual(fake.asked, []);
    });
  }

  for (const name of [...hostileNames, 'own', 'user@1000', 'systemd-logind', 'dbus-broker']) {
    test(`never by an alarm's name alone: ${JSON.stringify(name.slice(0, 30))}`, async () => {
      const fake = fakeUnits({ knows: true });
      const done = await restart(fake, name);
      assert.equal(done.outcome, 'refused');
      assert.notEqual(done.reason, '');
      assert.deepEqual(fake.asked, []);
    });
  }

  test('a unit of the system where the configuration names it; our own never', async () => {
    const fake = fakeUnits({ knows: true });
    assert.equal((await restart(fake, 'x', 'systemd-resolved.service')).outcome, 'ok');
    assert.equal((await restart(fake, 'x', 'a.socket')).outcome, 'ok');
    assert.equal((await restart(fake, 'x', 'own.service')).outcome, 'refused');
    assert.equal((await restart(fake, 'x', 'reboot.target')).outcome, 'refused');
    assert.deepEqual(fake.asked, ['restart systemd-resolved.service', 'restart a.socket']);
  });

  test('only a valid name ever reaches systemd', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (name) => {
        const fake = fakeUnits({ knows: true });
        await restart(fake, name);
        for (const line of fake.asked) assert.ok(isUnitName(line.replace(/^\w+ /, '')), line);
      }),
    );
  });
});

describe('what auto comes to', () => {
  const resolve = (knows: boolean | undefined, name: string, more: Partial<ProcessSettings> = {}) =>
    fakeUnits({ knows }).effects.resolve(name, settingsOf(more));
  test('a unit that systemd knows', async () => assert.equal(await resolve(true, 'a'), 'service'));
  test('else a process', async () => assert.equal(await resolve(false, 'a'), 'process'));
  test('nothing is killed on a guess', async () =>
    assert.equal(await resolve(undefined, 'a'), 'service'));
  test('a name that can be no unit', async () =>
    assert.equal(await resolve(true, 'a b'), 'process'));
  test('a named unit', async () =>
    assert.equal(await resolve(false, 'a', { unit: 'b' }), 'service'));
  test('what is configured', async () =>
    assert.equal(await resolve(true, 'a', { strategy: 'custom' }), 'custom'));
});

describe('protected units', () => {
  for (const [text, units] of [
    ['0::/system.slice/unitwatch.service\n', ['system.slice', 'unitwatch.service']],
    [
      '12:memory:/x.service\n1:name=systemd:/user.slice/user@7.service/app.slice/u.service\n',
      ['user.slice', 'user@7.service', 'app.slice', 'u.service'],
    ],
    ['0::/\n', []],
    ['', []],
  ] as const) {
    test(JSON.stringify(text), () => assert.deepEqual([...ownUnits(text)], units));
  }
  test('an ordinary unit is none', () =>
    assert.equal(whyNotUnit('nginx.service', false, new Set()), undefined));
});

describe('strategy process', () => {
  let folder = '';
  /** Names that no other run of this test has. */
  const own = (name: string) => `${name}-${process.pid}`;
  const { effects } = fakeUnits({ knows: false }, pause);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'unitwatch-process-'));
    chmodSync(folder, 0o755);
  });
  after(async () => {
    for (const entry of await findProcesses(({ args }) => args.join(' ').includes(folder)))
      signalProcess(entry, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });

  /** A copy of sleep(1) under a name of its own: what a test ends is nobody else's. */
  const program = (name: string): string => {
    const file = join(folder, name);
    copyFileSync(execFileSync('readlink', ['-f', '/bin/sleep'], { encoding: 'utf8' }).trim(), file);
    return file;
  };
  const script = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  /** Runs it as nobody's child, as what runs on a host does. */
  const startAlone = (...argv: readonly string[]) => {
    execFileSync('setsid', ['--fork', ...argv], { stdio: 'ignore' });
  };
  const running = async (name: string, count = 1) => {
    let found = await findProcesses(named(name));
    await until(`${count} of ${name}`, async () => {
      found = await findProcesses(named(name));
      return found.length === count;
    });
    return found;
  };
  const restart = (name: string, more: Partial<ProcessSettings>) =>
    effects.restart(name, 'process', settingsOf(more));

  test('all that match are ended, then it is started', async () => {
    const file = program(own('plain'));
    startAlone(file, '1000');
    startAlone(file, '1000');
    const old = await running(own('plain'), 2);
    const done = await restart(own('plain'), { startCommand: ['setsid', '--fork', file, '2000'] });
    assert.deepEqual(done, { outcome: 'ok', reason: '' });
    const [fresh] = await running(own('plain'));
    assert.deepEqual(fresh?.args, [file, '2000']);
    assert.ok(old.every((entry) => !isStill(entry)));
  });

  test('none runs: it is started', async () => {
    const file = program(own('none'));
    const done = await restart(own('none'), { startCommand: ['setsid', '--fork', file, '1000'] });
    assert.equal(done.outcome, 'ok');
    await running(own('none'));
  });

  test('without a start command nothing is ended', async () => {
    startAlone(program(own('only')), '1000');
    const [entry] = await running(own('only'));
    const done = await restart(own('only'), {});
    assert.equal(done.outcome, 'refused');
    assert.match(done.reason, /no start_command/);
    assert.ok(entry && isStill(entry));
  });

  test('one that ignores SIGTERM is killed after the grace time', async () => {
    const file = script(own('stubborn'), "trap '' TERM\nwhile :; do sleep 0.1; done");
    startAlone(file);
    const [entry] = await running(own('stubborn'));
    // The trap is set when the loop runs.
    await pause(500);
    const began = performance.now();
    const done = await restart(own('stubborn'), { graceMs: 700, startCommand: ['true'] });
    assert.equal(done.outcome, 'ok');
    assert.ok(performance.now() - began >= 700);
    assert.ok(entry && !isStill(entry));
  });

  test('one that takes its time is let end within the grace time', async () => {
    const text = `trap 'sleep 0.3; : > ${folder}/ended-well; exit' TERM\nwhile :; do sleep 0.1; done`;
    startAlone(script(own('slow'), text));
    await running(own('slow'));
    await pause(500);
    const done = await restart(own('slow'), { graceMs: 20_000, startCommand: ['true'] });
    assert.equal(done.outcome, 'ok');
    assert.ok(existsSync(join(folder, 'ended-well')));
  });

  test('match is searched in the joined arguments', async () => {
    const file = program(own('args'));
    startAlone(file, '1000', '1');
    startAlone(file, '1000', '2');
    await running(own('args'), 2);
    const more = { match: `${own('args')} 1000 2$`, startCommand: ['true'] } as const;
    assert.equal((await restart('other name', more)).outcome, 'ok');
    const [left] = await running(own('args'));
    assert.deepEqual(left?.args.slice(1), ['1000', '1']);
  });

  test('a name longer than the kernel keeps', async () => {
    const name = own('a-rather-long-name');
    const file = program(name);
    startAlone(file, '1000');
    startAlone(program(own('a-rather-long-other')), '1000');
    await running(name);
    assert.equal((await restart(name, { startCommand: ['true'] })).outcome, 'ok');
    await running(name, 0);
    await running(own('a-rather-long-other'));
  });

  test('who has a supervisor is started by it, and not twice', async () => {
    const file = program(own('child'));
    const watcher = script(own('watcher'), `while :; do ${file} 1000; done`);
    startAlone(watcher);
    const [old] = await running(own('child'));
    const startCommand = ['touch', join(folder, 'started-twice')] as const;
    // Its parent may start it a moment later: then the start command is right.
    const done = await restart(own('child'), { startCommand });
    assert.equal(done.outcome, 'ok');
    const [fresh] = await running(own('child'));
    assert.notEqual(fresh?.pid, old?.pid);
    for (const entry of await findProcesses(named(own('watcher')))) signalProcess(entry, 'SIGKILL');
  });

  test('the agent, what is above it and what is below it are never found', async () => {
    const child = spawn(program(own('below')), ['1000'], { stdio: 'ignore' });
    try {
      await until('it runs', () => child.pid !== undefined);
      assert.deepEqual(await findProcesses(named(own('below'))), []);
      const all = await findProcesses(() => true);
      assert.ok(all.length > 0);
      const pids = all.map(({ pid }) => pid);
      for (const pid of [1, process.pid, process.ppid]) assert.ok(!pids.includes(pid), `${pid}`);
      assert.ok(!all.some(({ parent }) => parent === 2 || parent === 0), 'kernel threads');
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('a process of another PID namespace is not found', async () => {
    const file = program(own('inside'));
    startAlone('unshare', '--pid', '--fork', '--kill-child', file, '1000');
    const argv = (name: string) =>
      execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes(name);
    await until('it runs', () => argv(`${file} 1000`));
    // Its unshare(1), which is in our namespace, has another name and another first argument.
    assert.deepEqual(await findProcesses(named(own('inside'))), []);
  });

  test('a PID that has become another process gets no signal', async () => {
    startAlone(program(own('reused')), '1000');
    const [entry] = await running(own('reused'));
    assert.ok(entry);
    const before = { ...entry, startTicks: entry.startTicks - 1 };
    assert.equal(signalProcess(before, 'SIGKILL'), 'gone');
    assert.ok(isStill(entry));
  });

  test('more than 64 are a mistake, and none is ended', async () => {
    const file = program(own('crowd'));
    execFileSync(
      'sh',
      ['-c', `i=0; while [ $i -lt 65 ]; do setsid --fork ${file} 1000; i=$((i+1)); done`],
      {
        stdio: 'ignore',
      },
    );
    const crowd = await running(own('crowd'), 65);
    const done = await restart(own('crowd'), { startCommand: ['true'] });
    assert.equal(done.outcome, 'refused');
    assert.match(done.reason, /^65 processes match, more than 64/);
    assert.ok(crowd.every((entry) => isStill(entry)));
  });

  test("another user's: said before anything is ended", async (context) => {
    if (process.getuid?.() !== 0) return context.skip('needs root');
    const file = program(own('foreign'));
    startAlone(file, '1000');
    startAlone('setpriv', '--reuid=1', '--regid=1', '--clear-groups', file, '1000');
    const both = await running(own('foreign'), 2);
    process.seteuid?.(65_534);
    try {
      const done = await restart(own('foreign'), { startCommand: ['true'] });
      assert.equal(done.outcome, 'refused');
      assert.match(done.reason, /belongs to another user: .*CAP_KILL/);
    } finally {
      process.seteuid?.(0);
    }
    assert.ok(both.every((entry) => isStill(entry)));
  });

  test('a start command that fails', async () => {
    const done = await restart(own('absent'), { startCommand: 'echo no such file >&2; exit 4' });
    assert.deepEqual(done, {
      outcome: 'failed',
      reason: 'start_command ended with status 4: no such file',
    });
  });

  test('a match that is no expression', async () => {
    const done = await restart('x', { match: '(', startCommand: ['true'] });
    assert.equal(done.outcome, 'refused');
    assert.match(done.reason, /^match is no regular expression/);
  });

  for (const name of [
    ...hostileNames.filter((one) => /[/\p{Cc}\ufffd]|^$/u.test(one)),
    'a'.repeat(256),
    'systemd',
    'dbus-daemon',
    'sshd',
    '\xff'.repeat(255),
  ]) {
    test(`refused, and nothing is run: ${JSON.stringify(name.slice(0, 30))}`, async () => {
      const mark = join(folder, 'was-run');
      const done = await restart(name, { startCommand: ['touch', mark] });
      assert.equal(done.outcome, 'refused');
      assert.ok(!existsSync(mark));
    });
  }

  test('no text of an alarm is ever in a command', async () => {
    const file = join(folder, 'seen');
    const startCommand = `tr '\\0' '\\n' < /proc/$$/cmdline > ${file}; tr '\\0' '\\n' < /proc/$$/environ >> ${file}`;
    assert.equal((await restart('$(uw-odd)', { startCommand })).outcome, 'ok');
    const seen = readFileSync(file, 'utf8');
    assert.ok(seen.includes('PATH=') && !seen.includes('uw-odd'), seen);
  });
});

describe('strategy custom', () => {
  const { effects } = fakeUnits();
  test('its command', async () => {
    const done = await effects.restart('x', 'custom', settingsOf({ restartCommand: 'exit 0' }));
    assert.deepEqual(done, { outcome: 'ok', reason: '' });
  });
  test('none', async () => {
    const done = await effects.restart('x', 'custom', settingsOf());
    assert.equal(done.outcome, 'refused');
  });
  test('pre_restart_command', async () => {
    const preRestartCommand = 'echo busy; exit 9';
    assert.deepEqual(await effects.preRestart('x', settingsOf({ preRestartCommand })), {
      outcome: 'failed',
      reason: 'pre_restart_command ended with status 9: busy',
    });
    assert.equal((await effects.preRestart('x', settingsOf())).outcome, 'ok');
  });
});
