/**
 * Averages that forget exponentially: plain means until `span` values were seen, so that the first
 * value does not weigh for ever.
 */
export class Averages {
  /** Pairs of mean and count (up to its span). */
  readonly pairs: Float64Array;

  constructor(count: number) {
    this.pairs = new Float64Array(count * 2);
  }

  mean(which: number): number {
    return this.pairs[which * 2] as number;
  }

  /** Values seen, at most the span they were added with. */
  count(which: number): number {
    return this.pairs[which * 2 + 1] as number;
  }

  /** @returns the new mean */
  add(which: number, value: number, span: number): number {
    const at = which * 2;
    const count = Math.min((this.pairs[at + 1] as number) + 1, span);
    const mean = (this.pairs[at] as number) + (value - (this.pairs[at] as number)) / count;
    this.pairs[at] = mean;
    this.pairs[at + 1] = count;
    return mean;
  }
}
