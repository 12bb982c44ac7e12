/** The last so many values of a series in ascending order: nearest value and rank in O(log n). */
export class SortedMemory {
  readonly values: Float64Array;
  /** 0: how many values there are. */
  readonly size = new Float64Array(1);

  constructor(capacity: number) {
    this.values = new Float64Array(capacity);
  }

  /** How many values are below `value`. */
  below(value: number): number {
    const values = this.values;
    let low = 0;
    let high = this.size[0] as number;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many values are not above `value`. */
  notAbove(value: number): number {
    const values = this.values;
    let low = 0;
    let high = this.size[0] as number;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[middle] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Distance to the nearest value; Infinity where there is none. */
  distance(value: number): number {
    const size = this.size[0] as number;
    const at = this.below(value);
    const up = at < size ? (this.values[at] as number) - value : Number.POSITIVE_INFINITY;
    const down = at > 0 ? value - (this.values[at - 1] as number) : Number.POSITIVE_INFINITY;
    return Math.min(up, down);
  }

  /** Middle rank of `value` among the values, 0 to 1; 0.5 where there is none. */
  rank(value: number): number {
    const size = this.size[0] as number;
    return size === 0 ? 0.5 : (this.below(value) + this.notAbove(value)) / 2 / size;
  }

  /** The value that this share of the values is below: 0 the lowest, 0.5 the median, 1 the highest. */
  quantile(share: number): number | undefined {
    const size = this.size[0] as number;
    return size === 0 ? undefined : this.values[Math.min(Math.floor(size * share), size - 1)];
  }

  /** The caller sees to it that there is room: `remove` the oldest first. */
  add(value: number): void {
    const size = this.size[0] as number;
    const at = this.below(value);
    this.values.copyWithin(at + 1, at, size);
    this.values[at] = value;
    this.size[0] = size + 1;
  }

  /** `value` must be there. */
  remove(value: number): void {
    const size = this.size[0] as number;
    const at = this.below(value);
    this.values.copyWithin(at, at + 1, size);
    this.size[0] = size - 1;
  }
}
