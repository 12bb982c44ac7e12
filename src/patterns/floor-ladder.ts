import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { isAmount, isAmounts, isObject } from './saved.ts';

/** Blocks kept at each step: a window of 12 to 24 blocks. */
export const blocksMax = 24;
/** Blocks of one step that make one of the next. */
const ratio = 3;
/** Steps: from 30 s to 20 d a block, at the usual interval. */
const stepsMax = 11;
/** A hole of more blocks than this ends what can be said: the agent was away. */
const holeMax = 4096;
/** Samples looked at before the length of the first step's blocks is decided. */
const openingMax = 4;
const shortestUs: DurationUs = 1e6;
const kib = 1024;
/** In place of a block without a sample. */
const missing = -1;
const none: readonly number[] = [];
const noSteps = new Float32Array(0);

export interface SavedLadder {
  readonly blockUs: DurationUs;
  readonly originUs: RealtimeUs;
  readonly index: number;
  readonly floor: number;
  readonly opening: readonly number[];
  /** Blocks of each step, oldest first; 0 for a missing one, else KiB + 1. */
  readonly steps: readonly (readonly number[])[];
}

/**
 * The floor of a series over many lengths of time at once, in one pass and less than a kilobyte:
 * what remains of memory when everything that can be given back has been.
 *
 * Step 0 holds the least value of each of the last 24 blocks; three blocks make one of the next
 * step, 90 s out of 30 s, and so on. Merging takes the least of three at odd steps and the middle
 * one at even steps: repeated, that settles at the 13th percentile of the blocks below (the fixed
 * point of 1 - (1 - 3q² + 2q³)³ = q), near the 10th percentile that floors are usually taken at,
 * without keeping the samples. Blocks shorter than the teeth of a collector take the least always: a
 * middle one would show where in the tooth it fell. The length of a block follows the distance of the first samples.
 */
export class FloorLadder {
  /** The longest tooth that was seen; 0 for none. */
  toothUs: DurationUs = 0;
  #blockUs: DurationUs = 0;
  #originUs: RealtimeUs = 0;
  #index = 0;
  #floor = missing;
  /** Times and bytes of the first samples; of no use, and shared, from then on. */
  #opening: readonly number[] = none;
  #steps = noSteps;

  /** Adds one sample; `completed` is called for each step that has gained a block. */
  add(timeUs: RealtimeUs, bytes: number, completed: (step: number) => void): void {
    if (this.#blockUs === 0) {
      this.#opening = [...this.#opening, timeUs, bytes];
      if (this.#opening.length === 2 * openingMax) this.#begin(completed);
      return;
    }
    const index = Math.floor((timeUs - this.#originUs) / this.#blockUs);
    if (index - this.#index > holeMax) {
      this.clear();
      return;
    }
    while (this.#index < index) this.#finishBlock(completed);
    const value = Math.round(bytes / kib);
    this.#floor = this.#floor < 0 ? value : Math.min(this.#floor, value);
  }

  clear(): void {
    this.#blockUs = 0;
    this.#opening = none;
    this.#steps = noSteps;
    this.#floor = missing;
    this.#index = 0;
  }

  /** Steps in use. */
  get steps(): number {
    return this.#steps.length / blocksMax;
  }

  /** Length of one block of a step. */
  blockUs(step: number): DurationUs {
    return this.#blockUs * ratio ** step;
  }

  /** The last `n` blocks of a step or as many as there are, in bytes, oldest first; -1: no sample. */
  floors(step: number, n: number): number[] {
    const length = this.count(step);
    const end = step * blocksMax + length;
    const blocks = this.#steps.subarray(end - Math.min(n, length), end);
    return Array.from(blocks, (value) => (value < 0 ? missing : value * kib));
  }

  /** Blocks that a step has: every third block of the step below made one. */
  count(step: number): number {
    return Math.min(blocksMax, Math.floor(this.#index / ratio ** step));
  }

  #begin(completed: (step: number) => void): void {
    const opening = this.#opening;
    this.#opening = none;
    const first = opening[0] as number;
    const gaps = [2, 4, 6].map((i) => (opening[i] as number) - (opening[i - 2] as number));
    gaps.sort((a, b) => a - b);
    this.#blockUs = Math.max(shortestUs, gaps[1] as number);
    // Half a block early, so that samples fall into the middle of their blocks.
    this.#originUs = first - this.#blockUs / 2;
    for (let i = 0; i < opening.length; i += 2) {
      this.add(opening[i] as number, opening[i + 1] as number, completed);
    }
  }

  #finishBlock(completed: (step: number) => void): void {
    let value = this.#floor;
    this.#floor = missing;
    this.#index += 1;
    let blocks = this.#index;
    for (let step = 0; step < stepsMax; step++) {
      this.#push(step, value);
      completed(step);
      if (blocks % ratio !== 0) return;
      blocks /= ratio;
      value = this.#merge(step);
    }
  }

  /** Appends the block that `#index` has just counted. */
  #push(step: number, value: number): void {
    if (step === this.steps) {
      const grown = new Float32Array((step + 1) * blocksMax);
      grown.set(this.#steps);
      this.#steps = grown;
    }
    const from = step * blocksMax;
    const before = Math.floor(this.#index / ratio ** step) - 1;
    if (before >= blocksMax) this.#steps.copyWithin(from, from + 1, from + blocksMax);
    this.#steps[from + Math.min(before, blocksMax - 1)] = value;
  }

  #merge(step: number): number {
    const end = step * blocksMax + this.count(step);
    const present = this.#steps
      .subarray(end - ratio, end)
      .filter((value) => value >= 0)
      .sort();
    if (present.length === 0) return missing;
    const takesMiddle = step >= 2 && step % 2 === 1 && this.blockUs(step) > this.toothUs;
    return (takesMiddle ? present[present.length >> 1] : present[0]) as number;
  }

  save(): SavedLadder {
    return {
      blockUs: this.#blockUs,
      originUs: this.#originUs,
      index: this.#index,
      floor: this.#floor + 1,
      opening: [...this.#opening],
      steps: Array.from({ length: this.steps }, (_, step) =>
        Array.from(
          this.#steps.subarray(step * blocksMax, step * blocksMax + this.count(step)),
          (v) => v + 1,
        ),
      ),
    };
  }

  /** @returns false, and stays empty, where `data` is not what `save` gave */
  restore(data: unknown): boolean {
    if (!isSavedLadder(data)) return false;
    const { steps } = data;
    this.#blockUs = data.blockUs;
    this.#originUs = data.originUs;
    this.#index = data.index;
    this.#floor = data.floor - 1;
    this.#opening = [...data.opening];
    this.#steps = new Float32Array(steps.length * blocksMax);
    for (const [step, values] of steps.entries()) {
      for (const [i, value] of values.entries()) this.#steps[step * blocksMax + i] = value - 1;
    }
    return true;
  }
}

function isSavedLadder(data: unknown): data is SavedLadder {
  if (!isObject(data)) return false;
  const { blockUs, originUs, index, floor, opening, steps } = data;
  if (![blockUs, originUs, index, floor].every(isAmount) || !Number.isInteger(index)) return false;
  if (!isAmounts(opening, 2 * openingMax - 2) || opening.length % 2 !== 0) return false;
  if (!Array.isArray(steps) || steps.length > stepsMax) return false;
  const isEmpty = blockUs === 0;
  if (isEmpty ? steps.length > 0 : (blockUs as number) < shortestUs) return false;
  return steps.every(
    (step, k) =>
      isAmounts(step, blocksMax) &&
      step.length === Math.min(blocksMax, Math.floor((index as number) / ratio ** k)),
  );
}
