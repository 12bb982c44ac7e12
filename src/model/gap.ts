import type { Event } from './event.ts';
import { type RealtimeUs, rfc3339 } from './time.ts';

/**
 * Why an event did not reach a reader: it read too slowly, the rate limit, or it is gone.
 */
const dropReasons = ['buffer_full', 'rate_limit', 'closed'] as const;
export type DropReason = (typeof dropReasons)[number];

/** A run of events in a row that a reader did not get. */
export interface Gap {
  readonly dropped: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly sinceUs: RealtimeUs;
  readonly untilUs: RealtimeUs;
  /** Why the run began. */
  readonly reason: DropReason;
}

interface OpenGap {
  dropped: number;
  firstSeq: number;
  lastSeq: number;
  sinceUs: RealtimeUs;
  untilUs: RealtimeUs;
  reason: DropReason;
  /** How many kept events had been queued before its last event: two gaps with one mark touch. */
  mark: number;
}

/**
 * The gaps that wait to be told, in order of seq. There is at most one between two kept events, so
 * they are bounded by what the channel holds.
 *
 *     waiting:  gap{1..4}  kept 5  gap{6..9}  kept 10  state 11
 *     mark:        0               1
 */
export class Gaps {
  /** Told ones stay until half of the list is told: no O(n) shift for each. */
  #list: OpenGap[] = [];
  #told = 0;

  get length(): number {
    return this.#list.length - this.#told;
  }
  /** Last seq of the first gap; Infinity when there is none. */
  get lastSeq(): number {
    return this.#list[this.#told]?.lastSeq ?? Number.POSITIVE_INFINITY;
  }

  /** The first gap, which is then forgotten here. */
  shift(): Gap | undefined {
    const gap = this.#list[this.#told];
    if (gap === undefined) return undefined;
    this.#told++;
    if (this.#told * 2 > this.#list.length) {
      this.#list.splice(0, this.#told);
      this.#told = 0;
    }
    return gap;
  }

  /** A state event is lost: they go in order of seq, so it is in or after the last gap. */
  addLast(seq: number, timeUs: RealtimeUs, mark: number, reason: DropReason): void {
    const last = this.length === 0 ? undefined : this.#list[this.#list.length - 1];
    if (last === undefined || last.mark !== mark) {
      this.#list.push(newGap(seq, timeUs, mark, reason));
      return;
    }
    last.dropped++;
    last.lastSeq = seq;
    last.untilUs = timeUs;
  }

  /** The oldest kept event is lost: it joins the gap before it, the one after it, or both. */
  addFirst(seq: number, timeUs: RealtimeUs, mark: number, reason: DropReason): void {
    const gap = newGap(seq, timeUs, mark + 1, reason);
    const before = this.#list[this.#told];
    if (before?.mark === mark) {
      join(gap, before);
      this.#told++;
    }
    const after = this.#list[this.#told];
    if (after?.mark === mark + 1) {
      join(gap, after);
      this.#told++;
    }
    if (this.#told > 0) {
      this.#told--;
      this.#list[this.#told] = gap;
    } else {
      this.#list.unshift(gap);
    }
  }
}

function newGap(seq: number, timeUs: RealtimeUs, mark: number, reason: DropReason): OpenGap {
  return {
    dropped: 1,
    firstSeq: seq,
    lastSeq: seq,
    sinceUs: timeUs,
    untilUs: timeUs,
    reason,
    mark,
  };
}

function join(gap: OpenGap, other: OpenGap): void {
  gap.dropped += other.dropped;
  if (other.firstSeq < gap.firstSeq) {
    gap.firstSeq = other.firstSeq;
    gap.sinceUs = other.sinceUs;
    gap.reason = other.reason;
  }
  if (other.lastSeq > gap.lastSeq) {
    gap.lastSeq = other.lastSeq;
    gap.untilUs = other.untilUs;
  }
}

/** The event that tells a gap. It has the seq of the last event lost: no seq is used twice. */
export function gapEvent(gap: Gap, host: string, bootId?: string): Event {
  const events = gap.dropped === 1 ? '1 event was' : `${gap.dropped} events were`;
  return {
    seq: gap.lastSeq,
    time: rfc3339(gap.untilUs),
    host,
    event_type: 'agent',
    service: 'unitwatch',
    severity: 'warning',
    ...(bootId === undefined ? {} : { boot_id: bootId }),
    message: `${events} not delivered: ${explanations[gap.reason]}`,
    data: {
      phase: 'gap',
      reason: gap.reason,
      dropped: gap.dropped,
      first_seq: gap.firstSeq,
      last_seq: gap.lastSeq,
      since: rfc3339(gap.sinceUs),
      until: rfc3339(gap.untilUs),
    },
  };
}

const explanations: Readonly<Record<DropReason, string>> = {
  buffer_full: 'the reader was too slow (event_buffer_size)',
  rate_limit: 'more than max_events_per_second',
  closed: 'the output was closed',
};
