import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Channel } from '../model/channel.ts';
import { type Event, mayDrop } from '../model/event.ts';
import { gapEvent } from '../model/gap.ts';
import { limits } from '../model/limits.ts';
import { Stamp } from '../model/stamp.ts';
import { type Clock, realtimeUs } from '../model/time.ts';
import type { UnitView } from '../model/unit.ts';
import type { JobEnd } from '../model/unit-control.ts';
import { busAddress } from './address.ts';
import { unitFilter } from './filter.ts';
import { systemClock } from './system-clock.ts';
import { tellingSink } from './tell.ts';
import { Watch } from './watch.ts';

export type { Event, EventType } from '../model/event.ts';

/** All of it is optional: without any, every service of the host is followed. */
export interface CollectorOptions {
  /** `system` (default), `user`, or a D-Bus address. */
  readonly bus?: string;
  /** Names, globs, `/regex/`: follow only these. A full name that does not exist is `missing`. */
  readonly only?: readonly string[];
  /** Names, globs, `/regex/`: never follow these. */
  readonly except?: readonly string[];
  /** `service` by default. */
  readonly unitTypes?: readonly string[];
  /** Events that may wait for the loop that reads them; then the oldest are dropped and told. */
  readonly bufferedEvents?: number;
  readonly clock?: Clock;
}

/**
 * systemd's services as a stream of events.
 *
 * @example
 * const collector = new Collector({ only: ['nginx.service'] });
 * for await (const event of collector.events()) {
 *   print(event.time, event.service, event.event_type);
 *   if (event.event_type === 'failed') break; // leaving the loop stops the collector
 * }
 */
export class Collector {
  private readonly watch: Watch;
  private readonly channel: Channel<Event>;
  private readonly clock: Clock;
  private wake: () => void = () => {};
  private read = false;
  private stopped = false;

  /** @throws TypeError where `bus` is no address, SyntaxError where a `/regex/` is none */
  constructor(options: CollectorOptions = {}) {
    const clock = options.clock ?? systemClock;
    const stamp = new Stamp(hostname(), bootId());
    this.clock = clock;
    this.channel = new Channel<Event>({
      maxEvents: options.bufferedEvents ?? 65_536,
      maxBytes: limits.outputBytes,
      maxPerSecond: 0,
      tellGap: (gap) => gapEvent(gap, hostname(), bootId()),
    });
    const draft = (one: Parameters<Stamp['event']>[0]): void => {
      const event = stamp.event(one);
      // An event object takes about this much; measuring each would cost more than it.
      this.channel.push(event, event.seq, realtimeUs(event.time), mayDrop(event), 1_024);
      this.wake();
    };
    const uid = process.getuid?.() ?? 0;
    this.watch = new Watch({
      address: busAddress(options.bus ?? 'system', { ...process.env, uid }),
      uid,
      bufferBytes: 262_144,
      filter: unitFilter({
        monitorAll: options.only === undefined,
        whitelist: options.only ?? [],
        blacklist: options.except ?? [],
        containersOnly: false,
        unitTypes: options.unitTypes ?? ['service'],
      }),
      clock,
      random: Math.random,
      sink: tellingSink(clock, { draft }, () => this.watch.follower.table.size),
    });
  }

  /**
   * Connects, and yields every event until the loop is left or `stop` is called.
   * @throws BusError where the bus cannot be reached at first; later losses are events
   */
  async *events(): AsyncGenerator<Event, void, void> {
    if (this.read) throw new Error('The events of a collector can be read once.');
    this.read = true;
    await this.watch.start();
    try {
      while (!this.stopped) {
        const event = this.channel.take(this.clock.monotonicUs());
        if (event) yield event;
        else
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
      }
    } finally {
      this.stop();
    }
  }

  /** The units as they are now. */
  units(): Iterable<UnitView> {
    return this.watch.follower.table.all();
  }

  /**
   * Restarts a unit; its restart is counted with the cause `unitwatch`.
   * @param limitMs from when the answer is `late`; systemd goes on with the job all the same
   * @returns systemd's job result: `done`, `failed`, `timeout`, `canceled`, `dependency`, ...; `lost`
   *   with the bus; `refused`, with the reason, for want of permission for example
   */
  restart(unit: string, limitMs = 120_000): Promise<JobEnd> {
    return this.watch.restartUnit(unit, limitMs);
  }

  stop(): void {
    this.stopped = true;
    this.watch.stop();
    this.wake();
  }
}

/** The kernel's boot ID as systemd writes it; empty where there is no /proc. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replaceAll('-', '').trim();
  } catch {
    return '';
  }
}
