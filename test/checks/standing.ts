import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../debian.ts';

/**
 * Real processes with exactly the argument lists that are asked for, one memory page each. They are
 * echo(1), which ignores what its arguments say and hangs in writing them to a pipe that is full.
 * Only this process has the pipe's other end: should it die, they die of it.
 */
export class Standing {
  readonly #folder: string;
  readonly #reading: number;
  readonly #writing: number;
  readonly #children = new Set<ChildProcess>();

  private constructor(folder: string, reading: number, writing: number) {
    this.#folder = folder;
    this.#reading = reading;
    this.#writing = writing;
  }

  static async make(): Promise<Standing> {
    const folder = mkdtempSync(join(tmpdir(), 'unitwatch-standing-'));
    const fifo = join(folder, 'full');
    await run('mkfifo', [fifo]);
    const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const filling = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      // Page by page: writes of up to a page are whole or not at all, pipe(7).
      for (;;) writeSync(filling, Buffer.alloc(4_096));
    } catch {
      closeSync(filling);
    }
    return new Standing(folder, reading, openSync(fifo, constants.O_WRONLY));
  }

  /** Starts one with this argument list, and resolves with its PID once the kernel shows it. */
  async add(
    [program, ...rest]: readonly [string, ...string[]],
    options: { readonly uid?: number } = {},
  ): Promise<number> {
    const child = this.start(program, rest, options);
    return ready(child);
  }

  /** The same without waiting. */
  start(
    argv0: string,
    rest: readonly string[],
    options: { readonly uid?: number } = {},
  ): ChildProcess {
    const child = spawn('/bin/echo', rest, {
      argv0,
      stdio: ['ignore', this.#writing, 'ignore'],
      env: {},
      ...options,
    });
    return this.adopt(child);
  }

  /** Any other process, to be ended with the rest. */
  adopt(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  async kill(pid: number): Promise<void> {
    const child = [...this.#children].find((one) => one.pid === pid);
    if (child) await ended(child);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map(ended));
    closeSync(this.#writing);
    closeSync(this.#reading);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function ready(child: ChildProcess): Promise<number> {
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  // libuv reports a spawn when the program has been executed: its arguments are there.
  return child.pid ?? 0;
}

/** Waits until something is so. */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (isSo()) return;
    await sleep(25);
  }
  throw new Error(`waited 10 s: ${what}`);
}

/** Whether there is a process with this PID, a zombie not. */
export function isThere(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}
