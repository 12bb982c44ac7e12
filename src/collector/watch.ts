import { limits } from '../model/limits.ts';
import type { TimerElapse } from '../model/resource.ts';
import type { Clock } from '../model/time.ts';
import type { CollectorCounters } from '../model/view.ts';
import { type BusTarget, busTargets } from './address.ts';
import { BusError } from './bus.ts';
import type { Filter } from './filter.ts';
import { Follower, type FollowerSink } from './follower.ts';
import { type ResyncReason, Session } from './session.ts';

export interface WatchSink extends Omit<FollowerSink, 'lookUp' | 'hold' | 'confirm'> {
  /** The bus, or the systemd on it, is gone; it is tried again for ever. */
  busLost(reason: string): void;
  busBack(): void;
  timerElapsed?(elapse: TimerElapse): void;
  resynced(reason: ResyncReason): void;
}

export interface WatchOptions {
  /** A D-Bus address. */
  readonly address: string;
  readonly uid: number;
  readonly bufferBytes: number;
  readonly filter: Filter;
  readonly clock: Clock;
  /** From 0 to 1: spreads the reconnects of many agents. */
  readonly random: () => number;
  readonly sink: WatchSink;
}

/** Watches one systemd for as long as it is not stopped, over every loss of the bus. */
export class Watch {
  readonly follower: Follower;
  private readonly options: WatchOptions;
  private readonly targets: readonly BusTarget[];
  private readonly calls = { callsTimedOut: 0, callsFailed: 0 };
  /** Sums over the connections that have ended. */
  private readonly past = { signals: 0, watched: 0, malformed: 0, bytes: 0 };
  private reconnects = 0;
  private resyncs = 0;
  private session: Session | undefined;
  private stopped = false;
  private wake: () => void = () => {};

  /** @throws TypeError where the address is none */
  constructor(options: WatchOptions) {
    this.options = options;
    this.targets = busTargets(options.address);
    this.follower = new Follower({
      filter: options.filter,
      clock: options.clock,
      sink: {
        ...options.sink,
        lookUp: (name) => this.session?.gather(name),
        hold: (ms) => setTimeout(() => this.follower.release(), ms),
        confirm: (unit) => this.session?.confirm(unit),
      },
    });
  }

  get connected(): boolean {
    return this.session !== undefined;
  }

  get ready(): boolean {
    return this.session?.ready === true;
  }

  get systemdVersion(): string {
    return this.session?.systemdVersion ?? '';
  }

  get counters(): CollectorCounters {
    const { past, session } = this;
    const now = session?.signals.decoder.counters;
    return {
      signalsReceived: past.signals + (now?.signals ?? 0),
      signalsWatched: past.watched + (now?.watched ?? 0),
      signalsMalformed: past.malformed + (now?.malformed ?? 0),
      bytesReceived: past.bytes + (session?.signals.bytesReceived ?? 0),
      reconnects: this.reconnects,
      resyncs: this.resyncs,
      ...this.calls,
    };
  }

  /**
   * Connects for the first time and reads the table; from then on it reconnects by itself.
   * @throws BusError with a sentence that says what to do
   */
  async start(): Promise<void> {
    this.session = await this.connect(false);
    void this.keep(this.session);
  }

  /** Follows other units from now on. */
  refilter(filter: Filter): void {
    this.follower.filter = filter;
    this.session?.refilter();
  }

  stop(): void {
    this.stopped = true;
    this.wake();
    this.session?.close('stopped');
  }

  /**
   * Restarts a unit as unitwatch's own restart; resolves with systemd's job result: `done`,
   * `failed`, `timeout`, `canceled`, `dependency`, `skipped`, or `lost` with the bus.
   * @throws BusError where systemd refuses
   */
  async restart(name: string): Promise<string> {
    const session = this.session;
    if (session === undefined) throw new BusError('lost', 'The bus is not connected.');
    return session.restart(name);
  }

  private async connect(patient: boolean): Promise<Session> {
    let failure: unknown;
    for (const target of this.targets) {
      try {
        return await Session.start({
          target,
          uid: this.options.uid,
          bufferBytes: this.options.bufferBytes,
          clock: this.options.clock,
          follower: this.follower,
          counters: this.calls,
          patient,
          onTimer: (elapse) => this.options.sink.timerElapsed?.(elapse),
          onResync: (reason) => {
            this.resyncs++;
            if (reason === 'systemd is back') this.options.sink.busBack();
            this.options.sink.resynced(reason);
          },
          onAbsent: () => this.options.sink.busLost('systemd left the bus'),
        });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  private async keep(first: Session): Promise<void> {
    let session = first;
    while (!this.stopped) {
      const reason = await session.lost;
      this.addUp(session);
      this.session = undefined;
      if (this.stopped) return;
      this.options.sink.busLost(reason);
      const next = await this.reconnect();
      if (next === undefined) return;
      session = next;
      this.session = next;
      this.reconnects++;
    }
  }

  /** For ever, with waits that double up to a limit and are spread by chance. */
  private async reconnect(): Promise<Session | undefined> {
    for (let wait: number = limits.reconnectFirstMs; !this.stopped; wait *= 2) {
      const ms = Math.min(wait, limits.reconnectLastMs) * (0.5 + this.options.random());
      await this.pause(ms);
      if (this.stopped) return undefined;
      try {
        return await this.connect(true);
      } catch (error) {
        if (!(error instanceof BusError)) throw error;
      }
    }
    return undefined;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private addUp(session: Session): void {
    const { counters } = session.signals.decoder;
    this.past.signals += counters.signals;
    this.past.watched += counters.watched;
    this.past.malformed += counters.malformed;
    this.past.bytes += session.signals.bytesReceived;
  }
}
