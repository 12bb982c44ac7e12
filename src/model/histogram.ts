/** Counts of observations below fixed bounds; adding one allocates nothing. */
export class Histogram {
  /** Upper bounds, ascending; above the last is +Inf. */
  readonly bounds: readonly number[];
  /** One count for each bound and one for +Inf; not cumulative. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.bounds.length && value > (this.bounds[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + 1;
    this.sum += value;
    this.count += 1;
  }
}
