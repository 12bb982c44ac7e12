import { isDeepStrictEqual } from 'node:util';
import type { CheckView } from '../model/check.ts';
import type { EndpointStats, EndpointUse } from '../model/probe.ts';
import type { DurationUs } from '../model/time.ts';
import type { ProbeContext } from './endpoints-contract.ts';
import { DueQueue, nextDue, phaseOf, placeAfter } from './endpoints-due.ts';
import { FollowedEndpoint } from './endpoints-followed.ts';
import type { Endpoint } from './endpoints-kinds.ts';
import { Lateness } from './endpoints-lateness.ts';
import type { EndpointCheckOptions, EndpointCheckSettings } from './endpoints-options.ts';
import { NameResolver } from './tcp/resolver.ts';
import type { ThresholdSettings } from './threshold.ts';

/**
 * Probes at a time: 3,000 endpoints that all hang hold up nobody, and their connections are below
 * half of the 10,000 descriptors that the service's unit allows.
 */
const probesMax = 4_096;
/** However many ask for it, an endpoint is looked at once in this time. */
const leastUs: DurationUs = 1e6;
/**
 * The first probes come within 5 s, whatever the intervals are, but not more than 200 a second: V8 has
 * not compiled anything yet.
 */
const firstUs: DurationUs = 5e6;
const firstEachUs: DurationUs = 5_000;
/** Time in which probes are begun in one turn of the event loop; one is begun in any case. */
const beginUs: DurationUs = 5_000;
/** Names remembered that were let go of within the last second. */
const goneMax = 10_000;

/** Follows endpoints of all kinds: each is looked at in its interval, and all are spread in time. */
export class EndpointChecks {
  readonly #options: EndpointCheckOptions;
  readonly #context: ProbeContext;
  readonly #followed = new Map<string, FollowedEndpoint>();
  readonly #due = new DueQueue<{ readonly followed: FollowedEndpoint; readonly turn: number }>();
  /** Due and not begun, the longest waiting first. */
  readonly #ready = new Set<FollowedEndpoint>();
  readonly #running = new Set<Promise<void>>();
  /** When those that are gone were last looked at: registered anew, they wait for their second too. */
  readonly #gone = new Map<string, DurationUs>();
  readonly #lateness = new Lateness();
  #thresholds: ThresholdSettings;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #isStarted = false;
  #startUs: DurationUs = 0;
  #skipped = 0;

  constructor(options: EndpointCheckOptions) {
    this.#options = options;
    this.#thresholds = options.thresholds;
    const { clock, ca, resolver = new NameResolver({ clock }) } = options;
    this.#context = { clock, resolver, ...(ca !== undefined && { ca }) };
    for (const endpoint of options.endpoints) this.#follow(endpoint);
  }

  /** The first probes are spread over the first seconds. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const nowUs = this.#nowUs();
    this.#startUs = nowUs;
    for (const followed of this.#followed.values()) this.#scheduleFirst(followed, nowUs);
    this.#arm();
  }

  /** Resolves when nothing is under way and no connection is open. Nothing can be asked for afterwards. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#due.keep(() => false);
    this.#ready.clear();
    for (const followed of this.#followed.values()) this.#letGo(followed);
    this.#followed.clear();
    this.#context.resolver.close();
    await Promise.all(this.#running);
  }

  /** Others are followed from now on; what is known of those that stay is kept. */
  reload({ endpoints, thresholds }: EndpointCheckSettings): void {
    this.#thresholds = thresholds;
    const names = new Set(endpoints.map(({ name }) => name));
    for (const name of [...this.#followed.keys()]) if (!names.has(name)) this.unregister(name);
    for (const endpoint of endpoints) this.register(endpoint);
  }

  /** Follows one more, or one of that name that is otherwise now. */
  register(endpoint: Endpoint): void {
    const before = this.#followed.get(endpoint.name);
    if (before && isDeepStrictEqual(before.endpoint, endpoint)) return;
    const followed = this.#follow(endpoint);
    if (before) this.#letGo(before);
    if (!this.#isStarted) return;
    this.#scheduleFirst(followed, this.#nowUs());
    this.#arm();
  }

  /** @returns whether there was one */
  unregister(name: string): boolean {
    const followed = this.#followed.get(name);
    if (!followed) return false;
    this.#followed.delete(name);
    this.#gone.delete(name);
    const oldest = this.#gone.keys().next();
    if (this.#gone.size >= goneMax && !oldest.done) this.#gone.delete(oldest.value);
    this.#gone.set(name, followed.begunUs);
    this.#letGo(followed);
    return true;
  }

  /**
   * Looks at it in another interval, counted from its last probe; less than a second is a second.
   * @param ms undefined for the configured one again
   */
  setInterval(name: string, ms: number | undefined): void {
    const followed = this.#followed.get(name);
    if (!followed || followed.intervalMs === ms) return;
    followed.intervalMs = ms;
    if (!this.#isStarted || followed.waitsSinceUs !== undefined) return;
    const nowUs = this.#nowUs();
    if (followed.begunUs === -Infinity) this.#scheduleFirst(followed, nowUs);
    else this.#schedule(followed, Math.max(nowUs, followed.begunUs + followed.intervalUs));
    this.#arm();
  }

  /**
   * Looks at one or all, as soon as their last probes are a second old; those who ask at once share
   * it. Resolves when probes have ended that began after this call.
   */
  async checkNow(name?: string): Promise<readonly CheckView[]> {
    const asked = [...this.#followed.values()].filter(
      ({ endpoint }) => name === undefined || endpoint.name === name,
    );
    const done = asked.map(({ asking }) => new Promise<void>((resolve) => asking.push(resolve)));
    for (const followed of asked) if (!followed.isRunning) this.#scheduleAsked(followed);
    this.#arm();
    await Promise.all(done);
    return asked.map((followed) => followed.view());
  }

  /** As they were last seen: thresholds hold back events, not what is shown. */
  views(): readonly CheckView[] {
    return [...this.#followed.values()].map((followed) => followed.view());
  }

  /** For metrics. */
  uses(): readonly EndpointUse[] {
    return [...this.#followed.values()].map((followed) => followed.use());
  }

  stats(): EndpointStats {
    return {
      running: this.#running.size,
      waiting: this.#ready.size,
      skipped: this.#skipped,
      ...this.#lateness.stats(),
    };
  }

  /** What the intervals come to: of all endpoints, and of one on average. */
  requestsPerMinute(): { readonly total: number; readonly average: number } {
    let total = 0;
    for (const { intervalUs } of this.#followed.values()) total += 60e6 / intervalUs;
    return { total, average: total / Math.max(1, this.#followed.size) };
  }

  #nowUs(): DurationUs {
    return this.#options.clock.monotonicUs();
  }

  #follow(endpoint: Endpoint): FollowedEndpoint {
    const before = this.#followed.get(endpoint.name) ?? this.#options.clock.realtimeUs();
    const followed = new FollowedEndpoint(endpoint, this.#context, before);
    followed.begunUs = Math.max(followed.begunUs, this.#gone.get(endpoint.name) ?? -Infinity);
    this.#followed.set(endpoint.name, followed);
    return followed;
  }

  #letGo(followed: FollowedEndpoint): void {
    followed.turn++;
    this.#ready.delete(followed);
    followed.prober.close();
    for (const resolve of followed.asking.splice(0)) resolve();
  }

  /** At the same moments however often it is registered anew, so that it is never put off for ever. */
  #scheduleFirst(followed: FollowedEndpoint, nowUs: DurationUs): void {
    const allUs = Math.max(firstUs, this.#followed.size * firstEachUs);
    const spreadUs = Math.min(allUs, followed.intervalUs);
    const firstDueUs = this.#startUs + phaseOf(followed.endpoint.name) * spreadUs;
    if (followed.begunUs !== -Infinity) {
      this.#schedule(followed, Math.max(nowUs, followed.begunUs + spreadUs));
    } else {
      this.#schedule(
        followed,
        firstDueUs >= nowUs ? firstDueUs : nextDue(firstDueUs, spreadUs, nowUs),
      );
    }
  }

  #scheduleAsked(followed: FollowedEndpoint): void {
    if (followed.waitsSinceUs !== undefined) return;
    this.#schedule(followed, Math.max(this.#nowUs(), followed.begunUs + leastUs));
  }

  #schedule(followed: FollowedEndpoint, dueUs: DurationUs): void {
    followed.turn++;
    this.#due.add(dueUs, { followed, turn: followed.turn });
    // What counts no more stays until it is due: intervals that change all the time would pile it up.
    if (this.#due.size > 4 * this.#followed.size + 100) {
      this.#due.keep((due) => due.turn === due.followed.turn);
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const { firstUs: nextUs } = this.#due;
    if (nextUs === undefined) return;
    const waitMs = Math.max(0, Math.ceil((nextUs - this.#nowUs()) / 1e3));
    this.#timer = setTimeout(() => this.#tick(), Math.min(waitMs, 2 ** 31 - 1));
  }

  #tick(): void {
    const nowUs = this.#nowUs();
    for (;;) {
      const next = this.#due.take(nowUs);
      if (next === undefined) break;
      const { followed, turn } = next.value;
      if (turn === followed.turn) this.#becomeDue(followed, next.dueUs, nowUs);
    }
    this.#arm();
    this.#begin();
  }

  #becomeDue(followed: FollowedEndpoint, dueUs: DurationUs, nowUs: DurationUs): void {
    const { begunUs, intervalUs, endpoint } = followed;
    // Behind the first probe it goes over to its own place in the whole interval.
    const nextUs =
      begunUs === -Infinity
        ? placeAfter(endpoint.name, this.#startUs, intervalUs, nowUs + leastUs)
        : nextDue(dueUs, intervalUs, nowUs);
    if (this.#isStarted) this.#schedule(followed, nextUs);
    if (followed.isRunning) {
      followed.skipped++;
      this.#skipped++;
    } else if (followed.waitsSinceUs === undefined) {
      followed.waitsSinceUs = dueUs;
      this.#ready.add(followed);
    }
  }

  /** As many as there is room for, a few in each turn of the event loop. */
  #begin(): void {
    const fromUs = this.#nowUs();
    const most = this.#options.concurrency ?? probesMax;
    for (const followed of this.#ready) {
      if (this.#running.size >= most) return;
      this.#ready.delete(followed);
      this.#run(followed);
      if (this.#nowUs() - fromUs > beginUs) break;
    }
    clearImmediate(this.#turn);
    if (this.#ready.size > 0) this.#turn = setImmediate(() => this.#begin());
  }

  #run(followed: FollowedEndpoint): void {
    const nowUs = this.#nowUs();
    followed.latenessSeconds = Math.max(0, nowUs - (followed.waitsSinceUs ?? nowUs)) / 1e6;
    this.#lateness.observe(followed.latenessSeconds);
    followed.waitsSinceUs = undefined;
    followed.begunUs = nowUs;
    followed.isRunning = true;
    const asking = followed.asking.splice(0);
    const running = this.#probe(followed).then(() => {
      followed.isRunning = false;
      this.#running.delete(running);
      for (const resolve of asking) resolve();
      if (followed.asking.length > 0) {
        this.#scheduleAsked(followed);
        this.#arm();
      }
      this.#begin();
    });
    this.#running.add(running);
  }

  async #probe(followed: FollowedEndpoint): Promise<void> {
    const { clock, onChange, onResult } = this.#options;
    const result = await followed.prober.probe();
    // It was let go of meanwhile, and its probe cut off.
    if (this.#followed.get(followed.endpoint.name) !== followed) return;
    const drafts = followed.take(result, clock.realtimeUs(), clock.monotonicUs(), this.#thresholds);
    onResult(result);
    drafts.forEach(onChange);
  }
}
