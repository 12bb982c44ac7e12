import { limits } from '../model/limits.ts';
import { zoneOffset } from '../model/local-time.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import {
  type AnomalyInput,
  type AnomalyVerdict,
  type SavedAnomalies,
  timeOf,
} from './anomaly-contract.ts';
import { Crowd } from './baseline/crowd.ts';
import { Lives } from './baseline/lives.ts';
import { type Calendar, calendarOf, RestartRate } from './baseline/restart-rate.ts';
import {
  closeAspect,
  newState,
  openAspect,
  restoreState,
  type ServiceState,
  savedStates,
} from './baseline/service-state.ts';
import {
  type Aspect,
  firstRestart,
  missedStart,
  type Suspicion,
  tooManyRestarts,
  unusualLife,
} from './baseline/suspicion.ts';
import { Suspicions } from './baseline/suspicions.ts';
import { Timetable } from './baseline/timetable.ts';
import { whyOver } from './baseline/why-over.ts';
import { defaultSettings, type PatternSettings } from './settings.ts';

/** How long a service is only watched before it is judged; the hour; the zone whose weeks count. */
export type AnomalyOptions = Pick<PatternSettings, 'baselinePeriodUs' | 'hourUs' | 'timeZone'>;

/** Watched without a restart for so many baseline periods: then the first is worth telling. */
const periodsWithout = 3;
/** Ticks come every minute or so; after a longer pause nobody knows what happened in between. */
const blindAfterHours = 2;

/**
 * A service against its own past: how often it restarts, that it restarts at all, that it did not
 * start when it always does, and what its lives use. Without a past it says nothing.
 */
export class AnomalyDetector {
  readonly #periodUs: DurationUs;
  readonly #services = new Map<string, ServiceState>();
  /** Services to look at on every tick: something is open, or a start is expected. */
  readonly #awake = new Set<string>();
  readonly #calendar: Calendar;
  readonly #crowd: Crowd;
  readonly #suspicions: Suspicions;
  readonly #lives = new Lives();
  /** First input ever: what it does not know of then, it would have seen start. */
  #sinceUs: RealtimeUs | undefined;
  #tickUs: RealtimeUs | undefined;
  #blindUntilUs: RealtimeUs = 0;

  constructor(options: Partial<AnomalyOptions> = {}) {
    const { baselinePeriodUs, hourUs, timeZone } = { ...defaultSettings, ...options };
    this.#periodUs = baselinePeriodUs;
    this.#calendar = calendarOf(hourUs, baselinePeriodUs, zoneOffset(timeZone));
    this.#crowd = new Crowd(hourUs);
    this.#suspicions = new Suspicions(this.#crowd.settleUs);
  }

  observe(input: AnomalyInput): readonly AnomalyVerdict[] {
    this.#sinceUs ??= timeOf(input);
    switch (input.kind) {
      case 'transition':
        return this.#transition(input.transition);
      case 'sample':
        if (this.#state(input.service, input.timeUs)) this.#lives.sample(input);
        return [];
      case 'tick':
        return this.#tick(input.nowUs);
    }
  }

  /** Whether a service is still only watched. */
  isLearning(service: string, nowUs: RealtimeUs): boolean {
    const state = this.#services.get(service);
    return state === undefined || nowUs - state.sinceUs < this.#periodUs;
  }

  /** Services that are known. */
  names(): Iterable<string> {
    return this.#services.keys();
  }

  /** For metrics: services known, and how many of them are still only watched. */
  counts(nowUs: RealtimeUs): { readonly services: number; readonly learning: number } {
    const learning = [...this.names()].filter((name) => this.isLearning(name, nowUs)).length;
    return { services: this.#services.size, learning };
  }

  /** What a restart of the agent must not lose, as plain data. */
  save(): SavedAnomalies {
    const services = savedStates([...this.#services]);
    return { sinceUs: this.#sinceUs ?? 0, services, lives: this.#lives.save() };
  }

  /** Goes on from what `save` gave; for a detector that has not seen anything yet. */
  restore(saved: SavedAnomalies): void {
    if (saved.sinceUs > 0) this.#sinceUs = saved.sinceUs;
    for (const one of saved.services) {
      if (this.#services.size >= limits.units) break;
      this.#services.set(one.service, restoreState(one, this.#calendar));
      if (one.open !== undefined || one.starts !== undefined) this.#awake.add(one.service);
    }
    this.#lives.restore(saved.lives);
  }

  /**
   * A unit is unloaded: it is met anew when it comes back. One that keeps a rhythm is remembered, or
   * nobody would miss it, unless it is gone for good. @returns whether it was forgotten
   */
  forget(service: string, forGood: boolean): boolean {
    const hasRhythm = this.#services.get(service)?.timetable?.interval() !== undefined;
    if (hasRhythm && !forGood) return false;
    this.#services.delete(service);
    this.#awake.delete(service);
    this.#lives.forget(service);
    return true;
  }

  #transition(transition: Transition): readonly AnomalyVerdict[] {
    const { unit, timeUs, kind } = transition;
    const state = this.#state(unit, kind === 'started' ? timeUs : (this.#sinceUs ?? timeUs));
    if (state === undefined) return [];
    const verdicts = this.#settle(timeUs);
    switch (kind) {
      case 'restarting':
        this.#restarting(unit, state, transition);
        break;
      case 'started':
      case 'restarted':
        this.#started(unit, state, timeUs, verdicts);
        break;
      case 'exited':
      case 'failed':
      case 'stopped':
        this.#ended(unit, state, transition, verdicts);
        break;
    }
    return verdicts;
  }

  /** One automatic restart, or several that one signal hid. */
  #restarting(service: string, state: ServiceState, transition: Transition): void {
    const { timeUs, count } = transition;
    this.#crowd.add(timeUs, state.lastRestartUs);
    const isFirst = state.lastRestartUs === undefined;
    const hour = this.#hourOf(timeUs);
    state.lastRestartUs = timeUs;
    // What a resync found happened some time since nobody looked: it belongs to no hour.
    if (transition.resync) return;
    state.rate ??= new RestartRate(this.#hourOf(state.sinceUs), hour, this.#calendar);
    const recently = state.rate.add(hour, count);
    if (this.isLearning(service, timeUs)) return;
    const watchedUs = timeUs - state.sinceUs;
    if (isFirst && watchedUs >= periodsWithout * this.#periodUs) {
      this.#suspicions.add(firstRestart(service, timeUs, watchedUs, count));
    }
    const judged = state.rate.excess(recently, state.open?.get('restart_rate')?.size ?? 0);
    if (judged) this.#suspicions.add(tooManyRestarts(service, timeUs, judged, count));
  }

  #started(
    service: string,
    state: ServiceState,
    timeUs: RealtimeUs,
    verdicts: AnomalyVerdict[],
  ): void {
    this.#crowd.add(timeUs, state.lastStartUs);
    state.lastStartUs = timeUs;
    state.isUp = true;
    state.isDown = false;
    state.timetable ??= new Timetable(this.#calendar.hourUs);
    state.timetable.add(timeUs);
    if (state.timetable.interval() !== undefined) this.#awake.add(service);
    const sentence = 'has started again';
    this.#close(service, state, 'missed_start', timeUs, sentence, verdicts);
  }

  #ended(
    service: string,
    state: ServiceState,
    transition: Transition,
    verdicts: AnomalyVerdict[],
  ): void {
    const { kind, timeUs, uptimeUs, resync } = transition;
    // A job that was never up is only told of when it ends: that it ended says that it started.
    if (!state.isUp && !resync && kind !== 'exited')
      this.#started(service, state, timeUs, verdicts);
    state.isUp = false;
    const interval = state.timetable?.interval();
    state.isDown = kind === 'stopped' && (uptimeUs ?? 0) * 2 > (interval ?? Infinity);
    const judged = this.#lives.end(service, timeUs, kind === 'stopped' ? undefined : uptimeUs);
    for (const [resource, unusual] of judged) {
      if (unusual === undefined) {
        const sentence = 'its last life was an ordinary one again';
        this.#close(service, state, resource, timeUs, sentence, verdicts);
      } else if (!this.isLearning(service, timeUs)) {
        this.#suspicions.add(unusualLife(service, timeUs, unusual));
      }
    }
  }

  /** What comes with time alone: suspicions settle, starts are missed, findings end. */
  #tick(nowUs: RealtimeUs): readonly AnomalyVerdict[] {
    if (
      this.#tickUs === undefined ||
      nowUs - this.#tickUs > blindAfterHours * this.#calendar.hourUs
    ) {
      this.#blindUntilUs = nowUs;
    }
    this.#tickUs = nowUs;
    const verdicts = this.#settle(nowUs);
    for (const service of this.#awake) {
      const state = this.#services.get(service);
      if (state === undefined) continue;
      const missed = state.isDown ? undefined : state.timetable?.missed(nowUs, this.#blindUntilUs);
      if (missed !== undefined) this.#open(state, missedStart(service, nowUs, missed), verdicts);
      this.#closeOld(service, state, nowUs, verdicts);
      if (state.open === undefined && state.timetable?.interval() === undefined) {
        this.#awake.delete(service);
      }
    }
    return verdicts;
  }

  #closeOld(
    service: string,
    state: ServiceState,
    nowUs: RealtimeUs,
    verdicts: AnomalyVerdict[],
  ): void {
    for (const [aspect, open] of state.open ?? []) {
      const sentence = whyOver(aspect, state, open, nowUs, this.#calendar);
      if (sentence === undefined) continue;
      // What no longer starts is expected no more.
      if (aspect === 'missed_start') state.timetable = undefined;
      this.#close(service, state, aspect, nowUs, sentence, verdicts);
    }
  }

  /** Opens what has waited long enough for a crowd to show itself, and drops what was one. */
  #settle(nowUs: RealtimeUs): AnomalyVerdict[] {
    const verdicts: AnomalyVerdict[] = [];
    for (const suspicion of this.#suspicions.takeDue(nowUs)) {
      const state = this.#services.get(suspicion.service);
      if (state === undefined) continue;
      if (this.#crowd.surrounds(suspicion.timeUs)) {
        state.rate?.remove(this.#hourOf(suspicion.timeUs), suspicion.restarts);
      } else {
        this.#open(state, suspicion, verdicts);
      }
    }
    return verdicts;
  }

  #open(state: ServiceState, suspicion: Suspicion, verdicts: AnomalyVerdict[]): void {
    const phase = openAspect(state, suspicion);
    if (phase === undefined) return;
    const { service, timeUs, sentence, evidence } = suspicion;
    this.#awake.add(service);
    verdicts.push({ phase, service, timeUs, severity: 'warning', sentence, evidence });
  }

  #close(
    service: string,
    state: ServiceState,
    aspect: Aspect,
    timeUs: RealtimeUs,
    sentence: string,
    verdicts: AnomalyVerdict[],
  ): void {
    const closed = closeAspect(state, aspect);
    if (closed === undefined) return;
    const evidence = { aspect, open_s: Math.round((timeUs - closed.sinceUs) / 1e6) };
    verdicts.push({ phase: 'cleared', service, timeUs, severity: 'info', sentence, evidence });
  }

  /** @param sinceUs from when a service that is not known yet was watched */
  #state(service: string, sinceUs: RealtimeUs): ServiceState | undefined {
    const known = this.#services.get(service);
    if (known !== undefined || this.#services.size >= limits.units) return known;
    const state = newState(sinceUs);
    this.#services.set(service, state);
    return state;
  }

  #hourOf(timeUs: RealtimeUs): number {
    return Math.floor(timeUs / this.#calendar.hourUs);
  }
}
