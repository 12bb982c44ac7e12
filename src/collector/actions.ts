import { limits } from '../model/limits.ts';
import { newUnitState } from '../model/unit.ts';
import type { JobEnd, UnitStatus, UnitVerb } from '../model/unit-control.ts';
import { jobResults } from '../model/unit-control.ts';
import { isUnitName, unitPath, withType } from '../model/unit-name.ts';
import { BusError } from './bus.ts';
import type { Reply } from './decode.ts';
import type { Follower } from './follower.ts';
import { globQuoted, type Manager } from './systemd.ts';

/** What one life of the connections gives to its actions. */
export interface ActionsOptions {
  readonly manager: Manager;
  readonly follower: Follower;
  readonly signals: {
    ping(): Promise<void>;
    getAll(path: string, onReply: (reply: Reply) => void): void;
  };
  readonly lost: Promise<string>;
}

/** The bus or systemd went away, or said nothing in time: what was asked may have been done. */
const lostCodes: ReadonlySet<string> = new Set([
  ...['lost', 'timeout', 'unreachable'],
  ...['NoReply', 'Disconnected', 'ServiceUnknown', 'NameHasNoOwner'].map(
    (name) => `org.freedesktop.DBus.Error.${name}`,
  ),
]);

const deniedCodes: ReadonlySet<string> = new Set([
  'org.freedesktop.DBus.Error.AccessDenied',
  'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired',
  'org.freedesktop.DBus.Error.AuthFailed',
]);

const knownResults: ReadonlySet<string> = new Set(jobResults);

function isResult(word: string): word is JobEnd['result'] {
  return knownResults.has(word);
}

/** The end of a job that never was, since nothing is connected. */
export const notConnected: JobEnd = { result: 'lost', reason: 'The bus is not connected.' };

/** What is done to units over one life of the connections; values, not errors, say how it went. */
export class Actions {
  private readonly options: ActionsOptions;
  private underWay = 0;
  /** Questions without an answer yet, to be given up when the connection is gone. */
  private readonly asking: Set<() => void> = new Set();

  constructor(options: ActionsOptions) {
    this.options = options;
    void options.lost.then(() => {
      for (const giveUp of this.asking) giveUp();
    });
  }

  /** Without loading it: ListUnits and ListUnitFiles only. */
  async knows(name: string): Promise<boolean | undefined> {
    const unit = withType(name);
    if (!isUnitName(unit)) return false;
    const { manager } = this.options;
    try {
      const [row] = await manager.listUnits([globQuoted(unit)]);
      if (row !== undefined && row.loadState !== 'not-found') return true;
      return (await manager.withFiles([unit])).has(unit);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      return undefined;
    }
  }

  /** Over the connection of the signals, so that it is never older than what they have shown. */
  async status(name: string): Promise<UnitStatus | undefined> {
    const unit = withType(name);
    if (!isUnitName(unit)) return undefined;
    let giveUp = (): void => {};
    const answer = new Promise<UnitStatus | undefined>((resolve) => {
      giveUp = () => resolve(undefined);
      this.asking.add(giveUp);
      this.options.signals.getAll(unitPath(unit), (reply) => resolve(statusIn(reply)));
    });
    return within(limits.callDeadlineMs, answer, undefined).finally(() => {
      this.asking.delete(giveUp);
    });
  }

  /** @param limitMs from when the answer is `late`; the job goes on, and what it does stays ours */
  async act(verb: UnitVerb, name: string, limitMs: number): Promise<JobEnd> {
    const unit = withType(name);
    if (!isUnitName(unit)) return notAUnit;
    if (this.underWay >= limits.ownJobs)
      return { result: 'refused', reason: `${limits.ownJobs} jobs of unitwatch's are under way.` };
    this.underWay++;
    const end = this.follow(verb, unit).finally(() => {
      this.underWay--;
    });
    const late: JobEnd = { result: 'late', reason: lateReason(verb, unit, limitMs) };
    return within(limitMs, end, late);
  }

  async resetFailed(name: string): Promise<JobEnd> {
    const unit = withType(name);
    if (!isUnitName(unit)) return notAUnit;
    try {
      await this.options.manager.resetFailed(unit);
      return { result: 'done', reason: '' };
    } catch (error) {
      return endOf(error, 'reset-failed', unit);
    }
  }

  private async follow(verb: UnitVerb, unit: string): Promise<JobEnd> {
    const { follower, manager, signals } = this.options;
    try {
      // What others did before is read first, so that it is not taken for ours.
      await signals.ping();
      const ask = () => manager.queueJob(verb, unit);
      const result = await ownJob(follower, unit, verb === 'restart', ask);
      return {
        result: isResult(result) ? result : 'failed',
        reason: jobReason(verb, unit, result),
      };
    } catch (error) {
      return endOf(error, verb, unit);
    }
  }
}

/**
 * Follows a job that unitwatch itself asks for: from before `ask`, which answers with the job's ID,
 * so that nothing it causes is taken for somebody else's. Resolves with systemd's job result.
 */
async function ownJob(
  { table, jobs, stops }: Follower,
  name: string,
  isRestart: boolean,
  ask: () => Promise<number>,
): Promise<string> {
  const unit = isRestart ? table.get(name) : undefined;
  const { life } = jobs;
  if (unit) unit.ownRestart = true;
  try {
    const jobId = await ask();
    // A stop is a person's wish, though it was given to us: on the page, in the shell.
    if (isRestart) stops.ours(jobId);
    return jobs.life === life ? await jobs.result(jobId) : 'lost';
  } finally {
    if (unit) unit.ownRestart = false;
  }
}

const notAUnit: JobEnd = { result: 'refused', reason: 'That is no name of a unit.' };

function statusIn(reply: Reply): UnitStatus | undefined {
  const state = newUnitState();
  const facts = { loadState: '', cgroup: '', restartPolicy: '' };
  if (reply.kind !== 'properties' || !reply.readInto(state, facts)) return undefined;
  return { loadState: facts.loadState, state };
}

/** What `work` comes to, or `late` after `ms`; it keeps no process alive. */
function within<T>(ms: number, work: Promise<T>, late: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, late).unref();
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function lateReason(verb: UnitVerb, unit: string, limitMs: number): string {
  return `The ${verb} of ${unit} was not over after ${limitMs / 1_000} s; systemd goes on with it (see TimeoutStartSec=, TimeoutStopSec=).`;
}

/** Why a job did not end as it should, in one sentence. */
function jobReason(verb: UnitVerb, unit: string, result: string): string {
  switch (result) {
    case 'done':
      return '';
    case 'canceled':
      return `The ${verb} of ${unit} was canceled: another job took its place.`;
    case 'timeout':
      return `systemd gave the ${verb} of ${unit} up after its time limit (JobTimeoutSec=).`;
    case 'dependency':
      return `A unit that ${unit} requires did not start.`;
    case 'skipped':
      return `systemd skipped the ${verb} of ${unit}: it cannot be done in its present state.`;
    case 'lost':
      return `The bus was lost during the ${verb} of ${unit}: how it ended is not known.`;
    default:
      return `The ${verb} of ${unit} ended as ${result}.`;
  }
}

function endOf(error: unknown, verb: UnitVerb | 'reset-failed', unit: string): JobEnd {
  if (!(error instanceof BusError)) throw error;
  if (lostCodes.has(error.code)) return { result: 'lost', reason: error.message };
  return { result: 'refused', reason: refusal(error.code, error.message, verb, unit) };
}

/** What is missing for what systemd refused. */
export function refusal(code: string, message: string, verb: string, unit: string): string {
  if (deniedCodes.has(code))
    return `systemd does not permit this user to ${verb} ${unit}: name ${unit} and the verb ${verb} in the polkit rule (packaging/60-unitwatch.rules, to go into /etc/polkit-1/rules.d/).`;
  if (code.endsWith('.UnitMasked')) return `${unit} is masked: systemctl unmask ${unit}.`;
  if (code.endsWith('.NoSuchUnit')) return `systemd knows no unit ${unit}.`;
  if (code.endsWith('.OnlyByDependency'))
    return `${unit} may only be started and stopped through other units (RefuseManualStart=, RefuseManualStop=).`;
  return message;
}
