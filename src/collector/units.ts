import { limits } from '../model/limits.ts';
import type { RealtimeUs } from '../model/time.ts';
import type { Ending } from '../model/transition.ts';
import { newUnitState, type RestartCause, type UnitState, type UnitView } from '../model/unit.ts';
import { unitLabel, unitType } from '../model/unit-name.ts';
import { asciiBytes, equalBytes, hashBytes } from './bytes.ts';
import { isContainerUnit } from './containers.ts';
import type { Followed } from './decode.ts';
import { forgetOldest } from './jobs.ts';

/** One followed unit. Kept small: a host may have tens of thousands. */
export interface UnitRecord extends Followed, UnitView {
  readonly state: UnitState;
  /** When it was added to the table. */
  readonly addedUs: RealtimeUs;
  loadState: string;
  cgroup: string;
  missing: boolean;
  readonly restarts: Record<RestartCause, number>;
  lastEnding: Ending | undefined;
  /** Restart= of a service; empty while it is not known. */
  restartPolicy: string;
  /** A restart that unitwatch asked for is under way. */
  ownRestart: boolean;
  /** `state` holds what systemd said, not only the two words of a list. */
  known: boolean;
  /** The escaped name, as the last part of the object path has it. */
  readonly label: Uint8Array;
  readonly hash: number;
  nextSameHash: UnitRecord | undefined;
}

/** Followed units by object path and by name. */
export class UnitTable {
  private readonly byHash: Map<number, UnitRecord> = new Map();
  private readonly byName: Map<string, UnitRecord> = new Map();
  /** Counts of units that were unloaded; they go on when the unit comes back. */
  private readonly unloaded: Map<string, Record<RestartCause, number>> = new Map();

  get size(): number {
    return this.byName.size;
  }

  /** By the escaped name inside a message: no string is made. */
  find(bytes: Buffer, at: number, length: number): UnitRecord | undefined {
    let record = this.byHash.get(hashBytes(bytes, at, length));
    while (record !== undefined && !equalBytes(bytes, at, length, record.label))
      record = record.nextSameHash;
    return record;
  }

  get(name: string): UnitRecord | undefined {
    return this.byName.get(name);
  }

  all(): IterableIterator<UnitRecord> {
    return this.byName.values();
  }

  add(name: string, addedUs: RealtimeUs): UnitRecord {
    const restarts = this.unloaded.get(name) ?? { automatic: 0, manual: 0, unitwatch: 0 };
    this.unloaded.delete(name);
    const label = asciiBytes(unitLabel(name));
    const hash = hashBytes(label, 0, label.length);
    const record: UnitRecord = {
      name,
      addedUs,
      type: unitType(name),
      state: newUnitState(),
      loadState: 'loaded',
      cgroup: '',
      missing: false,
      container: isContainerUnit(name),
      restarts,
      lastEnding: undefined,
      restartPolicy: '',
      ownRestart: false,
      known: false,
      label,
      hash,
      nextSameHash: this.byHash.get(hash),
    };
    this.byHash.set(hash, record);
    this.byName.set(name, record);
    return record;
  }

  remove(record: UnitRecord): void {
    this.byName.delete(record.name);
    this.unlink(record);
    const { automatic, manual, unitwatch } = record.restarts;
    if (automatic + manual + unitwatch === 0) return;
    this.unloaded.set(record.name, record.restarts);
    if (this.unloaded.size > limits.unloadedCounts) forgetOldest(this.unloaded);
  }

  private unlink(record: UnitRecord): void {
    const first = this.byHash.get(record.hash);
    if (first === record) {
      if (record.nextSameHash) this.byHash.set(record.hash, record.nextSameHash);
      else this.byHash.delete(record.hash);
      return;
    }
    let at = first;
    while (at && at.nextSameHash !== record) at = at.nextSameHash;
    if (at) at.nextSameHash = record.nextSameHash;
  }
}
