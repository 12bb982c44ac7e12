import type { ThrowAwaySystemd } from '../src/demo/boot.ts';
import { crashLoopUnit, idleUnit, show, sleep, until } from '../test/bed.ts';

/** A service that ends by itself and stays down. */
function once(work: string, lines: readonly string[] = []): string {
  return ['[Service]', `ExecStart=/bin/sh -c '${work}'`, ...lines, ''].join('\n');
}

/** A unit for each way to end, by the name that says it; all but the start limit's just run once. */
const endings: Readonly<Record<string, string>> = {
  'end-clean.service': once('sleep 0.1'),
  'end-exit-code.service': once('sleep 0.1; exit 78'),
  'end-signal.service': once('sleep 0.1; kill -KILL $$$$'),
  'end-core-dump.service': once('cd /tmp; sleep 0.1; kill -SEGV $$$$', ['LimitCORE=infinity']),
  // systemd-oomd leaves this mark on a control group before it kills what is in it. It stands in for
  // the kernel's OOM killer, which needs a memory controller: systemd says `oom-kill` for both.
  // setxattr(2) is system call 188 on x86-64.
  'end-oom.service': [
    '[Service]',
    "ExecStart=/usr/bin/perl -e 'my @a = (q(/sys/fs/cgroup/system.slice/end-oom.service), " +
      "q(user.oomd_ooms), q(1)); sleep 1; syscall(188, $$a[0], $$a[1], $$a[2], 1, 0); kill KILL => $$$$'",
    '',
  ].join('\n'),
  'end-watchdog.service': once('exec sleep infinity', ['WatchdogSec=300ms', 'LimitCORE=0']),
  'end-start-timeout.service': once('exec sleep infinity', [
    'Type=notify',
    'TimeoutStartSec=300ms',
  ]),
  'end-stop-timeout.service': once('trap "" TERM; while :; do sleep 0.1; done', [
    'TimeoutStopSec=300ms',
  ]),
  'end-run-time.service': once('exec sleep infinity', ['RuntimeMaxSec=300ms']),
  'end-no-command.service': ['[Service]', 'ExecStart=/nonexistent', ''].join('\n'),
  'end-condition.service': once('exec sleep infinity', ['ExecCondition=/bin/false']),
  'end-protocol.service': once('exit 0', ['Type=notify']),
  'end-start-limit.service': [
    '[Unit]',
    'StartLimitIntervalSec=60',
    'StartLimitBurst=3',
    once('exit 1', ['Restart=always', 'RestartSec=50ms']),
  ].join('\n'),
  'oneshot.service': once('exit 0', ['Type=oneshot']),
  'oneshot-failing.service': once('exit 4', ['Type=oneshot']),
  'oneshot-remains.service': once('exit 0', ['Type=oneshot', 'RemainAfterExit=yes']),
  'template@.service': once('sleep 0.1; exit 5'),
};

/** The units of the recording of lives; some are started by name below. */
export const lives: Readonly<Record<string, string>> = {
  ...endings,
  'loop.service': crashLoopUnit({ restartSec: '200ms', exitCode: 2, runs: '0.1' }),
  'loop-signal.service': crashLoopUnit({ restartSec: '300ms', signal: 'KILL' }),
  'loop-slow.service': crashLoopUnit({ restartSec: '60s' }),
  'idle.service': idleUnit(['ExecReload=/bin/true']),
  'slow-stop.service': idleUnit(['ExecStop=/bin/sleep 0.2']),
};

const started = [
  ...Object.keys(endings).filter((name) => !name.includes('@')),
  'template@one.service',
  'template@with\\x2ddash-and-dot.d.service',
  'template@\u00fcml\u00e4ut.service',
];

/** Lets every unit live once, one after the other, so that the recording has an order. */
export async function liveAll(bed: ThrowAwaySystemd): Promise<void> {
  for (const name of started) {
    await bed.systemctl('--no-block', 'start', '--', name);
    if (name === 'end-stop-timeout.service') {
      await sleep(200);
      await bed.systemctl('stop', name);
    }
    await settled(bed, name);
  }
  await bed.systemctl('stop', 'oneshot-remains.service');
  await loops(bed);
  await byHand(bed);
  await transient(bed);
  await sleep(200);
}

async function settled(bed: ThrowAwaySystemd, name: string): Promise<void> {
  const states = ['inactive', 'failed', ...(name.includes('remains') ? ['active'] : [])];
  await until(`${name} has ended`, async () => {
    const { ActiveState = '', Job } = await show(bed, name, 'ActiveState', 'Job');
    return states.includes(ActiveState) && !Job;
  });
}

async function loops(bed: ThrowAwaySystemd): Promise<void> {
  await bed.systemctl('start', 'loop.service', 'loop-signal.service');
  await sleep(1_500);
  await bed.systemctl('stop', 'loop.service', 'loop-signal.service');
  // A stop while it waits for its restart, which then never comes; and a reset of a counter.
  await bed.systemctl('start', 'loop-slow.service');
  await sleep(300);
  await bed.systemctl('restart', 'loop-slow.service');
  await sleep(300);
  await bed.systemctl('stop', 'loop-slow.service');
  await bed.systemctl('reset-failed');
}

async function byHand(bed: ThrowAwaySystemd): Promise<void> {
  await bed.systemctl('start', 'idle.service', 'slow-stop.service');
  await bed.systemctl('restart', 'idle.service');
  await bed.systemctl('restart', 'slow-stop.service');
  await bed.systemctl('reload', 'idle.service');
  await bed.systemctl('daemon-reload');
  await bed.systemctl('stop', 'slow-stop.service');
  await bed.systemctl('kill', '--signal=TERM', 'idle.service');
  await settled(bed, 'idle.service');
}

async function transient(bed: ThrowAwaySystemd): Promise<void> {
  const run = ['systemd-run', '--no-block', '--collect', '--quiet'];
  for (const [unit, work] of [
    ['transient-clean.service', 'sleep 0.1'],
    ['transient-failing.service', 'sleep 0.1; exit 9'],
  ] as const) {
    const { status, stderr } = await bed.exec([...run, `--unit=${unit}`, '/bin/sh', '-c', work]);
    if (status !== 0) throw new Error(`systemd-run: ${stderr}`);
    await sleep(500);
  }
}
