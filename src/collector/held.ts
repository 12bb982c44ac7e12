import { limits } from '../model/limits.ts';
import type { Clock, DurationUs } from '../model/time.ts';
import { newUnitState, type UnitState } from '../model/unit.ts';
import { mayPass } from './carry.ts';
import { isRestarted } from './ending.ts';
import { copyState } from './properties.ts';
import type { UnitRecord } from './units.ts';

/** Who can say whether a state is final. */
export interface HoldSink {
  /** Something is held back: call `release` when so many milliseconds have passed. */
  hold(ms: number): void;
  /**
   * Is a state that was held back final? systemd is to be asked for all of the unit's properties.
   * Not there in a recording, where nobody can be asked, and only time tells.
   */
  confirm?(unit: UnitRecord): void;
}

interface Held {
  readonly state: UnitState;
  /** When it has waited long enough, monotonic; 0 while systemd is asked. */
  dueUs: DurationUs;
}

/**
 * Ends that may be no ends: before systemd 254, a unit that is going to be restarted is `failed` or
 * `inactive` for a moment, and signals may show just that. Such a state waits for its successor; when
 * none comes, systemd is asked, since in a storm it holds signals back for seconds.
 */
export class HeldStates {
  private readonly held: Map<UnitRecord, Held> = new Map();
  /** `hold` was called, and `release` has not been since. */
  private waiting = false;
  private readonly clock: Clock;
  private readonly sink: HoldSink;

  constructor(clock: Clock, sink: HoldSink) {
    this.clock = clock;
    this.sink = sink;
  }

  has(unit: UnitRecord): boolean {
    return this.held.has(unit);
  }

  /** Holds the state back if it may be a passing one; false where it is to be taken now. */
  keep(unit: UnitRecord, next: Readonly<UnitState>): boolean {
    const expected = isRestarted(unit.restartPolicy, next.result);
    if (expected === false || !mayPass(unit.state, next)) return false;
    const known = this.held.get(unit);
    if (known) {
      copyState(next, known.state);
      return true;
    }
    const ms = this.sink.confirm ? limits.passingMs : withoutAsking(expected);
    const state = newUnitState();
    copyState(next, state);
    this.held.set(unit, { state, dueUs: this.clock.monotonicUs() + ms * 1_000 });
    this.wait(ms);
    return true;
  }

  /** What was held back for the unit, which is then nobody's any more. */
  letGo(unit: UnitRecord): UnitState | undefined {
    const state = this.held.get(unit)?.state;
    this.held.delete(unit);
    return state;
  }

  /** Those that waited long enough: asked for, or answered as final. */
  release(): readonly UnitRecord[] {
    this.waiting = false;
    const nowUs = this.clock.monotonicUs();
    const final: UnitRecord[] = [];
    let nextUs = Number.POSITIVE_INFINITY;
    for (const [unit, held] of this.held) {
      if (held.dueUs === 0) continue;
      if (held.dueUs > nowUs) {
        nextUs = Math.min(nextUs, held.dueUs);
      } else if (this.sink.confirm) {
        held.dueUs = 0;
        this.sink.confirm(unit);
      } else {
        final.push(unit);
      }
    }
    if (nextUs !== Number.POSITIVE_INFINITY) this.wait(Math.ceil((nextUs - nowUs) / 1_000));
    return final;
  }

  private wait(ms: number): void {
    if (this.waiting) return;
    this.waiting = true;
    this.sink.hold(ms);
  }
}

function withoutAsking(expected: boolean | undefined): number {
  return expected ? limits.restartExpectedMs : limits.restartPossibleMs;
}
