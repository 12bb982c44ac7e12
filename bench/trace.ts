import type { Pattern } from '../src/model/finding.ts';
import type { ResourceSample, TimerElapse } from '../src/model/resource.ts';
import type { Ending, EndReason, Transition, TransitionKind } from '../src/model/transition.ts';
import type { Random } from './random.ts';

export type Strength = 'weak' | 'medium' | 'strong';

export type TraceInput =
  | { readonly kind: 'transition'; readonly transition: Transition }
  | { readonly kind: 'sample'; readonly sample: ResourceSample }
  | { readonly kind: 'timer'; readonly elapse: TimerElapse };

/** What one service did, and what a detector ought to say about it. */
export interface Trace {
  readonly inputs: Iterable<TraceInput>;
  /** How long it goes on, without a word, after its last input. */
  readonly untilUs?: number;
  /** From when on it could be known: microseconds. A finding before that is a false one. */
  readonly crossingUs?: number;
  /** A finding after that comes too late to count. */
  readonly deadlineUs?: number;
}

/** A kind of trace. `expected` empty: healthy. `tolerated`: true as well, but not what is asked. */
export interface Shape {
  readonly name: string;
  readonly expected?: Pattern;
  readonly tolerated?: readonly Pattern[];
  /** Of an anomaly: the aspect that is unusual. */
  readonly aspect?: string;
  make(random: Random, strength: Strength): Trace;
}

export const second = 1e6;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;
/** Monday, 2 March 2026, 00:00 UTC; each trace begins within the week after. */
const mondayUs = Date.UTC(2026, 2, 2) * 1000;

/** A number for each strength. */
export function by<T>(strength: Strength, weak: T, medium: T, strong: T): T {
  return { weak, medium, strong }[strength];
}

/** Writes down what systemd would have reported about one service. */
export class Recorder {
  readonly inputs: TraceInput[] = [];
  readonly #random: Random;
  nowUs: number;
  #run = 0;
  #upUs = 0;
  #nRestarts = 0;

  constructor(random: Random, startUs = mondayUs + random.between(0, 7 * day)) {
    this.#random = random;
    this.nowUs = startUs;
  }

  wait(us: number): this {
    this.nowUs += us;
    return this;
  }

  /** To a moment that is not in the past. */
  until(us: number): this {
    this.nowUs = Math.max(this.nowUs + 1000, us);
    return this;
  }

  start(): this {
    this.#emit('started');
    return this.#up();
  }

  stop(): this {
    // A job that was never up has no time that it was.
    const uptime = this.#upUs > 0 ? { uptimeUs: this.nowUs - this.#upUs } : {};
    this.#emit('stopped', { ending: ending('clean'), ...uptime });
    this.#upUs = 0;
    return this;
  }

  /** `systemctl restart`: a stop and a start, of which a signal may show one only. */
  restartByHand(): this {
    this.#nRestarts = 0;
    if (this.#random.chance(0.8)) this.stop().wait(20_000);
    this.#emit('restarted', { cause: 'manual', ending: ending('clean'), downUs: 100_000 });
    return this.#up();
  }

  /** Dies, waits for RestartSec, is restarted by systemd. `count`: crashes that one signal hid. */
  crash(restartSecUs = 100_000, reason: EndReason = 'exit-code', count = 1): this {
    const end = ending(reason);
    this.#emit('exited', { ending: end, uptimeUs: this.nowUs - this.#upUs });
    this.nowUs += restartSecUs;
    this.#nRestarts += count;
    this.#emit('restarting', { cause: 'automatic', ending: end, count });
    this.nowUs += 2_000 + this.#random.between(0, 20_000);
    this.#emit('restarted', { cause: 'automatic', ending: end, downUs: restartSecUs });
    return this.#up();
  }

  fail(reason: EndReason = 'exit-code'): this {
    const uptimeUs = this.#upUs > 0 ? this.nowUs - this.#upUs : 0;
    this.#emit('failed', { ending: ending(reason), uptimeUs });
    this.#upUs = 0;
    return this;
  }

  timer(timer: string): this {
    const elapse = { timer, unit: timer.replace('.timer', '.service'), timeUs: this.nowUs };
    this.inputs.push({ kind: 'timer', elapse });
    return this;
  }

  /** What it uses now: memory that cannot be given back, CPU time since it started. */
  sample(anonBytes: number, cpuUs: number): this {
    const sample = {
      service: 'trace.service',
      invocation: this.#run.toString(16).padStart(32, '0'),
      timeUs: Math.round(this.nowUs),
      anonBytes: Math.round(anonBytes),
      cpuUs,
      source: 'cgroup' as const,
    };
    this.inputs.push({ kind: 'sample', sample });
    return this;
  }

  #up(): this {
    this.#upUs = this.nowUs;
    this.#run += 1;
    return this;
  }

  #emit(kind: TransitionKind, more: Partial<Transition> = {}): void {
    const transition: Transition = {
      kind,
      unit: 'trace.service',
      timeUs: Math.round(this.nowUs),
      count: 1,
      inferred: false,
      resync: false,
      invocation: this.#run.toString(16).padStart(32, '0'),
      pid: 1000 + this.#run,
      nRestarts: this.#nRestarts,
      ...more,
    };
    this.inputs.push({ kind: 'transition', transition });
  }
}

function ending(reason: EndReason): Ending {
  const result = reason === 'clean' ? 'success' : reason;
  return { reason, result, coreDump: reason === 'core-dump', exitCode: reason === 'clean' ? 0 : 1 };
}

/** Time of the n-th input of a kind, for the moment that a threshold is crossed. */
export function timeOf(inputs: readonly TraceInput[], kind: TransitionKind, n: number): number {
  let seen = 0;
  for (const input of inputs) {
    if (input.kind !== 'transition' || input.transition.kind !== kind) continue;
    seen += input.transition.count;
    if (seen >= n) return input.transition.timeUs;
  }
  return Number.NaN;
}
