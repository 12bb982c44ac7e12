import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { type ArgumentList, splitArguments } from './arguments.ts';

/**
 * The kernel takes up to 128 KiB in one argument and 2 MiB in all; class paths fill some 64 KiB.
 * Pages of the buffer that no argument list reaches are never touched.
 */
const bufferBytes = 262_144;
/** Kernels before 4.2 give at most a page at a time. */
const pageBytes = 4_096;
/** USER_HZ: what /proc/PID/stat counts in, on every Linux that runs Node. */
const ticksPerSecond = 100;

/** What the kernel says about one process. */
export interface ProcessStat {
  readonly pid: number;
  /** Clock ticks from boot to its start: with the PID, what names one process and no later one. */
  readonly startTicks: number;
  /** Effective user. */
  readonly uid: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly swappedBytes: number;
  readonly threads: number;
}

/**
 * Reads /proc with small synchronous reads into one buffer: procfs answers from memory, and a thread
 * for each file would cost more than the reading.
 */
export class ProcTable {
  readonly #root: string;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #bootSeconds: number | undefined;

  /** @param root usually /proc */
  constructor(root = '/proc') {
    this.#root = root;
  }

  /** Processes that can be seen: kernel threads and zombies too, threads of a process not. */
  pids(): number[] {
    const pids: number[] = [];
    for (const name of readdirSync(this.#root)) {
      const digit = name.charCodeAt(0);
      if (digit >= 49 && digit <= 57) pids.push(Number(name));
    }
    return pids;
  }

  /**
   * @returns `none` for a kernel thread, a zombie, and what has ended meanwhile; `denied` where the
   * process is there and may not be read (hidepid=1)
   */
  arguments(pid: number): ArgumentList | 'none' | 'denied' {
    const length = this.#load(`${pid}/cmdline`);
    if (typeof length !== 'number') return length;
    const isCut = length === bufferBytes;
    return splitArguments(this.#buffer.subarray(0, length), isCut) ?? 'none';
  }

  /** undefined where it has ended, is a zombie, or may not be read. */
  stat(pid: number): ProcessStat | undefined {
    const times = this.#times(pid);
    if (times === undefined) return undefined;
    const length = this.#load(`${pid}/status`);
    if (typeof length !== 'number') return undefined;
    const status = this.#buffer.toString('latin1', 0, length);
    return {
      pid,
      ...times,
      uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1]),
      residentBytes: kilobytes(status, 'VmRSS'),
      virtualBytes: kilobytes(status, 'VmSize'),
      swappedBytes: kilobytes(status, 'VmSwap'),
      threads: Number(/^Threads:\t(\d+)/m.exec(status)?.[1] ?? 1),
    };
  }

  /** `startTicks` of the process that has this PID now; undefined for none, zombies included. */
  startTicks(pid: number): number | undefined {
    return this.#times(pid)?.startTicks;
  }

  /** Wall time of a start, seconds since 1970. */
  startSeconds(startTicks: number): number {
    this.#bootSeconds ??= this.#readBoot();
    return this.#bootSeconds + startTicks / ticksPerSecond;
  }

  #times(
    pid: number,
  ): Pick<ProcessStat, 'startTicks' | 'userSeconds' | 'systemSeconds'> | undefined {
    const length = this.#load(`${pid}/stat`);
    if (typeof length !== 'number') return undefined;
    const stat = this.#buffer.toString('latin1', 0, length);
    // The name before may hold anything, parentheses and spaces too; proc_pid_stat(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    if (state === 'Z' || state === 'X') return undefined;
    return {
      startTicks: Number(fields[19]),
      userSeconds: Number(fields[11]) / ticksPerSecond,
      systemSeconds: Number(fields[12]) / ticksPerSecond,
    };
  }

  #readBoot(): number {
    const length = this.#load('stat');
    const text = typeof length === 'number' ? this.#buffer.toString('latin1', 0, length) : '';
    return Number(/^btime (\d+)/m.exec(text)?.[1] ?? Number.NaN);
  }

  /** The file into the buffer: its length. */
  #load(file: string): number | 'none' | 'denied' {
    let descriptor: number;
    try {
      descriptor = openSync(`${this.#root}/${file}`, 'r');
    } catch (error) {
      return failure(error);
    }
    try {
      let length = 0;
      for (;;) {
        const read = readSync(descriptor, this.#buffer, length, bufferBytes - length, null);
        length += read;
        if (read < pageBytes || length === bufferBytes) return length;
      }
    } catch (error) {
      return failure(error);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** What has ended answers ENOENT on opening and ESRCH on reading. */
function failure(error: unknown): 'none' | 'denied' {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'none';
}

function kilobytes(status: string, field: string): number {
  const at = status.indexOf(`\n${field}:`);
  return at < 0 ? 0 : Number.parseInt(status.slice(at + field.length + 2), 10) * 1_024;
}
