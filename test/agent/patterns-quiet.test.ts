import assert from 'node:assert/strict';
import { execPath } from 'node:process';
import { test } from 'node:test';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { sleep, startUnits, until, withBed, writeUnits } from '../bed.ts';
import { eventsOf, isFinding, type RunningAgent } from './agent-process.ts';
import { allFindings, restless, startCompressed } from './compressed.ts';

/*
 * An hour of a host where all is well, in a minute: nothing is found. A minute there is a second here,
 * for the detectors too.
 */
const second = 1e6;
const hourMs = 60_000;
const settings = {
  healthyRunUs: 10 * second,
  fastGapUs: 0.5 * second,
  restartWindowUs: 5 * second,
  warmUpUs: 2 * second,
  leakSpanUs: 5 * second,
  lagNoiseUs: 0.03 * second,
  // Short enough to be over before the first crash: `anomaly` judges all of the hour.
  baselinePeriodUs: 5 * second,
  hourUs: 60 * second,
};

/** Fills and empties its heap, by the clock: a tooth of 3 s, up to 60 MB. */
const heap =
  'let kept = []; setInterval(() => { const age = Date.now() %% 3000; ' +
  'if (age < 150) { kept = []; gc(); } else if (kept.length < age / 50) kept.push(Buffer.alloc(1e6, 1)); }, 50)';

/** Writes and reads files without end: page cache, which the kernel takes back when it needs to. */
const cache =
  'i=0; while :; do i=$$(( (i + 1) %% 40 )); head -c 2000000 /dev/zero > /var/tmp/cache-$$i; cat /var/tmp/cache-* > /dev/null; sleep 0.3; done';

/** Lives of a service that crashes now and then, seconds; most of them are healthy. */
const lives = [4, 11, 3, 16, 10.5, 5, 12, 600];

const units: Readonly<Record<string, string>> = {
  'steady.service': restless('steady', 'exec sleep infinity'),
  'deployed.service': restless('deployed', 'exec sleep infinity'),
  'by-hand.service': restless('by-hand', 'exec sleep infinity'),
  'noisy.service': restless(
    'noisy',
    `echo >> /run/lives; sleep $$(echo ${lives.join(' ')} | cut -d" " -f$$(wc -l < /run/lives)); exit 1`,
  ),
  'cache.service': `[Service]\nExecStart=/bin/sh -c '${cache}'\n`,
  'heap.service': `[Service]\nExecStart=${execPath} --expose-gc -e '${heap}'\n`,
};

/** One service, started anew for each connection. */
const echo: Readonly<Record<string, string>> = {
  'echo.socket':
    '[Socket]\nListenStream=/run/echo.socket\nTriggerLimitIntervalSec=0\n[Install]\nWantedBy=sockets.target\n',
  'echo.service': [
    '[Unit]',
    'StartLimitIntervalSec=0',
    '[Service]',
    `ExecStart=/usr/bin/perl -MIO::Socket::UNIX -e 'my $$l = IO::Socket::UNIX->new_from_fd(3, "r+"); my $$c = $$l->accept; print $$c "ok"; close $$c'`,
    '',
  ].join('\n'),
};

/** Connects `count` times, each time until it is answered and hung up. */
async function connect(bed: ThrowAwaySystemd, count: number): Promise<void> {
  const script = `for (1 .. ${count}) { my $c = IO::Socket::UNIX->new(Peer => "/run/echo.socket") or die $!; my $a = <$c>; $a eq "ok" or die "no answer" }`;
  const { status, stderr } = await bed.exec(['/usr/bin/perl', '-MIO::Socket::UNIX', '-e', script], {
    timeoutMs: 300_000,
  });
  assert.equal(status, 0, stderr);
}

/** A deployment every seven minutes, restarts by hand when somebody feels like it. */
async function people(bed: ThrowAwaySystemd, agent: RunningAgent): Promise<void> {
  const untilMs = Date.now() + hourMs;
  const byHand = [1, 2.5, 0.7, 3, 1.2, 2, 9, 1.5];
  for (let n = 0; Date.now() < untilMs; n++) {
    await bed.systemctl('restart', 'by-hand.service');
    if (n % 3 === 0) {
      await bed.systemctl('stop', 'deployed.service');
      await sleep(300);
      await bed.systemctl('start', 'deployed.service');
    }
    await sleep((byHand[n % byHand.length] ?? 1) * 1_000);
  }
  assert.ok(eventsOf(agent.events(), 'restarted', 'by-hand.service').length >= 8);
}

test('a quiet hour, and nothing is found', { timeout: 600_000 }, () =>
  withBed({}, async (bed) => {
    const agent = await startCompressed(bed, settings, ['restart_threshold: 5']);
    try {
      await startUnits(bed, units);
      await writeUnits(bed, echo);
      await bed.systemctl('start', 'echo.socket');
      await Promise.all([people(bed, agent), connect(bed, 1_000)]);
      await until(
        'the last of a thousand has ended',
        () => eventsOf(agent.events(), 'stopped', 'echo.service').length >= 900,
        30_000,
        100,
      );
      assert.ok(eventsOf(agent.events(), 'restarting', 'noisy.service').length >= 4);
      assert.deepEqual(allFindings(agent), []);
      assert.equal(agent.events().some(isFinding), false);
    } finally {
      await agent.stop();
    }
  }),
);
