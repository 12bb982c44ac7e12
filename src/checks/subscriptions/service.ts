import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import type { OutageTimes, Window } from '../outages.ts';

/** What a look at a service says. `unknown` (it could not be looked at) changes nothing. */
export type Observed = 'up' | 'down' | 'unknown';

/** A change that a caller is to hear of. */
export interface Change {
  readonly state: 'up' | 'down';
  /** When a look saw it first. */
  readonly sinceUs: RealtimeUs;
  /** What that look said: `refused`. */
  readonly reason: string;
}

/** A change that a caller hears of now. */
export interface Told extends Change {
  readonly caller: string;
  readonly service: string;
  readonly toldUs: RealtimeUs;
  /** Changes before it that were too many to be kept, and are told by nothing else. */
  readonly leftOut: number;
}

/** What one caller wants of one service, and what they have heard. */
export interface Subscription {
  pollingUs: DurationUs;
  graceUs: DurationUs;
  /** What they have been told last, or are about to be; nothing at first, which is as good as up. */
  down: boolean;
  /** Confirmed, and waiting for the caller's rhythm or for the end of an outage. */
  waiting: Change[];
  leftOut: number;
  toldUs: RealtimeUs | undefined;
}

/** One service with its looks and its subscribers. */
export interface Service {
  readonly name: string;
  /** How often it is looked at whoever subscribes; undefined: only for subscribers. */
  intervalUs: DurationUs | undefined;
  /** Looks and rhythms are due at whole multiples of their interval from here. */
  anchorUs: RealtimeUs | undefined;
  /** When the first look since the start is due. */
  firstUs: RealtimeUs;
  /** When the last look began. */
  startedUs: RealtimeUs | undefined;
  underWay: boolean;
  /** Somebody wants a look that begins later than the last one. */
  hurried: boolean;
  /** What the last look that could tell has said, since when, and why. */
  state: Observed;
  sinceUs: RealtimeUs;
  reason: string;
  /** The last look could not tell. */
  blind: boolean;
  readonly subscriptions: Map<string, Subscription>;
  /** Subscriptions whose caller believes it down. */
  downs: number;
  /** Callers for whom a change waits. */
  readonly waiting: Set<string>;
  /** The shortest interval that anybody wants. */
  fastestUs: DurationUs | undefined;
  outages: readonly OutageTimes[];
  window: Window;
}

/** A service is never looked at more often, whoever asks for it. */
const leastUs: DurationUs = 1e6;
/** How long it may take until a service has been looked at for the first time. */
const firstLooksUs: DurationUs = 10e6;
/** Looks within a grace time: one alone could meet the only moment of a flap, or miss it. */
const looksInGrace = 3;
/** Changes that wait for one caller's rhythm; beyond it the oldest down and up are left out. */
const waitingMax = 64;

export function newService(name: string): Service {
  return {
    name,
    intervalUs: undefined,
    anchorUs: undefined,
    firstUs: 0,
    startedUs: undefined,
    underWay: false,
    hurried: false,
    state: 'unknown',
    sinceUs: 0,
    reason: '',
    blind: false,
    subscriptions: new Map(),
    downs: 0,
    waiting: new Set(),
    fastestUs: undefined,
    outages: [],
    window: { inside: false, untilUs: Number.POSITIVE_INFINITY },
  };
}

/** To be called after its subscriptions have changed: how often it is looked at follows from them. */
export function settle(service: Service, nowUs: RealtimeUs): void {
  let fastest = service.intervalUs ?? Number.POSITIVE_INFINITY;
  service.downs = 0;
  for (const [caller, { pollingUs, down, waiting }] of service.subscriptions) {
    fastest = Math.min(fastest, pollingUs);
    if (down) service.downs++;
    if (waiting.length > 0) service.waiting.add(caller);
  }
  for (const caller of service.waiting) {
    if (!service.subscriptions.has(caller)) service.waiting.delete(caller);
  }
  if (fastest === Number.POSITIVE_INFINITY) {
    service.fastestUs = undefined;
    // Nobody looks any more: what was seen will be old when somebody does again.
    service.state = 'unknown';
    return;
  }
  service.fastestUs = Math.max(fastest, leastUs);
  service.anchorUs ??= Math.round(nowUs + share(service.name) * service.fastestUs);
}

/**
 * When the first look is due after a start: spread over all services, and never within a second of one
 * that an earlier run may have had.
 */
export function firstLook(service: Service, nowUs: RealtimeUs): RealtimeUs {
  const spreadUs = Math.min(service.fastestUs ?? leastUs, firstLooksUs);
  return Math.round(nowUs + leastUs + share(`first ${service.name}`) * spreadUs);
}

/** Its next look is not to wait for its turn. */
export function hurry(service: Service, nowUs: RealtimeUs): void {
  service.hurried = true;
  service.firstUs = Math.min(service.firstUs, nowUs + leastUs);
}

/** A look at it begins. */
export function begin(service: Service, nowUs: RealtimeUs): void {
  service.startedUs = nowUs;
  service.underWay = true;
  service.hurried = false;
}

/** Takes in what a look says. @returns whether its state changed */
export function observe(
  service: Service,
  observed: Observed,
  reason: string,
  nowUs: RealtimeUs,
): boolean {
  service.underWay = false;
  service.blind = observed === 'unknown';
  // A look that was under way when the last subscriber left is nobody's.
  if (service.fastestUs === undefined) return false;
  if (observed === 'unknown' || observed === service.state) return false;
  service.state = observed;
  service.sinceUs = nowUs;
  service.reason = reason;
  return true;
}

/** What follows from the last look for each caller: down that has outlasted their grace, or up. */
export function confirm(service: Service, nowUs: RealtimeUs): void {
  const { state, sinceUs, reason } = service;
  const isDown = state === 'down';
  if (state === 'unknown' || service.blind) return;
  // Nearly always all callers know it already, however many there are.
  if (service.downs === (isDown ? service.subscriptions.size : 0)) return;
  for (const [caller, subscription] of service.subscriptions) {
    if (subscription.down === isDown) continue;
    if (isDown && nowUs - sinceUs < subscription.graceUs) continue;
    subscription.down = isDown;
    service.downs += isDown ? 1 : -1;
    subscription.waiting.push({ state, sinceUs, reason });
    service.waiting.add(caller);
    if (subscription.waiting.length > waitingMax) {
      subscription.waiting.splice(0, 2);
      subscription.leftOut += 2;
    }
  }
}

/** Takes out what is to be told now: in nobody's outage, and once in each caller's own interval. */
export function tell(service: Service, nowUs: RealtimeUs): readonly Told[] {
  if (service.window.inside || service.waiting.size === 0) return [];
  const told: Told[] = [];
  for (const caller of service.waiting) {
    const subscription = service.subscriptions.get(caller);
    if (!subscription || nextTurn(service, subscription) > nowUs) continue;
    for (const change of subscription.waiting) {
      const { leftOut } = subscription;
      told.push({ ...change, caller, service: service.name, toldUs: nowUs, leftOut });
      subscription.leftOut = 0;
    }
    subscription.waiting = [];
    subscription.toldUs = nowUs;
    service.waiting.delete(caller);
  }
  return told;
}

/** From when on a caller may hear something: the interval after that in which they last did. */
function nextTurn(service: Service, { toldUs, pollingUs }: Subscription): RealtimeUs {
  if (toldUs === undefined || pollingUs <= 0) return Number.NEGATIVE_INFINITY;
  return multipleAfter(service.anchorUs ?? 0, pollingUs, toldUs);
}

/** When something is due beside looks: a caller's turn, the beginning or end of an outage. */
export function timerOf(service: Service): RealtimeUs {
  let at = service.window.untilUs;
  if (service.window.inside) return at;
  for (const caller of service.waiting) {
    const subscription = service.subscriptions.get(caller);
    if (subscription) at = Math.min(at, nextTurn(service, subscription));
  }
  return at;
}

/** When it is looked at next; Infinity for not. */
export function lookOf(service: Service): RealtimeUs {
  const { fastestUs, startedUs, anchorUs = 0, firstUs } = service;
  if (service.underWay || fastestUs === undefined) return Number.POSITIVE_INFINITY;
  if (startedUs === undefined) return firstUs;
  const regular = service.hurried ? startedUs : multipleAfter(anchorUs, fastestUs, startedUs);
  return Math.max(Math.min(regular, doubtOf(service, startedUs)), startedUs + leastUs);
}

/** When a look is due because somebody does not know yet what they want to know. */
function doubtOf(service: Service, startedUs: RealtimeUs): RealtimeUs {
  let at = Number.POSITIVE_INFINITY;
  if (service.window.inside || service.blind) return at;
  // It came up in an outage that is over: that is told with the next look.
  if (service.state === 'up') return service.downs > 0 ? startedUs : at;
  if (service.state !== 'down' || service.downs === service.subscriptions.size) return at;
  for (const { down, graceUs } of service.subscriptions.values()) {
    if (down) continue;
    at = Math.min(at, service.sinceUs + graceUs, startedUs + graceUs / looksInGrace);
  }
  return at;
}

/** The first whole multiple of the interval from the anchor that is later. */
function multipleAfter(anchorUs: RealtimeUs, intervalUs: DurationUs, us: RealtimeUs): RealtimeUs {
  return anchorUs + (Math.floor((us - anchorUs) / intervalUs) + 1) * intervalUs;
}

/** From 0 to 1, the same for the same text: FNV-1a with the finish of MurmurHash3. */
function share(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
