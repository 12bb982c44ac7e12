import type { Draft } from '../model/event.ts';
import type { Alarm, RepairFigures, Strategy } from '../model/repair.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { BudgetLimits } from './budget.ts';
import type { Done, Ending, ProcessSettings } from './contract.ts';
import type { Order } from './order.ts';

/** One moment on both clocks: waits are measured on the monotonic one, people read the other. */
export interface Moment {
  readonly wallUs: RealtimeUs;
  readonly monoUs: DurationUs;
}

export type PlainStrategy = Exclude<Strategy, 'auto'>;

/** What the configuration says of one process. */
export interface ProcessRule {
  readonly settings: ProcessSettings;
  /** It has a section of its own: a protected unit is restarted only then. */
  readonly named: boolean;
}

/** What the engine decides by; replaced as a whole when the configuration changes. */
export interface Rules {
  /** Undefined: this process is not repaired. */
  readonly process: (name: string) => ProcessRule | undefined;
  /** A unit's own name where an alias was given. */
  readonly canonical: (unit: string) => string;
  /** Who depends on whom among units and processes in alarm, by their names. */
  readonly order: Order;
  /** Another number whenever `order` may say something else about the same names. */
  readonly orderVersion?: () => number;
  /** The unit the agent runs in; empty where it is none. */
  readonly ownUnit: string;
  /** Units that the configuration protects as well, unless it names them (`never_restart`). */
  readonly never: (unit: string) => boolean;
  readonly budget: BudgetLimits;
  readonly dryRun: boolean;
}

/** Why a hook is called. */
export interface HookCall {
  readonly hook: 'repair_failed' | 'circuit_opened';
  readonly process: string;
  readonly repairId: string;
  readonly attempts: number;
  readonly reason: string;
}

/** What is to be done outside; answered once with `Engine.done`, by its id. */
export type Action = { readonly id: number } & (
  | { readonly kind: 'claim'; readonly alarm: Alarm }
  | { readonly kind: 'settle'; readonly alarm: Alarm; readonly ending: Ending }
  | { readonly kind: 'resolve'; readonly process: string; readonly settings: ProcessSettings }
  | {
      readonly kind: 'pre_restart_command' | 'restart';
      readonly process: string;
      readonly strategy: PlainStrategy;
      readonly settings: ProcessSettings;
    }
  | {
      readonly kind: 'health_check';
      readonly process: string;
      readonly strategy: PlainStrategy;
      readonly settings: ProcessSettings;
      /** What the checks that ask for this repair look at: they must be up as well. */
      readonly checked: readonly string[];
    }
  | { readonly kind: 'hook'; readonly call: HookCall }
);

/** Of a claim, `refused` means that another agent has it, and anything but `ok` that it is not known. */
export interface Answer extends Done {
  /** Answers `resolve`. */
  readonly strategy?: PlainStrategy;
}

/** What an input leads to. */
export interface Output {
  readonly actions: readonly Action[];
  readonly events: readonly Draft[];
}

/** A complete list of one source. */
export interface Polled {
  readonly source: Alarm['source'];
  readonly alarms: readonly Alarm[];
  /** Monotonic, when the question was asked: what was settled later may still be listed. */
  readonly askedUs: DurationUs;
  /** As in AlarmSource. */
  readonly clears: boolean;
  /** Why alarms are no longer listed, by their ids, where that is not for having become well. */
  readonly dropped: ReadonlyMap<string, string>;
}

/**
 * `auto_restart`: systemd waits to restart it. `stopped_by_hand`: a person stopped it; never said of
 * what unitwatch itself does. `starting`: a start job runs.
 */
export type UnitFact = 'up' | 'starting' | 'down' | 'auto_restart' | 'stopped_by_hand';

/** Why a repair does not go on. Those of `ignoring` are not begun at all while that is so. */
export const holdKinds = [
  'unconfirmed',
  'resolving',
  'auto_restart',
  'outage',
  'dependency',
  'circuit',
  'cool_down',
  'recent',
  'budget',
  'claim',
  'source',
  'settling',
  'delay',
  'proof',
  'stopped_by_hand',
  'protected',
  'not_configured',
  'dry_run',
] as const;
export type HoldKind = (typeof holdKinds)[number];

export const ignoring: ReadonlySet<HoldKind> = new Set<HoldKind>([
  'stopped_by_hand',
  'protected',
  'not_configured',
  'dry_run',
]);

/** One process that waits, for pages, metrics and commands. */
export interface WaitView {
  readonly process: string;
  readonly kind: HoldKind;
  readonly reason: string;
  readonly sinceUs: RealtimeUs;
}

/** The engine as metrics and pages see it; made when somebody asks, never kept. */
export interface EngineView extends Omit<RepairFigures, 'oldestAgeUs'> {
  readonly oldestRaisedUs: RealtimeUs | undefined;
  readonly waiting: readonly WaitView[];
  /** Processes whose repair is under way. */
  readonly repairing: readonly string[];
}

export const engineLimits = Object.freeze({
  /** Alarms tracked; a database with more has another trouble. About 1 KB each. */
  alarms: 10_000,
  /** Things remembered for their breaker alone, and units remembered for a fact. */
  things: 10_000,
  units: 10_000,
  /**
   * Things that wait and alarms that are new which are looked at in one turn, some milliseconds; the
   * next turn goes on with the others.
   */
  turn: 500,
  /** Longest name and id of an alarm, UTF-16 units: PROCESE's names have 255, and ids a prefix. */
  nameLength: 300,
  /** Longest reason kept of an answer or an alarm; one sentence. */
  reasonLength: 500,
  /** Resolving and settling under way at once: calls of the bus, queries of a pool. */
  resolves: 16,
  settles: 8,
  /** Wait between two tries to settle: doubles from the first to the second value. */
  settleFirstUs: 1e6,
  settleLastUs: 300e6,
  /** Tries to settle an alarm that no longer stands. One that stands is tried for ever. */
  settlesOfGone: 10,
  /** Until a claim is asked for again that another agent had, or that could not be asked. */
  claimRetryUs: 60e6,
  /** How long before an attempt its alarms may have been taken: they may wait for the budget. */
  claimFreshUs: 60e6,
  /**
   * How long a claim holds at least since it was last taken: within it a repair goes on while its
   * source is down. Sources that let claims lapse take longer.
   */
  claimUs: 600e6,
  sourceRetryUs: 5e6,
  /** How long a command waits for a free place, before its own time limit begins. */
  placeUs: 30e6,
  /** Beyond an action's own time limit: then its answer is lost. */
  slackUs: 30e6,
  /** The same where an action has no setting that limits it. */
  answerUs: 120e6,
  /** How long a breaker remembers failures of a process that nobody complains about: a day. */
  breakerMemoryUs: 86_400e6,
  /**
   * Alarms in a row that are answered with a health check alone because they may be older than the
   * last one that passed. Then it is restarted: whoever raises them sees what the check does not.
   */
  judgedInARow: 3,
  /**
   * How long after a restart an open finding is waited for: the longest that a detector takes to say
   * that it is over, and a little.
   */
  proofUs: 90_000e6,
  /** How long it is known when a process was restarted: longer than between two polls. */
  restartMemoryUs: 3600e6,
  /** Events an hour about one alarm that are not steps of an attempt. A flapping one has more. */
  eventsPerAlarm: 40,
  /** Journal read back; a longer one is not ours. */
  savedLength: 16_777_216,
});
