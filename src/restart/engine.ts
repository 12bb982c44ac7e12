import type { Alarm } from '../model/repair.ts';
import type { RepairView } from '../model/status.ts';
import type { DurationUs } from '../model/time.ts';
import { isUnresolved, polled, resolveAnew, resolved, resolveFresh } from './engine-alarms.ts';
import { claimAnswered } from './engine-claims.ts';
import {
  type Answer,
  type EngineView,
  engineLimits,
  type Moment,
  type Output,
  type Polled,
  type Rules,
  type UnitFact,
} from './engine-contract.ts';
import { newCore } from './engine-core.ts';
import { cancel } from './engine-endings.ts';
import { disproven, thingOfAlarm } from './engine-proof.ts';
import { advance, goOnAfterRestart, prepare, stepDone } from './engine-repair.ts';
import { claimedToSettle, refused, settleDue, settled } from './engine-settles.ts';
import type { Core, Flight, Thing } from './engine-state.ts';
import { lookAtSome } from './engine-sweep.ts';
import { tellHook } from './engine-telling.ts';
import { type GoneFor, unitGone, unitIs } from './engine-units.ts';
import { engineView, nextDeadline, repairViews } from './engine-view.ts';
import { restoreCore, savedText } from './saved.ts';

export interface EngineOptions {
  readonly rules: Rules;
  /** 0 up to 1, without 1: for jitter. */
  readonly random: () => number;
  /**
   * Of this boot, where the monotonic times of two runs of the agent can be compared; empty where
   * they cannot: then waits are carried over by the wall clock.
   */
  readonly bootId: string;
}

/**
 * What is repaired, when, and in what order. A state machine without I/O, clock or promises: each
 * input is a call with the moment it came, and `take` gives what is to be done and told. Where
 * `dirty`, `save` must be on the disk before what was taken is done: so a repair that was begun is
 * known after the agent was killed.
 */
export class Engine {
  readonly #core: Core;
  readonly #bootId: string;
  /** What the answer of this turn was for: it goes on before all others. */
  #answered: Thing | undefined;

  constructor(options: EngineOptions) {
    const { rules, random, bootId } = options;
    this.#bootId = bootId;
    this.#core = newCore(rules, random);
  }

  /** A source has answered with all its alarms. */
  polled(list: Polled, now: Moment): void {
    this.#at(now);
    polled(this.#core, list);
    this.#goOn();
  }

  /** A source cannot be asked: its alarms stay as they were. */
  sourceDown(source: Alarm['source'], now: Moment): void {
    this.#at(now);
    this.#core.sources.set(source, false);
    this.#goOn();
  }

  /** An action has ended. Answers to actions that are given up for lost are ignored. */
  done(id: number, answer: Answer, now: Moment): void {
    this.#at(now);
    this.#answer(id, answer);
    this.#goOn();
  }

  /**
   * A unit's state changed; its own name, not an alias.
   * @param run names its last run (InvocationID); empty where that is not known. One that was stopped
   * by hand and has another run now was started by somebody since.
   * @returns whether that leads to anything
   */
  unit(name: string, fact: UnitFact, now: Moment, run = ''): boolean {
    this.#at(now);
    const isNews = unitIs(this.#core, name, fact, run);
    if (isNews) this.#goOn();
    return isNews;
  }

  /** A unit is not there any more; its own name. @returns whether that leads to anything */
  unitGone(name: string, why: GoneFor, now: Moment): boolean {
    this.#at(now);
    const isNews = unitGone(this.#core, name, why);
    if (isNews) this.#goOn();
    return isNews;
  }

  /**
   * A unit has gone down by itself, or has failed; its own name.
   * @returns whether that leads to anything
   */
  fell(name: string, now: Moment): boolean {
    return this.#disproven(this.#core.things.get(`unit:${name}`), 'it went down again', now);
  }

  /** What raised an alarm has become worse. */
  goesOn(alarmId: string, now: Moment): boolean {
    const thing = thingOfAlarm(this.#core, alarmId);
    return this.#disproven(thing, 'its finding has become worse', now);
  }

  /** Processes and units that are in a planned outage now, each with what people call it. */
  outages(outages: ReadonlyMap<string, string>, now: Moment): void {
    this.#at(now);
    this.#core.outages = outages;
    this.#goOn();
  }

  /** Aliases of units and what these depend on are still to be read: no repair begins before `named`. */
  unnamed(): void {
    this.#core.unnamed = true;
  }

  /** They have been read, for the first time or anew, or are not waited for any longer. */
  named(now: Moment): void {
    this.#at(now);
    this.#core.unnamed = false;
    resolveAnew(this.#core);
    this.#goOn();
  }

  /** The configuration changed. An attempt under way ends by the settings it began with. */
  configure(rules: Rules, now: Moment): void {
    this.#at(now);
    const core = this.#core;
    core.rules = rules;
    core.budget.limits = rules.budget;
    resolveAnew(core);
    this.#goOn();
  }

  /** Time has come; see `nextDeadlineUs`. */
  tick(now: Moment): void {
    this.#at(now);
    this.#goOn(nextDeadline(this.#core) <= this.#core.now.monoUs || this.#core.left === 0);
  }

  /** What the inputs since the last call lead to. */
  take(): Output {
    const { actions, events } = this.#core;
    this.#core.actions = [];
    this.#core.events = [];
    return { actions, events };
  }

  /** `save` gives something else than the last time. */
  get dirty(): boolean {
    return this.#core.dirty;
  }

  /** The journal, JSON text. */
  save(): string {
    this.#core.dirty = false;
    return savedText(this.#core, this.#bootId);
  }

  /**
   * Takes up what `save` gave, before any other input. What was in the middle of a restart is looked
   * at before anything else is done to it.
   * @returns why not, where nothing of it could be used
   */
  restore(data: unknown, now: Moment): string | undefined {
    this.#at(now);
    const core = this.#core;
    const fault = restoreCore(core, data, this.#bootId);
    if (fault !== undefined) return fault;
    for (const thing of [...core.things.values()]) {
      if (thing.repair?.step.name !== 'ready') continue;
      if (thing.repair.restarted) goOnAfterRestart(core, thing, thing.repair);
      else if (thing.alarms.size === 0) cancel(core, thing, thing.repair, 'the alarm went');
    }
    this.#goOn();
    return undefined;
  }

  /** When `tick` wants to be called, on the monotonic clock; Infinity for never. */
  get nextDeadlineUs(): DurationUs {
    return this.#core.left > 0 ? this.#core.now.monoUs : nextDeadline(this.#core);
  }

  view(): EngineView {
    return engineView(this.#core);
  }

  repairs(): readonly RepairView[] {
    return repairViews(this.#core);
  }

  #at(now: Moment): void {
    const monoUs = Math.max(now.monoUs, this.#core.now.monoUs);
    this.#core.now = { wallUs: now.wallUs, monoUs };
  }

  #disproven(thing: Thing | undefined, why: string, now: Moment): boolean {
    this.#at(now);
    const isNews = thing !== undefined && disproven(this.#core, thing, why);
    if (isNews) this.#goOn();
    return isNews;
  }

  /** @param isNews anything may have changed: all things are looked at, from here on */
  #goOn(isNews = true): void {
    const core = this.#core;
    if (isNews) core.left = engineLimits.things * 2;
    const flying: Record<string, number> = {};
    for (const [id, flight] of core.flights) {
      const { kind } = flight.action;
      flying[kind] = (flying[kind] ?? 0) + 1;
      if (flight.untilUs <= core.now.monoUs)
        this.#answer(id, { outcome: 'lost', reason: 'no answer came' });
    }
    const isMore = resolveFresh(core, flying['resolve'] ?? 0);
    core.unresolved = isUnresolved(core);
    // First all, for a thing may depend on one that comes after it.
    for (const thing of core.things.values()) prepare(core, thing);
    for (const thing of core.things.values()) {
      const isAtWork = thing.repair !== undefined && thing.repair.step.name !== 'ready';
      if (isAtWork || thing === this.#answered) advance(core, thing);
    }
    this.#answered = undefined;
    lookAtSome(core);
    if (isMore) core.left = engineLimits.things * 2;
    settleDue(core, flying['settle'] ?? 0);
  }

  #answer(id: number, given: Answer): void {
    const flight = this.#core.flights.get(id);
    if (flight === undefined) return;
    this.#core.flights.delete(id);
    const answer = { ...given, reason: given.reason.slice(0, engineLimits.reasonLength) };
    this.#deliver(flight, answer);
  }

  #deliver(flight: Flight, answer: Answer): void {
    const core = this.#core;
    const thing = core.things.get(flight.thing ?? '');
    const held = core.alarms.get(flight.alarm ?? '');
    this.#answered = thing;
    switch (flight.action.kind) {
      case 'resolve':
        if (held !== undefined) resolved(core, held, answer);
        break;
      case 'settle':
        if (held !== undefined) settled(core, held, answer);
        break;
      case 'claim':
        this.#claimed(flight, answer);
        break;
      case 'pre_restart_command':
      case 'restart':
      case 'health_check':
        if (thing !== undefined) stepDone(core, thing, answer);
        break;
      case 'hook':
        tellHook(core, flight.action.call, answer);
        break;
    }
  }

  #claimed(flight: Flight, answer: Answer): void {
    const core = this.#core;
    const held = core.alarms.get(flight.alarm ?? '');
    if (held !== undefined) {
      held.claiming = false;
      if (answer.outcome === 'refused') refused(core, held);
      if (flight.thing === undefined) claimedToSettle(core, held, answer);
    }
    const thing = core.things.get(flight.thing ?? '');
    if (thing?.repair?.step.name === 'claim')
      claimAnswered(core, thing, thing.repair, flight.alarm ?? '', answer);
  }
}
