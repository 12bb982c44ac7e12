import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import type { Event } from '../../src/model/event.ts';
import { prepareForBeds, until } from '../bed.ts';
import { hostNow, leftBehind } from '../leftovers.ts';
import { eventOfLine } from '../validate.ts';
import { asUser, command, nobody } from './agent-process.ts';

/** From the boot to the first events. */
const firstEventsMs = 15_000;

interface Demo {
  readonly child: ChildProcess;
  readonly events: () => Event[];
  readonly stderr: () => string;
}

/** In a process group of its own, as a shell gives it to what runs in its terminal. */
function start(argv: readonly string[]): Demo {
  // Without the host's /run, no machine looks as if it ran systemd.
  const hidden = 'mount -t tmpfs none /run && exec "$@"';
  const wrapped = ['--mount', '--', 'sh', '-c', hidden, 'sh', process.execPath, command, ...argv];
  const child = spawn('unshare', [...wrapped, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: process.env['PATH'] },
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return {
    child,
    events: () => stdout.split('\n').slice(0, -1).map(eventOfLine),
    stderr: () => stderr,
  };
}

describe('the demo', () => {
  before(prepareForBeds);

  const variants = [
    {
      argv: ['demo'],
      says: /^A throw-away systemd is up; metrics: http:\/\/127\.0\.0\.1:\d+\/; Ctrl-C ends it\.$/m,
    },
    {
      argv: ['run', '--or-demo'],
      says: /^This machine does not run systemd: booting a throw-away one to watch\.\n/,
    },
  ];
  for (const { argv, says } of variants)
    test(`unitwatch ${argv.join(' ')}: events within 15 s; Ctrl-C leaves nothing`, async () => {
      const earlier = hostNow();
      const began = performance.now();
      const { child, events, stderr } = start(argv);
      const closed = once(child, 'close');
      try {
        const restarted = () => events().some((event) => event.event_type === 'restarted');
        await until('the first restarts', restarted, firstEventsMs);
        assert.match(stderr(), says);
        assert.ok(performance.now() - began < firstEventsMs);
        assert.ok(
          events().some((e) => e.service.startsWith('crash-') && e.event_type === 'exited'),
        );
        const beds = [...hostNow().cgroups].filter((path) => path.includes(`-${child.pid}-`));
        assert.ok(beds.length > 0);
      } finally {
        // As a terminal sends it: to all of the group.
        process.kill(-(child.pid ?? assert.fail('no process')), 'SIGINT');
      }
      assert.deepEqual(await closed, [0, null], stderr());
      await until('nothing is left', () => leftBehind(earlier, hostNow()).length === 0);
      assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /unitwatch/);
    });

  test('who may not boot one is told what is missing', async () => {
    const [file = '', ...rest] = asUser(nobody, [process.execPath, command, 'demo']);
    const child = spawn(file, rest);
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    assert.deepEqual(await once(child, 'close'), [1, null]);
    assert.match(stderr, /^unitwatch demo: A throw-away systemd needs root, .*\(sudo\)\.\n$/);
  });
});
