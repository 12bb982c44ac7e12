import { limits } from '../model/limits.ts';
import type { RealtimeUs } from '../model/time.ts';
import { isActiveState, phaseOf } from '../model/unit.ts';
import type { Follower } from './follower.ts';
import type { UnitRow } from './systemd.ts';
import type { UnitRecord } from './units.ts';

/** What has to be asked after a list was taken, and who stood in it. */
export interface ListOutcome {
  readonly listed: ReadonlySet<string>;
  readonly toRead: readonly UnitRecord[];
  /** Names that the user wants and systemd has not loaded. */
  readonly unlisted: readonly string[];
}

/**
 * What lists of systemd's units say, brought into the unit table: who is there, who is gone, who
 * is wanted and missing, and whose properties have to be read.
 */
export class Lists {
  private readonly follower: Follower;

  constructor(follower: Follower) {
    this.follower = follower;
  }

  /**
   * Takes a list of all loaded units that can be followed. Units whose state is not known, or not
   * what the list says, have to be read; with `readAll`, all of them.
   */
  takeList(rows: readonly UnitRow[], listedUs: RealtimeUs, readAll: boolean): ListOutcome {
    const { filter, table } = this.follower;
    this.follower.beginAt(listedUs);
    const listed = new Set<string>();
    const toRead: UnitRecord[] = [];
    for (const row of rows) {
      if (!filter.follows(row.name) || (row.loadState === 'not-found' && !isRunning(row))) continue;
      listed.add(row.name);
      const unit = table.get(row.name) ?? this.addListed(row);
      if (unit && (this.takeRow(unit, row) || readAll)) toRead.push(unit);
    }
    return { listed, toRead, unlisted: [...filter.wanted].filter((name) => !listed.has(name)) };
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
      const unit = this.follower.table.get(name);
      if (row && (row.loadState !== 'not-found' || isRunning(row))) {
        if (unit) this.takeRow(unit, row);
      } else if (this.follower.filter.wanted.has(name)) {
        unlisted.push(name);
      } else if (row && unit) {
        this.follower.drop(unit);
      }
    }
    return unlisted;
  }

  /** Of these, the units that run in a control group whose path is not known yet. */
  withoutCgroup(names: readonly string[]): UnitRecord[] {
    const units = names.map((name) => this.follower.table.get(name));
    return units.filter(
      (unit) => unit !== undefined && unit.cgroup === '' && phaseOf(unit.state) !== 'down',
    ) as UnitRecord[];
  }

  /** Of the unlisted names, those that have a unit file are there, only unloaded. */
  takeMissing(names: readonly string[], withFiles: ReadonlySet<string>): void {
    for (const name of names) {
      const unit = this.follower.table.get(name) ?? this.follower.add(name);
      const missing = !withFiles.has(name) && phaseOf(unit.state) === 'down';
      const news = missing && !unit.missing;
      unit.missing = missing;
      if (missing) unit.loadState = 'not-found';
      else if (unit.loadState === 'not-found') unit.loadState = 'loaded';
      unit.known = true;
      if (news) this.follower.sink.missing(unit);
    }
  }

  /**
   * What was known before the list was asked for, and does not stand in it, is gone. To be called when
   * all signals that were sent before the list have been taken: they tell better how it went.
   */
  dropUnlisted(listed: ReadonlySet<string>, listedUs: RealtimeUs): void {
    const { filter, table } = this.follower;
    for (const unit of [...table.all()]) {
      if (!filter.follows(unit.name)) {
        this.follower.drop(unit);
        continue;
      }
      if (listed.has(unit.name) || isNewer(unit, listedUs)) continue;
      this.follower.endUnseen(unit, true);
      if (!filter.wanted.has(unit.name)) this.follower.drop(unit);
    }
  }

  /** True where the unit's properties have to be read. */
  private takeRow(unit: UnitRecord, row: UnitRow): boolean {
    const failed = row.loadState === 'bad-setting' || row.loadState === 'error';
    const news = failed && unit.loadState !== row.loadState;
    unit.loadState = row.loadState;
    unit.missing = false;
    if (news) this.follower.sink.loadFailed(unit);
    const { state } = unit;
    const differs = row.activeState !== state.activeState || row.subState !== state.subState;
    return differs || (!unit.known && isRunning(row));
  }

  private addListed(row: UnitRow): UnitRecord | undefined {
    if (this.follower.table.size >= limits.units) return undefined;
    const unit = this.follower.add(row.name);
    if (isActiveState(row.activeState)) unit.state.activeState = row.activeState;
    unit.state.subState = row.subState;
    return unit;
  }
}

/** What came, or was started, after the list was asked for need not stand in it. */
function isNewer({ addedUs, state }: UnitRecord, listedUs: RealtimeUs): boolean {
  return addedUs >= listedUs || (phaseOf(state) !== 'down' && state.stateChangeUs >= listedUs);
}

function isRunning(row: UnitRow): boolean {
  return row.activeState !== 'inactive';
}
