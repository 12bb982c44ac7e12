import type { Finding, Pattern } from '../model/finding.ts';
import type { ResourceSample, TimerElapse } from '../model/resource.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type {
  Detector,
  DetectorFactory,
  Follower,
  Occasion,
  Standing,
  Surroundings,
  Verdicts,
} from './detector.ts';
import { conclude, deadlineOf, endAll, noFindings, type Service } from './followed-service.ts';
import { isName, isTime } from './plausible.ts';
import { restoreServices, savedPieces, savedRunner } from './runner-saved.ts';
import type { PatternSettings } from './settings.ts';
import { TimerLog } from './timer-log.ts';

export const runnerLimits = Object.freeze({
  /** Services followed: twice what a large Kubernetes node has; 40 MB at the most. */
  services: 20_000,
  /** A saved state, bytes of JSON. It is read in one piece when the agent starts. */
  savedBytes: 16_777_216,
});

/** A clock that went back by less is smoothed over; by more, what was learned is worth nothing. */
const backwardsUs: DurationUs = 3600e6;
/** A detector that leaves its deadline in the past is asked again after this, not at once. */
const againUs: DurationUs = 1e6;
/** Which service was heard of last need not be known more exactly: putting it last has a price. */
const placedAnewUs: DurationUs = 60e6;

/** What metrics may show of one detector. All count from the runner's making. */
export interface DetectorCounters {
  readonly pattern: Pattern;
  /** Findings opened. */
  detections: number;
  /** Throws, each of which cost the detector what it knew of one service. */
  errors: number;
  /** Time spent, by the clock that was handed in. */
  spentUs: DurationUs;
  lastError: string;
}

export interface RunnerOptions {
  readonly settings: PatternSettings;
  /** The table of detectors.ts, or a part of it. */
  readonly detectors: Readonly<Record<string, DetectorFactory>>;
  readonly servicesMax?: number;
  /** For measuring only. */
  readonly now?: () => DurationUs;
}

const nothing: readonly Finding[] = [];
const quiet: readonly Occasion[] = ['transition'];
const troubled: readonly Occasion[] = ['transition', 'trouble'];
const sampled: readonly Occasion[] = ['sample'];

/**
 * Hands what happens to each detector and gives what they think a life: an identity, `opened`,
 * `updated` when it gets worse, `cleared`. Keeps the services, forgets the longest unheard of,
 * and contains a detector's throw. Reads no clock.
 */
export class PatternRunner {
  readonly counters: Readonly<Record<string, DetectorCounters>>;
  /** Inputs that made no sense: no name, a time that is none. */
  invalid = 0;
  /** Services forgotten to make room. */
  forgotten = 0;
  readonly #surroundings: Surroundings;
  readonly #detectors: readonly (readonly [string, Detector])[];
  readonly #services = new Map<string, Service>();
  /** Services with a deadline, and the earliest of them or an earlier time. */
  readonly #waiting = new Set<Service>();
  #nextUs: RealtimeUs = Number.POSITIVE_INFINITY;
  #opened = 0;
  readonly #servicesMax: number;
  readonly #now: () => DurationUs;

  constructor(options: RunnerOptions) {
    this.#surroundings = { settings: options.settings, timers: new TimerLog() };
    this.#servicesMax = options.servicesMax ?? runnerLimits.services;
    this.#now = options.now ?? (() => 0);
    const table = Object.entries(options.detectors);
    this.#detectors = table.map(([name, make]) => [name, make(this.#surroundings)] as const);
    this.counters = Object.fromEntries(
      this.#detectors.map(([name, { pattern }]) => [
        name,
        { pattern, detections: 0, errors: 0, spentUs: 0, lastError: '' },
      ]),
    );
  }

  /** Something happened to a unit. */
  transition(t: Transition): readonly Finding[] {
    const isTrouble = t.kind !== 'started' && t.kind !== 'stopped';
    return this.#deliver(t.unit, t.timeUs, isTrouble ? troubled : quiet, (follower, timeUs) =>
      follower.transition?.(t, timeUs),
    );
  }

  /** A unit's use of resources was read. */
  sample(s: ResourceSample): readonly Finding[] {
    return this.#deliver(s.service, s.timeUs, sampled, (follower, timeUs) =>
      follower.sample?.(s, timeUs),
    );
  }

  /** A timer or cron entry fired. Tell it before the crash that it may explain. */
  timerElapsed(elapse: TimerElapse): void {
    if (isTime(elapse.timeUs) && isName(elapse.timer)) this.#surroundings.timers.add(elapse);
    else this.invalid += 1;
  }

  /** When `tick` wants to be called; it may turn out to be too early. Infinity for never. */
  get nextDeadlineUs(): RealtimeUs {
    return this.#nextUs;
  }

  /** Time has come for what only time decides: findings that are over because nothing happened. */
  tick(nowUs: RealtimeUs): readonly Finding[] {
    if (nowUs < this.#nextUs || !isTime(nowUs)) return nothing;
    const findings: Finding[] = [];
    for (const service of [...this.#waiting]) this.#tickService(service, nowUs, findings);
    this.#nextUs = Number.POSITIVE_INFINITY;
    for (const service of this.#waiting) {
      this.#nextUs = Math.min(this.#nextUs, Math.max(deadlineOf(service), nowUs + againUs));
    }
    return findings;
  }

  get size(): number {
    return this.#services.size;
  }

  /** What is open now, as it was last told. */
  *openFindings(): Generator<Finding> {
    for (const service of this.#services.values()) {
      for (const { told } of service.open) yield told;
    }
  }

  /** How a service stands that was restored; to be called before anything is heard of it. */
  resume(name: string, now: Standing): void {
    const service = this.#services.get(name);
    for (const follower of Object.values(service?.followers ?? {})) follower.resume?.(now);
    if (service) this.#reschedule(service);
  }

  /** The service is no longer watched: what was open about it is cleared. */
  forget(name: string, timeUs: RealtimeUs, why = 'it is no longer watched'): readonly Finding[] {
    const service = this.#services.get(name);
    if (service === undefined) return nothing;
    this.#services.delete(name);
    this.#waiting.delete(service);
    return endAll(service, Math.max(timeUs, service.lastUs), why);
  }

  /**
   * All that was learned, as JSON text of at most about `maxBytes`, in pieces: services with open
   * findings first, then those heard of last. Each piece takes microseconds, and the runner may be
   * used between two of them. `restore` takes the whole back parsed.
   */
  save(maxBytes: number = runnerLimits.savedBytes): Iterable<string> {
    const services = [...this.#services.values()].reverse();
    const timers = this.#surroundings.timers.save();
    return savedPieces({ opened: this.#opened, timers }, services, maxBytes);
  }

  /**
   * Takes up what `save` gave; services heard of since then keep what they have.
   * @returns why not, where nothing of it could be used
   */
  restore(data: unknown): string | undefined {
    const saved = savedRunner(data);
    if (typeof saved === 'string') return saved;
    this.#opened = Math.max(this.#opened, saved.opened);
    this.#surroundings.timers.restore(saved.timers);
    for (const service of restoreServices(saved, this.#detectors, this.#servicesMax)) {
      if (this.#services.has(service.name)) continue;
      if (this.#services.size >= this.#servicesMax) break;
      this.#services.set(service.name, service);
      this.#reschedule(service);
    }
    return undefined;
  }

  #deliver(
    name: string,
    givenUs: RealtimeUs,
    occasions: readonly Occasion[],
    hand: (follower: Follower, timeUs: RealtimeUs) => Verdicts,
  ): readonly Finding[] {
    if (!isTime(givenUs) || !isName(name)) {
      this.invalid += 1;
      return nothing;
    }
    const findings: Finding[] = [];
    const service = this.#serviceOf(name, givenUs, findings);
    const timeUs = Math.max(givenUs, service.lastUs);
    service.lastUs = timeUs;
    if (this.#waiting.has(service)) this.#tickService(service, timeUs, findings);
    for (const [id, detector] of this.#detectors) {
      let follower = service.followers[id];
      if (follower === undefined) {
        if (!detector.listensTo.some((occasion) => occasions.includes(occasion))) continue;
        follower = detector.follow(name);
        if (follower === undefined) continue;
        service.followers[id] = follower;
      }
      this.#ask(service, id, timeUs, findings, () => hand(follower, timeUs));
    }
    this.#reschedule(service);
    return findings;
  }

  #serviceOf(name: string, timeUs: RealtimeUs, findings: Finding[]): Service {
    const known = this.#services.get(name);
    if (known !== undefined && timeUs >= known.lastUs - backwardsUs) {
      if (timeUs - known.placedUs < placedAnewUs) return known;
      known.placedUs = timeUs;
      this.#services.delete(name);
      this.#services.set(name, known);
      return known;
    }
    if (known !== undefined) findings.push(...this.forget(name, 0, 'the clock was set back'));
    const service: Service = {
      name,
      lastUs: timeUs,
      placedUs: timeUs,
      followers: {},
      open: noFindings,
    };
    this.#services.set(name, service);
    const oldest = this.#services.keys().next();
    if (this.#services.size > this.#servicesMax && oldest.done !== true) {
      findings.push(...this.forget(oldest.value, timeUs, 'it was forgotten to make room'));
      this.forgotten += 1;
    }
    return service;
  }

  #tickService(service: Service, nowUs: RealtimeUs, findings: Finding[]): void {
    for (const [id, follower] of Object.entries(service.followers)) {
      const dueUs = follower.deadlineUs;
      if (dueUs > nowUs) continue;
      this.#ask(service, id, dueUs, findings, () => follower.tick?.(dueUs));
    }
    this.#reschedule(service);
  }

  #reschedule(service: Service): void {
    const dueUs = deadlineOf(service);
    if (dueUs === Number.POSITIVE_INFINITY) {
      this.#waiting.delete(service);
    } else {
      this.#waiting.add(service);
      this.#nextUs = Math.min(this.#nextUs, dueUs);
    }
  }

  #ask(
    service: Service,
    id: string,
    timeUs: RealtimeUs,
    findings: Finding[],
    question: () => Verdicts,
  ): void {
    const counters = this.counters[id] as DetectorCounters;
    const from = this.#now();
    try {
      for (const verdict of question() ?? []) {
        const finding = conclude(service, id, verdict, timeUs, () => this.#identify(id, timeUs));
        if (finding !== undefined) findings.push(finding);
      }
    } catch (error) {
      counters.errors += 1;
      counters.lastError = error instanceof Error ? error.message : String(error);
      delete service.followers[id];
      findings.push(...endAll(service, timeUs, 'what was known of it was lost', id));
    }
    counters.spentUs += this.#now() - from;
  }

  /** A new finding's pattern and id: the same input gives the same id. */
  #identify(detector: string, timeUs: RealtimeUs): Pick<Finding, 'id' | 'pattern'> {
    const counters = this.counters[detector] as DetectorCounters;
    counters.detections += 1;
    this.#opened += 1;
    const { pattern } = counters;
    const id = `${pattern}-${Math.trunc(timeUs).toString(36)}-${this.#opened.toString(36)}`;
    return { pattern, id };
  }
}
