import type { ResourceSample } from '../model/resource.ts';
import type { Clock } from '../model/time.ts';
import { invocationId, phaseOf } from '../model/unit.ts';
import { ResourceReader, type ResourceRoots } from './resources.ts';
import type { UnitRecord, UnitTable } from './units.ts';

export interface SamplerOptions {
  /** Asked at each round: the table grows and shrinks. */
  readonly table: UnitTable;
  readonly roots: ResourceRoots;
  /** From one round to the next. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly onSample: (sample: ResourceSample) => void;
}

/** Units read in one turn of the event loop: about a millisecond's work, so that signals pass. */
const readAtOnce = 50;

/** Reads what every running unit uses, every so often, a few at a time. */
export class Sampler {
  private readonly options: SamplerOptions;
  private readonly reader: ResourceReader;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private everyMs: number;

  constructor(options: SamplerOptions) {
    this.options = options;
    this.reader = new ResourceReader(options.roots);
    this.everyMs = options.everyMs;
  }

  /** Another pace, from the next wait on. */
  pace(everyMs: number): void {
    this.everyMs = everyMs;
  }

  start(): void {
    this.timer = setTimeout(() => this.round(), this.everyMs);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private round(): void {
    this.readSome([...this.options.table.all()].filter(isRunning), 0);
  }

  private readSome(units: readonly UnitRecord[], from: number): void {
    if (this.stopped) return;
    for (const unit of units.slice(from, from + readAtOnce)) this.read(unit);
    const next = from + readAtOnce;
    if (next < units.length) setImmediate(() => this.readSome(units, next));
    else this.start();
  }

  private read(unit: UnitRecord): void {
    const reading = this.reader.read({ cgroup: unit.cgroup, pid: unit.state.mainPid });
    if (reading === undefined) return;
    this.options.onSample({
      service: unit.name,
      invocation: invocationId(unit.state),
      timeUs: this.options.clock.realtimeUs(),
      ...reading,
    });
  }
}

function isRunning(unit: UnitRecord): boolean {
  return phaseOf(unit.state) === 'up' && (unit.cgroup !== '' || unit.state.mainPid > 0);
}
