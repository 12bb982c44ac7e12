import { readFileSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';

/** One process as /proc has it, proc(5). */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot: with the PID it names one process for good. */
  readonly startTicks: number;
  /** At most 15 bytes of its executable's or script's name, or what it set itself. */
  readonly comm: string;
  /** Its argument list, as it was started or as it has rewritten it. */
  readonly args: readonly string[];
}

/** Which processes are meant. */
export type Criterion = (entry: ProcessEntry) => boolean;

/** A command line may be megabytes; what is searched of it. */
const argsBytes = 65_536;
/** PF_KTHREAD, include/linux/sched.h. */
const kernelThread = 0x0020_0000;
/** TASK_COMM_LEN without its NUL, include/linux/sched.h. */
const commBytes = 15;

/**
 * The name of the process' executable or script, exactly: what the kernel calls it, or the last part
 * of its first argument. The kernel's own name is cut after 15 bytes, so that a longer one can only
 * be found by the argument.
 */
export function named(name: string): Criterion {
  const canBeComm = Buffer.byteLength(name) <= commBytes;
  return ({ comm, args: [first = ''] }) =>
    (canBeComm && comm === name) || first.slice(first.lastIndexOf('/') + 1) === name;
}

/**
 * Every process that matches, of those that may be ended: no kernel thread, none that is dead
 * already, not PID 1, not the agent, none above it or below it, none in a PID namespace of its own (a
 * container's). Mount namespaces say nothing: the packaged agent has one of its own.
 */
export async function findProcesses(criterion: Criterion): Promise<ProcessEntry[]> {
  const all = new Map<number, ProcessEntry>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const entry = await readEntry(Number(name));
    if (entry) all.set(entry.pid, entry);
  }
  const found: ProcessEntry[] = [];
  for (const entry of all.values()) {
    if (entry.pid === 1 || !criterion(entry) || isFamily(entry, all)) continue;
    if (await sharesNamespace(entry.pid)) found.push(entry);
  }
  return found;
}

/** /proc shows the PID namespace that this process is in; elsewhere a PID is somebody else's. */
export async function seesOwnProcesses(): Promise<boolean> {
  return (await readlink('/proc/self').catch(() => '')) === String(process.pid);
}

/**
 * Sends a signal to exactly this process; `gone` where it is dead, or its PID is another's by now.
 * Node cannot hold a process (pidfd_open), so the check comes right before the signal.
 */
export function signalProcess(
  entry: ProcessEntry,
  signal: 'SIGTERM' | 'SIGKILL' | 0,
): 'sent' | 'gone' | 'denied' {
  if (!isStill(entry)) return 'gone';
  try {
    process.kill(entry.pid, signal);
    return 'sent';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'denied' : 'gone';
  }
}

/** The same process as before, and not dead. */
export function isStill(entry: ProcessEntry): boolean {
  try {
    const stat = statIn(readFileSync(`/proc/${entry.pid}/stat`, 'utf8'));
    return stat?.startTicks === entry.startTicks;
  } catch {
    return false;
  }
}

/**
 * The agent, what it descends from, and what descends from it: its commands under way. What those
 * left in the background is PID 1's; an agent that is PID 1 itself, in a container, has no other sign.
 */
function isFamily(entry: ProcessEntry, all: ReadonlyMap<number, ProcessEntry>): boolean {
  const isBelow = process.pid !== 1 && isAbove(process.pid, entry.pid, all);
  return isBelow || isAbove(entry.pid, process.pid, all);
}

function isAbove(above: number, pid: number, all: ReadonlyMap<number, ProcessEntry>): boolean {
  const seen = new Set<number>();
  for (
    let at: number | undefined = pid;
    at !== undefined && !seen.has(at);
    at = all.get(at)?.parent
  ) {
    if (at === above) return true;
    seen.add(at);
  }
  return false;
}

async function readEntry(pid: number): Promise<ProcessEntry | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const stat = statIn(text);
  if (stat === undefined || (stat.flags & kernelThread) !== 0) return undefined;
  const bytes = await readFile(`/proc/${pid}/cmdline`).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const args = bytes.subarray(0, argsBytes).toString('utf8').replace(/\0+$/, '').split('\0');
  return { pid, parent: stat.parent, startTicks: stat.startTicks, comm: stat.comm, args };
}

interface Stat {
  readonly comm: string;
  readonly parent: number;
  readonly flags: number;
  readonly startTicks: number;
}

/** Undefined where nothing but its exit status is left of it. */
function statIn(text: string): Stat | undefined {
  // The name stands in parentheses and may hold some itself.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const [state = ''] = fields;
  if (open < 0 || close < open || /^[ZXx]$/.test(state)) return undefined;
  return {
    comm: text.slice(open + 1, close),
    parent: Number(fields[1]),
    flags: Number(fields[6]),
    startTicks: Number(fields[19]),
  };
}

/** NSpid has a number for each PID namespace that the process is in, from that of /proc inwards. */
async function sharesNamespace(pid: number): Promise<boolean> {
  const depth = async (who: number | 'self'): Promise<number> => {
    const text = await readFile(`/proc/${who}/status`, 'utf8').catch(() => '');
    return /^NSpid:\s*(.*)$/m.exec(text)?.[1]?.split(/\s+/).length ?? 0;
  };
  const own = await depth('self');
  return own > 0 && own === (await depth(pid));
}
