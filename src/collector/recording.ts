import type { Draft, Event } from '../model/event.ts';
import { limits } from '../model/limits.ts';
import { Stamp } from '../model/stamp.ts';
import type { Clock, RealtimeUs } from '../model/time.ts';
import type { UnitState } from '../model/unit.ts';
import { Decoder, type DecoderCounters } from './decode.ts';
import { describe } from './describe.ts';
import type { Filter } from './filter.ts';
import { Follower } from './follower.ts';
import { fixedHeaderBytes, messageLength, messageType } from './header.ts';
import type { UnitRecord, UnitTable } from './units.ts';

export interface RecordingOptions {
  /** Name of the host that it was recorded on: a recording does not say. */
  readonly host: string;
  readonly filter: Filter;
  /** Called for each event, in order. */
  readonly event: (event: Event) => void;
}

/**
 * Runs recorded bus messages through what a live bus goes through, and answers with the events.
 * The recording's own timestamps are its clock, so the same bytes give the same events each time.
 *
 * A recording begins without a list of units: the first that is heard of a unit is where it begins,
 * and no event. It is believed whoever sent it: unique names mean nothing after the fact.
 */
export class Recording {
  private readonly options: RecordingOptions;
  private readonly stamp: Stamp;
  private readonly follower: Follower;
  private readonly decoder: Decoder<UnitRecord>;
  /** Bytes of a message whose end has not come yet, and how many it takes to go on. */
  private parts: Buffer[] = [];
  private waiting = 0;
  private needed = fixedHeaderBytes;
  private nowUs: RealtimeUs = 0;

  constructor(options: RecordingOptions) {
    this.options = options;
    this.stamp = new Stamp(options.host, '');
    const clock: Clock = { realtimeUs: () => this.nowUs, monotonicUs: () => this.nowUs };
    const tell = (draft: Draft): void => this.options.event(this.stamp.event(draft));
    this.follower = new Follower({
      filter: options.filter,
      clock,
      adopt: true,
      sink: {
        transition: (what, unit) => tell(describe(what, unit)),
        // All three come from lists and unit files, which a recording does not hold.
        missing: () => {},
        loadFailed: () => {},
        lookUp: () => {},
        gone: () => {},
        // The recording's own time releases it.
        hold: () => {},
      },
    });
    const { follower } = this;
    this.decoder = new Decoder<UnitRecord>({
      find: (bytes, at, length) => follower.find(bytes, at, length),
      changed: (unit, next) => this.changed(unit, next),
      unitNew: (name) => follower.unitNew(name),
      unitRemoved: (name) => follower.unitRemoved(name),
      jobRemoved: (id, unit, result) => follower.jobRemoved(id, unit, result),
      reloading: (active) => follower.reloading(active),
      ownerChanged: () => {},
      reply: () => {},
    });
    this.decoder.trust(undefined);
  }

  get counters(): Readonly<DecoderCounters> {
    return this.decoder.counters;
  }

  get table(): UnitTable {
    return this.follower.table;
  }

  /** Bytes at the end that are no complete message. */
  get incompleteBytes(): number {
    return this.waiting;
  }

  /**
   * Takes the next bytes, cut anywhere. False where they are no D-Bus: nothing after that can be
   * understood. Keeps at most one message (`limits.messageBytes`) and one chunk.
   */
  push(chunk: Buffer): boolean {
    this.parts.push(chunk);
    this.waiting += chunk.length;
    // A long message is put together once, not once a chunk.
    if (this.waiting < this.needed) return true;
    const bytes = this.parts.length === 1 ? chunk : Buffer.concat(this.parts, this.waiting);
    const at = this.decoder.take(bytes, 0, bytes.length);
    if (Number.isNaN(at)) return false;
    const rest = bytes.subarray(at);
    this.parts = rest.length > 0 ? [rest] : [];
    this.waiting = rest.length;
    this.needed = rest.length >= fixedHeaderBytes ? messageLength(rest, 0) : fixedHeaderBytes;
    return true;
  }

  /** Nothing more will come: what was held back is final. Half of a change is none. */
  end(): void {
    this.nowUs += limits.restartExpectedMs * 1_000;
    this.follower.release();
  }

  private changed(unit: UnitRecord, next: UnitState): void {
    this.nowUs = Math.max(this.nowUs, latestOf(next));
    this.follower.changed(unit, next);
    this.follower.release();
  }
}

/** Whether a file that begins like this can be a recording of bus messages. */
export function looksLikeDbus(start: Buffer): boolean {
  return (
    start.length >= fixedHeaderBytes &&
    (start[1] as number) <= messageType.signal &&
    !Number.isNaN(messageLength(start, 0))
  );
}

/** The latest of a state's timestamps: about when it was sent. */
function latestOf(state: Readonly<UnitState>): RealtimeUs {
  return Math.max(
    state.stateChangeUs,
    state.inactiveExitUs,
    state.activeEnterUs,
    state.activeExitUs,
    state.inactiveEnterUs,
    state.execMainStartUs,
    state.execMainExitUs,
  );
}
