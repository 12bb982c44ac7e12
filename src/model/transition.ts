import type { DurationUs, RealtimeUs } from './time.ts';
import type { RestartCause } from './unit.ts';

/**
 * Why a run ended. systemd's own words where it has one (Result, systemd.service(5)); `clean` for
 * success, `start-limit-hit` also where systemd keeps the Result of the last try (it often does).
 */
export type EndReason =
  | 'clean'
  | 'exit-code'
  | 'signal'
  | 'core-dump'
  | 'oom-kill'
  | 'watchdog'
  | 'timeout'
  | 'start-limit-hit'
  | 'resources'
  | 'protocol'
  | 'exec-condition'
  | 'other';

/** How a run ended. */
export interface Ending {
  readonly reason: EndReason;
  /** systemd's Result, as it stood in the signal. */
  readonly result: string;
  /** Exit status of the main process, where it exited by itself. */
  readonly exitCode?: number;
  /** Name of the signal that ended the main process: `SIGKILL`. */
  readonly signal?: string;
  readonly coreDump: boolean;
}

/**
 * - `started`: it runs, after it had not.
 * - `exited`: it ended, and systemd will start it again when RestartSec is over.
 * - `restarting`: systemd has scheduled that start (NRestarts rose): one automatic restart.
 * - `restarted`: it runs again, after an automatic or a manual restart.
 * - `stopped`: it ended well, and stays down.
 * - `failed`: systemd calls it failed, and does not try again.
 */
export type TransitionKind =
  | 'started'
  | 'exited'
  | 'restarting'
  | 'restarted'
  | 'stopped'
  | 'failed';

/** One thing that happened to one unit: the collector's output, and every stage's input. */
export interface Transition {
  readonly kind: TransitionKind;
  readonly unit: string;
  /** When it happened, by systemd's timestamp; by our clock where systemd keeps none. */
  readonly timeUs: RealtimeUs;
  /** How many restarts it stands for; 1 for every other kind. */
  readonly count: number;
  /** `restarting` and `restarted` only. */
  readonly cause?: RestartCause;
  /** No signal showed it: it follows from NRestarts, InvocationID or a timestamp. */
  readonly inferred: boolean;
  /** Found by reading the table anew after a reconnect, a reload or a gap. */
  readonly resync: boolean;
  /** InvocationID of the run that began or ended; empty where there was none. */
  readonly invocation: string;
  /** Main process of the run that began or ended; 0 where there is none. */
  readonly pid: number;
  /** systemd's NRestarts. */
  readonly nRestarts: number;
  /** How the run ended: `exited`, `stopped`, `failed`; for restarts, how the one before ended. */
  readonly ending?: Ending;
  /** How long the run that ended had been up (`exited`, `stopped`, `failed`). */
  readonly uptimeUs?: DurationUs;
  /** How long it had been down (`restarted`). */
  readonly downUs?: DurationUs;
  /** A stop came while systemd was waiting to restart it: that restart never happened. */
  readonly restartCanceled?: true;
}
