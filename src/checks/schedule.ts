import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, DurationUs } from '../model/time.ts';

export interface ScheduleOptions {
  readonly intervalMs: number;
  /** One run. A rejection is a fault of unitwatch's own and ends the process. */
  run(): Promise<void>;
  readonly clock: Pick<Clock, 'monotonicUs'>;
}

/** setTimeout counts in 32 bits; a longer wait would fire at once. */
const waitMaxMs = 2 ** 31 - 1;

/**
 * Runs something every interval, and at once when asked; never twice at a time. Runs are due at whole
 * multiples of the interval after the start, so that their own length makes no drift; what was
 * missed is left out.
 */
export class Schedule {
  readonly #options: ScheduleOptions;
  #intervalMs: number;
  #startUs: number | undefined;
  /** Which multiple of the interval comes next. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The run that is under way, or the last one. */
  #running: Promise<void> = Promise.resolve();
  /** The run that has not begun yet: all who ask now share it. */
  #next: Promise<void> | undefined;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs;
  }

  /** The first run begins at once. */
  start(): void {
    if (this.#startUs !== undefined) return;
    this.#startUs = this.#options.clock.monotonicUs();
    this.#due = 0;
    this.#tick();
  }

  /** Another interval, which begins now. */
  changeInterval(intervalMs: number): void {
    if (intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    if (this.#startUs === undefined) return;
    this.#startUs = this.#options.clock.monotonicUs();
    this.#due = 0;
    clearTimeout(this.#timer);
    this.#arm(this.#startUs);
  }

  /** Resolves when the run that is under way has ended; no other one begins by itself. */
  async stop(): Promise<void> {
    this.#startUs = undefined;
    clearTimeout(this.#timer);
    await this.#next;
    await this.#running;
  }

  /**
   * Resolves at the end of a run that began after this call: one that is under way may already have
   * passed what the caller wants to know. However many ask meanwhile, it is one run.
   */
  runNow(): Promise<void> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  /** A run of its own between two of the schedule, where that is at work. */
  soon(): void {
    if (this.#startUs !== undefined) void this.runNow();
  }

  async #begin(): Promise<void> {
    await this.#running;
    await turn();
    this.#next = undefined;
    this.#running = this.#options.run();
    await this.#running;
  }

  #tick(): void {
    if (this.#startUs === undefined) return;
    void this.runNow();
    this.#arm(this.#startUs);
  }

  #arm(startUs: DurationUs): void {
    const passedMs = (this.#options.clock.monotonicUs() - startUs) / 1e3;
    // Timers fire up to a millisecond early: what has just come is not due once more.
    this.#due = Math.max(this.#due, Math.floor(passedMs / this.#intervalMs)) + 1;
    const waitMs = this.#due * this.#intervalMs - passedMs;
    this.#timer = setTimeout(() => this.#tick(), Math.min(waitMs, waitMaxMs));
  }
}
