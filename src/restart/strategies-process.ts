import type { Done, ProcessSettings } from './contract.ts';
import { ending } from './policy.ts';
import {
  type Criterion,
  findProcesses,
  isStill,
  named,
  type ProcessEntry,
  seesOwnProcesses,
  signalProcess,
} from './processes.ts';
import { failed, ok, refused, runCommand, type StrategyTools } from './strategies.ts';
import { whyNotProcess } from './strategies-protected.ts';

/** More processes than one thing has: such a match is a mistake, and would take the host down. */
const matchesMax = 64;
/** How often it is looked whether a process is gone: the wait after SIGTERM is the user's to feel. */
const lookMs = 25;

/**
 * `process`: what matches is ended, SIGTERM first and SIGKILL after the grace time, and the start
 * command is run when all are gone. What cannot be begun again is not ended.
 */
export async function restartProcesses(
  process: string,
  settings: ProcessSettings,
  tools: Pick<StrategyTools, 'commands' | 'search' | 'sleep'>,
): Promise<Done> {
  const { startCommand, graceMs } = settings;
  if (startCommand === undefined)
    return refused('There is no start_command: what was ended could not be started again.');
  const criterion = await criterionOf(process, settings, tools.search);
  if (typeof criterion === 'string') return refused(criterion);
  if (!(await seesOwnProcesses()))
    return refused('/proc shows the processes of another PID namespace than ours.');
  let parents: ReadonlySet<number> = new Set();
  for (let round = 0; round < ending.rounds; round++) {
    const found = await findProcesses(criterion);
    if (found.length === 0)
      return runCommand('start_command', startCommand, settings, tools.commands);
    // Whoever had started those that are gone has started them again.
    if (round > 0 && found.every(({ parent }) => parents.has(parent))) return ok;
    const why = whyNot(found);
    if (why !== undefined) return refused(why);
    parents = supervisorsOf(found);
    const left = await endAll(found, graceMs, tools.sleep);
    if (left !== undefined)
      return failed(
        `Process ${left.pid} (${left.comm}) is not gone ${ending.killedMs / 1_000} s after SIGKILL.`,
      );
  }
  return failed('As often as it is ended, something else starts it again: name its unit instead.');
}

/** Who may start them again: their parents that are not ended with them. PID 1 adopts anybody. */
function supervisorsOf(found: readonly ProcessEntry[]): ReadonlySet<number> {
  const ended = new Set([1, ...found.map(({ pid }) => pid)]);
  return new Set(found.map(({ parent }) => parent).filter((parent) => !ended.has(parent)));
}

/** What tells its processes; a sentence where nothing can. */
export async function criterionOf(
  process: string,
  { match }: ProcessSettings,
  search: StrategyTools['search'],
): Promise<Criterion | string> {
  if (match === '') return whyNotProcess(process) ?? named(process);
  try {
    const matches = await search(match);
    return ({ args }) => matches(args.join(' '));
  } catch (error) {
    return `match is no regular expression: ${error instanceof Error ? error.message : error}`;
  }
}

/** Why none of them is touched. */
function whyNot(found: readonly ProcessEntry[]): string | undefined {
  if (found.length > matchesMax)
    return `${found.length} processes match, more than ${matchesMax}: match must be narrower.`;
  const foreign = found.find((entry) => signalProcess(entry, 0) === 'denied');
  return foreign === undefined
    ? undefined
    : `Process ${foreign.pid} (${foreign.comm}) belongs to another user: unitwatch must run as that user, or have CAP_KILL (AmbientCapabilities=).`;
}

/** Ends them; one that stays is the answer. */
async function endAll(
  found: readonly ProcessEntry[],
  graceMs: number,
  sleep: StrategyTools['sleep'],
): Promise<ProcessEntry | undefined> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', ending.killedMs],
  ] as const) {
    for (const entry of found) signalProcess(entry, signal);
    for (let waited = 0; waited < waitMs && found.some((entry) => isStill(entry)); waited += lookMs)
      await sleep(lookMs);
  }
  return found.find((entry) => isStill(entry));
}
