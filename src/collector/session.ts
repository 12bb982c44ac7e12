import { limits } from '../model/limits.ts';
import type { TimerElapse } from '../model/resource.ts';
import type { Clock } from '../model/time.ts';
import { Actions } from './actions.ts';
import type { BusTarget } from './address.ts';
import { type AllUnits, unitSink } from './all-units.ts';
import { type Bus, BusError, type CallCounters, connectBus } from './bus.ts';
import { Chores } from './chores.ts';
import type { Follower } from './follower.ts';
import { Lifetime } from './lifetime.ts';
import { Lists } from './lists.ts';
import { SignalConnection } from './signals.ts';
import { globQuoted, type Manager, systemdManager } from './systemd.ts';
import { Timers } from './timers.ts';
import type { UnitRecord } from './units.ts';
import { type ResyncReason, type Wanted, wantedAlso } from './wanted.ts';

export interface SessionOptions {
  readonly target: BusTarget;
  readonly uid: number;
  readonly bufferBytes: number;
  readonly clock: Clock;
  readonly follower: Follower;
  /** Hears of the units that the follower does not follow, too. */
  readonly others?: AllUnits | undefined;
  readonly counters: CallCounters;
  /** Wait for a systemd that is not on the bus yet, instead of giving up. */
  readonly patient: boolean;
  /** It hears signals from now on, and reads the table. */
  readonly onMade: (session: Session) => void;
  readonly onTimer: (elapse: TimerElapse) => void;
  readonly onResync: (reason: ResyncReason) => void;
  /** systemd left the bus. */
  readonly onAbsent: () => void;
}

/** How often the whole table is compared with a list, in case a signal was lost on its way. */
const reconcileMs = 300_000;
/** How often it is made sure that bus and systemd still answer; a dead one may never say so. */
const pingMs = 30_000;
/** Our connection may be what starts a bus (a user's is socket-activated); systemd then joins it. */
const appearanceMs = 3_000;
/** How long names of new units are gathered before what signals leave out is asked for. */
const gatherMs = 250;

/**
 * One life of the connections to a bus and to the systemd on it: subscribes, reads the table, keeps
 * it current, and ends when either connection does.
 */
export class Session {
  /** Until the bus is lost, and why it was. */
  readonly lost: Lifetime<string> = new Lifetime();
  readonly signals: SignalConnection<UnitRecord>;
  readonly manager: Manager;
  readonly actions: Actions;
  systemdVersion = '';
  /** systemd is on the bus and the table has been read. */
  ready = false;
  private readonly bus: Bus;
  private readonly options: SessionOptions;
  private readonly lists: Lists;
  private readonly timers: Timers;
  private readonly chores: Chores = new Chores((work) => this.guard(work));
  private readonly gathered: Set<string> = new Set();
  private wanted: Wanted | undefined;
  private running: Promise<void> | undefined;
  private closed = false;
  private awaited: (() => void) | undefined;

  /** @throws BusError with a sentence that says what to do */
  static async start(options: SessionOptions): Promise<Session> {
    let session: Session | undefined;
    const units = unitSink(options.follower, options.others);
    const signals = await SignalConnection.open<UnitRecord>({
      target: options.target,
      uid: options.uid,
      bufferBytes: options.bufferBytes,
      sink: {
        ...units,
        timer: (label, facts) => session?.timers.changed(label, facts),
        reloading: (active) => {
          units.reloading(active);
          if (!active) session?.guard(session.resync('daemon-reload', false));
        },
        ownerChanged: (owner) => session?.ownerChanged(owner),
        overflow: () => session?.guard(session.resync('overflow', true)),
      },
    });
    try {
      const bus = await connectBus(options.target, options.counters);
      session = new Session(options, signals, bus);
      options.onMade(session);
      await session.begin();
      return session;
    } catch (error) {
      session?.close('given up');
      signals.close('given up');
      throw error;
    }
  }

  private constructor(options: SessionOptions, signals: SignalConnection<UnitRecord>, bus: Bus) {
    this.options = options;
    this.lists = new Lists(options.follower);
    this.signals = signals;
    this.bus = bus;
    this.manager = systemdManager(bus);
    const { signals: connection, manager } = this;
    this.timers = new Timers({ connection, manager, onElapsed: options.onTimer });
    void signals.lost.over.then((error) => this.lost.end(error.message));
    void bus.lost.then((reason) => this.lost.end(reason));
    const { follower } = options;
    this.actions = new Actions({ manager: this.manager, follower, signals, lost: this.lost.over });
    void this.lost.over.then((reason) => this.close(reason));
  }

  close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.ready = false;
    this.chores.end();
    this.options.follower.jobs.forget();
    this.signals.close(reason);
    this.bus.close();
  }

  /**
   * Reads the table anew. `readAll` also reads the properties of units whose state is the one that
   * we know: restarts may have been hidden between two equal states.
   */
  private resync(reason: ResyncReason, readAll: boolean): Promise<void> {
    this.wanted = wantedAlso(this.wanted, reason, readAll);
    this.running ??= this.runResyncs();
    return this.running;
  }

  followed(): Iterable<UnitRecord> {
    return this.options.follower.table.all();
  }

  /** The filter has changed: who is followed is found out anew. */
  refilter(): void {
    this.guard(this.resync('configuration', false));
  }

  /** Compares the table with a list now; resolves when that is done, or the bus is lost. */
  async reconcile(): Promise<void> {
    const reading = this.resync('reconciliation', false);
    this.guard(reading);
    await this.lost.during(reading.catch(() => {}));
  }

  /** What signals leave out is asked for soon: the load state of a new unit, its control group. */
  gather(name: string): void {
    this.gathered.add(name);
    if (this.gathered.size === 1) this.chores.later(gatherMs, () => this.lookUpGathered());
  }

  /** Asks in which state a unit is now; without an answer, the next reading of the table tells. */
  confirm(unit: UnitRecord): void {
    const { follower } = this.options;
    this.signals.getAll(follower.path(unit), (reply) => follower.settle(unit, reply));
  }

  private async begin(): Promise<void> {
    if (this.signals.owner === '' && !this.options.patient) await this.appearance();
    if (this.signals.owner === '' && !this.options.patient)
      throw new BusError(
        'unreachable',
        'systemd is not on this bus: is it PID 1 here? Try --bus user for your own systemd, or unitwatch demo.',
      );
    if (this.signals.owner !== '')
      await this.meetSystemd(this.options.patient ? 'systemd is back' : 'start');
    this.chores.every(reconcileMs, () => this.resync('reconciliation', false));
    this.chores.every(pingMs, () => this.ping());
  }

  /** Resolves when systemd comes to the bus, or is given up. */
  private async appearance(): Promise<void> {
    const timer = setTimeout(() => this.appeared(), appearanceMs);
    await new Promise<void>((resolve) => {
      this.awaited = resolve;
    });
    clearTimeout(timer);
  }

  private appeared(): void {
    this.awaited?.();
    this.awaited = undefined;
  }

  private async meetSystemd(reason: ResyncReason): Promise<void> {
    await this.manager.subscribe();
    this.systemdVersion = await this.manager.version();
    this.options.follower.passingStates = Number.parseInt(this.systemdVersion, 10) < 254;
    // At the first start nothing is known yet that could have changed unseen.
    await this.resync(reason, reason !== 'start');
  }

  private ownerChanged(owner: string): void {
    if (this.awaited) {
      this.appeared();
      return;
    }
    // Jobs end while systemd is away from the bus, and nobody will say how.
    this.options.follower.jobs.forget();
    if (this.ready) {
      this.ready = false;
      this.options.onAbsent();
    }
    if (owner !== '') {
      this.guard(this.meetSystemd('systemd is back'));
    }
  }

  private async runResyncs(): Promise<void> {
    try {
      while (this.wanted && !this.closed) {
        const { reason, readAll, timersAnew } = this.wanted;
        this.wanted = undefined;
        await this.readTable(readAll);
        this.guard(this.timers.read(timersAnew));
        this.ready = !this.closed;
        if (!this.ready) continue;
        this.options.onResync(reason);
        this.options.others?.resynced(reason, this);
      }
    } finally {
      // In the same turn as the last look at what is wanted: what is wanted later begins anew.
      this.running = undefined;
    }
  }

  private async readTable(readAll: boolean): Promise<void> {
    const { follower, clock } = this.options;
    const listedUs = clock.realtimeUs();
    const rows = await this.manager.listUnits(follower.filter.patterns);
    const { listed, toRead, unlisted } = this.lists.takeList(rows, listedUs, readAll);
    // The list came over the other connection, and may have overtaken signals of what it leaves out.
    await this.signals.ping();
    if (this.closed) return;
    this.lists.dropUnlisted(listed, listedUs);
    if (unlisted.length > 0)
      this.lists.takeMissing(unlisted, await this.manager.withFiles(unlisted));
    await this.readProperties(toRead);
  }

  /** Reads all properties of these units, a bounded number at a time. */
  private async readProperties(units: readonly UnitRecord[]): Promise<void> {
    const { follower } = this.options;
    let asked = 0;
    let answered = 0;
    const all = new Promise<void>((resolve) => {
      const next = (): void => {
        if (answered === units.length) resolve();
        while (asked < units.length && asked - answered < limits.callsInFlight) {
          const unit = units[asked++] as UnitRecord;
          this.signals.getAll(follower.path(unit), (reply) => {
            follower.takeSnapshot(unit, reply);
            answered++;
            next();
          });
        }
      };
      next();
    });
    await this.lost.during(all);
  }

  private async lookUpGathered(): Promise<void> {
    const names = [...this.gathered];
    this.gathered.clear();
    if (names.length > limits.gatheredNames) return this.resync('overflow', false);
    const rows = await this.manager.listUnits(names.map(globQuoted));
    const unlisted = this.lists.takeAppeared(names, rows);
    if (unlisted.length > 0)
      this.lists.takeMissing(unlisted, await this.manager.withFiles(unlisted));
    await this.readProperties(this.lists.withoutCgroup(names));
  }

  /** Both connections must answer; a call that finds no answer ends the session. */
  private async ping(): Promise<void> {
    await this.manager.version();
    await this.signals.ping();
  }

  /** A bus that fails us is left, and connected to anew; anything else is our own fault. */
  private guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof BusError)) throw error;
      this.close(error.message);
    });
  }
}
