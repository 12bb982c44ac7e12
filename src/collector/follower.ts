import { limits } from '../model/limits.ts';
import type { Clock, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import { invocationId, newUnitState, phaseOf, type UnitState } from '../model/unit.ts';
import { unitNameOfPath, unitPath } from '../model/unit-name.ts';
import { carry } from './carry.ts';
import type { DecoderSink, Reply } from './decode.ts';
import type { Filter } from './filter.ts';
import { beginWith } from './first-view.ts';
import { HeldStates, type HoldSink } from './held.ts';
import { Jobs } from './jobs.ts';
import { copyState, type UnitFacts } from './properties.ts';
import { Stops } from './stops.ts';
import { type Context, transition } from './transition.ts';
import { type UnitRecord, UnitTable } from './units.ts';

/** Bytes that one byte of a name takes in a path at the most: `_2e`. */
const escapedBytes = 3;

/** What a follower tells. */
export interface FollowerSink extends HoldSink {
  transition(what: Transition, unit: UnitRecord): void;
  /** The unit's state has changed, and what that means has been told. */
  changed?(unit: UnitRecord): void;
  /** A unit that the user named is not known to systemd; told once until it appears. */
  missing(unit: UnitRecord): void;
  /** A unit's file cannot be used (`bad-setting`, `error`); told once until that changes. */
  loadFailed(unit: UnitRecord): void;
  /** The unit is unloaded, or nobody follows it any more. */
  gone(unit: UnitRecord): void;
  /** Signals leave out something about this unit (load state, control group): ask some time. */
  lookUp(name: string): void;
}

export interface FollowerOptions {
  filter: Filter;
  readonly clock: Clock;
  readonly sink: FollowerSink;
  /** Follow units when they are first heard of, as in a recording, which begins without a list. */
  readonly adopt?: boolean;
}

/**
 * The unit table kept current: takes what the decoder and the lists say, compares, tells what
 * happened. It does no I/O, so a recording runs through it as a live bus does.
 */
export class Follower implements Omit<DecoderSink<UnitRecord>, 'reply' | 'ownerChanged'> {
  readonly table: UnitTable = new UnitTable();
  filter: Filter;
  readonly sink: FollowerSink;
  private readonly options: FollowerOptions;
  readonly jobs: Jobs = new Jobs();
  readonly stops: Stops = new Stops();
  private readonly scratch: UnitState = newUnitState();
  private readonly facts: UnitFacts = { loadState: '', cgroup: '', restartPolicy: '' };
  /** When the last list was asked for: states in it are at least as new. */
  private listedUs: RealtimeUs = 0;
  private resync = false;
  private reloadUnderWay = false;
  /** When the last reload began. */
  private reloadUs: RealtimeUs = 0;
  private readonly held: HeldStates;
  /** systemd before 254: see `mayPass`. */
  passingStates = true;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.filter = options.filter;
    this.sink = options.sink;
    this.held = new HeldStates(options.clock, options.sink);
  }

  find(bytes: Buffer, at: number, length: number): UnitRecord | undefined {
    return (
      this.table.find(bytes, at, length) ??
      (this.options.adopt ? this.adopt(bytes, at, length) : undefined)
    );
  }

  /** By its name: a path that is escaped otherwise than systemd does it finds the same unit. */
  private adopt(bytes: Buffer, at: number, length: number): UnitRecord | undefined {
    if (length > limits.unitNameBytes * escapedBytes) return undefined;
    const name = unitNameOfPath(unitPathOf(bytes.toString('latin1', at, at + length)));
    if (name === undefined || !this.filter.follows(name)) return undefined;
    return this.table.get(name) ?? (this.table.size < limits.units ? this.add(name) : undefined);
  }

  changed(unit: UnitRecord, next: UnitState): void {
    if (!unit.known) this.meet(unit, next);
    if (this.passingStates && this.held.keep(unit, next)) return;
    this.held.letGo(unit);
    this.take(unit, next);
  }

  /** Time has passed for states that were held back. */
  release(): void {
    for (const unit of this.held.release()) this.takeHeld(unit);
  }

  /** Takes the answer to `confirm`; an error means that the unit was unloaded in that state. */
  settle(unit: UnitRecord, reply: Reply): void {
    if (!this.held.has(unit)) return;
    if (this.readReply(unit, reply)) {
      this.held.letGo(unit);
      this.take(unit, this.scratch);
    } else {
      this.takeHeld(unit);
    }
  }

  private takeHeld(unit: UnitRecord): void {
    const state = this.held.letGo(unit);
    if (state) this.take(unit, state);
  }

  private take(unit: UnitRecord, next: UnitState): void {
    carry(unit.state, next);
    const context: Context = {
      unit: unit.name,
      nowUs: this.options.clock.realtimeUs(),
      resync: this.resync,
      lastEnding: unit.lastEnding,
      ownRestart: unit.ownRestart,
    };
    const happened = transition(unit.state, next, context);
    this.stops.changed(unit.name, unit.state, next);
    copyState(next, unit.state);
    unit.missing = false;
    for (const what of happened) this.tell(what, unit);
    this.sink.changed?.(unit);
  }

  unitNew(name: string): void {
    if (this.table.get(name) || !this.filter.follows(name)) return;
    if (this.table.size >= limits.units) return;
    // A unit that was just loaded has never run under this systemd: everything later is news. Not so in
    // a reload, which takes running units in again, nor before the first list: `meet` judges those.
    const isListed = this.listedUs > 0 || this.options.adopt === true;
    this.add(name).known = isListed && !this.reloadUnderWay;
    this.sink.lookUp(name);
  }

  /**
   * A reload takes all units out and puts them in again; what is really gone is seen in the list
   * that is read after it.
   */
  reloading(active: boolean): void {
    this.reloadUnderWay = active;
    if (active) this.reloadUs = this.options.clock.realtimeUs();
  }

  /** Between Reloading(true) and what ends it: removals and new units are none. */
  get isReloading(): boolean {
    return this.reloadUnderWay;
  }

  unitRemoved(name: string): void {
    const unit = this.table.get(name);
    if (unit === undefined || this.reloadUnderWay) return;
    this.endUnseen(unit, false);
    if (this.filter.wanted.has(name)) this.sink.lookUp(name);
    else this.drop(unit);
  }

  jobRemoved(jobId: number, unit: string, result: string): void {
    this.stops.jobRemoved(jobId, unit, result);
    this.jobs.removed(jobId, result);
  }

  /**
   * Takes the answer to a read of all properties. What it shows beyond what signals have shown is
   * told as found by a resync; for a unit that is met here for the first time, it is where we begin.
   */
  takeSnapshot(unit: UnitRecord, reply: Reply): void {
    if (!this.readReply(unit, reply)) return;
    if (unit.known) {
      // systemd's own answer shows no passing states: it is given between two of its steps.
      this.held.letGo(unit);
      this.resynced(() => this.take(unit, this.scratch));
    } else {
      copyState(this.scratch, unit.state);
      unit.known = true;
    }
  }

  /** Into `scratch`, and what else the answer tells; false where it tells nothing. */
  private readReply(unit: UnitRecord, reply: Reply): boolean {
    if (reply.kind !== 'properties' || this.table.get(unit.name) !== unit) return false;
    copyState(unit.state, this.scratch);
    this.facts.cgroup = '';
    this.facts.restartPolicy = '';
    if (!reply.readInto(this.scratch, this.facts)) return false;
    if (this.facts.cgroup) unit.cgroup = this.facts.cgroup;
    unit.restartPolicy = this.facts.restartPolicy;
    return true;
  }

  /** The unit is unloaded, or nobody follows it any more. */
  drop(unit: UnitRecord): void {
    // Nobody is told of it any more, whatever systemd answers about its end.
    this.held.letGo(unit);
    this.table.remove(unit);
    this.sink.gone(unit);
  }

  path(unit: UnitRecord): string {
    return unitPath(unit.name);
  }

  /** A list is about to be taken: what it shows is at least as new as `listedUs`. */
  beginAt(listedUs: RealtimeUs): void {
    this.listedUs = listedUs;
    // systemd answers no call during a reload, but this answer may be from before it.
    if (this.reloadUs < listedUs) this.reloadUnderWay = false;
  }

  add(name: string): UnitRecord {
    return this.table.add(name, this.options.clock.realtimeUs());
  }

  private resynced(work: () => void): void {
    this.resync = true;
    work();
    this.resync = false;
  }

  private meet(unit: UnitRecord, next: Readonly<UnitState>): void {
    beginWith(unit.state, next, this.listedUs);
    unit.known = true;
  }

  private tell(what: Transition, unit: UnitRecord): void {
    if (what.kind === 'restarting') unit.restarts.automatic += what.count;
    else if (what.kind === 'restarted' && what.cause && what.cause !== 'automatic')
      unit.restarts[what.cause] += what.count;
    else if (what.ending && what.kind !== 'restarted') unit.lastEnding = what.ending;
    if (unit.cgroup === '' && (what.kind === 'started' || what.kind === 'restarted'))
      this.sink.lookUp(unit.name);
    this.sink.transition(what, unit);
  }

  /** It is gone, and the last that was heard of it is that it ran. */
  endUnseen(unit: UnitRecord, resync: boolean): void {
    this.takeHeld(unit);
    const phase = phaseOf(unit.state);
    if (phase === 'down' || phase === 'failed' || !unit.known) return;
    const nowUs = this.options.clock.realtimeUs();
    const gone: Transition = {
      kind: 'stopped',
      unit: unit.name,
      timeUs: nowUs,
      count: 1,
      inferred: true,
      resync,
      invocation: invocationId(unit.state),
      pid: unit.state.mainPid,
      nRestarts: unit.state.nRestarts,
      ending: { reason: 'other', result: unit.state.result, coreDump: false },
    };
    copyState(newUnitState(), unit.state);
    this.tell(gone, unit);
  }
}

function unitPathOf(label: string): string {
  return `/org/freedesktop/systemd1/unit/${label}`;
}
