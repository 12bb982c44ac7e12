import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BootOptions, ThrowAwaySystemd } from '../src/demo/boot.ts';
import { bootSystemd } from '../src/demo/boot.ts';
import { insideArgv, insideEnvironment } from '../src/demo/inside.ts';
import { ensureInstalled } from './debian.ts';

let prepared: Promise<void> | undefined;

/** Installs what a bed needs, once in a process; withBed does it by itself. */
export function prepareForBeds(): Promise<void> {
  prepared ??= ensureInstalled(['systemd', 'dbus', 'dbus-user-session', 'libpam-systemd']);
  return prepared;
}

/**
 * A real systemd for one test: booted with a journal that keeps every line, stopped whatever happens.
 *
 * @example
 * await withBed({}, async (bed) => {
 *   await startUnits(bed, { 'a.service': crashLoopUnit({ restartSec: '100ms' }) });
 *   await until('a crashes', async () => ((await scheduledRestarts(bed)).get('a.service') ?? 0) > 3);
 * });
 */
export async function withBed<T>(
  options: BootOptions,
  use: (bed: ThrowAwaySystemd) => Promise<T>,
): Promise<T> {
  await prepareForBeds();
  const bed = await bootSystemd({ journal: true, ...options });
  try {
    return await use(bed);
  } finally {
    await bed.stop();
  }
}

export interface CrashLoop {
  /** As in a unit file: `400ms`. */
  readonly restartSec?: string;
  /** How long each run lasts, as sleep(1) takes it; not at all by default. */
  readonly runs?: string;
  /** Exit status of each run; 1 by default. */
  readonly exitCode?: number;
  /** It ends by this signal instead of by exiting: `KILL`, `SEGV`. */
  readonly signal?: string;
  /** More lines for [Service]. */
  readonly service?: readonly string[];
  /** More lines for [Unit]. */
  readonly unit?: readonly string[];
}

/** Where this file is, inside the bed, a crash loop's next run lasts. */
export const calmFile = '/run/calm';

/** A service that fails and is started again without end: the start limit is off. See `calm`. */
export function crashLoopUnit(loop: CrashLoop = {}): string {
  const ending =
    loop.signal === undefined ? `exit ${loop.exitCode ?? 1}` : `kill -${loop.signal} $$$$`;
  const work = loop.runs === undefined ? '' : `sleep ${loop.runs}; `;
  return [
    '[Unit]',
    // In [Service] it would be ignored, and the loop would end at the fifth start.
    'StartLimitIntervalSec=0',
    ...(loop.unit ?? []),
    '[Service]',
    `ExecStart=/bin/sh -c '[ ! -e ${calmFile} ] || exec sleep infinity; ${work}${ending}'`,
    'Restart=always',
    `RestartSec=${loop.restartSec ?? '100ms'}`,
    ...(loop.service ?? []),
    '',
  ].join('\n');
}

/** A service that runs until it is stopped. */
export function idleUnit(lines: readonly string[] = []): string {
  return ['[Service]', 'ExecStart=/bin/sleep infinity', ...lines, ''].join('\n');
}

/** `crash-001.service`, ...: `count` units of one text. */
export function manyUnits(prefix: string, count: number, text: string): Record<string, string> {
  const width = String(count).length;
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `${prefix}-${String(i + 1).padStart(width, '0')}.service`,
      text,
    ]),
  );
}

/** Writes the units and reloads systemd once. */
export async function writeUnits(
  bed: ThrowAwaySystemd,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(units)) bed.writeUnit(name, text);
  await bed.systemctl('daemon-reload');
}

/**
 * Writes the units and starts them by one call: 300 that crash at once are under way within a second,
 * where naming each to systemctl takes five. They then have a target that wants them.
 */
export async function startAtOnce(
  bed: ThrowAwaySystemd,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  const wants = Object.keys(units).map((name) => `Wants=${name}`);
  await writeUnits(bed, { ...units, 'at-once.target': ['[Unit]', ...wants, ''].join('\n') });
  await bed.systemctl('--no-block', 'start', 'at-once.target');
}

/** Writes the units, reloads once, and starts each by its name, without waiting until they run. */
export async function startUnits(
  bed: ThrowAwaySystemd,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  await writeUnits(bed, units);
  // Names by standard input: thousands do not fit in one command line's argument.
  const { status, stderr } = await bed.exec(
    ['xargs', 'systemctl', '--no-pager', '--no-block', 'start', '--'],
    { input: Object.keys(units).join('\n'), timeoutMs: 120_000 },
  );
  if (status !== 0) throw new Error(`systemctl start: ${stderr}`);
}

/**
 * Ends a storm without a signal of its own: the next run of each crash loop lasts. Unlike a stop or a
 * reload it leaves NRestarts as it is, and nothing is told anew. Waits until all of `units` run.
 */
export async function calm(
  bed: ThrowAwaySystemd,
  units: readonly string[],
  timeoutMs = 30_000,
): Promise<void> {
  writeFileSync(join(bed.root, calmFile), '');
  const sleeps = (pid: string) => {
    try {
      return readFileSync(join(bed.root, 'proc', pid, 'comm'), 'utf8') === 'sleep\n';
    } catch {
      return false;
    }
  };
  const lasts = async () => {
    const text = await bed.systemctl('show', '--property=MainPID', '--value', '--', ...units);
    return text.split('\n').filter(Boolean).every(sleeps);
  };
  await until('the loops are calm', lasts, timeoutMs, 100);
}

/** Properties of a unit as `systemctl show` prints them. */
export async function show(
  bed: ThrowAwaySystemd,
  unit: string,
  ...properties: readonly string[]
): Promise<Record<string, string>> {
  const text = await bed.systemctl('show', `--property=${properties.join(',')}`, '--', unit);
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** Waits until `condition` answers true; fails with `what` after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
  everyMs = 20,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`still not after ${timeoutMs} ms: ${what}`);
    await sleep(everyMs);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** "Scheduled restart job, restart counter is at N." of systemd: SD_MESSAGE_UNIT_RESTART_SCHEDULED. */
export const scheduledRestart = 'MESSAGE_ID=5eb03494b6584870a536b337290809b3';

/**
 * The truth about automatic restarts: how many each unit had since the boot, counted in the journal.
 * What systemd has logged and journald not yet stored is waited for. Needs a bed with `journal`.
 */
export async function scheduledRestarts(bed: ThrowAwaySystemd): Promise<Map<string, number>> {
  await journalSynced(bed);
  const counts = new Map<string, number>();
  for await (const record of journalRecords(bed, [scheduledRestart])) {
    const unit = record['UNIT'];
    if (typeof unit === 'string') counts.set(unit, (counts.get(unit) ?? 0) + 1);
  }
  return counts;
}

/** Has journald store all that was sent to it before. */
export async function journalSynced(bed: ThrowAwaySystemd): Promise<void> {
  const { status, stderr } = await bed.exec(['journalctl', '--sync']);
  if (status !== 0) throw new Error(`journalctl --sync: ${stderr}`);
}

/** Records of the journal that match, one at a time, as `journalctl --output=json` gives them. */
export async function* journalRecords(
  bed: ThrowAwaySystemd,
  matches: readonly string[],
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const argv = ['journalctl', '--output=json', '--all', '--no-pager', '--quiet', ...matches];
  const [file = '', ...rest] = insideArgv(bed.pid, argv);
  const child = spawn(file, rest, {
    env: insideEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  for await (const line of createInterface(child.stdout)) {
    const record: unknown = JSON.parse(line);
    if (typeof record === 'object' && record !== null)
      yield record as Readonly<Record<string, unknown>>;
  }
  const [status] = await closed;
  // 1 means that nothing matched.
  if (status !== 0 && status !== 1) throw new Error(`journalctl ended with ${status}`);
}

/** In a storm of crashes, systemd on a busy machine of two cores has taken half a minute for an answer. */
export const starvedMs = 120_000;

/**
 * Kills the bus daemon and waits until systemd knows it. The socket is systemd's: whoever connects next
 * has the daemon started again.
 */
export async function killBus(bed: ThrowAwaySystemd): Promise<void> {
  const daemon = async () => (await show(bed, 'dbus.service', 'MainPID'))['MainPID'] ?? '0';
  let old = '0';
  const runs = async () => {
    old = await daemon();
    return old !== '0';
  };
  await until('the bus daemon runs', runs, starvedMs);
  const { status, stderr } = await bed.exec(['kill', '-KILL', old]);
  assert.equal(status, 0, stderr);
  await until('the bus daemon is dead', async () => (await daemon()) !== old, starvedMs);
}
