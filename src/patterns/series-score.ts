import { Averages } from './series/average.ts';
import { ContextMemory } from './series/context-memory.ts';
import { DayMemory } from './series/day-memory.ts';
import { type SeriesOptions, seriesDefaults, seriesThreshold } from './series/options.ts';
import { LocalRecord } from './series/record.ts';
import { RunMemory } from './series/run-memory.ts';
import { SortedMemory } from './series/sorted-memory.ts';
import { Tail } from './series/tail.ts';

/** The views that are added up: each knows little, what several call news is news. */
const views = { value: 0, step: 1, shortRun: 2, longRun: 3, context: 4 } as const;
/** The views that count alone when they are extreme: what they see, the others do not. */
const lone = { day: 5, quiet: 6 } as const;
/** The averages, by place; those before them are the scales of the views. */
const averages = { level: 7, spread: 8, dayResidual: 9, briefChange: 10, change: 11 } as const;

/** Decimal digits of improbability that the five views must have together, by weight, for 0.5. */
const digitsTogether = 7;
/** Digits that one lone view must have for 0.5. */
const digitsAlone = 6;
/** Values that a lone view averages over: the residual of the day, and the size of changes. */
const briefSpan = 24;
/** One value widens what is usual by no more than so many times the usual, once that is settled. */
const outlier = 50;
const settledAfter = 30;
/** A series that varies by less than this share of its level is taken for constant. */
const constantShare = 1e-4;

/**
 * Scores the values of one numeric series as they come: one pass, no look-ahead, memory fixed at
 * construction. Five views ask how new something is (the value, the step, a short and a long run of
 * values, the value's class in its context); each answer becomes a probability by the tail of its
 * own history, and the digits of the probabilities are added up.
 */
export class SeriesScorer {
  readonly options: SeriesOptions;
  readonly #values: SortedMemory;
  readonly #steps: SortedMemory;
  readonly #runs: RunMemory;
  readonly #context: ContextMemory;
  readonly #day: DayMemory | undefined;
  readonly #together: LocalRecord;
  readonly #alone: LocalRecord;
  readonly #tails: readonly Tail[];
  readonly #averages = new Averages(12);
  /** 0: values taken in. */
  readonly #counters = new Float64Array(1);
  /** All of the state, as bytes. */
  readonly #bytes: readonly Uint8Array[];
  /** Digits of each view for the value scored last. */
  readonly digits = new Float64Array(7);

  constructor(options: Partial<SeriesOptions> = {}) {
    this.options = { ...seriesDefaults, ...options };
    const { memory, runs, symbols, order, recordSpan } = this.options;
    this.#values = new SortedMemory(memory);
    this.#steps = new SortedMemory(memory);
    this.#runs = new RunMemory(memory, runs);
    this.#context = new ContextMemory(symbols, order);
    this.#day = this.options.timeOfDay ? new DayMemory() : undefined;
    this.#together = new LocalRecord(recordSpan, false);
    this.#alone = new LocalRecord(recordSpan, true);
    this.#tails = Array.from({ length: 7 }, (_, view) => {
      return new Tail(memory * 4, view < lone.day ? 0 : 2 * briefSpan);
    });
    this.#bytes = this.#arrays().map((a) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength));
  }

  /** Values taken in so far. */
  get seen(): number {
    return this.#counters[0] as number;
  }

  /** Of the values remembered: 0 the lowest, 0.5 the median, 1 the highest; undefined for none. */
  quantile(share: number): number | undefined {
    return this.#values.quantile(share);
  }

  /**
   * @param timeUs when the value was measured; used for the time of day only, so gaps, doubles and
   * steps back do no harm
   * @param value NaN and infinities are ignored
   * @returns 0 for nothing new to 1; an anomaly from `seriesThreshold`
   */
  score(timeUs: number, value: number): number {
    if (!Number.isFinite(value)) return 0;
    this.digits.fill(0);
    const floor = this.#floor(value);
    this.#judgeValue(value, floor);
    this.#judgeContext(value);
    this.#judgeDay(timeUs, value, floor);
    this.#judgeChange(value, floor);
    this.#judgeRuns(value, floor);
    this.#counters[0] = this.seen + 1;
    const warm = this.seen > this.options.warmUp;
    const together = this.#together.pass(warm ? this.#digitsTogether() / digitsTogether : 0);
    const alone = this.#alone.pass(warm ? this.#digitsAlone() / digitsAlone : 0);
    return Math.min(Math.max(together, alone) * seriesThreshold, 1);
  }

  /** What a distance must be compared with at least, from the series' own spread. */
  #floor(value: number): number {
    const span = this.options.memory * 2;
    const most = this.#averages.mean(averages.spread) * outlier;
    const deviation = value - this.#averages.mean(averages.level);
    const isSettled = this.seen > settledAfter && most > 0;
    const kept = isSettled ? Math.min(Math.max(deviation, -most), most) : deviation;
    const level = this.#averages.add(averages.level, value - deviation + kept, span);
    const spread = this.#averages.add(averages.spread, Math.abs(kept), span);
    return Math.max(spread * this.options.floor, Math.abs(level) * constantShare);
  }

  /** Distance as a multiple of its usual size, then as digits by its own history. */
  #judge(view: number, distance: number, floor: number): void {
    if (!Number.isFinite(distance)) return;
    const scale = this.#averages.mean(view) + floor;
    this.#averages.add(view, Math.min(distance, scale * outlier), this.options.memory);
    this.#judgeSize(view, scale > 0 ? distance / scale : 0);
  }

  #judgeSize(view: number, size: number): void {
    const tail = this.#tails[view] as Tail;
    this.digits[view] = tail.digits(size);
    tail.add(size);
  }

  #judgeValue(value: number, floor: number): void {
    this.#judge(views.value, this.#values.distance(value), floor);
    const before = this.#runs.before(0);
    if (before === undefined) return;
    this.#judge(views.step, this.#steps.distance(value - before), floor);
  }

  #judgeContext(value: number): void {
    const { symbols } = this.options;
    const rank = Math.floor(this.#values.rank(value) * symbols);
    const surprise = this.#context.add(Math.min(rank, symbols - 1));
    this.#judgeSize(views.context, surprise);
  }

  /** Takes the value into the memories, and asks how far the run that it ends is from earlier ones. */
  #judgeRuns(value: number, floor: number): void {
    const last = this.options.memory - 1;
    const oldest = this.#runs.before(last);
    const second = this.#runs.before(last - 1);
    if (oldest !== undefined && second !== undefined) {
      this.#values.remove(oldest);
      this.#steps.remove(second - oldest);
    }
    const before = this.#runs.before(0);
    if (before !== undefined) this.#steps.add(value - before);
    this.#values.add(value);
    this.#runs.add(value);
    this.#judge(views.shortRun, this.#runs.found[1] as number, floor);
    this.#judge(views.longRun, this.#runs.found[2] as number, floor);
  }

  #judgeDay(timeUs: number, value: number, floor: number): void {
    if (this.#day === undefined || !Number.isFinite(timeUs)) return;
    const usual = this.#day.usual(timeUs);
    this.#day.add(timeUs, value);
    if (usual === undefined) return;
    const residual = value - usual;
    const mean = this.#averages.add(averages.dayResidual, residual, briefSpan);
    this.#judge(lone.day, Math.abs(mean), floor);
  }

  /** Changes that are much smaller than they used to be: a stuck sensor, a process that hangs. */
  #judgeChange(value: number, floor: number): void {
    const before = this.#runs.before(0);
    if (before === undefined) return;
    const change = Math.abs(value - before);
    const brief = this.#averages.add(averages.briefChange, change, briefSpan);
    const usual = this.#averages.add(averages.change, change, this.options.memory);
    const least = floor * leastChange;
    if (usual + least === 0) return;
    this.#judgeSize(lone.quiet, (usual + least) / (brief + least));
  }

  #digitsTogether(): number {
    let sum = (this.digits[views.value] as number) * this.options.valueWeight;
    for (let view = views.step; view <= views.context; view++) sum += this.digits[view] as number;
    return sum;
  }

  #digitsAlone(): number {
    return Math.max(this.digits[lone.day] as number, this.digits[lone.quiet] as number);
  }

  /** All of the state, in a fixed order. */
  #arrays(): readonly (Float64Array | Float32Array | Uint8Array)[] {
    return [
      this.#counters,
      this.#averages.pairs,
      this.#values.values,
      this.#values.size,
      this.#steps.values,
      this.#steps.size,
      ...this.#runs.arrays,
      this.#context.counts,
      this.#context.past,
      ...(this.#day ? [this.#day.buckets] : []),
      this.#together.ring,
      this.#together.state,
      this.#alone.ring,
      this.#alone.state,
      ...this.#tails.flatMap((tail) => [tail.counts, tail.totals, tail.waiting]),
    ];
  }

  /** Bytes of state; fixed for given options. */
  get bytes(): number {
    return this.#bytes.reduce((sum, array) => sum + array.byteLength, 0);
  }

  /**
   * Writes the whole state into `target`, of `bytes` bytes: a scorer that loads it goes on as if
   * nothing had happened. So one scorer can serve many series, each at rest as one array.
   */
  save(target: Uint8Array = new Uint8Array(this.bytes)): Uint8Array {
    let at = 0;
    for (const array of this.#bytes) {
      target.set(array, at);
      at += array.byteLength;
    }
    return target;
  }

  /** @returns false, and nothing is changed, where `saved` comes from other options */
  load(saved: Uint8Array): boolean {
    if (saved.byteLength !== this.bytes) return false;
    let at = 0;
    for (const array of this.#bytes) {
      array.set(saved.subarray(at, at + array.byteLength));
      at += array.byteLength;
    }
    return true;
  }

  /** The values remembered, oldest first. */
  recent(): readonly number[] {
    const values: number[] = [];
    for (let back = this.options.memory - 1; back >= 0; back--) {
      const value = this.#runs.before(back);
      if (value !== undefined) values.push(value);
    }
    return values;
  }
}

/** Changes below this share of the floor are no change. */
const leastChange = 0.05;
