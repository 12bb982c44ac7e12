import type { UnitDependencies } from '../model/dependencies.ts';
import { limits } from '../model/limits.ts';
import type { Clock } from '../model/time.ts';
import type { UnitState } from '../model/unit.ts';
import { BusError } from './bus.ts';
import type { DecoderSink } from './decode.ts';
import { type Properties, readEach } from './dependencies.ts';
import type { Follower } from './follower.ts';
import { type UnitRecord, UnitTable } from './units.ts';
import type { ResyncReason } from './wanted.ts';

/** Who hears of all units of a systemd, also of those that are not followed. */
export interface UnitsSink {
  /** While it is false nothing is read and nothing told. */
  readonly enabled: boolean;
  /** A reading of all units begins; until it ends, what was known before stays known. */
  begin(version: string): void;
  /** One of them, or, between two such readings, a new one or one that may have changed. */
  unit(unit: UnitDependencies): void;
  end(): void;
  removed(name: string): void;
  /** Writes the unit's two state words into `state`; false for a unit that is not known. */
  lookUp(name: string, state: UnitState): boolean;
  /** A unit that is not followed has changed. */
  changed(name: string, state: Readonly<UnitState>): void;
  /** A job ended; `result` as in org.freedesktop.systemd1(5): `done`, `dependency`, `failed`, ... */
  jobRemoved(unit: string, result: string): void;
  /** Units could not be read; what was known before stays. */
  unread(reason: string): void;
}

/** The connections of a session, as far as reading needs them. */
export interface UnitsSource {
  /** Units that are followed. */
  followed(): Iterable<{ readonly name: string }>;
  readonly signals: Properties;
  readonly systemdVersion: string;
}

/**
 * Calls under way for this, which nobody waits for: a signal never waits for more answers than that,
 * and systemd serves others in between.
 */
const inFlight = 4;
/** After all was read, it rests for so many times as long as that took: a host may reload often. */
const restFactor = 5;
/** How long names of new units are gathered. One that is gone by then is not asked for. */
const gatherMs = 250;
/** Bytes of an escaped name: `_2e` for each byte at the most. */
const labelBytes = limits.unitNameBytes * 3;

/**
 * Keeps somebody told about all units and their dependencies, in the background, over the signal
 * connection: an answer there stands in one order with the signals, so that what is read is never
 * newer or older than what was told before it.
 */
export class AllUnits {
  /** Stands for whichever unit that is not followed the decoder is at: one record for all of them. */
  readonly record: UnitRecord = new UnitTable().add('', 0);
  private readonly sink: UnitsSink;
  private readonly clock: Clock;
  private name = '';
  private source: UnitsSource | undefined;
  private hasRead = false;
  private reading = false;
  /** All units are to be read when the reading under way has ended. */
  private again = false;
  private restUntilUs = 0;
  private readonly gathered: Set<string> = new Set();
  private timer: NodeJS.Timeout | undefined;

  constructor(sink: UnitsSink, clock: Clock) {
    this.sink = sink;
    this.clock = clock;
  }

  find(bytes: Buffer, at: number, length: number): UnitRecord | undefined {
    if (!this.sink.enabled || length > labelBytes) return undefined;
    const name = nameOf(bytes.toString('latin1', at, at + length));
    const { state } = this.record;
    if (!this.sink.lookUp(name, state)) return undefined;
    state.stateChangeUs = state.nRestarts = 0;
    this.name = name;
    return this.record;
  }

  /** The first of the two signals of a change says nothing of the state; only Unit's has a time. */
  changed(next: Readonly<UnitState>): void {
    if (next.stateChangeUs > 0) this.sink.changed(this.name, next);
  }

  unitNew(name: string): void {
    if (!this.sink.enabled) return;
    this.gathered.add(name);
    if (this.gathered.size > limits.gatheredNames) this.again = true;
    this.wakeIn(gatherMs);
  }

  unitRemoved(name: string): void {
    this.gathered.delete(name);
    this.sink.removed(name);
  }

  jobRemoved(unit: string, result: string): void {
    if (this.sink.enabled) this.sink.jobRemoved(unit, result);
  }

  /** The table of followed units has been read: from then on `source` can be asked. */
  resynced(reason: ResyncReason, source: UnitsSource): void {
    this.source = source;
    if (!this.sink.enabled) {
      this.hasRead = false;
      return;
    }
    // A reconciliation compares what is followed; whoever changed is told as ever.
    if (reason === 'reconciliation' || (reason === 'configuration' && this.hasRead)) return;
    this.again = true;
    this.wakeIn(0);
  }

  /** The connection has ended, or is not wanted any more. */
  stop(): void {
    this.source = undefined;
    this.gathered.clear();
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private wakeIn(ms: number): void {
    if (this.reading) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const { source } = this;
      if (source) this.guard(source, this.read(source));
    }, ms);
  }

  private async read(source: UnitsSource): Promise<void> {
    this.reading = true;
    try {
      if (this.again && this.restMs() <= 0) await this.readAll(source);
      else await this.readGathered(source);
    } finally {
      this.reading = false;
      if (this.gathered.size > 0) this.wakeIn(gatherMs);
      else if (this.again) this.wakeIn(this.restMs());
    }
  }

  private restMs(): number {
    return Math.max(0, (this.restUntilUs - this.clock.monotonicUs()) / 1e3);
  }

  private async readAll(source: UnitsSource): Promise<void> {
    const { sink, clock } = this;
    const begunUs = clock.monotonicUs();
    this.again = false;
    this.gathered.clear();
    sink.begin(source.systemdVersion);
    const names = new Set<string>(beginnings);
    for (const { name } of source.followed()) names.add(name);
    const list = [...names];
    await readEach(source.signals, list, inFlight, (unit) => {
      sink.unit(unit);
      for (const name of namedBy(unit)) {
        if (names.has(name) || names.size >= limits.units) continue;
        names.add(name);
        list.push(name);
      }
    });
    sink.end();
    // Where it was switched off meanwhile, what was read is forgotten already.
    this.hasRead = sink.enabled;
    const nowUs = clock.monotonicUs();
    this.restUntilUs = nowUs + restFactor * (nowUs - begunUs);
  }

  private async readGathered(source: UnitsSource): Promise<void> {
    const names = [...this.gathered];
    this.gathered.clear();
    await readEach(source.signals, names, inFlight, (unit) => this.sink.unit(unit));
  }

  /** A connection that ends is made anew by others, and all is read then. */
  private guard(source: UnitsSource, work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof BusError)) throw error;
      if (this.source === source) this.sink.unread(error.message);
    });
  }
}

/**
 * The part of a decoder's sink that is about units: the follower hears of what it follows, `others`,
 * where there is somebody, of all.
 */
export function unitSink(
  follower: Follower,
  others: AllUnits | undefined,
): Pick<
  DecoderSink<UnitRecord>,
  'find' | 'changed' | 'unitNew' | 'unitRemoved' | 'jobRemoved' | 'reloading'
> {
  return {
    find: (bytes, at, length) =>
      follower.find(bytes, at, length) ?? others?.find(bytes, at, length),
    changed: (unit, next) =>
      unit === others?.record ? others.changed(next) : follower.changed(unit, next),
    unitNew: (name) => {
      follower.unitNew(name);
      // A reload takes all units out and puts them in again: then all are read anew.
      if (!follower.isReloading) others?.unitNew(name);
    },
    unitRemoved: (name) => {
      follower.unitRemoved(name);
      if (!follower.isReloading) others?.unitRemoved(name);
    },
    jobRemoved: (id, unit, result) => {
      follower.jobRemoved(id, unit, result);
      others?.jobRemoved(unit, result);
    },
    reloading: (active) => follower.reloading(active),
  };
}

/**
 * Where the reading of all begins. Each names others: what has a control group is ordered after its
 * slice, and what has DefaultDependencies= before shutdown.target. So all are found but those that
 * have nothing to do with any other; a list of them all, with its descriptions, would take megabytes.
 */
const beginnings = ['-.slice', 'system.slice', 'shutdown.target', 'sysinit.target'] as const;

/** Who is named is loaded: asking for it changes nothing. */
function* namedBy(unit: UnitDependencies): Generator<string> {
  for (const names of Object.values(unit.lists)) yield* names;
  for (const names of Object.values(unit.reverse ?? {})) yield* names;
}

/** bus_label_unescape(), src/basic/bus-label.c; made for being called for each signal. */
function nameOf(label: string): string {
  const [first = '', ...parts] = label.split('_');
  let name = first;
  let isAscii = true;
  for (const part of parts) {
    const code = Number.parseInt(part.slice(0, 2), 16);
    isAscii &&= code < 128;
    name += String.fromCharCode(code) + part.slice(2);
  }
  return isAscii ? name : Buffer.from(name, 'latin1').toString('utf8');
}
