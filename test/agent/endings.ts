import assert from 'node:assert/strict';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { EventData, EventType } from '../../src/model/event.ts';
import { sleep, until, writeUnits } from '../bed.ts';
import { isFinding, type RunningAgent } from './agent-process.ts';

/** How one service ends, and what has to be told of it. */
export interface EndingCase {
  readonly name: string;
  readonly unit: string;
  /** Sent to systemctl, one after the other; a start of the unit by default. They may fail. */
  readonly commands?: readonly (readonly string[])[];
  /** The event types told, in order. */
  readonly story: readonly EventType[];
  /** Fields of the last event's data; undefined where a field must not stand there. */
  readonly last: Readonly<Partial<Record<keyof EventData<'failed'>, unknown>>>;
}

/** A service that runs one line of shell; `$$$$` in it is the shell's own process ID. */
export function shellUnit(script: string, ...lines: readonly string[]): string {
  return ['[Service]', `ExecStart=/bin/sh -c '${script}'`, ...lines, ''].join('\n');
}

/** Where the memory controller is on cgroup v1, systemd does not learn that a kill was an OOM's. */
export function endingCases(memoryIsOnV1: boolean): readonly EndingCase[] {
  return [
    {
      name: 'exit-code',
      unit: shellUnit('exit 3'),
      story: ['started', 'failed'],
      last: { reason: 'exit-code', result: 'exit-code', exit_code: 3, signal: undefined },
    },
    {
      name: 'killed',
      unit: shellUnit('kill -KILL $$$$'),
      story: ['started', 'failed'],
      last: { reason: 'signal', result: 'signal', signal: 'SIGKILL', exit_code: undefined },
    },
    {
      // SIGTERM is a clean end for systemd, systemd.service(5), SuccessExitStatus=.
      name: 'terminated',
      unit: shellUnit('kill -TERM $$$$'),
      story: ['started', 'stopped'],
      last: { reason: 'clean', result: 'success', signal: 'SIGTERM', exit_code: undefined },
    },
    {
      name: 'realtime-signal',
      unit: shellUnit('kill -37 $$$$'),
      story: ['started', 'failed'],
      last: { reason: 'signal', signal: 'SIGRTMIN+3' },
    },
    {
      name: 'dumped',
      unit: shellUnit('cd /tmp; kill -SEGV $$$$', 'LimitCORE=infinity'),
      story: ['started', 'failed'],
      last: { reason: 'core-dump', result: 'core-dump', signal: 'SIGSEGV', core_dump: true },
    },
    {
      name: 'segfault-without-dump',
      unit: shellUnit('kill -SEGV $$$$', 'LimitCORE=0'),
      story: ['started', 'failed'],
      last: { reason: 'signal', result: 'signal', signal: 'SIGSEGV', core_dump: undefined },
    },
    ...(memoryIsOnV1
      ? [
          {
            name: 'oom',
            unit: shellUnit(
              'x=$$(head -c 60000000 /dev/zero | tr "\\\\0" x); sleep 1',
              'MemoryMax=20M',
            ),
            story: ['started', 'failed'],
            last: { reason: 'signal', result: 'signal', signal: 'SIGKILL' },
          } as const,
        ]
      : []),
    {
      name: 'watchdog',
      unit: shellUnit('exec sleep infinity', 'WatchdogSec=300ms', 'LimitCORE=0'),
      story: ['started', 'failed'],
      last: { reason: 'watchdog', result: 'watchdog', signal: 'SIGABRT' },
    },
    {
      name: 'start-timeout',
      unit: shellUnit('exec sleep infinity', 'Type=notify', 'TimeoutStartSec=300ms'),
      story: ['failed'],
      last: { reason: 'timeout', result: 'timeout', signal: 'SIGTERM', uptime_s: undefined },
    },
    {
      name: 'stop-timeout',
      unit: shellUnit(
        'trap "" TERM; systemd-notify --ready; while :; do sleep 0.1; done',
        'Type=notify',
        'NotifyAccess=all',
        'TimeoutStopSec=300ms',
      ),
      commands: [
        ['start', 'stop-timeout.service'],
        ['stop', 'stop-timeout.service'],
      ],
      story: ['started', 'failed'],
      last: { reason: 'timeout', result: 'timeout', signal: 'SIGKILL' },
    },
    {
      // systemd keeps the Result of the last try here.
      name: 'limit-by-restarts',
      unit: [
        '[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=60',
        shellUnit('exit 1', 'Restart=on-failure', 'RestartSec=50ms'),
      ].join('\n'),
      story: [
        ...['started', 'exited', 'restarting', 'restarted', 'exited', 'restarting'],
        ...['restarted', 'exited', 'restarting', 'failed'],
      ] as EventType[],
      last: { reason: 'start-limit-hit', exit_code: 1 },
    },
    {
      // Refused where the last try had failed: systemd keeps that Result, only the time is new.
      name: 'limit-by-hand',
      unit: ['[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=60', shellUnit('exit 1')].join('\n'),
      commands: Array.from({ length: 3 }, () => ['start', '--wait', 'limit-by-hand.service']),
      story: ['started', 'failed', 'started', 'failed', 'failed'],
      last: { reason: 'start-limit-hit', result: 'exit-code' },
    },
    {
      // Refused where the last run had ended well.
      name: 'limit-after-success',
      unit: [
        '[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=60',
        shellUnit('true', 'Restart=always', 'RestartSec=50ms'),
      ].join('\n'),
      story: ['started', 'exited', 'restarting', 'restarted', 'exited', 'restarting', 'failed'],
      last: { reason: 'start-limit-hit', result: 'start-limit-hit', exit_code: 0 },
    },
    {
      name: 'no-program',
      unit: '[Service]\nExecStart=/nonexistent/program\n',
      story: ['started', 'failed'],
      last: { reason: 'exit-code', result: 'exit-code', exit_code: 203 },
    },
    {
      name: 'start-pre-fails',
      unit: shellUnit('exec sleep infinity', 'ExecStartPre=/bin/sh -c "exit 9"'),
      story: ['failed'],
      last: { reason: 'exit-code', result: 'exit-code', uptime_s: undefined },
    },
    {
      name: 'oneshot',
      unit: shellUnit('true', 'Type=oneshot'),
      story: ['stopped'],
      last: { reason: 'clean', result: 'success', exit_code: 0 },
    },
    {
      name: 'oneshot-fails',
      unit: shellUnit('exit 4', 'Type=oneshot'),
      story: ['failed'],
      last: { reason: 'exit-code', exit_code: 4 },
    },
    {
      name: 'remains',
      unit: shellUnit('true', 'Type=oneshot', 'RemainAfterExit=yes'),
      commands: [
        ['start', 'remains.service'],
        ['stop', 'remains.service'],
      ],
      story: ['started', 'stopped'],
      last: { reason: 'clean', result: 'success' },
    },
    {
      name: 'condition',
      unit: `[Unit]\nConditionPathExists=/nonexistent\n${shellUnit('true')}`,
      story: [],
      last: {},
    },
    {
      name: 'exec-condition',
      unit: shellUnit('true', 'ExecCondition=/bin/false'),
      story: ['stopped'],
      last: { reason: 'exec-condition', result: 'exec-condition' },
    },
    {
      name: 'notify',
      unit: shellUnit(
        'sleep 0.2; systemd-notify --ready; exec sleep infinity',
        'Type=notify',
        'NotifyAccess=all',
      ),
      commands: [
        ['start', 'notify.service'],
        ['stop', 'notify.service'],
      ],
      story: ['started', 'stopped'],
      last: { reason: 'clean', result: 'success', signal: 'SIGTERM' },
    },
    {
      name: 'protocol',
      unit: shellUnit('exit 0', 'Type=notify'),
      story: ['failed'],
      last: { reason: 'protocol', result: 'protocol' },
    },
    {
      name: 'forking',
      unit: shellUnit('sleep infinity & exit 0', 'Type=forking'),
      commands: [
        ['start', 'forking.service'],
        ['kill', '--signal=KILL', 'forking.service'],
      ],
      story: ['started', 'failed'],
      last: { reason: 'signal', signal: 'SIGKILL' },
    },
  ];
}

/** Lets it end and compares what was told. */
export async function checkEnding(
  bed: ThrowAwaySystemd,
  agent: RunningAgent,
  { name, unit, commands, story, last }: EndingCase,
): Promise<void> {
  const service = `${name}.service`;
  await writeUnits(bed, { [service]: unit });
  for (const command of commands ?? [['start', service]])
    await bed.exec(['systemctl', '--no-pager', ...command]);
  const told = () =>
    agent.events().filter((event) => event.service === service && !isFinding(event));
  const types = () => told().map((event) => event.event_type);
  await until(story.join(), () => told().length >= story.length).catch(() => undefined);
  // What should not come has time to come.
  await sleep(100);
  const all = told().map(({ event_type, data }) => JSON.stringify({ event_type, ...data }));
  if (types().join() !== story.join())
    assert.fail(`wanted ${story.join()}, told:\n${all.join('\n')}`);
  const data: object = told().at(-1)?.data ?? {};
  const fields = Object.keys(last).map((field) => [field, Reflect.get(data, field)]);
  assert.deepEqual(Object.fromEntries(fields), last, JSON.stringify(data));
}
