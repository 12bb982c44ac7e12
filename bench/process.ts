import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { command, nodeOptions } from '../test/agent/agent-process.ts';

/** USER_HZ: what /proc/PID/stat counts in, on every Linux that runs Node. */
const ticksPerSecond = 100;

/**
 * CPU time that a process has used, user and system, in seconds.
 * @param proc where the PID is to be looked up: another mount for a process of another namespace
 */
export function cpuSeconds(pid: number, proc = '/proc'): number {
  const stat = readFileSync(`${proc}/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Private anonymous memory of a process, in MB of 10^6 bytes. */
export function rssAnonMb(pid: number): number {
  const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return (Number(line?.[1]) * 1_024) / 1e6;
}

/** Where an agent finds the control groups and processes of a systemd in a namespace of its own. */
export function rootsOf({ root }: { readonly root: string }): Record<string, string> {
  return {
    UNITWATCH_CGROUP_ROOT: `${root}/sys/fs/cgroup`,
    UNITWATCH_PROC_ROOT: `${root}/proc`,
  };
}

/** A running agent, as a user would start it. */
export interface RunningAgent {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Where /metrics is. */
  readonly url: string;
  /** Sum of all samples of a metric that stand in /metrics now. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts `unitwatch run` as a process of its own and waits until it watches.
 * @param stdout `ignore`, or `pipe` to read its events
 */
export async function startAgent(
  address: string,
  stdout: 'ignore' | 'pipe',
  env: Readonly<Record<string, string>> = {},
): Promise<RunningAgent> {
  const state = mkdtempSync(join(tmpdir(), 'unitwatch-bench-'));
  const child = spawn(
    process.execPath,
    [
      ...nodeOptions,
      command,
      'run',
      '--bus',
      address,
      '--listen',
      '127.0.0.1:0',
      '--output',
      'ndjson',
    ],
    {
      stdio: ['ignore', stdout, 'pipe'],
      env: { ...process.env, UNITWATCH_STATE_DIRECTORY: state, ...env },
    },
  );
  const url = await listening(child);
  return {
    pid: child.pid ?? 0,
    child,
    url,
    metric: async (name) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.split('\n').filter((line) => /^[^#\s{]+/.exec(line)?.[0] === name);
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** Its address, from the log line that says what it watches. */
async function listening(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  if (child.stderr) {
    for await (const line of createInterface(child.stderr)) {
      said.push(line);
      const port = /"listen":\{"host":"127\.0\.0\.1","port":(\d+)\}/.exec(line)?.[1];
      if (port) {
        child.stderr.resume();
        return `http://127.0.0.1:${port}`;
      }
    }
  }
  throw new Error(`the agent did not start: ${said.join('\n')}`);
}

/** The value below which this share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
