import { Channel } from '../model/channel.ts';
import { type Event, mayDrop } from '../model/event.ts';
import { type DropReason, gapEvent } from '../model/gap.ts';
import { limits } from '../model/limits.ts';
import { type DurationUs, realtimeUs } from '../model/time.ts';
import { openSink } from './sink.ts';
import { Writer } from './writer.ts';

/** Where events go. The agent pushes; nothing that happens at the far side comes back to it. */
export interface Output {
  /** Never waits and never throws for what the far side does. */
  push(event: Event): void;
  /**
   * Writes what waits, for at most `deadlineMs`, then lets go. Resolves in any case, the process
   * can end at once after it, and calling it again is harmless.
   */
  close(deadlineMs: number): Promise<void>;
  /** True when everything pushed so far is written, false when it is not within the time. */
  flush(deadlineMs: number): Promise<boolean>;
  /** `max_events_per_second` from now on; 0 for no limit. */
  limitTo(perSecond: number): void;
  /** Events it could not deliver, so far, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Events and bytes that wait for the reader now. */
  readonly waiting: { readonly events: number; readonly bytes: number };
  /** Failed tries to write. */
  readonly retried: number;
}

export interface OutputOptions {
  /** For the events that the output makes itself: gaps. */
  readonly host: string;
  readonly bootId?: string;
  /** `event_buffer_size`. */
  readonly maxEvents: number;
  /** `max_events_per_second`; 0 for no limit. */
  readonly maxPerSecond: number;
  readonly monotonicUs: () => DurationUs;
  /** Told once, when nobody reads any more (EPIPE). The agent goes on without this output. */
  readonly onClosed: (error: NodeJS.ErrnoException) => void;
  /** The disk is full: the events wait in memory meanwhile. */
  readonly onRetrying?: (error: NodeJS.ErrnoException) => void;
  readonly onResumed?: () => void;
  /** NO_COLOR, `--color`: for outputs that know colour. */
  readonly colour?: boolean;
}

/** One event as it is written, `\n` included, at most `limits.eventBytes` long. */
export type LineMaker = (event: Event) => string;
/** What an output's lines look like, given what they are written to (columns of a terminal). */
export type Format = (options: OutputOptions, columns: (() => number) | undefined) => LineMaker;

/**
 * An output that writes lines to an open descriptor: the channel, the writer and the sink behind it.
 * @throws where `fd` is not open
 */
export function openOutput(fd: number, format: Format, options: OutputOptions): Output {
  const sink = openSink(fd);
  const lineOf = format(options, sink.columns);
  const channel = new Channel<string>({
    maxEvents: options.maxEvents,
    maxBytes: limits.outputBytes,
    maxPerSecond: options.maxPerSecond,
    tellGap: (gap) => lineOf(gapEvent(gap, options.host, options.bootId)),
  });
  const writer = new Writer({ ...options, channel, sink });
  return {
    push(event) {
      const line = channel.closed ? '' : lineOf(event);
      const bytes = Buffer.byteLength(line);
      channel.push(line, event.seq, realtimeUs(event.time), mayDrop(event), bytes);
      writer.wake();
    },
    close: (deadlineMs) => writer.close(deadlineMs),
    flush: (deadlineMs) => writer.flush(deadlineMs),
    limitTo(perSecond) {
      channel.limitTo(perSecond);
      writer.wake();
    },
    dropped: channel.dropped,
    get waiting() {
      return { events: channel.length, bytes: channel.bytes };
    },
    get retried() {
      return writer.retried;
    },
  };
}
