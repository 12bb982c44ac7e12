import { limits } from '../model/limits.ts';
import type { Clock, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import {
  invocationId,
  isActiveState,
  newUnitState,
  phaseOf,
  type UnitState,
} from '../model/unit.ts';
import { unitNameOfPath, unitPath } from '../model/unit-name.ts';
import type { DecoderSink, Reply } from './decode.ts';
import type { Filter } from './filter.ts';
import { Jobs } from './jobs.ts';
import { copyState, type UnitFacts } from './properties.ts';
import type { UnitRow } from './systemd.ts';
import { type Context, carry, transition } from './transition.ts';
import { type UnitRecord, UnitTable } from './units.ts';

/** What a follower tells. */
export interface FollowerSink {
  transition(what: Transition, unit: UnitRecord): void;
  /** A unit that the user named is not known to systemd; told once until it appears. */
  missing(unit: UnitRecord): void;
  /** A unit's file cannot be used (`bad-setting`, `error`); told once until that changes. */
  loadFailed(unit: UnitRecord): void;
  /** Signals leave out something about this unit (load state, control group): ask some time. */
  lookUp(name: string): void;
}

export interface FollowerOptions {
  readonly filter: Filter;
  readonly clock: Clock;
  readonly sink: FollowerSink;
  /** Follow units when they are first heard of, as in a recording, which begins without a list. */
  readonly adopt?: boolean;
}

/** What has to be asked after a list was taken. */
export interface ListOutcome {
  readonly toRead: readonly UnitRecord[];
  /** Names that the user wants and systemd has not loaded. */
  readonly unlisted: readonly string[];
}

/**
 * The unit table kept current: takes what the decoder and the lists say, compares, tells what
 * happened. It does no I/O, so a recording runs through it as a live bus does.
 */
export class Follower
  implements Omit<DecoderSink<UnitRecord>, 'reply' | 'ownerChanged' | 'reloading'>
{
  readonly table: UnitTable = new UnitTable();
  readonly filter: Filter;
  private readonly options: FollowerOptions;
  readonly jobs: Jobs = new Jobs();
  private readonly scratch: UnitState = newUnitState();
  private readonly facts: UnitFacts = { loadState: '', cgroup: '' };
  /** When the last list was asked for: states in it are at least as new. */
  private listedUs: RealtimeUs = 0;
  private resync = false;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.filter = options.filter;
  }

  find(bytes: Buffer, at: number, length: number): UnitRecord | undefined {
    const known = this.table.find(bytes, at, length);
    if (known || !this.options.adopt) return known;
    const name = unitNameOfPath(unitPathOf(bytes.toString('latin1', at, at + length)));
    return name !== undefined && this.filter.follows(name) ? this.table.add(name) : undefined;
  }

  changed(unit: UnitRecord, next: UnitState): void {
    if (!unit.known) this.meet(unit, next);
    carry(unit.state, next);
    const context: Context = {
      unit: unit.name,
      nowUs: this.options.clock.realtimeUs(),
      resync: this.resync,
      lastEnding: unit.lastEnding,
      ownRestart: unit.ownRestart,
    };
    const happened = transition(unit.state, next, context);
    copyState(next, unit.state);
    unit.missing = false;
    for (const what of happened) this.tell(what, unit);
  }

  unitNew(name: string): void {
    if (this.table.get(name) || !this.filter.follows(name)) return;
    if (this.table.size >= limits.units) return;
    // A unit that was just loaded has never run under this systemd: everything later is news.
    this.table.add(name).known = true;
    this.options.sink.lookUp(name);
  }

  unitRemoved(name: string): void {
    const unit = this.table.get(name);
    if (unit === undefined) return;
    this.endUnseen(unit);
    if (this.filter.wanted.has(name)) this.options.sink.lookUp(name);
    else this.table.remove(unit);
  }

  jobRemoved(jobId: number, _unit: string, result: string): void {
    this.jobs.removed(jobId, result);
  }

  /**
   * Follows a restart that unitwatch itself asks for: from before `ask`, which answers with the job's
   * ID, so that nothing it causes is taken for somebody else's. Resolves with systemd's job result.
   */
  async ownRestart(name: string, ask: () => Promise<number>): Promise<string> {
    const unit = this.table.get(name);
    if (unit) unit.ownRestart = true;
    try {
      return await this.jobs.result(await ask());
    } finally {
      if (unit) unit.ownRestart = false;
    }
  }

  /**
   * Takes a list of all loaded units that can be followed. Units whose state is not known, or not
   * what the list says, have to be read; with `readAll`, all of them.
   */
  takeList(rows: readonly UnitRow[], listedUs: RealtimeUs, readAll: boolean): ListOutcome {
    this.listedUs = listedUs;
    const { filter } = this;
    const listed = new Set<string>();
    const toRead: UnitRecord[] = [];
    for (const row of rows) {
      if (!filter.follows(row.name) || (row.loadState === 'not-found' && !isRunning(row))) continue;
      listed.add(row.name);
      const unit = this.table.get(row.name) ?? this.addListed(row);
      if (unit && (this.takeRow(unit, row) || readAll)) toRead.push(unit);
    }
    for (const unit of [...this.table.all()]) {
      if (listed.has(unit.name)) continue;
      this.resynced(() => this.endUnseen(unit));
      if (!filter.wanted.has(unit.name)) this.table.remove(unit);
    }
    return { toRead, unlisted: [...filter.wanted].filter((name) => !listed.has(name)) };
  }

  /**
   * Takes the list of units that were looked up. One that systemd only heard the name of is let go;
   * returns the names that the user wants all the same.
   */
  takeAppeared(names: readonly string[], rows: readonly UnitRow[]): string[] {
    const listed = new Map(rows.map((row) => [row.name, row]));
    const unlisted: string[] = [];
    for (const name of names) {
      const row = listed.get(name);
      const unit = this.table.get(name);
      if (row && (row.loadState !== 'not-found' || isRunning(row))) {
        if (unit) this.takeRow(unit, row);
      } else if (this.filter.wanted.has(name)) {
        unlisted.push(name);
      } else if (row && unit) {
        this.table.remove(unit);
      }
    }
    return unlisted;
  }

  /** Of these, the units that run in a control group whose path is not known yet. */
  withoutCgroup(names: readonly string[]): UnitRecord[] {
    const units = names.map((name) => this.table.get(name));
    return units.filter(
      (unit) => unit !== undefined && unit.cgroup === '' && phaseOf(unit.state) !== 'down',
    ) as UnitRecord[];
  }

  /** Of the unlisted names, those that have a unit file are there, only unloaded. */
  takeMissing(names: readonly string[], withFiles: ReadonlySet<string>): void {
    for (const name of names) {
      const unit = this.table.get(name) ?? this.table.add(name);
      const missing = !withFiles.has(name) && phaseOf(unit.state) === 'down';
      const news = missing && !unit.missing;
      unit.missing = missing;
      if (missing) unit.loadState = 'not-found';
      else if (unit.loadState === 'not-found') unit.loadState = 'loaded';
      unit.known = true;
      if (news) this.options.sink.missing(unit);
    }
  }

  /**
   * Takes the answer to a read of all properties. What it shows beyond what signals have shown is
   * told as found by a resync; for a unit that is met here for the first time, it is where we begin.
   */
  takeSnapshot(unit: UnitRecord, reply: Reply): void {
    if (reply.kind !== 'properties' || this.table.get(unit.name) !== unit) return;
    copyState(unit.state, this.scratch);
    this.facts.cgroup = '';
    if (!reply.readInto(this.scratch, this.facts)) return;
    if (this.facts.cgroup) unit.cgroup = this.facts.cgroup;
    if (unit.known) {
      this.resynced(() => this.changed(unit, this.scratch));
    } else {
      copyState(this.scratch, unit.state);
      unit.known = true;
    }
  }

  path(unit: UnitRecord): string {
    return unitPath(unit.name);
  }

  private resynced(work: () => void): void {
    this.resync = true;
    work();
    this.resync = false;
  }

  /**
   * The first full view of a unit comes as a signal, before its properties were read. All that is
   * older than the list is where we begin; what began after it has just happened.
   */
  private meet(unit: UnitRecord, next: Readonly<UnitState>): void {
    const { activeState, subState } = unit.state;
    const state = unit.state;
    copyState(next, state);
    unit.known = true;
    if (this.listedUs === 0) return;
    state.activeState = activeState;
    state.subState = subState;
    if (next.activeEnterUs > this.listedUs) state.activeEnterUs = 0;
    if (next.inactiveEnterUs > this.listedUs) state.inactiveEnterUs = 0;
    if (next.inactiveExitUs > this.listedUs) {
      state.nRestarts = 0;
      state.invocation0 = 0;
      state.invocation1 = 0;
      state.invocation2 = 0;
      state.invocation3 = 0;
    }
  }

  private tell(what: Transition, unit: UnitRecord): void {
    if (what.kind === 'restarting') unit.restarts.automatic += what.count;
    else if (what.kind === 'restarted' && what.cause && what.cause !== 'automatic')
      unit.restarts[what.cause] += what.count;
    else if (what.ending && what.kind !== 'restarted') unit.lastEnding = what.ending;
    if (unit.cgroup === '' && (what.kind === 'started' || what.kind === 'restarted'))
      this.options.sink.lookUp(unit.name);
    this.options.sink.transition(what, unit);
  }

  /** It is gone, and the last that was heard of it is that it ran. */
  private endUnseen(unit: UnitRecord): void {
    const phase = phaseOf(unit.state);
    if (phase === 'down' || phase === 'failed' || !unit.known) return;
    const nowUs = this.options.clock.realtimeUs();
    const gone: Transition = {
      kind: 'stopped',
      unit: unit.name,
      timeUs: nowUs,
      count: 1,
      inferred: true,
      resync: this.resync,
      invocation: invocationId(unit.state),
      pid: unit.state.mainPid,
      nRestarts: unit.state.nRestarts,
      ending: { reason: 'other', result: unit.state.result, coreDump: false },
    };
    copyState(newUnitState(), unit.state);
    this.tell(gone, unit);
  }

  /** True where the unit's properties have to be read. */
  private takeRow(unit: UnitRecord, row: UnitRow): boolean {
    const failed = row.loadState === 'bad-setting' || row.loadState === 'error';
    const news = failed && unit.loadState !== row.loadState;
    unit.loadState = row.loadState;
    unit.missing = false;
    if (news) this.options.sink.loadFailed(unit);
    const { state } = unit;
    const differs = row.activeState !== state.activeState || row.subState !== state.subState;
    return differs || (!unit.known && isRunning(row));
  }

  private addListed(row: UnitRow): UnitRecord | undefined {
    if (this.table.size >= limits.units) return undefined;
    const unit = this.table.add(row.name);
    if (isActiveState(row.activeState)) unit.state.activeState = row.activeState;
    unit.state.subState = row.subState;
    return unit;
  }
}

function isRunning(row: UnitRow): boolean {
  return row.activeState !== 'inactive';
}

function unitPathOf(label: string): string {
  return `/org/freedesktop/systemd1/unit/${label}`;
}
