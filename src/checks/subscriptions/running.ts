import type { MonitorFigures } from '../../model/monitor.ts';
import { type Clock, type DurationUs, type RealtimeUs, rfc3339 } from '../../model/time.ts';
import type { OwnSqlite } from '../sqlite.ts';
import { AskedLooks } from './asked-looks.ts';
import type { Channel, Message, Sent } from './channel.ts';
import { sendOnce } from './channel-once.ts';
import { type Effects, SubscriptionCore } from './core.ts';
import { Deliveries, type DeliveryNews } from './deliveries.ts';
import { FileGuard } from './file-guard.ts';
import type { Kind, Table } from './kinds.ts';
import { CallerLog } from './log.ts';
import { Lookers } from './lookers.ts';
import type { MonitorEvent } from './monitor-event.ts';
import { Outbox } from './outbox.ts';
import { Plans } from './plans.ts';
import { type Book, Registry } from './registry.ts';
import {
  type AnyRecord,
  type Collection,
  isCaller,
  isOutage,
  isSubscription,
  type Records,
} from './resources.ts';
import type { Told } from './service.ts';
import { Trouble } from './trouble.ts';
import { wallTime } from './wall-time.ts';

export interface RunningOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly file: OwnSqlite;
  readonly kinds: Table<Kind>;
  readonly notifications: Table<Channel>;
  readonly reserved?: (name: string) => string | undefined;
  onEvent(event: MonitorEvent): void;
}

/** Looks at a time: a look that hangs holds up nobody before there are as many of them. */
const looksMax = 1_024;
/** The wall clock may be set while nothing is due, and outages follow it. */
const waitMaxMs = 10_000;

/** A monitor between its start and its stop: the state machine with its clock, its looks and its file. */
export class Running implements Book {
  readonly core = new SubscriptionCore();
  readonly log: CallerLog;
  readonly nowUs: () => RealtimeUs;
  readonly #options: RunningOptions;
  readonly #registry: Registry;
  readonly #deliveries: Deliveries;
  readonly #outbox: Outbox;
  readonly #lookers: Lookers;
  readonly #asked = new AskedLooks();
  readonly #plans: Plans;
  readonly #trouble: Trouble;
  readonly #guard: FileGuard;
  /** Asked of the file once after each change. */
  #counts: MonitorFigures['records'] | undefined;
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: RunningOptions) {
    const { file, random, clock } = options;
    this.#options = options;
    this.nowUs = wallTime(clock, (byUs, nowUs) => this.#step(byUs, nowUs));
    this.#trouble = new Trouble((news) =>
      options.onEvent({ type: 'trouble', timeUs: this.nowUs(), ...news }),
    );
    this.#registry = new Registry(file, {
      fault: (collection, record) => this.#fault(collection, record),
      reserved: options.reserved,
      nowUs: () => this.nowUs(),
    });
    this.#lookers = new Lookers((name) => {
      const record = this.get('services', encodeURIComponent(name));
      return record && options.kinds.get(record.kind)?.open(record);
    });
    this.#deliveries = new Deliveries({
      file,
      random,
      send: (message) => this.#send(message),
      onNews: (news) => this.#news(news),
      onTrouble: (error) => this.#trouble.failed(error),
      nowUs: () => this.nowUs(),
    });
    this.#outbox = new Outbox(file, this.#registry, this.#deliveries, this.core);
    this.log = new CallerLog(file);
    this.#plans = new Plans({
      ...{ registry: this.#registry, core: this.core, trouble: this.#trouble },
      onEnded: () => {
        this.#counts = undefined;
      },
    });
    this.#restore();
    this.#guard = new FileGuard(file, this.#trouble, () => this.#outbox.lost);
    this.#tick();
  }

  /** Deliveries under way are waited for, what waits is kept. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#asked.keep(() => false);
    await this.#deliveries.idle();
    await this.#guard.stop();
    this.#commit([], Number.POSITIVE_INFINITY);
    this.#lookers.closeAll();
    this.#options.file.close();
  }

  /**
   * Looks at a service, though never more often than once a second; resolves when a look that began
   * after the call has ended, at once where nobody looks at it.
   */
  lookNow(service: string): Promise<void> {
    if (!this.core.hurry(service, this.nowUs())) return Promise.resolve();
    const looked = this.#asked.add(service);
    this.#tick();
    return looked;
  }

  list<C extends Collection>(collection: C): readonly Records[C][] {
    return this.#registry.list(collection);
  }

  get<C extends Collection>(collection: C, key: string): Records[C] | undefined {
    return this.#registry.get(collection, key);
  }

  add<C extends Collection>(collection: C, record: Records[C]): void {
    this.#registry.add(collection, record);
    this.#apply(record);
  }

  update<C extends Collection>(collection: C, record: Records[C]): void {
    const registry = this.#registry;
    const before = isOutage(record)
      ? registry.get('outages', encodeURIComponent(record.id))
      : undefined;
    registry.update(collection, record);
    this.#apply(record);
    if (before && isOutage(record) && before.service !== record.service)
      this.#plans.take(before.service, this.nowUs());
  }

  remove(collection: Collection, key: string): void {
    const registry = this.#registry;
    const record = registry.get(collection, key);
    const subscriptions =
      record && isCaller(record) ? registry.of('subscriptions', 'caller', record.id) : [];
    this.#options.file.transaction(() => {
      registry.remove(collection, key);
      if (!record || !isCaller(record)) return;
      this.#deliveries.forget(record.id);
      this.log.forget(record.id);
    });
    this.#counts = undefined;
    if (!record) return;
    const now = this.nowUs();
    if (isSubscription(record)) this.core.unsubscribe(record.service, record.caller, now);
    else if (isOutage(record)) this.#plans.take(record.service, now);
    else if (isCaller(record)) {
      for (const { service, caller } of subscriptions) this.core.unsubscribe(service, caller, now);
    } else {
      this.core.removeService(record.name);
      this.#lookers.close(record.name);
    }
    this.#asked.keep((name) => this.core.view(name, now)?.intervalUs !== undefined);
    this.#tick();
  }

  figures(): MonitorFigures {
    const deliveries = this.#deliveries;
    this.#counts ??= this.#registry.counts();
    return {
      records: this.#counts,
      waiting: deliveries.size,
      oldestUs: deliveries.oldestUs(),
      attempts: { ...deliveries.attempts },
      held: this.#outbox.held,
      lost: this.#outbox.lost,
      isWritten: !this.#trouble.isOn,
    };
  }

  #fault(collection: Collection, record: AnyRecord): string | undefined {
    if (!('kind' in record)) return undefined;
    const { notifications, kinds } = this.#options;
    return (collection === 'callers' ? notifications : kinds).faultOf(record);
  }

  #restore(): void {
    const registry = this.#registry;
    for (const collection of ['services', 'subscriptions'] as const) {
      for (const record of registry.list(collection)) this.#take(record);
    }
    const now = this.nowUs();
    this.#plans.restore(now);
    for (const [name, saved] of registry.saved()) this.core.restore(name, saved, now);
  }

  #apply(record: AnyRecord): void {
    this.#counts = undefined;
    this.#take(record);
    this.#tick();
  }

  #take(record: AnyRecord): void {
    const now = this.nowUs();
    if (isSubscription(record)) {
      const { caller, service, polling_frequency, grace_time } = record;
      const wants = { pollingUs: polling_frequency * 1e6, graceUs: grace_time * 1e6 };
      this.core.subscribe(service, caller, wants, now);
    } else if (isOutage(record)) this.#plans.take(record.service, now);
    else if (!isCaller(record)) {
      const { interval } = record;
      this.#lookers.close(record.name);
      this.core.putService(record.name, interval && interval * 1e6, now);
    }
  }

  /** The wall clock was set; it may have passed over an outage as a whole. */
  #step(byUs: DurationUs, nowUs: RealtimeUs): void {
    this.core.step(byUs, nowUs);
    this.#deliveries.step(byUs);
    this.#outbox.step(byUs);
    this.#plans.endAll(nowUs);
  }

  /** Does what is due, keeps what follows, and waits for the next. */
  #tick(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    const due = this.core.due(this.nowUs(), looksMax - this.#looks);
    this.#looks += due.looks.length;
    for (const name of due.looks) void this.#look(name);
    this.#follow(due);
    this.#deliveries.run(() => this.#tick());
    const lookUs = this.core.next(this.#looks < looksMax);
    const nextUs = Math.min(lookUs, this.#deliveries.next(), this.#outbox.retryUs);
    const waitMs = Math.max(0, Math.ceil((nextUs - this.nowUs()) / 1e3));
    this.#timer = setTimeout(() => this.#tick(), Math.min(waitMs, waitMaxMs));
  }

  async #look(name: string): Promise<void> {
    const ended = this.#asked.begin(name);
    const { state: seen, reason } = await this.#lookers.look(name);
    this.#looks--;
    ended();
    if (this.#isStopped) return;
    const now = this.nowUs();
    const before = this.core.view(name, now)?.state;
    const effects = this.core.result(name, seen, reason, now);
    if (seen !== 'unknown' && before !== undefined && before !== seen) {
      this.#options.onEvent({ type: 'state', service: name, state: seen, reason, timeUs: now });
    }
    this.#follow(effects);
    this.#tick();
  }

  #follow({ told, outages }: Effects): void {
    const now = this.nowUs();
    for (const { service, inside } of outages) {
      this.#options.onEvent({ type: 'outage', service, inside, timeUs: now });
      if (!inside) this.#plans.endOf(service, now);
    }
    this.#commit(told, now);
  }

  #commit(told: readonly Told[], now: RealtimeUs): void {
    const done = this.#outbox.commit(told, now);
    const { lost } = this.#outbox;
    this.#trouble.lost(lost);
    if (done === true) this.#trouble.written(lost);
    else if (done) this.#trouble.failed(done);
  }

  async #send(message: Message): Promise<Sent> {
    const record = this.#registry.get('callers', encodeURIComponent(message.caller));
    const channel = record && this.#options.notifications.get(record.kind);
    if (!record || !channel) return { ok: false, reason: 'nobody is there', again: false };
    return sendOnce(channel, message, record.settings);
  }

  #news(news: DeliveryNews): void {
    const now = this.nowUs();
    try {
      this.log.add({ time: rfc3339(now), ...news });
      if (this.#outbox.retryUs === Number.POSITIVE_INFINITY)
        this.#trouble.written(this.#outbox.lost);
    } catch (error) {
      this.#trouble.failed(error);
    }
    this.#options.onEvent({ type: 'notification', timeUs: now, ...news });
  }
}
