import type { Draft } from '../model/event.ts';
import type { Alarm, StepOutcome } from '../model/repair.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Breaker } from './breaker.ts';
import type { Budget } from './budget.ts';
import type { Ending, ProcessSettings } from './contract.ts';
import type { Action, HoldKind, Moment, PlainStrategy, Rules } from './engine-contract.ts';
import type { Telling } from './engine-telling.ts';

/** The word of one repair's end that its source has yet to hear. */
export interface Settling {
  readonly ending: Ending;
  tries: number;
  dueUs: DurationUs;
  /** A `settle`, or the `claim` before it, is under way. */
  busy: boolean;
}

/** One alarm. */
export interface Held {
  alarm: Alarm;
  /**
   * `new`: its thing is not known. `open`: it asks its thing for a repair. `worked`: repaired, its
   * source does not know yet. `handled`: settled, and still listed.
   */
  state: 'new' | 'resolving' | 'open' | 'worked' | 'handled';
  /** It was in the last list of its source. */
  standing: boolean;
  /** A list of this run had it; one of the journal may have gone in the meantime. */
  confirmed: boolean;
  clears: boolean;
  /** Of its thing; empty where it has none. */
  key: string;
  /** This agent may hold it: it was asked for, and neither refused nor given back. */
  mayHold: boolean;
  /** A claim of it was sent and not yet answered. */
  claiming: boolean;
  /** When it was last found to be this agent's, by its source or for want of it; -Infinity: anew. */
  checkedUs: DurationUs;
  /** When its source last said so in this run of the agent; -Infinity for never. */
  claimedUs: DurationUs;
  /** Since when it may have stood: when its source was asked before and did not list it. */
  sinceUs: DurationUs;
  /** Since when its repair is known to be this thing's; -Infinity for from the journal. */
  joinedUs: DurationUs;
  /** It was repaired before the agent was restarted, where a row cannot tell one alarm from the next. */
  repairedBefore: boolean;
  /** Before it is resolved again, after that has failed. */
  resolveUs: DurationUs;
  settling: Settling | undefined;
  settledUs: DurationUs;
}

/** Where a repair stands. */
export type Step =
  | { readonly name: 'ready' }
  | { readonly name: 'delay'; readonly untilUs: DurationUs }
  | { readonly name: 'claim' }
  | {
      readonly name: 'pre_restart_command' | 'restart' | 'health_check';
      readonly begunUs: DurationUs;
    }
  | { readonly name: 'health_wait'; readonly untilUs: DurationUs }
  | {
      /** It is healthy, and the finding that asked for the repair is still open. */
      readonly name: 'proof';
      readonly untilUs: DurationUs;
      /** It was restarted for it, and not only looked at. */
      readonly restarted: boolean;
    };

export interface Repair {
  readonly id: string;
  /** The attempt under way or to come: 1, 2, ... */
  attempt: number;
  /** Attempts that failed. */
  failed: number;
  step: Step;
  /** `accepted` was told. */
  accepted: boolean;
  /** It is the one trial of a half-open breaker. */
  trial: boolean;
  /** Between the beginning and the end of an attempt, by the settings of its beginning. */
  attemptSettings: ProcessSettings | undefined;
  attemptBegunUs: DurationUs;
  /** The restart of this attempt was begun, in this run or in one that was killed. */
  restarted: boolean;
  /** Health checks made in this attempt. */
  checks: number;
  /** The restart may still be going on: it was not answered, or begun by a run that was killed. */
  uncertain: boolean;
  /** The health check comes before a restart: it may have become well by itself. */
  judging: boolean;
  /** It looked well without a restart and was not: it is not judged by its looks again. */
  doubted: boolean;
  /** A restart has to prove itself, and meanwhile it is looked at for another alarm. */
  unproven: boolean;
}

export interface Hold {
  readonly kind: HoldKind;
  readonly reason: string;
  /** When it can be over; Infinity where something must be heard first. */
  readonly untilUs: DurationUs;
}

/** What is repaired: a unit, or processes. */
export interface Thing {
  readonly key: string;
  readonly unit: string;
  process: string;
  strategy: PlainStrategy;
  readonly alarms: Set<string>;
  readonly breaker: Breaker;
  repair: Repair | undefined;
  hold: (Hold & { readonly sinceUs: RealtimeUs }) | undefined;
  /** What held it back and was told, since its last attempt. */
  readonly toldHolds: Set<HoldKind>;
  coolUntilUs: DurationUs;
  /** Undefined for never. */
  lastRestartUs: DurationUs | undefined;
  /** When a health check last passed; undefined for never. */
  wellUs: DurationUs | undefined;
  /** Times that it was looked at instead of restarted, for alarms that may be old, since its last repair. */
  judged: number;
  /** Something else may have made it well: look before restarting. */
  judge: boolean;
  /** No claim is asked for before. */
  claimUntilUs: DurationUs;
  claimHold: 'claim' | 'source';
}

/** Whom an answer is for. */
interface Addressee {
  /** Key of a thing. */
  readonly thing?: string;
  /** `id` of an alarm. */
  readonly alarm?: string;
}

export interface Flight extends Addressee {
  readonly action: Action;
  readonly untilUs: DurationUs;
}

export interface Counts {
  readonly attempts: Record<StepOutcome, number>;
  readonly repairs: Record<'settled' | 'given_up' | 'cancelled', number>;
  readonly leftOut: Map<Alarm['source'], number>;
  invalid: number;
}

/** What holds a unit's repair back, and its run then; see `Engine.unit`. */
export interface KnownUnit {
  readonly fact: 'auto_restart' | 'stopped_by_hand';
  readonly run: string;
}

/** Everything the engine knows; its parts are functions of this. */
export interface Core {
  rules: Rules;
  /** The moment of the input that is worked on. */
  now: Moment;
  readonly random: () => number;
  readonly alarms: Map<string, Held>;
  readonly things: Map<string, Thing>;
  readonly flights: Map<number, Flight>;
  /** Alarms in state `new`, and those with a settling. */
  readonly fresh: Set<string>;
  readonly unsettled: Set<string>;
  readonly units: Map<string, KnownUnit>;
  readonly sources: Map<Alarm['source'], boolean>;
  /** When each source was last asked and has answered. */
  readonly askedUs: Map<Alarm['source'], DurationUs>;
  /** Processes and units in a planned outage, with its name. */
  outages: ReadonlyMap<string, string>;
  readonly budget: Budget;
  readonly telling: Telling;
  readonly counts: Counts;
  actions: Action[];
  events: Draft[];
  /** Aliases of units and what these depend on have yet to be read. */
  unnamed: boolean;
  /** An alarm has not been resolved once yet: it may be of what others depend on. */
  unresolved: boolean;
  /** What `save` gives has changed. */
  dirty: boolean;
  /** Things that are still to be looked at: `engineLimits.turn` in one turn. */
  left: number;
  /** Where the look at all things stands. */
  sweep: Iterator<Thing> | undefined;
  /** Whom each thing waits for; undefined where the things in alarm have changed. */
  waitsFor: ReadonlyMap<string, readonly string[]> | undefined;
  /** The rules' `orderVersion` of that. */
  waitsForVersion: number;
  nextRepair: number;
  nextAction: number;
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** Sends an action out; its answer, or the loss of it, comes back to `to`. */
export function act(
  core: Core,
  to: Addressee,
  limitUs: DurationUs,
  action: WithoutId<Action>,
): void {
  const id = core.nextAction++;
  const whole = { ...action, id };
  core.actions.push(whole);
  core.flights.set(id, { ...to, action: whole, untilUs: core.now.monoUs + limitUs });
}

export function alarmsOf(core: Core, thing: Thing): Held[] {
  const held: Held[] = [];
  for (const id of thing.alarms) {
    const alarm = core.alarms.get(id);
    if (alarm !== undefined) held.push(alarm);
  }
  return held;
}

/** A repair that is past waiting: it ends its attempt whatever becomes of the alarm. */
export function inAttempt(repair: Repair): boolean {
  return repair.attemptSettings !== undefined;
}

export function forget(core: Core, held: Held): void {
  const { id } = held.alarm;
  core.alarms.delete(id);
  core.fresh.delete(id);
  core.unsettled.delete(id);
  core.dirty = true;
}
