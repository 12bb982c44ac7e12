import type { Command } from '../model/command.ts';
import type { Alarm, StepOutcome, Strategy } from '../model/repair.ts';

/** How one process is repaired; the defaults stand in the configuration's key table. */
export interface ProcessSettings {
  readonly strategy: Strategy;
  /** The unit behind it, where its name is another one; empty for its own name. */
  readonly unit: string;
  /** Searched in the command line of processes (`process` strategy); empty: the executable's name is the process' name. */
  readonly match: string;
  readonly startCommand: Command | undefined;
  readonly restartCommand: Command | undefined;
  readonly preRestartCommand: Command | undefined;
  readonly postHealthCheck: Command | undefined;
  /** Time limit of the pre-restart, restart and start commands, and of a unit's job. */
  readonly commandTimeoutMs: number;
  readonly healthTimeoutMs: number;
  /** Health checks after one restart before that attempt has failed, and the wait between them. */
  readonly healthRetries: number;
  readonly healthIntervalMs: number;
  /** SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Before the first attempt after a failed one; with backoff multiplied for each later one. */
  readonly restartDelayMs: number;
  readonly maxAttempts: number;
  readonly useBackoff: boolean;
  readonly backoffMultiplier: number;
  readonly backoffMaxMs: number;
  /** Share by which a wait is spread, 0 to 1. */
  readonly jitter: number;
  /** Repairs that fail in a row before the breaker opens. */
  readonly maxRestartFailures: number;
  readonly circuitResetMs: number;
  /** Findings and states that are alarms for it: off where empty. */
  readonly repairOn: readonly RepairOn[];
}

export const repairOn = [
  'crash_loop',
  'memory_leak',
  'check_down',
  'failed',
  'start_limit',
] as const;
export type RepairOn = (typeof repairOn)[number];

/** How something that was done outside ended. */
export interface Done {
  readonly outcome: StepOutcome;
  /** One short sentence; empty where it worked. */
  readonly reason: string;
}

/** What is done to one process; each resolves, and never rejects, within its own time limit. */
export interface Effects {
  /** The strategy that `auto` comes to for it. */
  resolve(process: string, settings: ProcessSettings): Promise<Exclude<Strategy, 'auto'>>;
  preRestart(process: string, settings: ProcessSettings): Promise<Done>;
  restart(
    process: string,
    strategy: Exclude<Strategy, 'auto'>,
    settings: ProcessSettings,
  ): Promise<Done>;
  /** One health check, with its time limit. */
  health(process: string, settings: ProcessSettings): Promise<Done>;
}

/** Where alarms come from. Each is a file of its own. */
export interface AlarmSource {
  /** What stands before the colon of its alarms' `id`. */
  readonly name: Alarm['source'];
  /**
   * False where `settle` cannot make the alarm go (a database user that may only read, a finding):
   * what was settled then stays so for as long as its `id` is listed. Elsewhere the same `id` with
   * another `raisedUs` is a new alarm.
   */
  readonly clears?: boolean;
  /**
   * Every alarm that stands now.
   * @throws SourceError where it cannot be asked: told, counted, tried again
   */
  poll(): Promise<readonly Alarm[]>;
  /**
   * Takes the alarm for this agent, so that no other one repairs it; false: another has it, or it no
   * longer stands. Asked again before each attempt: what is already this agent's is renewed, true.
   */
  claim(alarm: Alarm): Promise<boolean>;
  /**
   * The repair has ended: clears the row (only where it worked) and leaves a note where it may, and
   * gives the claim back; with `claimOnly` only that. Repeated until it resolves: the second time must do no harm.
   */
  settle(alarm: Alarm, ending: Ending): Promise<void>;
  /** What a person should see to, of what was found since the last call: each once, until it changes. */
  takeWarnings?(): readonly { readonly sentence: string }[];
  /** Why alarms that stood are no longer listed, by their ids, since the last call; not for having gone. */
  takeDropped?(): ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** How a repair ended, for the note. */
export interface Ending {
  /** No repair has ended: the claim is given back, and nothing else is done. */
  readonly claimOnly?: true;
  readonly worked: boolean;
  readonly attempts: number;
  /** One sentence. */
  readonly note: string;
  /** RFC 3339. */
  readonly time: string;
}

/** A source cannot be asked. */
export class SourceError extends Error {
  /** `down`: tried again; `refused`: wrong password, no such table: tried again rarely, and told. */
  readonly kind: 'down' | 'refused';

  constructor(kind: 'down' | 'refused', message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}
