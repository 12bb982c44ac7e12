import type { OutageTimes } from '../../src/checks/outages.ts';
import { type SavedService, SubscriptionCore } from '../../src/checks/subscriptions/core.ts';
import type { Told } from '../../src/checks/subscriptions/service.ts';
import { insideAt } from './wall-judge.ts';

/** Where the simulated clock begins if a scenario says nothing else: a round second in 2026. */
export const originUs = 1_790_000_000_000_000;
export const secondUs = 1e6;

/** Times are in milliseconds from the beginning. */
export interface Scenario {
  readonly originUs?: number;
  /** When each service goes from up to down and back. */
  readonly services: Readonly<Record<string, readonly number[]>>;
  readonly actions: readonly Action[];
  /** How long looks take, in turn. */
  readonly latencies: readonly number[];
  /** Every how many looks one cannot tell; 0 for none. */
  readonly blindEvery: number;
  readonly endMs: number;
}

/** `service` is the first one where it is not given. */
export type Action = { readonly at: number; readonly service?: string } & (
  | { readonly do: 'subscribe'; caller: string; polling: number; grace: number }
  | { readonly do: 'unsubscribe'; caller: string }
  | { readonly do: 'outages'; spans: readonly (readonly [from: number, to: number])[] }
  /** Local times, repeating. */
  | { readonly do: 'plans'; plans: readonly OutageTimes[] }
  | { readonly do: 'restart'; away: number }
);

/** What happened to a service, in the order in which the core was told. Times in microseconds. */
export type Entry = { readonly us: number } & (
  | { readonly is: 'result'; up: boolean | undefined }
  | { readonly is: 'subscribe'; caller: string; pollingUs: number; graceUs: number }
  | { readonly is: 'unsubscribe'; caller: string }
  | { readonly is: 'outages'; outages: readonly OutageTimes[] }
  | { readonly is: 'away' }
  | { readonly is: 'back' }
);

/** What happened to one service. */
export interface Run {
  readonly entries: Entry[];
  readonly lookUs: number[];
  readonly told: Told[];
  anchorUs: number;
}

const utc = (timeUs: number): string => new Date(timeUs / 1e3).toISOString().slice(0, 19);

interface State extends Run {
  readonly wants: Map<string, { pollingUs: number; graceUs: number }>;
  outages: readonly OutageTimes[];
  saved: string | undefined;
}

interface Result {
  readonly us: number;
  readonly service: string;
  readonly up: boolean | undefined;
}

/** Runs the real core through a scenario, saving after every step. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #originUs: number;
  readonly #states = new Map<string, State>();
  #core = new SubscriptionCore();
  #results: Result[] = [];
  #looks = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#originUs = scenario.originUs ?? originUs;
    for (const name of Object.keys(scenario.services)) {
      const run = { entries: [], lookUs: [], told: [], anchorUs: 0 };
      this.#states.set(name, { ...run, wants: new Map(), outages: [], saved: undefined });
    }
  }

  /** @returns what happened to each service */
  run(): ReadonlyMap<string, Run> {
    const { actions, endMs } = this.#scenario;
    const waiting = [...actions].sort((a, b) => a.at - b.at);
    for (const name of this.#states.keys()) this.#core.putService(name, undefined, this.#originUs);
    let nowUs = this.#originUs;
    for (;;) {
      const resultUs = Math.min(...this.#results.map((result) => result.us));
      const actionUs = this.#us(waiting[0]?.at ?? Number.POSITIVE_INFINITY);
      nowUs = Math.max(nowUs, Math.min(this.#core.next(true), resultUs, actionUs));
      if (nowUs > this.#us(endMs)) break;
      this.#due(nowUs);
      this.#takeResults(nowUs);
      while (waiting[0] && this.#us(waiting[0].at) <= nowUs) {
        const action = waiting.shift();
        if (action) nowUs = this.#act(action, nowUs);
        this.#due(nowUs);
      }
    }
    return this.#states;
  }

  #us(ms: number): number {
    return this.#originUs + ms * 1e3;
  }

  #isUp(service: string, timeUs: number): boolean {
    const flips = this.#scenario.services[service] ?? [];
    return flips.filter((flip) => this.#us(flip) <= timeUs).length % 2 === 0;
  }

  #state(service: string): State {
    const state = this.#states.get(service);
    if (!state) throw new Error(`the core speaks of ${service}, which is not there`);
    return state;
  }

  #tell(told: readonly Told[]): void {
    for (const one of told) this.#state(one.service).told.push(one);
  }

  #takeResults(nowUs: number): void {
    for (const result of this.#results.filter((one) => one.us <= nowUs)) {
      this.#results.splice(this.#results.indexOf(result), 1);
      const { service, up } = result;
      this.#state(service).entries.push({ us: nowUs, is: 'result', up });
      const seen = up ? 'up' : 'down';
      const observed = up === undefined ? 'unknown' : seen;
      this.#tell(this.#core.result(service, observed, '', nowUs).told);
      this.#save();
    }
  }

  #due(nowUs: number): void {
    const { looks, told } = this.#core.due(nowUs, 1_000);
    this.#tell(told);
    for (const service of looks) {
      const { latencies, blindEvery } = this.#scenario;
      this.#looks++;
      this.#state(service).lookUs.push(nowUs);
      const latencyUs = (latencies[this.#looks % Math.max(1, latencies.length)] ?? 0) * 1e3;
      const isBlind = blindEvery > 0 && this.#looks % blindEvery === 0;
      const us = nowUs + latencyUs;
      this.#results.push({ us, service, up: isBlind ? undefined : this.#isUp(service, us) });
    }
    this.#save();
  }

  #act(action: Action, nowUs: number): number {
    const [first = ''] = this.#states.keys();
    const service = action.service ?? first;
    const { entries, wants } = this.#state(service);
    switch (action.do) {
      case 'subscribe': {
        const { caller } = action;
        const wanted = { pollingUs: action.polling * 1e3, graceUs: action.grace * 1e3 };
        wants.set(caller, wanted);
        this.#core.subscribe(service, caller, wanted, nowUs);
        entries.push({ us: nowUs, is: 'subscribe', caller, ...wanted });
        break;
      }
      case 'unsubscribe':
        wants.delete(action.caller);
        this.#core.unsubscribe(service, action.caller, nowUs);
        entries.push({ us: nowUs, is: 'unsubscribe', caller: action.caller });
        break;
      case 'outages':
      case 'plans': {
        const outages =
          action.do === 'plans' ? action.plans : action.spans.map((span) => this.#once(span));
        this.#state(service).outages = outages;
        this.#core.setOutages(service, outages, nowUs);
        entries.push({ us: nowUs, is: 'outages', outages });
        break;
      }
      case 'restart': {
        const backUs = nowUs + action.away * 1e3;
        for (const state of this.#states.values()) {
          state.entries.push({ us: nowUs, is: 'away' }, { us: backUs, is: 'back' });
        }
        this.#restart(backUs);
        return backUs;
      }
    }
    this.#save();
    return nowUs;
  }

  #once([from, to]: readonly [number, number]): OutageTimes {
    const [start, end] = [utc(this.#us(from)), utc(this.#us(to))];
    return { start, end, time_zone: 'UTC', repeat: 'once' };
  }

  /** Everything but what was saved is gone; so are the looks under way. */
  #restart(nowUs: number): void {
    this.#core = new SubscriptionCore();
    this.#results = [];
    for (const [name, { wants, outages, saved }] of this.#states) {
      this.#core.putService(name, undefined, nowUs);
      for (const [caller, wanted] of wants) this.#core.subscribe(name, caller, wanted, nowUs);
      this.#core.setOutages(name, outages, nowUs);
      if (saved) this.#core.restore(name, JSON.parse(saved), nowUs);
    }
    this.#save();
  }

  #save(): void {
    for (const [name, saved] of this.#core.takeUnsaved()) {
      const state = this.#state(name);
      state.saved = JSON.stringify(saved satisfies SavedService);
      state.anchorUs = saved.anchorUs ?? state.anchorUs;
    }
  }
}

interface Expected {
  readonly state: 'up' | 'down';
  readonly sinceUs: number;
  readonly toldUs: number;
}

/**
 * What one caller must have heard of a service, from the results alone and by the plainest means: at
 * every moment at which something could change, everything is looked at anew. That there are results
 * when there must be is judged by `subscriptions-world.ts`.
 */
export function expectedFor(caller: string, run: Run, fromUs: number, endUs: number): Expected[] {
  const teller = new Teller(caller, run.anchorUs);
  for (const moment of momentsOf(caller, run, fromUs, endUs)) {
    teller.tell(moment);
    for (const entry of run.entries) {
      if (entry.us !== moment) continue;
      teller.take(entry);
      teller.tell(moment);
    }
  }
  return teller.told;
}

/** What happens, whole seconds where there are outages, and the borders of the caller's intervals. */
function momentsOf(
  caller: string,
  { entries, anchorUs }: Run,
  fromUs: number,
  endUs: number,
): readonly number[] {
  const moments = new Set(entries.map((entry) => entry.us));
  for (const entry of entries) {
    if (entry.is === 'outages' && entry.outages.length > 0) {
      for (let us = fromUs; us <= endUs; us += secondUs) moments.add(us);
    }
    if (entry.is !== 'subscribe' || entry.caller !== caller) continue;
    const first = Math.ceil((fromUs - anchorUs) / entry.pollingUs);
    for (let k = first; anchorUs + k * entry.pollingUs <= endUs; k++) {
      moments.add(anchorUs + k * entry.pollingUs);
    }
  }
  return [...moments].filter((moment) => moment <= endUs).sort((a, b) => a - b);
}

class Teller {
  readonly told: Expected[] = [];
  readonly #caller: string;
  readonly #anchorUs: number;
  readonly #subscribers = new Set<string>();
  #wants: { pollingUs: number; graceUs: number } | undefined;
  #outages: readonly OutageTimes[] = [];
  #seen: { up: boolean; sinceUs: number } | undefined;
  #believesDown = false;
  #queue: { state: 'up' | 'down'; sinceUs: number }[] = [];
  #lastUs = Number.NEGATIVE_INFINITY;
  #isAway = false;

  constructor(caller: string, anchorUs: number) {
    this.#caller = caller;
    this.#anchorUs = anchorUs;
  }

  take(entry: Entry): void {
    if (entry.is === 'away') this.#isAway = true;
    if (entry.is === 'back') this.#isAway = false;
    if (entry.is === 'outages') this.#outages = entry.outages;
    if (entry.is === 'subscribe' || entry.is === 'unsubscribe') this.#subscription(entry);
    if (entry.is === 'result' && entry.up !== undefined) this.#result(entry.us, entry.up);
  }

  tell(nowUs: number): void {
    if (this.#isAway || !this.#wants || this.#queue.length === 0) return;
    const { pollingUs } = this.#wants;
    const turn = (at: number): number => Math.floor((at - this.#anchorUs) / pollingUs);
    if (turn(nowUs) <= turn(this.#lastUs) || this.#inOutage(nowUs)) return;
    for (const change of this.#queue) this.told.push({ ...change, toldUs: nowUs });
    this.#queue = [];
    this.#lastUs = nowUs;
  }

  #subscription(entry: Extract<Entry, { is: 'subscribe' | 'unsubscribe' }>): void {
    if (entry.is === 'subscribe') this.#subscribers.add(entry.caller);
    else this.#subscribers.delete(entry.caller);
    if (this.#subscribers.size === 0) this.#seen = undefined;
    if (entry.caller !== this.#caller) return;
    this.#wants = entry.is === 'subscribe' ? entry : undefined;
    if (entry.is === 'subscribe') return;
    this.#queue = [];
    this.#believesDown = false;
    this.#lastUs = Number.NEGATIVE_INFINITY;
  }

  #result(nowUs: number, up: boolean): void {
    if (this.#subscribers.size === 0) return;
    if (this.#seen?.up !== up) this.#seen = { up, sinceUs: nowUs };
    if (!this.#wants || this.#believesDown === !up || this.#inOutage(nowUs)) return;
    if (!up && nowUs - this.#seen.sinceUs < this.#wants.graceUs) return;
    this.#believesDown = !up;
    this.#queue.push({ state: up ? 'up' : 'down', sinceUs: this.#seen.sinceUs });
  }

  #inOutage(nowUs: number): boolean {
    return this.#outages.some((outage) => insideAt(outage, nowUs));
  }
}
