import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/collector/system-clock.ts';
import { type CommandEnd, type CommandOrder, Commands } from '../../src/restart/command.ts';
import { until } from './settings.ts';

describe('commands', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'unitwatch-command-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const commands = new Commands(systemClock);
  const run = (
    command: CommandOrder['command'],
    more: Partial<CommandOrder> = {},
    by = commands,
  ): Promise<CommandEnd> =>
    by.run({ name: 'it', command, limitMs: 20_000, graceMs: 5_000, acts: true, ...more });
  const alive = (pid: number): boolean => {
    try {
      return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };
  const pidIn = async (name: string): Promise<number> => {
    const file = join(folder, name);
    await until(name, () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    return Number(readFileSync(file, 'utf8'));
  };
  /** A script in the folder, and its path. */
  const script = (name: string, text: string, mode = 0o755): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };

  for (const { name, command, outcome, reason, more } of [
    { name: 'a list that works', command: ['true'], outcome: 'ok', reason: '' },
    { name: 'a string that works', command: 'true && exit 0', outcome: 'ok', reason: '' },
    {
      name: 'an exit status and the last line of standard error',
      command: 'echo out; echo first >&2; echo "the disk is full" >&2; echo >&2; exit 3',
      outcome: 'failed',
      reason: 'it ended with status 3: the disk is full',
    },
    {
      name: 'standard output where there is no other',
      command: 'echo no route; exit 1',
      outcome: 'failed',
      reason: 'it ended with status 1: no route',
    },
    {
      name: 'a signal',
      command: 'kill -KILL $$',
      outcome: 'failed',
      reason: 'it was ended by SIGKILL.',
    },
    {
      name: 'a program that is not there',
      command: ['/nowhere/program'],
      outcome: 'failed',
      reason: 'it cannot be run: there is no program /nowhere/program.',
    },
    {
      name: 'a NUL in an argument',
      command: ['echo', 'a\0b'],
      outcome: 'failed',
      reason: 'it cannot be run: ERR_INVALID_ARG_VALUE.',
    },
    {
      name: 'an argument list is no text for a shell',
      command: ['test', '$(id) ; exit 1', '=', '$(id) ; exit 1'],
      outcome: 'ok',
      reason: '',
    },
    {
      name: 'control characters, colours and secrets are not handed on',
      command:
        'printf "\\033[31mlogin\\033[0m\\007 with password=hunter2 at db://me:pw@host failed\\n" >&2; exit 1',
      outcome: 'failed',
      reason: 'it ended with status 1: login with password=… at db://me:…@host failed',
    },
    {
      name: 'no end in time',
      command: 'echo waiting for the lock; exec sleep 1000',
      outcome: 'timeout',
      reason: 'it was not over after 1 s and was ended: waiting for the lock',
      more: { limitMs: 1_000 },
    },
    {
      name: 'input',
      command: 'test "$(cat)" = "a\nb"',
      outcome: 'ok',
      reason: '',
      more: { input: 'a\nb' },
    },
    {
      name: 'input that nobody reads',
      command: ['true'],
      outcome: 'ok',
      reason: '',
      more: { input: 'x'.repeat(1_000_000) },
    },
    {
      name: 'no input',
      command: 'test "$(readlink /proc/self/fd/0)" = /dev/null',
      outcome: 'ok',
      reason: '',
    },
    { name: 'the folder', command: 'test "$(pwd)" = /', outcome: 'ok', reason: '' },
  ] as readonly {
    name: string;
    command: CommandOrder['command'];
    outcome: string;
    reason: string;
    more?: Partial<CommandOrder>;
  }[]) {
    test(name, async () => {
      const end = await run(command, more);
      assert.deepEqual({ outcome: end.outcome, reason: end.reason }, { outcome, reason });
      assert.ok(end.durationUs > 0);
    });
  }

  test('not executable', async () => {
    const file = script('plain', '#!/bin/sh\n', 0o644);
    const { outcome, reason } = await run([file]);
    assert.equal(outcome, 'failed');
    assert.equal(reason, `it cannot be run: ${file} is not executable for this user.`);
  });

  test("nothing of the agent's environment is handed on", async () => {
    process.env['UNITWATCH_TEST_SECRET'] = 'hunter2';
    try {
      const file = join(folder, 'environment');
      assert.equal((await run(`tr '\\0' '\\n' < /proc/$$/environ > ${file}`)).outcome, 'ok');
      const names = readFileSync(file, 'utf8').trim().split('\n');
      assert.deepEqual(names.map((line) => line.split('=')[0]).sort(), ['HOME', 'LANG', 'PATH']);
    } finally {
      delete process.env['UNITWATCH_TEST_SECRET'];
    }
  });

  test('a session of its own', async () => {
    const file = join(folder, 'session');
    await run(`cut -d' ' -f1,5,6 /proc/$$/stat > ${file}`);
    const [pid, group, session] = readFileSync(file, 'utf8').trim().split(' ');
    assert.deepEqual([group, session], [pid, pid]);
  });

  test('huge output neither hangs nor stays', async () => {
    const { outcome, reason } = await run('head -c 50000000 /dev/zero; echo end; exit 1');
    assert.equal(outcome, 'failed');
    assert.ok(reason.length < 300, `${reason.length}`);
  });

  test('a line of megabytes is cut', async () => {
    const { reason } = await run('head -c 5000000 /dev/zero | tr "\\0" x; exit 1');
    assert.match(reason, /^it ended with status 1: x{200}…$/);
  });

  test('a background process that holds the pipes is let be, and may go on writing', async () => {
    const text = `(while :; do echo x; sleep 0.05; done) & echo $! > ${folder}/left`;
    const end = await run(text, { limitMs: 60_000 });
    const pid = await pidIn('left');
    try {
      assert.equal(end.outcome, 'ok');
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.ok(alive(pid), 'a pipe that is closed would have ended it');
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  test('at the limit the whole group goes: SIGTERM, and SIGKILL for who ignores it', async () => {
    const stubborn = script(
      'stubborn',
      `#!/bin/sh\ntrap '' TERM\necho $$ > ${folder}/stubborn-pid\nwhile :; do sleep 0.05; done\n`,
    );
    const polite = `trap 'echo good bye > ${folder}/polite; exit 0' TERM`;
    const text = `${polite}; ${stubborn} & while :; do sleep 0.05; done`;
    const end = await run(text, { limitMs: 1_000, graceMs: 500 });
    assert.equal(end.outcome, 'timeout');
    const pid = await pidIn('stubborn-pid');
    assert.equal(readFileSync(join(folder, 'polite'), 'utf8'), 'good bye\n');
    await until('it is gone', () => !alive(pid));
  });

  test('one that ignores SIGTERM itself', async () => {
    const end = await run('trap "" TERM; while :; do sleep 0.05; done', {
      limitMs: 1_000,
      graceMs: 300,
    });
    assert.deepEqual([end.outcome, end.signal], ['timeout', 'SIGKILL']);
  });

  test('one that takes its time after SIGTERM has the grace for it', async () => {
    const text = `trap 'sleep 0.3; echo cleaned > ${folder}/cleaned; exit 0' TERM; while :; do sleep 0.05; done`;
    const end = await run(text, { limitMs: 1_000, graceMs: 20_000 });
    assert.deepEqual([end.outcome, end.exitCode], ['timeout', 0]);
    assert.equal(readFileSync(join(folder, 'cleaned'), 'utf8'), 'cleaned\n');
  });

  test('eight at once; the others wait, and too many are not run', async () => {
    const crowd = new Commands(systemClock);
    const count = join(folder, 'count');
    // Each says how many there are: it makes a file, counts the files, and removes its own.
    const text = `mkdir -p ${count}; : > ${count}/$$; ls ${count} | wc -l >> ${folder}/seen; sleep 0.2; rm ${count}/$$`;
    const ends = await Promise.all(Array.from({ length: 80 }, () => run(text, {}, crowd)));
    const left = ends.filter(({ outcome, notRun }) => outcome === 'timeout' && notRun);
    assert.equal(left.length, 80 - 8 - 64);
    assert.match(left[0]?.reason ?? '', /64 commands wait already/);
    assert.equal(ends.filter(({ outcome }) => outcome === 'ok').length, 72);
    const seen = readFileSync(join(folder, 'seen'), 'utf8').trim().split('\n').map(Number);
    assert.ok(Math.max(...seen) <= 8, `${Math.max(...seen)} at once`);
  });

  test('a wait for a place has a limit of its own, and is no refusal', async () => {
    const crowd = new Commands(systemClock, 100);
    const long = Array.from({ length: 8 }, () => run('exec sleep 1000', { limitMs: 1_500 }, crowd));
    const end = await run(['true'], { limitMs: 100 }, crowd);
    assert.deepEqual(
      [end.outcome, end.reason, end.notRun],
      ['timeout', 'it was not run: 8 others are under way.', true],
    );
    await Promise.all(long);
  });

  test('the time limit of a command begins when it is started', async () => {
    const crowd = new Commands(systemClock);
    const first = Array.from({ length: 8 }, () => run('exec sleep 1.5', {}, crowd));
    const end = await run('exec sleep 0.5', { limitMs: 1_200 }, crowd);
    assert.deepEqual([end.outcome, end.reason], ['ok', '']);
    await Promise.all(first);
  });

  test('the end of the agent: what acts is let be, what only looks is ended', async () => {
    const ending = new Commands(systemClock);
    const start = run(
      `echo $$ > ${folder}/start; exec sleep 1000`,
      { name: 'start_command' },
      ending,
    );
    const check = run(`echo $$ > ${folder}/check; exec sleep 1000`, { acts: false }, ending);
    const [startPid, checkPid] = [await pidIn('start'), await pidIn('check')];
    try {
      assert.deepEqual(await ending.close(300), ['start_command']);
      assert.equal((await check).signal, 'SIGKILL');
      assert.ok(alive(startPid));
      assert.ok(!alive(checkPid));
      assert.equal(
        (await run(['true'], {}, ending)).reason,
        'it was not run: unitwatch is ending.',
      );
    } finally {
      process.kill(startPid, 'SIGKILL');
    }
    void start;
  });
});
