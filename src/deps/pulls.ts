import { none, restart, start, stop, tryRestart, verify } from './jobs.ts';
import { atoms, kindNumber } from './kinds.ts';
import type { World } from './world.ts';

/** How a job was pulled in: TRANSACTION_MATTERS and the others of src/core/transaction.h. */
export interface Pull {
  readonly matters: boolean;
  /** By Conflicts=. */
  readonly conflicts?: boolean;
  /** A start that restarts the dependants. */
  readonly startIsRestart?: boolean;
  /** Follows PropagatesStopTo= although it is not the anchor. */
  readonly graceful?: boolean;
}

const wanted: Pull = { matters: false };
const needed: Pull = { matters: true };
const conflicting: Pull = { matters: true, conflicts: true };
const gracefully: Pull = { matters: true, graceful: true };

/** The last kind along which jobs pull in others; see the order in kinds.ts. */
const lastPulling = kindNumber.PropagatesStopTo;
/** From this kind on, a stop goes along them as well. */
export const firstPropagating = kindNumber.RequiredBy;

/** A stop or, where the same transaction starts the unit, a restart: only the transaction knows. */
export const gentle = -1;

/** A job whose dependencies are being gone through. */
export class Frame {
  readonly job: number;
  readonly unit: number;
  at: number;
  /** No edge of a later kind pulls in anything for this job. */
  readonly lastKind: number;
  childMatters = false;
  childPulled = false;
  private readonly starts: boolean;
  private readonly propagates: boolean;
  private readonly propagated: number;
  private readonly stopTo: 'plain' | 'graceful' | 'no';

  constructor(
    job: number,
    unit: number,
    type: number,
    isAnchor: boolean,
    pull: Pull,
    { graph, rules }: World,
  ) {
    this.job = job;
    this.unit = unit;
    this.starts = type === start || type === restart;
    this.propagates =
      type === stop || type === restart || (type === start && pull.startIsRestart === true);
    this.propagated = type === stop ? stop : restart;
    if (rules.gracefulPropagation)
      this.stopTo = isAnchor || pull.graceful === true ? 'graceful' : 'no';
    else this.stopTo = type === stop || rules.restartStopsPropagated ? 'plain' : 'no';
    this.lastKind = this.propagates ? lastPulling : firstPropagating - 1;
    this.at = this.starts ? 0 : graph.firstEdge(unit, firstPropagating);
  }

  /** What an edge of this kind pulls in, by the state of the unit at its other end. */
  pulls(kind: number, state: number): Pulled | undefined {
    const bit = 1 << kind;
    const pulled = this.starts ? pulledByStart(bit) : undefined;
    if (pulled !== undefined || !this.propagates) return pulled;
    if (bit & atoms.propagateStop)
      return of(this.propagated === stop ? stop : tryRestart(state), needed);
    if (!(bit & atoms.stopTo) || this.stopTo === 'no') return undefined;
    return this.stopTo === 'plain' ? of(stop, needed) : { type: gentle, pull: gracefully };
  }
}

interface Pulled {
  readonly type: number;
  readonly pull: Pull;
}

function of(type: number, pull: Pull): Pulled | undefined {
  return type === none ? undefined : { type, pull };
}

function pulledByStart(bit: number): Pulled | undefined {
  if (bit & atoms.pullInStart) return { type: start, pull: needed };
  if (bit & atoms.pullInWanted) return { type: start, pull: wanted };
  if (bit & atoms.pullInVerify) return { type: verify, pull: needed };
  if (bit & atoms.pullInStop) return { type: stop, pull: conflicting };
  return bit & atoms.pullInStopIgnored ? { type: stop, pull: wanted } : undefined;
}
