import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import { type OutageTimes, windowOfAll } from '../outages.ts';
import { DeadlineHeap } from './heap.ts';
import {
  begin,
  confirm,
  firstLook,
  hurry,
  lookOf,
  newService,
  type Observed,
  observe,
  type Service,
  settle,
  type Told,
  tell,
  timerOf,
} from './service.ts';

/** What somebody is to hear. */
export interface Effects {
  readonly told: readonly Told[];
  /** Services whose outage began or ended. */
  readonly outages: readonly { readonly service: string; readonly inside: boolean }[];
}

/** What is due at a moment. */
export interface Due extends Effects {
  /** Services to be looked at now; each is answered with `result`. */
  readonly looks: readonly string[];
}

/** What must outlive the process of one service; plain JSON. */
export interface SavedService {
  readonly state: Observed;
  readonly sinceUs: RealtimeUs;
  readonly reason: string;
  readonly anchorUs: RealtimeUs | null;
  /** Of those who have heard something, or are about to. */
  readonly callers: readonly SavedCaller[];
}

export interface SavedCaller {
  readonly caller: string;
  readonly down: boolean;
  readonly waiting: readonly Pick<Told, 'state' | 'sinceUs' | 'reason'>[];
  readonly leftOut: number;
  readonly toldUs: RealtimeUs | null;
}

export interface ServiceView {
  readonly name: string;
  readonly state: Observed;
  readonly sinceUs: RealtimeUs;
  readonly reason: string;
  readonly outage: boolean;
  /** How often it is looked at; undefined for not. */
  readonly intervalUs: DurationUs | undefined;
  readonly subscriptions: number;
}

/**
 * When services are looked at, and who hears of what. A state machine: time comes in as an argument
 * and never goes back (see `step`), what is to be done goes out as values.
 *
 * A caller hears that a service is down when a look sees it down at least their grace time after the
 * first look of that run of downs; that it is up again when they were told that it is down. They hear
 * at most once in each of their own intervals; what happens more often is told at the beginning of
 * the next one, in order. In a planned outage nothing is confirmed and nothing told.
 */
export class SubscriptionCore {
  readonly #services = new Map<string, Service>();
  readonly #looks = new DeadlineHeap();
  readonly #timers = new DeadlineHeap();
  readonly #unsaved = new Set<string>();

  /** Enters a service or changes it. @param intervalUs how often it is looked at for its own sake */
  putService(name: string, intervalUs: DurationUs | undefined, nowUs: RealtimeUs): void {
    const service = this.#services.get(name) ?? newService(name);
    this.#services.set(name, service);
    service.intervalUs = intervalUs;
    this.#resettle(service, nowUs);
  }

  removeService(name: string): void {
    this.#services.delete(name);
    this.#looks.remove(name);
    this.#timers.remove(name);
    this.#unsaved.delete(name);
  }

  /** Subscribes, or changes a subscription: what the caller has heard stays heard. */
  subscribe(
    name: string,
    caller: string,
    wants: { readonly pollingUs: DurationUs; readonly graceUs: DurationUs },
    nowUs: RealtimeUs,
  ): void {
    const service = this.#service(name);
    const { pollingUs, graceUs } = wants;
    const known = service.subscriptions.get(caller);
    if (known) Object.assign(known, { pollingUs, graceUs });
    else {
      const heard = { down: false, waiting: [], leftOut: 0, toldUs: undefined };
      service.subscriptions.set(caller, { pollingUs, graceUs, ...heard });
    }
    this.#resettle(service, nowUs);
  }

  /** What waits for the caller is forgotten. */
  unsubscribe(name: string, caller: string, nowUs: RealtimeUs): void {
    const service = this.#services.get(name);
    if (!service?.subscriptions.delete(caller)) return;
    this.#resettle(service, nowUs);
  }

  /** The next look is due as soon as one may be. @returns whether anybody looks at it */
  hurry(name: string, nowUs: RealtimeUs): boolean {
    const service = this.#services.get(name);
    if (service?.fastestUs === undefined) return false;
    hurry(service, nowUs);
    this.#schedule(service);
    return true;
  }

  setOutages(name: string, outages: readonly OutageTimes[], nowUs: RealtimeUs): void {
    const service = this.#service(name);
    service.outages = outages;
    // Whether it begins or ends one at once, `due` tells.
    service.window = { ...service.window, untilUs: nowUs };
    this.#schedule(service);
  }

  inOutage(name: string, nowUs: RealtimeUs): boolean {
    const service = this.#services.get(name);
    if (service === undefined) return false;
    if (nowUs < service.window.untilUs) return service.window.inside;
    return windowOfAll(service.outages, nowUs).inside;
  }

  /** When `due` has something to do; Infinity for never. @param room whether looks may begin */
  next(room: boolean): RealtimeUs {
    const timer = this.#timers.first()?.at ?? Number.POSITIVE_INFINITY;
    const look = this.#looks.first()?.at ?? Number.POSITIVE_INFINITY;
    return room ? Math.min(timer, look) : timer;
  }

  /** @param room how many looks may begin; the others stay due */
  due(nowUs: RealtimeUs, room: number): Due {
    const told: Told[] = [];
    const outages: { service: string; inside: boolean }[] = [];
    for (;;) {
      const first = this.#timers.first();
      if (!first || first.at > nowUs) break;
      const service = this.#service(first.name);
      if (this.#turnWindow(service, nowUs)) {
        outages.push({ service: service.name, inside: service.window.inside });
      }
      for (const one of this.#tell(service, nowUs)) told.push(one);
      this.#schedule(service);
    }
    const looks: string[] = [];
    while (looks.length < room) {
      const first = this.#looks.first();
      if (!first || first.at > nowUs) break;
      const service = this.#service(first.name);
      begin(service, nowUs);
      looks.push(service.name);
      this.#schedule(service);
    }
    return { looks, told, outages };
  }

  /** Takes in what a look has seen. A service that is gone meanwhile is nothing to speak of. */
  result(name: string, observed: Observed, reason: string, nowUs: RealtimeUs): Effects {
    const service = this.#services.get(name);
    if (service === undefined) return { told: [], outages: [] };
    if (observe(service, observed, reason, nowUs)) this.#unsaved.add(name);
    const isTurned = this.#turnWindow(service, nowUs);
    const outages = isTurned ? [{ service: name, inside: service.window.inside }] : [];
    if (!service.window.inside) this.#confirm(service, nowUs);
    const told = this.#tell(service, nowUs);
    this.#schedule(service);
    return { told, outages };
  }

  /**
   * The wall clock was set: all times that are kept move along, so that intervals and graces stay as
   * long as they are. Outages follow the new time.
   */
  step(byUs: DurationUs, nowUs: RealtimeUs): void {
    const moved = (us: RealtimeUs | undefined) => (us === undefined ? undefined : us + byUs);
    for (const service of this.#services.values()) {
      service.anchorUs = moved(service.anchorUs);
      service.startedUs = moved(service.startedUs);
      service.firstUs += byUs;
      service.sinceUs += byUs;
      for (const subscription of service.subscriptions.values()) {
        subscription.toldUs = moved(subscription.toldUs);
      }
      service.window = { ...service.window, untilUs: nowUs };
      this.#unsaved.add(service.name);
      this.#schedule(service);
    }
  }

  view(name: string, nowUs: RealtimeUs): ServiceView | undefined {
    const service = this.#services.get(name);
    if (service === undefined) return undefined;
    const { state, sinceUs, reason, fastestUs: intervalUs } = service;
    const outage = this.inOutage(name, nowUs);
    return {
      name,
      state,
      sinceUs,
      reason,
      outage,
      intervalUs,
      subscriptions: service.subscriptions.size,
    };
  }

  /** What changed since the last call and must be kept, at most once for each service. */
  takeUnsaved(): ReadonlyMap<string, SavedService> {
    const saved = new Map<string, SavedService>();
    for (const name of this.#unsaved) saved.set(name, savedOf(this.#service(name)));
    this.#unsaved.clear();
    return saved;
  }

  /**
   * Gives a service back what it knew, after it and its subscriptions have been entered. Times that
   * lie in the future (the clock was set back meanwhile) count as now.
   */
  restore(name: string, saved: SavedService, nowUs: RealtimeUs): void {
    const service = this.#service(name);
    service.state = saved.state;
    service.sinceUs = Math.min(saved.sinceUs, nowUs);
    service.reason = saved.reason;
    service.anchorUs = saved.anchorUs ?? undefined;
    for (const { caller, down, waiting, leftOut, toldUs } of saved.callers) {
      const subscription = service.subscriptions.get(caller);
      if (!subscription) continue;
      Object.assign(subscription, { down, leftOut, waiting: [...waiting] });
      subscription.toldUs = toldUs === null ? undefined : Math.min(toldUs, nowUs);
    }
    this.#resettle(service, nowUs);
    this.#unsaved.delete(name);
  }

  #service(name: string): Service {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`no service ${name}`);
    return service;
  }

  #resettle(service: Service, nowUs: RealtimeUs): void {
    const wasIdle = service.fastestUs === undefined;
    settle(service, nowUs);
    if (wasIdle) service.firstUs = firstLook(service, nowUs);
    this.#unsaved.add(service.name);
    this.#schedule(service);
  }

  /** @returns whether an outage began or ended */
  #turnWindow(service: Service, nowUs: RealtimeUs): boolean {
    if (nowUs < service.window.untilUs) return false;
    const was = service.window.inside;
    service.window = windowOfAll(service.outages, nowUs);
    return was !== service.window.inside;
  }

  #confirm(service: Service, nowUs: RealtimeUs): void {
    const before = service.downs;
    confirm(service, nowUs);
    if (service.downs !== before) this.#unsaved.add(service.name);
  }

  #tell(service: Service, nowUs: RealtimeUs): readonly Told[] {
    const told = tell(service, nowUs);
    if (told.length > 0) this.#unsaved.add(service.name);
    return told;
  }

  #schedule(service: Service): void {
    this.#looks.set(service.name, lookOf(service));
    this.#timers.set(service.name, timerOf(service));
  }
}

function savedOf(service: Service): SavedService {
  const { state, sinceUs, reason, anchorUs } = service;
  const callers: SavedCaller[] = [];
  for (const [caller, { down, waiting, leftOut, toldUs }] of service.subscriptions) {
    if (!down && waiting.length === 0 && toldUs === undefined) continue;
    callers.push({ caller, down, waiting: [...waiting], leftOut, toldUs: toldUs ?? null });
  }
  return { state, sinceUs, reason, anchorUs: anchorUs ?? null, callers };
}
