import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { show, until } from '../bed.ts';
import { command, eventsOf, type RunningAgent } from './agent-process.ts';

const run = promisify(execFile);

/** Settings under which nothing waits for long. */
export const quick =
  '{ restart_delay: 100ms, backoff_max: 200ms, health_check_interval: 200ms, jitter: 0 }';

/** A folder with marker files, and an SQLite database that the command raises alarms in. */
export class Scratch {
  readonly path: string = mkdtempSync(join(tmpdir(), 'unitwatch-repairs-'));

  /** What configures this folder's database. */
  get database(): string {
    return `database: { driver: sqlite, path: ${this.path}/alarms.sqlite }\n`;
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** Lines of a marker file. */
  lines(name: string): readonly string[] {
    if (!existsSync(this.at(name))) return [];
    return readFileSync(this.at(name), 'utf8').split('\n').filter(Boolean);
  }

  /** `unitwatch alarms ...` on this folder's database. */
  async alarms(...argv: readonly string[]): Promise<string> {
    const file = this.at('alarms.yaml');
    writeFileSync(file, this.database);
    const all = [command, 'alarms', ...argv, '--config', file];
    return (await run(process.execPath, all)).stdout;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The steps of all repairs of a process, in two words each. */
export function steps(agent: RunningAgent, process: string): string[] {
  return eventsOf(agent.events(), 'restart_step', process).map(
    ({ data }) => `${data.step} ${data.outcome}`,
  );
}

/** The reasons that were told with a step. */
export function reasons(agent: RunningAgent, process: string, step: string): string[] {
  return eventsOf(agent.events(), 'restart_step', process)
    .filter(({ data }) => data.step === step)
    .map(({ data }) => data.reason ?? '');
}

/** Waits until a step was told so often. */
export async function stepped(
  agent: RunningAgent,
  process: string,
  step: string,
  count = 1,
  timeoutMs = 30_000,
): Promise<void> {
  const found = () => steps(agent, process).filter((told) => told === step).length;
  try {
    await until(`${count} times "${step}" of ${process}`, () => found() >= count, timeoutMs);
  } catch (error) {
    throw new Error(`${error}; told: ${steps(agent, process).join(', ')}\n${agent.log()}`);
  }
}

export async function invocation(bed: ThrowAwaySystemd, unit: string): Promise<string> {
  return (await show(bed, unit, 'InvocationID'))['InvocationID'] ?? '';
}

/** A service that writes a line into a file of the bed whenever it is started. */
export function countedUnit(name: string, lines: readonly string[] = []): string {
  return [
    ...['[Unit]', 'StartLimitIntervalSec=0', ...lines, '[Service]'],
    `ExecStartPre=/bin/sh -c 'echo started >> /run/${name}.starts'`,
    'ExecStart=/bin/sleep infinity',
    '',
  ].join('\n');
}

/** How often a counted unit was started. */
export function startsOf(bed: ThrowAwaySystemd, name: string): number {
  const file = join(bed.root, 'run', `${name}.starts`);
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}
