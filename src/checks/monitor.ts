import type { MonitorFigures } from '../model/monitor.ts';
import type { ProbeResult } from '../model/probe.ts';
import type { Clock } from '../model/time.ts';
import { monitorKinds } from './monitor-kinds.ts';
import { OwnSqlite } from './sqlite.ts';
import type { Channel } from './subscriptions/channel.ts';
import type { SmtpSettings } from './subscriptions/channel-email.ts';
import { channelsOf } from './subscriptions/channels.ts';
import type { ServiceView } from './subscriptions/core.ts';
import { type Kind, Table } from './subscriptions/kinds.ts';
import type { LogEntry } from './subscriptions/log.ts';
import type { MonitorEvent } from './subscriptions/monitor-event.ts';
import { type Book, migrations } from './subscriptions/registry.ts';
import type {
  CallerRecord,
  Collection,
  OutageRecord,
  Records,
  ServiceRecord,
  SubscriptionRecord,
} from './subscriptions/resources.ts';
import { joinKey, keyOf, readRecord } from './subscriptions/resources.ts';
import { Running } from './subscriptions/running.ts';
import { NameResolver } from './tcp/resolver.ts';

export interface MonitorOptions {
  readonly clock: Clock;
  /** From 0 to 1, for the spread of retries. */
  readonly random: () => number;
  /** The SQLite file in which everything is kept; without it nothing outlives the monitor. */
  readonly path?: string;
  /** The server for callers who are told by mail. */
  readonly smtp?: SmtpSettings;
  /**
   * One sentence where a service may not be called so, because something else of the program is;
   * undefined where it may. Asked when a service is entered.
   */
  readonly reserved?: (name: string) => string | undefined;
  onEvent(event: MonitorEvent): void;
  /** Hears of every probe of a TCP or HTTP service, and of what was probed, without secrets. */
  readonly onResult?: (result: ProbeResult, target: string) => void;
}

/**
 * Looks at services and tells callers what they have subscribed to. Everything can be changed while
 * it runs. See docs/subscriptions.md.
 */
export class Monitor implements Book {
  /** Kinds of check: `tcp`, `http`, and those of the program. */
  readonly kinds: Table<Kind>;
  /** Ways of telling a caller. */
  readonly notifications: Table<Channel>;
  readonly #options: MonitorOptions;
  readonly #resolver: NameResolver;
  #running: Running | undefined;

  constructor(options: MonitorOptions) {
    const { clock, onResult = () => {} } = options;
    this.#options = options;
    this.#resolver = new NameResolver({ clock });
    const kinds = monitorKinds({ clock, resolver: this.#resolver }, onResult);
    this.kinds = new Table('kind of check', kinds);
    this.notifications = new Table('notification', channelsOf(options.smtp));
  }

  /**
   * Opens the file and goes on where the last run ended. The program's own kinds must have been added.
   * @throws SqliteError with a sentence where the file cannot be used, or another monitor has it
   */
  async start(): Promise<void> {
    if (this.#running) return;
    const { kinds, notifications } = this;
    const file = await OwnSqlite.open({ path: this.#options.path ?? ':memory:', migrations });
    try {
      this.#running = new Running({ ...this.#options, file, kinds, notifications });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Ends; deliveries under way are waited for, what waits is kept. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    try {
      await running?.stop();
    } finally {
      this.#resolver.close();
    }
  }

  /** Enters a service or changes it. @throws RequestError with a sentence */
  register(
    service: Omit<ServiceRecord, 'settings'> & Partial<Pick<ServiceRecord, 'settings'>>,
  ): void {
    this.#enter('services', readRecord('services', service));
  }

  /** With its subscriptions and outages. */
  unregister(service: string): void {
    this.remove('services', joinKey([service]));
  }

  /** Enters a caller or changes how they are told. */
  registerCaller(caller: Pick<CallerRecord, 'id' | 'kind'> & Partial<CallerRecord>): void {
    this.#enter('callers', readRecord('callers', caller));
  }

  /** With their subscriptions and what waits for them. */
  unregisterCaller(id: string): void {
    this.remove('callers', joinKey([id]));
  }

  /** Subscribes, or changes what is wanted. Seconds. */
  subscribe(
    subscription: Omit<SubscriptionRecord, 'grace_time'> & Partial<SubscriptionRecord>,
  ): void {
    this.#enter('subscriptions', readRecord('subscriptions', subscription));
  }

  unsubscribe(caller: string, service: string): void {
    this.remove('subscriptions', joinKey([caller, service]));
  }

  /** Plans an outage, or changes it. */
  setOutage(outage: Omit<OutageRecord, 'repeat' | 'time_zone'> & Partial<OutageRecord>): void {
    this.#enter('outages', readRecord('outages', outage));
  }

  removeOutage(id: string): void {
    this.remove('outages', joinKey([id]));
  }

  /** Whether a service is in a planned outage: nobody is told of it, and it is not restarted. */
  inOutage(service: string): boolean {
    return this.#started().core.inOutage(service, this.#started().nowUs());
  }

  /** One service as it stands. */
  view(service: string): ServiceView | undefined {
    return this.#started().core.view(service, this.#started().nowUs());
  }

  /**
   * Looks at a service now, or within a second where it was just looked at; resolves when that is done,
   * at once where nobody has subscribed to it.
   */
  lookNow(service: string): Promise<void> {
    return this.#started().lookNow(service);
  }

  /** The last 200 deliveries of a caller, the oldest first. */
  log(caller: string): readonly LogEntry[] {
    return this.#started().log.of(caller);
  }

  /** What has been told and what waits, for metrics. */
  figures(): MonitorFigures {
    return this.#started().figures();
  }

  list<C extends Collection>(collection: C): readonly Records[C][] {
    return this.#started().list(collection);
  }

  get<C extends Collection>(collection: C, key: string): Records[C] | undefined {
    return this.#started().get(collection, key);
  }

  add<C extends Collection>(collection: C, record: Records[C]): void {
    this.#started().add(collection, record);
  }

  update<C extends Collection>(collection: C, record: Records[C]): void {
    this.#started().update(collection, record);
  }

  remove(collection: Collection, key: string): void {
    this.#started().remove(collection, key);
  }

  #started(): Running {
    if (this.#running) return this.#running;
    throw new Error('the monitor is not started: call start() first');
  }

  #enter<C extends Collection>(collection: C, record: Records[C]): void {
    if (this.get(collection, keyOf(collection, record))) this.update(collection, record);
    else this.add(collection, record);
  }
}
