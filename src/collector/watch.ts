import { limits } from '../model/limits.ts';
import type { TimerElapse } from '../model/resource.ts';
import type { Clock } from '../model/time.ts';
import type { JobEnd, UnitControl, UnitStatus } from '../model/unit-control.ts';
import type { CollectorCounters } from '../model/view.ts';
import { notConnected } from './actions.ts';
import { type BusTarget, busTargets } from './address.ts';
import { AllUnits, type UnitsSink } from './all-units.ts';
import { BusError } from './bus.ts';
import type { Filter } from './filter.ts';
import { Follower, type FollowerSink } from './follower.ts';
import { Session } from './session.ts';
import type { StopCause, StopWorld } from './stops.ts';
import type { ResyncReason } from './wanted.ts';

export interface WatchSink extends Omit<FollowerSink, 'lookUp' | 'hold' | 'confirm'> {
  /** The bus, or the systemd on it, is gone; it is tried again for ever. */
  busLost(reason: string): void;
  busBack(): void;
  timerElapsed?(elapse: TimerElapse): void;
  resynced(reason: ResyncReason): void;
}

export interface WatchOptions {
  /** A D-Bus address, or `off`: nothing is watched, and every action answers that nobody is connected. */
  readonly address: string;
  readonly uid: number;
  readonly bufferBytes: number;
  readonly filter: Filter;
  readonly clock: Clock;
  /** From 0 to 1: spreads the reconnects of many agents. */
  readonly random: () => number;
  readonly sink: WatchSink;
  /** Hears of all units, and what they depend on. */
  readonly units?: UnitsSink | undefined;
}

/** Watches one systemd for as long as it is not stopped, over every loss of the bus. */
export class Watch implements UnitControl {
  readonly follower: Follower;
  private readonly options: WatchOptions;
  private readonly targets: readonly BusTarget[];
  private readonly others: AllUnits | undefined;
  private readonly calls = { callsTimedOut: 0, callsFailed: 0 };
  /** Sums over the connections that have ended. */
  private readonly past = { signals: 0, watched: 0, malformed: 0, bytes: 0 };
  private reconnects = 0;
  private resyncs = 0;
  private session: Session | undefined;
  /** The one that is still reading the table for the first time: signals reach it by then. */
  private beginning: Session | undefined;
  private stopped = false;
  private isAway = false;
  private wake: () => void = () => {};

  /** @throws TypeError where the address is none */
  constructor(options: WatchOptions) {
    this.options = options;
    this.targets = busTargets(options.address);
    this.others = options.units && new AllUnits(options.units, options.clock);
    this.follower = new Follower({
      filter: options.filter,
      clock: options.clock,
      sink: {
        ...options.sink,
        lookUp: (name) => this.current?.gather(name),
        hold: (ms) => setTimeout(() => this.follower.release(), ms),
        confirm: (unit) => this.current?.confirm(unit),
      },
    });
  }

  private get current(): Session | undefined {
    return this.session ?? this.beginning;
  }

  /** There is no bus, and there is to be none. */
  get isOff(): boolean {
    return this.targets.length === 0;
  }

  get connected(): boolean {
    return this.session !== undefined;
  }

  get ready(): boolean {
    return this.isOff || this.session?.ready === true;
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
    if (this.isOff) return;
    try {
      const session = await this.connect(false);
      this.enter(session);
      void this.keep(session);
    } catch (error) {
      if (!this.stopped) throw error;
    }
  }

  /** Follows other units from now on. */
  refilter(filter: Filter): void {
    this.follower.filter = filter;
    this.current?.refilter();
  }

  /** Compares the table with systemd now; resolves when that is done, at once without a bus. */
  async reconcile(): Promise<void> {
    await this.session?.reconcile();
  }

  stop(): void {
    this.stopped = true;
    this.wake();
    this.current?.close('stopped');
  }

  async knows(unit: string): Promise<boolean | undefined> {
    return this.session?.actions.knows(unit);
  }

  async status(unit: string): Promise<UnitStatus | undefined> {
    return this.session?.actions.status(unit);
  }

  async startUnit(unit: string, limitMs: number): Promise<JobEnd> {
    return this.session?.actions.act('start', unit, limitMs) ?? notConnected;
  }

  async stopUnit(unit: string, limitMs: number): Promise<JobEnd> {
    return this.session?.actions.act('stop', unit, limitMs) ?? notConnected;
  }

  /** Its restart is counted with the cause `unitwatch`, also where the answer is `late`. */
  async restartUnit(unit: string, limitMs: number): Promise<JobEnd> {
    return this.session?.actions.act('restart', unit, limitMs) ?? notConnected;
  }

  async resetFailed(unit: string): Promise<JobEnd> {
    return this.session?.actions.resetFailed(unit) ?? notConnected;
  }

  /** Who stopped a unit that is down; see `Stops`. */
  stopCause(unit: string, world: Omit<StopWorld, 'state'>): StopCause | undefined {
    const { stops, table } = this.follower;
    return stops.cause(unit, { ...world, state: (name) => table.get(name)?.state });
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
          others: this.others,
          counters: this.calls,
          patient,
          onMade: (session) => {
            this.beginning = session;
            if (this.stopped) session.close('stopped');
          },
          onTimer: (elapse) => this.options.sink.timerElapsed?.(elapse),
          onResync: (reason) => {
            this.resyncs++;
            if (reason === 'systemd is back') this.back();
            this.options.sink.resynced(reason);
          },
          onAbsent: () => this.away('systemd left the bus'),
        });
      } catch (error) {
        this.beginning = undefined;
        failure = error;
      }
      if (this.stopped) break;
    }
    throw failure;
  }

  /** Told once, though systemd may leave the bus first and the bus be lost then. */
  private away(reason: string): void {
    if (!this.isAway) this.options.sink.busLost(reason);
    this.isAway = true;
  }

  private back(): void {
    this.isAway = false;
    this.options.sink.busBack();
  }

  private enter(session: Session): void {
    this.session = session;
    this.beginning = undefined;
  }

  private async keep(first: Session): Promise<void> {
    let session = first;
    while (!this.stopped) {
      const reason = await session.lost.over;
      this.others?.stop();
      this.addUp(session);
      this.session = undefined;
      if (this.stopped) return;
      this.away(reason);
      const next = await this.reconnect();
      if (next === undefined) return;
      session = next;
      this.enter(next);
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
