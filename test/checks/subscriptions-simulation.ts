import { type SavedService, SubscriptionCore } from '../../src/checks/subscriptions/core.ts';
import type { Told } from '../../src/checks/subscriptions/service.ts';

/** Where the simulated clock begins: a round second in 2026. */
export const originUs = 1_790_000_000_000_000;
export const secondUs = 1e6;

/** Times are in milliseconds from the beginning. */
export interface Scenario {
  /** When the service goes from up to down and back. */
  readonly flips: readonly number[];
  readonly actions: readonly Action[];
  /** How long looks take, in turn. */
  readonly latencies: readonly number[];
  /** Every how many looks one cannot tell; 0 for none. */
  readonly blindEvery: number;
  readonly endMs: number;
}

export type Action = { readonly at: number } & (
  | { readonly do: 'subscribe'; caller: string; polling: number; grace: number }
  | { readonly do: 'unsubscribe'; caller: string }
  | { readonly do: 'outages'; spans: readonly (readonly [from: number, to: number])[] }
  | { readonly do: 'restart'; away: number }
);

/** What happened, in the order in which the core was told. Times in microseconds. */
export type Entry = { readonly us: number } & (
  | { readonly is: 'result'; up: boolean | undefined }
  | { readonly is: 'subscribe'; caller: string; pollingUs: number; graceUs: number }
  | { readonly is: 'unsubscribe'; caller: string }
  | { readonly is: 'outages'; spans: readonly (readonly [from: number, to: number])[] }
  | { readonly is: 'away' }
  | { readonly is: 'back' }
);

export interface Run {
  readonly entries: readonly Entry[];
  readonly lookUs: readonly number[];
  readonly told: readonly Told[];
  readonly anchorUs: number;
}

const us = (ms: number): number => originUs + ms * 1e3;
const wall = (timeUs: number): string => new Date(timeUs / 1e3).toISOString().slice(0, 19);
const isUp = (flips: readonly number[], timeUs: number): boolean =>
  flips.filter((flip) => us(flip) <= timeUs).length % 2 === 0;

/** Runs the real core through a scenario, saving after every step. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #entries: Entry[] = [];
  readonly #lookUs: number[] = [];
  readonly #told: Told[] = [];
  readonly #wants = new Map<string, { pollingUs: number; graceUs: number }>();
  #core = new SubscriptionCore();
  #saved: SavedService | undefined;
  #outages: readonly (readonly [number, number])[] = [];
  #results: { readonly us: number; readonly up: boolean | undefined }[] = [];
  #anchorUs = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  run(): Run {
    const { actions, endMs } = this.#scenario;
    const waiting = [...actions].sort((a, b) => a.at - b.at);
    this.#core.putService('web', undefined, originUs);
    let nowUs = originUs;
    for (;;) {
      const resultUs = Math.min(...this.#results.map((result) => result.us));
      const actionUs = us(waiting[0]?.at ?? Number.POSITIVE_INFINITY);
      nowUs = Math.max(nowUs, Math.min(this.#core.next(true), resultUs, actionUs));
      if (nowUs > us(endMs)) break;
      this.#due(nowUs);
      this.#takeResults(nowUs);
      while (waiting[0] && us(waiting[0].at) <= nowUs) {
        const action = waiting.shift();
        if (action) nowUs = this.#act(action, nowUs);
        this.#due(nowUs);
      }
    }
    return {
      entries: this.#entries,
      lookUs: this.#lookUs,
      told: this.#told,
      anchorUs: this.#anchorUs,
    };
  }

  #takeResults(nowUs: number): void {
    for (const result of this.#results.filter((one) => one.us <= nowUs)) {
      this.#results.splice(this.#results.indexOf(result), 1);
      this.#entries.push({ us: nowUs, is: 'result', up: result.up });
      const seen = result.up ? 'up' : 'down';
      const observed = result.up === undefined ? 'unknown' : seen;
      this.#told.push(...this.#core.result('web', observed, '', nowUs).told);
      this.#save();
    }
  }

  #due(nowUs: number): void {
    const { looks, told } = this.#core.due(nowUs, 1_000);
    this.#told.push(...told);
    for (const _ of looks) {
      const { latencies, blindEvery, flips } = this.#scenario;
      const count = this.#lookUs.push(nowUs);
      const latencyUs = (latencies[count % Math.max(1, latencies.length)] ?? 0) * 1e3;
      const isBlind = blindEvery > 0 && count % blindEvery === 0;
      const up = isBlind ? undefined : isUp(flips, nowUs + latencyUs);
      this.#results.push({ us: nowUs + latencyUs, up });
    }
    this.#save();
  }

  #act(action: Action, nowUs: number): number {
    switch (action.do) {
      case 'subscribe': {
        const { caller } = action;
        const wants = { pollingUs: action.polling * 1e3, graceUs: action.grace * 1e3 };
        this.#wants.set(caller, wants);
        this.#core.subscribe('web', caller, wants, nowUs);
        this.#entries.push({ us: nowUs, is: 'subscribe', caller, ...wants });
        break;
      }
      case 'unsubscribe':
        this.#wants.delete(action.caller);
        this.#core.unsubscribe('web', action.caller, nowUs);
        this.#entries.push({ us: nowUs, is: 'unsubscribe', caller: action.caller });
        break;
      case 'outages':
        this.#outages = action.spans.map(([from, to]) => [us(from), us(to)] as const);
        this.#setOutages(nowUs);
        this.#entries.push({ us: nowUs, is: 'outages', spans: this.#outages });
        break;
      case 'restart': {
        const backUs = nowUs + action.away * 1e3;
        this.#entries.push({ us: nowUs, is: 'away' }, { us: backUs, is: 'back' });
        this.#restart(backUs);
        return backUs;
      }
    }
    this.#save();
    return nowUs;
  }

  #setOutages(nowUs: number): void {
    const outages = this.#outages.map(([from, to]) => ({
      start: wall(from),
      end: wall(to),
      time_zone: 'UTC',
      repeat: 'once' as const,
    }));
    this.#core.setOutages('web', outages, nowUs);
  }

  /** Everything but what was saved is gone; so are the looks under way. */
  #restart(nowUs: number): void {
    this.#core = new SubscriptionCore();
    this.#results = [];
    this.#core.putService('web', undefined, nowUs);
    for (const [caller, wants] of this.#wants) this.#core.subscribe('web', caller, wants, nowUs);
    this.#setOutages(nowUs);
    const saved = this.#saved;
    if (saved) this.#core.restore('web', JSON.parse(JSON.stringify(saved)), nowUs);
    this.#save();
  }

  #save(): void {
    this.#saved = this.#core.takeUnsaved().get('web') ?? this.#saved;
    this.#anchorUs = this.#saved?.anchorUs ?? this.#anchorUs;
  }
}

interface Expected {
  readonly state: 'up' | 'down';
  readonly sinceUs: number;
  readonly toldUs: number;
}

/**
 * What one caller must have heard, from the results alone and by the plainest means: at every moment
 * at which something could change, everything is looked at anew.
 */
export function expectedFor(caller: string, run: Run, endUs: number): Expected[] {
  const teller = new Teller(caller, run.anchorUs);
  for (const moment of momentsOf(caller, run, endUs)) {
    teller.tell(moment);
    for (const entry of run.entries) {
      if (entry.us !== moment) continue;
      teller.take(entry);
      teller.tell(moment);
    }
  }
  return teller.told;
}

/** What happens, the borders of outages, and the borders of all intervals that the caller ever has. */
function momentsOf(caller: string, { entries, anchorUs }: Run, endUs: number): readonly number[] {
  const moments = new Set(entries.map((entry) => entry.us));
  for (const entry of entries) {
    if (entry.is === 'outages') for (const at of entry.spans.flat()) moments.add(at);
    if (entry.is !== 'subscribe' || entry.caller !== caller) continue;
    const first = Math.ceil((originUs - anchorUs) / entry.pollingUs);
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
  #spans: readonly (readonly [number, number])[] = [];
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
    if (entry.is === 'outages') this.#spans = entry.spans;
    if (entry.is === 'subscribe' || entry.is === 'unsubscribe') this.#subscription(entry);
    if (entry.is === 'result' && entry.up !== undefined) this.#result(entry.us, entry.up);
  }

  tell(nowUs: number): void {
    if (this.#isAway || this.#inOutage(nowUs) || !this.#wants) return;
    const { pollingUs } = this.#wants;
    const turn = (at: number): number => Math.floor((at - this.#anchorUs) / pollingUs);
    if (this.#queue.length === 0 || turn(nowUs) <= turn(this.#lastUs)) return;
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
    if (!this.#wants || this.#inOutage(nowUs) || this.#believesDown === !up) return;
    if (!up && nowUs - this.#seen.sinceUs < this.#wants.graceUs) return;
    this.#believesDown = !up;
    this.#queue.push({ state: up ? 'up' : 'down', sinceUs: this.#seen.sinceUs });
  }

  #inOutage(nowUs: number): boolean {
    return this.#spans.some(([from, to]) => from <= nowUs && nowUs < to);
  }
}
