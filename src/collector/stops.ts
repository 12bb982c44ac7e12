import { limits } from '../model/limits.ts';
import type { RealtimeUs } from '../model/time.ts';
import { phaseOf, type UnitState } from '../model/unit.ts';
import { forgetOldest } from './jobs.ts';

/** A run that ended under a job of systemd, and has not been followed by another. */
export interface Stop {
  readonly jobId: number;
  readonly timeUs: RealtimeUs;
}

/**
 * Who stopped a unit. `hand`: a person or a script, by a stop of this unit, of one that it goes down
 * with (`of`), by a unit that conflicts with it, or by isolating a target; on the page, too.
 * `unitwatch`: a restart of ours. `systemd`: a unit that it is bound to (`of`) ended by itself, and took it along.
 */
export interface StopCause {
  readonly by: 'hand' | 'unitwatch' | 'systemd';
  readonly of?: string;
}

/** What is known of other units, for telling whose stop it was. */
export interface StopWorld {
  /** Units whose stop stops this one: its Requires, Requisite, BindsTo, PartOf, StopPropagatedFrom. */
  stopsWith(unit: string): Iterable<string>;
  /** Units whose end stops this one, however they end: its BindsTo. */
  boundTo(unit: string): Iterable<string>;
  state(unit: string): Readonly<UnitState> | undefined;
}

/** A chain of units that stop one another; longer ones are circles. */
const chainMax = 16;

/**
 * Units that are down because a job stopped them, by name: it outlives their unloading. Only what
 * is seen is known: a stop from before the agent began, or while the bus was lost, is not.
 */
export class Stops {
  private readonly stops: Map<string, Stop> = new Map();
  private readonly own: Map<number, true> = new Map();

  /** This job is a restart that we asked for. */
  ours(jobId: number): void {
    this.own.set(jobId, true);
    if (this.own.size > limits.finishedJobs) forgetOldest(this.own);
  }

  /** A unit went from one state to the next, completed by `carry`. */
  changed(unit: string, before: Readonly<UnitState>, after: Readonly<UnitState>): void {
    const phase = phaseOf(after);
    if (phase === 'up' || phase === 'starting' || phase === 'waiting') {
      if (this.stops.size > 0) this.stops.delete(unit);
      return;
    }
    if (phase === 'stopping' || after.endJobId === 0) return;
    const was = phaseOf(before);
    if (was === 'down' || was === 'failed') return;
    // A oneshot that ends, or a restart whose start fails, does so under the job that started it.
    if (was === 'starting' && before.jobId === after.endJobId) return;
    this.stops.delete(unit);
    this.stops.set(unit, { jobId: after.endJobId, timeUs: after.inactiveEnterUs });
    if (this.stops.size > limits.rememberedStops) forgetOldest(this.stops);
  }

  /** A job has ended; one that was not done was no stop: a restart whose start failed. */
  jobRemoved(jobId: number, unit: string, result: string): void {
    if (result !== 'done' && this.stops.get(unit)?.jobId === jobId) this.stops.delete(unit);
  }

  get(unit: string): Stop | undefined {
    return this.stops.get(unit);
  }

  /**
   * Who stopped a unit that is down; undefined where no job did: it ended by itself, or runs. Also
   * while that job is still there, since it may be a restart.
   */
  cause(unit: string, world: StopWorld): StopCause | undefined {
    if (world.state(unit)?.jobId === this.stops.get(unit)?.jobId) return undefined;
    let at = unit;
    for (let length = 0; length < chainMax; length++) {
      const stop = this.stops.get(at);
      if (stop === undefined) return undefined;
      if (this.own.has(stop.jobId)) return causeOf('unitwatch', unit, at);
      const ended = this.endedByItself(at, stop, world);
      if (ended !== undefined) return { by: 'systemd', of: ended };
      const above = this.stoppedBefore(at, stop, world);
      if (above === undefined) return causeOf('hand', unit, at);
      at = above;
    }
    return causeOf('hand', unit, at);
  }

  /** A unit that this one is bound to, which ended under no job while this one ran. */
  private endedByItself(unit: string, stop: Stop, world: StopWorld): string | undefined {
    const beganUs = world.state(unit)?.activeEnterUs ?? 0;
    for (const other of world.boundTo(unit)) {
      const endedUs = world.state(other)?.activeExitUs ?? 0;
      if (endedUs > beganUs && endedUs <= stop.timeUs && !this.stops.has(other)) return other;
    }
    return undefined;
  }

  /** In one transaction the unit that was named has the job with the lowest ID. */
  private stoppedBefore(unit: string, stop: Stop, world: StopWorld): string | undefined {
    for (const other of world.stopsWith(unit)) {
      const above = this.stops.get(other);
      if (above !== undefined && above.jobId < stop.jobId) return other;
    }
    return undefined;
  }
}

function causeOf(by: 'hand' | 'unitwatch', unit: string, root: string): StopCause {
  return root === unit ? { by } : { by, of: root };
}
