import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { before, endGroup, signalGroup } from '../command/group.ts';
import { type Ended, endingOf, plainEnvironment, startCommand } from '../command/start.ts';
import type { Command } from '../model/command.ts';
import type { StepOutcome } from '../model/repair.ts';
import type { Clock, DurationUs } from '../model/time.ts';
import { Tail } from './command-output.ts';
import { engineLimits } from './engine-contract.ts';

/** How a command ended. */
export interface CommandEnd {
  readonly outcome: Extract<StepOutcome, 'ok' | 'failed' | 'timeout' | 'refused'>;
  /** Exit status, where it exited by itself. */
  readonly exitCode?: number;
  /** Name of the signal that ended it: `SIGKILL`. */
  readonly signal?: string;
  readonly durationUs: DurationUs;
  /** One sentence; empty where it worked. */
  readonly reason: string;
  /** It was not even begun, since no place was free or the agent ends. */
  readonly notRun?: true;
}

export interface CommandOrder {
  /** What it is called in sentences: the key that it stands under, `start_command`. */
  readonly name: string;
  readonly command: Command;
  /** From its start on; then SIGTERM. A wait for a free place is no part of it. */
  readonly limitMs: number;
  /** SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Written to its standard input, which is /dev/null otherwise. */
  readonly input?: string;
  /**
   * It changes something, so that ending it half-way does harm: the agent's own end leaves it alone.
   * Others (a health check) are ended with the agent.
   */
  readonly acts: boolean;
}

/** Commands under way at once: each is a process or more, and the packaged unit allows 64 tasks. */
const atOnce = 8;
/** Commands that wait for a place; a repair engine has a few repairs under way, and one hook each. */
const queueMax = 64;
/** How long what a command has written may take to come out of the pipe after its end. */
const drainMs = 100;
/** How long after SIGKILL an end is waited for; a process that waits for a device takes longer. */
const killedMs = 5_000;
/** Pipes read on behalf of what commands have left in the background: two each, one repair each. */
const leftOpenMax = 128;

/**
 * Nothing of the agent's own environment, which may hold secrets, sockets and credentials of its own,
 * and nothing that came from outside: a script that writes `$NAME` without quotes would be a way in
 * for a hostile name out of a database, so no variable names the process.
 */
function environment(): NodeJS.ProcessEnv {
  return {
    ...plainEnvironment,
    HOME: process.env['HOME'] ?? '/',
  };
}

interface Running {
  readonly name: string;
  readonly acts: boolean;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
}

/**
 * Runs the commands of the configuration: a list as it is, one string as `/bin/sh -c`, each in a
 * session and process group of its own, in the folder `/`, with a time limit. What it leaves running
 * in the background when it ends is let be; that may hold the pipes open and is read, not kept.
 * CPU, memory and tasks are limited by the agent's own unit, which the commands run in.
 */
export class Commands {
  private readonly clock: Clock;
  private readonly placeMs: number;
  private readonly running: Set<Running> = new Set();
  private readonly queue: (() => void)[] = [];
  private taken = 0;
  private closed = false;

  /** @param placeMs how long a command waits for a free place */
  constructor(clock: Clock, placeMs = engineLimits.placeUs / 1_000) {
    this.clock = clock;
    this.placeMs = placeMs;
  }

  /** Resolves within the wait for a place, `limitMs`, `graceMs` and a few seconds; never rejects. */
  async run(order: CommandOrder): Promise<CommandEnd> {
    const beganUs = this.clock.monotonicUs();
    const place = await this.place();
    const end = place === '' ? await this.spawned(order) : this.notRun(order, place);
    return { ...end, durationUs: this.clock.monotonicUs() - beganUs };
  }

  /**
   * Begins nothing any more, ends what changes nothing, and waits for the others: a start command
   * killed half-way does more harm than one that outlives the agent. (Under systemd it ends with the
   * agent's unit all the same, unless KillMode=process; and it has nobody to write to any more.)
   * @returns the names of those that were left running after `limitMs`
   */
  async close(limitMs: number): Promise<readonly string[]> {
    this.closed = true;
    for (const wake of this.queue.splice(0)) wake();
    for (const { child, acts } of this.running) if (!acts) signalGroup(child, 'SIGKILL');
    await before(limitMs, Promise.all([...this.running].map((one) => one.ended)));
    return [...this.running].map(({ child, name }) => {
      child.unref();
      return name;
    });
  }

  /** For want of a place: that is over some time, unlike a want of permission. */
  private notRun({ name }: CommandOrder, why: string): Omit<CommandEnd, 'durationUs'> {
    const outcome = this.closed ? 'refused' : 'timeout';
    return { outcome, reason: `${name} was not run: ${why}.`, notRun: true };
  }

  /** Waits for a place; answers with the reason where there is none. */
  private async place(): Promise<string> {
    const closing = 'unitwatch is ending';
    if (this.closed) return closing;
    if (this.taken < atOnce) {
      this.taken++;
      return '';
    }
    if (this.queue.length >= queueMax) return `${queueMax} commands wait already`;
    const came = await new Promise<boolean>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(wake), 1);
        resolve(false);
      }, this.placeMs);
      this.queue.push(wake);
    });
    if (this.closed) return closing;
    return came ? '' : `${atOnce} others are under way`;
  }

  private leave(): void {
    const next = this.queue.shift();
    if (next) next();
    else this.taken--;
  }

  private async spawned(order: CommandOrder): Promise<Omit<CommandEnd, 'durationUs'>> {
    const { command, name, input } = order;
    const { child, ended } = startCommand({
      ...{ command, env: environment(), output: 'pipe' },
      ...(input !== undefined && { input }),
    });
    if (child === undefined) {
      this.leave();
      return outcomeOf(order, await ended);
    }
    const watched = watch(child, ended, order);
    const entry = { name, acts: order.acts, child, ended: watched };
    this.running.add(entry);
    try {
      return await watched;
    } finally {
      this.running.delete(entry);
      this.leave();
    }
  }
}

/** Follows one process to its end. */
async function watch(
  child: ChildProcess,
  ended: Promise<Ended>,
  order: CommandOrder,
): Promise<Omit<CommandEnd, 'durationUs'>> {
  const { stdout, stderr } = child;
  const [out, err] = [stdout && new Tail(stdout), stderr && new Tail(stderr)];
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const inTime = await before(order.limitMs, ended);
  if (inTime === undefined) await endGroup(child, ended, order.graceMs);
  const end = inTime ?? (await before(killedMs, ended)) ?? { code: null, signal: null };
  if ('error' in end) return outcomeOf(order, end);
  // `close` may never come: a background process can hold the pipes for ever.
  await before(drainMs, closed);
  for (const stream of [stdout, stderr]) leaveOpen(stream);
  const lastLine = err?.lastLine() || out?.lastLine() || '';
  return outcomeOf(order, end, inTime === undefined, lastLine);
}

function outcomeOf(
  { name, limitMs }: CommandOrder,
  ended: Ended,
  late = false,
  lastLine = '',
): Omit<CommandEnd, 'durationUs'> {
  const words = lastLine === '' ? '.' : `: ${lastLine}`;
  const how =
    'error' in ended
      ? {}
      : {
          ...(ended.code !== null && { exitCode: ended.code }),
          ...(ended.signal !== null && { signal: ended.signal }),
        };
  if (late)
    return {
      ...how,
      outcome: 'timeout',
      reason: `${name} was not over after ${limitMs / 1_000} s and was ended${words}`,
    };
  const ending = endingOf(ended);
  if (ending === '') return { ...how, outcome: 'ok', reason: '' };
  return { ...how, outcome: 'failed', reason: `${name} ${ending}${words}` };
}

/** Pipes that background processes hold, the oldest first. */
const leftOpen: Set<Readable> = new Set();

/**
 * What goes on writing is read on (a closed pipe would end it), and does not keep the agent from
 * ending. Where too many do, the oldest is closed.
 */
function leaveOpen(stream: Readable | null): void {
  if (stream === null || stream.closed) return;
  if (stream instanceof Socket) stream.unref();
  leftOpen.add(stream);
  stream.once('close', () => leftOpen.delete(stream));
  const [oldest] = leftOpen;
  if (leftOpen.size > leftOpenMax) oldest?.destroy();
}
