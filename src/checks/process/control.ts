import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalGroup } from '../../command/group.ts';
import type { CheckView } from '../../model/check.ts';
import type { Command } from '../../model/command.ts';
import type { Component } from '../../model/platform.ts';
import type { StepOutcome } from '../../model/repair.ts';
import type { Clock } from '../../model/time.ts';
import { type Begun, type BegunCommand, begin } from './command.ts';
import { ProcTable } from './proc-table.ts';
import type { ProcessChecks, ProcessIdentity } from './process-checks.ts';
import { lookUpUser } from './users.ts';

export interface ControlOptions {
  readonly checks: Pick<ProcessChecks, 'checkNow' | 'component' | 'identities'>;
  readonly clock: Pick<Clock, 'monotonicUs'>;
  /** How long starting may take until the check says that it runs, and a stop command until it ends. */
  readonly timeoutMs: number;
  /** SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** The user who asks. */
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Usually /proc. */
  readonly procRoot?: string;
}

/** How it ended; the reason is one short sentence, empty where it worked. */
export interface Controlled {
  readonly outcome: StepOutcome;
  readonly reason: string;
  /** The last lines that its command wrote to standard error, where it did not work. */
  readonly output: readonly string[];
}

/** Between two checks while something is waited for: soon at first, then twice as long each time. */
const pauseFirstMs = 50;
const pauseLastMs = 1_000;
/** What survives SIGKILL this long hangs in the kernel. */
const killedMs = 5_000;

const ok: Controlled = { outcome: 'ok', reason: '', output: [] };

/**
 * Runs the component's `start` command and waits until its check says that it runs. The command and
 * what it starts outlive this process. Never rejects for what the command does.
 */
export async function startComponent(name: string, options: ControlOptions): Promise<Controlled> {
  const component = options.checks.component(name);
  const refusal = refusalOf(name, component);
  if (component === undefined || refusal !== '') return refused(refusal);
  if (component.start === undefined) return refused(`${name} has no start command`);
  const before = await look(name, options);
  if (isUp(before)) return skipped(`${name} already runs`);
  if (before?.state === 'unknown') {
    return refused(`it is not known whether ${name} runs: ${before.reason}`);
  }
  const begun = await run(component, component.start, options);
  if ('refused' in begun) return refused(begun.refused);
  const fault = failureOf(begun.ended);
  try {
    const started = await until(options, options.timeoutMs, async () => {
      if (isUp(await look(name, options))) return ok;
      const words = fault();
      if (words === '') return undefined;
      return {
        outcome: 'failed',
        reason: `its start command ${words}`,
        output: await begun.lines(),
      };
    });
    if (started) return started;
    const reason = `${name} did not run within ${options.timeoutMs / 1000} s`;
    return { outcome: 'timeout', reason, output: await begun.lines() };
  } finally {
    begun.forget();
  }
}

/**
 * Runs the component's `stop` command where it has one; what is left of its processes then gets
 * SIGTERM and, after the grace, SIGKILL. A signal goes only to the process that was seen, never to a
 * later one with its PID.
 */
export async function stopComponent(name: string, options: ControlOptions): Promise<Controlled> {
  const component = options.checks.component(name);
  const refusal = refusalOf(name, component);
  if (component === undefined || refusal !== '') return refused(refusal);
  await options.checks.checkNow();
  const processes = options.checks.identities(name);
  if (processes.length === 0) return skipped(`${name} does not run`);
  if (component.stop !== undefined) {
    const stopped = await runStop(component, component.stop, options);
    if (stopped.outcome !== 'ok') return stopped;
  }
  const left = await end(processes, options);
  return left === '' ? ok : failed(left);
}

function refusalOf(name: string, component: Component | undefined): string {
  if (component === undefined) return `there is no component ${name} on this host`;
  return component.unit === ''
    ? ''
    : `${name} is the unit ${component.unit}: systemd starts and stops it`;
}

function refused(reason: string): Controlled {
  return { outcome: 'refused', reason, output: [] };
}

function skipped(reason: string): Controlled {
  return { outcome: 'skipped', reason, output: [] };
}

function failed(reason: string, output: readonly string[] = []): Controlled {
  return { outcome: 'failed', reason, output };
}

async function look(name: string, { checks }: ControlOptions): Promise<CheckView | undefined> {
  return (await checks.checkNow()).find((one) => one.name === name);
}

function isUp(view: CheckView | undefined): boolean {
  return view?.state === 'running' || view?.state === 'degraded' || view?.state === 'too_many';
}

async function run(
  component: Component,
  command: Command,
  { uid, env }: ControlOptions,
): Promise<Begun> {
  const { workingDirectory } = component;
  const user = await lookUpUser(component.user === '' ? String(uid) : component.user);
  if (user === undefined && component.user !== '') {
    return { refused: `there is no user ${component.user}` };
  }
  return begin(command, { user, uid, workingDirectory, env });
}

/** How the command failed, as soon as that is known; empty as long as it did not. */
function failureOf(ended: Promise<string>): () => string {
  let words = '';
  void ended.then((text) => {
    words = text;
  });
  return () => words;
}

async function runStop(
  component: Component,
  command: Command,
  options: ControlOptions,
): Promise<Controlled> {
  const begun = await run(component, command, options);
  if ('refused' in begun) return failed(`its stop command could not be run: ${begun.refused}`);
  try {
    const words = await endOf(begun, options);
    return words === '' ? ok : failed(`its stop command ${words}`, await begun.lines());
  } finally {
    begun.forget();
  }
}

/** Empty where the command ended well in time. */
async function endOf(begun: BegunCommand, options: ControlOptions): Promise<string> {
  const limit = new AbortController();
  const late = sleep(options.timeoutMs, 'late', { signal: limit.signal }).catch(() => 'aborted');
  const words = await Promise.race([begun.ended, late]);
  limit.abort();
  if (words !== 'late') return words;
  signalGroup(begun.child, 'SIGKILL');
  return `took longer than ${options.timeoutMs / 1000} s`;
}

/** Empty when all are gone; else what is left, in words. */
async function end(
  processes: readonly ProcessIdentity[],
  options: ControlOptions,
): Promise<string> {
  const table = new ProcTable(options.procRoot);
  const left = (): readonly ProcessIdentity[] =>
    processes.filter(({ pid, startTicks }) => table.startTicks(pid) === startTicks);
  for (const [name, waitMs] of [
    ['SIGTERM', options.graceMs],
    ['SIGKILL', killedMs],
  ] as const) {
    for (const { pid } of left()) {
      const fault = signal(pid, name);
      if (fault !== '') return fault;
    }
    const gone = await until(options, waitMs, async () => (left().length === 0 ? ok : undefined));
    if (gone) return '';
  }
  return `still there after SIGKILL: ${left()
    .map(({ pid }) => pid)
    .join(', ')}`;
}

/** Empty where it was sent, or nobody is there any more. */
function signal(pid: number, name: NodeJS.Signals): string {
  try {
    process.kill(pid, name);
    return '';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ESRCH') return '';
    const who = userInfo().username;
    return code === 'EPERM' ? `${who} is not permitted to signal PID ${pid}` : String(error);
  }
}

/** Asks again and again until there is an answer; undefined when the time is over. */
async function until(
  { clock }: ControlOptions,
  limitMs: number,
  ask: () => Promise<Controlled | undefined>,
): Promise<Controlled | undefined> {
  const endUs = clock.monotonicUs() + limitMs * 1e3;
  for (let pauseMs = pauseFirstMs; ; pauseMs = Math.min(2 * pauseMs, pauseLastMs)) {
    const answer = await ask();
    if (answer) return answer;
    const restMs = (endUs - clock.monotonicUs()) / 1e3;
    if (restMs <= 0) return undefined;
    await sleep(Math.min(pauseMs, restMs));
  }
}
