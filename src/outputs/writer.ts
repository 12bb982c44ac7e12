import { assert } from '../model/assert.ts';
import type { Channel } from '../model/channel.ts';
import { limits } from '../model/limits.ts';
import type { DurationUs } from '../model/time.ts';
import type { Sink } from './sink.ts';

/** One write(2): twice a Linux pipe's buffer, so that a fast reader never waits for us. */
const batchBytes = 131_072;
/** Wait between two tries to write to a full disk: doubles from the first to the last. */
const retryFirstMs = 100;
const retryLastMs = 5_000;
/** Tries in a row, about an hour; then the output is closed like one whose reader is gone. */
const retries = 720;
/** What may pass by itself; any other error means that nobody reads any more. */
const passing: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EAGAIN', 'EINTR', 'ENOBUFS']);

export interface WriterOptions {
  readonly channel: Channel<string>;
  readonly sink: Sink;
  readonly monotonicUs: () => DurationUs;
  /** Told once: EPIPE when the reader is gone. What comes later counts as dropped, `closed`. */
  readonly onClosed: (error: NodeJS.ErrnoException) => void;
  /** The disk is full: told at the first failure of a row. The events wait meanwhile. */
  readonly onRetrying?: (error: NodeJS.ErrnoException) => void;
  /** It went on after that. */
  readonly onResumed?: () => void;
}

/**
 * Moves lines from a channel to a sink, one write at a time: what comes during a write leaves with
 * the next one. A line that comes alone is written at once.
 */
export class Writer {
  /** Failed tries to write, for the metrics. */
  retried = 0;
  readonly #options: WriterOptions;
  #batch: Buffer | undefined;
  /** A write or a retry is under way. */
  #busy = false;
  /** A write will begin when the present work ends. */
  #woken = false;
  /** Events in the batch that is under way. */
  #underWay = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #done = false;
  #closing: Promise<void> | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Something was pushed. It is written when the work that brought it ends: one write for all. */
  wake(): void {
    if (this.#busy || this.#done || this.#woken) return;
    this.#woken = true;
    queueMicrotask(() => this.#writeWoken());
  }

  #writeWoken(): void {
    this.#woken = false;
    if (!this.#busy && !this.#done) this.#writeNext();
  }

  /**
   * Resolves when all that was pushed is written, or nobody reads it, or the time is over.
   * True if it is written.
   */
  async flush(deadlineMs: number): Promise<boolean> {
    this.#writeWoken();
    if (this.#busy && !this.#done) await this.#idleOrLate(deadlineMs);
    return !this.#busy && !this.#done;
  }

  /**
   * No more will come. Writes what waits, for at most `deadlineMs`, and lets go of the sink
   * whatever the far side does; what was not written counts as dropped, `closed`. Calling it again
   * is harmless and waits for the same.
   */
  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#options.channel.end();
    await this.flush(deadlineMs);
    this.#finish();
  }

  #idleOrLate(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        resolve();
      };
      const timer = setTimeout(settle, deadlineMs);
      this.#waiting.add(settle);
    });
  }

  #writeNext(): void {
    clearTimeout(this.#timer);
    const { channel, monotonicUs } = this.#options;
    const before = channel.taken;
    this.#batch ??= Buffer.allocUnsafeSlow(batchBytes);
    let used = 0;
    while (batchBytes - used >= limits.eventBytes) {
      const line = channel.take(monotonicUs());
      if (line === undefined) break;
      used += this.#batch.write(line, used, 'utf8');
    }
    this.#underWay = channel.taken - before;
    this.#busy = used > 0;
    if (used > 0) this.#write(this.#batch.subarray(0, used));
    else this.#rest();
  }

  /** Nothing to write now; perhaps a gap is to be told when the rate limit opens. */
  #rest(): void {
    const readyAt = this.#options.channel.readyAt();
    if (readyAt !== undefined) {
      const waitMs = Math.ceil((readyAt - this.#options.monotonicUs()) / 1000);
      this.#timer = setTimeout(() => this.wake(), Math.max(1, waitMs));
      this.#timer.unref();
    }
    for (const settle of this.#waiting) settle();
  }

  #write(bytes: Uint8Array): void {
    this.#options.sink.write(bytes, (error, written) => {
      if (this.#done) return;
      if (error) this.#failed(error, bytes.subarray(written));
      else this.#succeeded(bytes.length);
    });
  }

  #succeeded(bytes: number): void {
    if (this.#failures > 0) this.#options.onResumed?.();
    this.#failures = 0;
    this.#underWay = 0;
    // A fast reader of a long queue must not keep the event loop from reading signals.
    if (bytes < batchBytes - limits.eventBytes) this.#writeNext();
    else setImmediate(() => this.#done || this.#writeNext());
  }

  #failed(error: NodeJS.ErrnoException, rest: Uint8Array): void {
    this.retried++;
    this.#failures++;
    if (!passing.has(error.code ?? '') || this.#failures > retries) {
      this.#finish();
      this.#options.onClosed(error);
      return;
    }
    if (this.#failures === 1) this.#options.onRetrying?.(error);
    const waitMs = Math.min(retryLastMs, retryFirstMs * 2 ** Math.min(this.#failures - 1, 16));
    this.#timer = setTimeout(() => this.#write(rest), waitMs);
    this.#timer.unref();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.#options.channel.close(this.#underWay);
    assert(this.#options.channel.length === 0, 'a closed channel holds events');
    this.#batch = undefined;
    this.#options.sink.destroy();
    for (const settle of this.#waiting) settle();
  }
}
