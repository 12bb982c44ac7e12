import { assert } from './assert.ts';
import { type DropReason, type Gap, Gaps } from './gap.ts';
import { Lane } from './lane.ts';
import { RateLimit } from './rate-limit.ts';
import type { DurationUs, RealtimeUs } from './time.ts';

/** What an entry costs beside its own bytes: four numbers, a pointer, a string's header, rounded. */
const entryBytes = 64;

export interface ChannelOptions<T> {
  /** `event_buffer_size`: entries that may wait. Kept ones may exceed it. */
  readonly maxEvents: number;
  /**
   * Bytes that may wait (`limits.outputBytes`), 64 for each entry included. This limit is for all:
   * when a stalled reader has been sent nothing but kept events for so long that they alone fill
   * it, the oldest of them go, and the gap tells it. The newest say how things stand.
   */
  readonly maxBytes: number;
  /** `max_events_per_second`; 0 for no limit. */
  readonly maxPerSecond: number;
  /** Makes what the reader gets for a run of lost events. */
  readonly tellGap: (gap: Gap) => T;
}

/**
 * The bounded queue between the agent and one reader. State events may be dropped, the oldest
 * first; findings, agent events and steps of a repair are kept. They wait in a lane each and are
 * read in the order of `seq`. A run of dropped events is one gap, read in their place.
 *
 * At any time: events pushed = taken + waiting + dropped, and once it has been read empty, what
 * was taken and the gaps cover every seq exactly once.
 *
 * The rate limit is on what leaves: a state event that is read when its second is used up is
 * dropped, not delayed, since an old state is worth less than a new one and a finding behind a
 * thousand of them must not wait. Kept events always pass and use the second up; gaps are free.
 *
 * It knows no clock and no timer: `nowUs` comes from the caller, who asks `readyAt` when to come
 * back.
 */
export class Channel<T> {
  /** Events dropped so far. Read it, do not write it. */
  readonly dropped: Record<DropReason, number> = { buffer_full: 0, rate_limit: 0, closed: 0 };
  /** Events that were taken so far, gaps not counted. */
  taken = 0;
  /** Bytes that wait now, with what the entries themselves cost. */
  bytes = 0;

  readonly #options: ChannelOptions<T>;
  readonly #states = new Lane<T>();
  readonly #kept = new Lane<T>();
  readonly #gaps = new Gaps();
  #limit: RateLimit;
  /** Kept events pushed so far: the mark that tells whether two dropped events are neighbours. */
  #keptPushed = 0;
  #lastSeq = 0;
  #mode: 'open' | 'ended' | 'closed' = 'open';

  constructor(options: ChannelOptions<T>) {
    this.#options = options;
    this.#limit = new RateLimit(options.maxPerSecond);
  }

  /** Another rate from now on. @param perSecond 0 for no limit */
  limitTo(perSecond: number): void {
    this.#limit = new RateLimit(perSecond);
  }

  /** Events that wait, gaps not counted. */
  get length(): number {
    return this.#states.length + this.#kept.length;
  }

  /** Gaps that wait to be read. */
  get gaps(): number {
    return this.#gaps.length;
  }

  get closed(): boolean {
    return this.#mode === 'closed';
  }

  /**
   * @param seq of the event, higher than any before
   * @param timeUs of the event, for the gap if it is dropped
   * @param mayDrop it is a state event (`mayDrop()` of event.ts)
   * @param bytes that the item holds
   */
  push(item: T, seq: number, timeUs: RealtimeUs, mayDrop: boolean, bytes: number): void {
    assert(seq > this.#lastSeq, `seq ${seq} came after ${this.#lastSeq}`);
    this.#lastSeq = seq;
    if (this.#mode !== 'open') {
      this.dropped.closed++;
      return;
    }
    (mayDrop ? this.#states : this.#kept).push(item, seq, timeUs, bytes, this.#keptPushed);
    if (!mayDrop) this.#keptPushed++;
    this.bytes += bytes + entryBytes;
    while (this.length > this.#options.maxEvents && this.#states.length > 0) {
      this.#dropState('buffer_full');
    }
    while (this.bytes > this.#options.maxBytes) {
      if (this.#states.length > 0) this.#dropState('buffer_full');
      else this.#dropKept();
    }
  }

  /** The next event or gap in the order of seq; undefined when there is nothing to read now. */
  take(nowUs: DurationUs): T | undefined {
    while (this.#states.seq < this.#kept.seq && !this.#limit.isOpen(nowUs)) {
      this.#dropState('rate_limit');
    }
    if (this.#gaps.lastSeq < Math.min(this.#states.seq, this.#kept.seq)) {
      return this.#takeGap(nowUs);
    }
    const lane = this.#states.seq < this.#kept.seq ? this.#states : this.#kept;
    if (lane.length === 0) return undefined;
    this.#limit.spend();
    this.taken++;
    return this.#remove(lane);
  }

  /**
   * When a gap at the end of the queue can be told: its run may grow until the rate limit opens.
   * Undefined when nothing waits for time to pass.
   */
  readyAt(): DurationUs | undefined {
    return this.length === 0 && this.#gaps.length > 0 ? this.#limit.opensAt() : undefined;
  }

  /** No more will come: what waits can be taken, the last gap at once; a push counts as dropped. */
  end(): void {
    if (this.#mode === 'open') this.#mode = 'ended';
  }

  /**
   * The reader is gone: what waits and what still comes counts as dropped, `closed`.
   * @param unread of the events taken last, how many did not reach it
   */
  close(unread = 0): void {
    if (this.#mode === 'closed') return;
    this.#mode = 'closed';
    this.taken -= unread;
    this.dropped.closed += unread + this.length;
    while (this.#states.length > 0) this.#remove(this.#states);
    while (this.#kept.length > 0) this.#remove(this.#kept);
    while (this.#gaps.length > 0) this.#gaps.shift();
  }

  #takeGap(nowUs: DurationUs): T | undefined {
    const mayGrow = this.length === 0 && this.#mode === 'open';
    if (mayGrow && !this.#limit.isOpen(nowUs)) return undefined;
    const gap = this.#gaps.shift();
    return gap === undefined ? undefined : this.#options.tellGap(gap);
  }

  #dropState(reason: DropReason): void {
    const { seq, timeUs, mark } = this.#states;
    this.#gaps.addLast(seq, timeUs, mark, reason);
    this.#remove(this.#states);
    this.dropped[reason]++;
  }

  #dropKept(): void {
    const { seq, timeUs, mark } = this.#kept;
    this.#gaps.addFirst(seq, timeUs, mark, 'buffer_full');
    this.#remove(this.#kept);
    this.dropped.buffer_full++;
  }

  #remove(lane: Lane<T>): T | undefined {
    this.bytes -= lane.bytes + entryBytes;
    return lane.shift();
  }
}
