/** A thirtieth of what a 32-bit float holds: sums stay finite, and forget what was absurd. */
const mostSquare = 1e37;

/**
 * How far the latest run of values is from the nearest earlier run, for two lengths of run. For
 * every lag L it keeps the sum of (x[i] - x[i-L])², weighted exponentially towards the past: one
 * multiplication and addition for each lag and length, where comparing windows would cost their
 * length. The idea of the nearest earlier window is Keogh's discord (HOT SAX, 2005).
 */
export class RunMemory {
  /** Ring of the last values. */
  readonly values: Float64Array;
  readonly #short: Float32Array;
  readonly #long: Float32Array;
  readonly #keepShort: number;
  readonly #keepLong: number;
  readonly #lengths: readonly [number, number];
  /** 0: values seen; 1 and 2: distances found last, root mean square, Infinity for none yet. */
  readonly found = new Float64Array(3);

  constructor(capacity: number, lengths: readonly [number, number]) {
    this.values = new Float64Array(capacity);
    this.#short = new Float32Array(capacity);
    this.#long = new Float32Array(capacity);
    this.#lengths = lengths;
    this.#keepShort = 1 - 1 / lengths[0];
    this.#keepLong = 1 - 1 / lengths[1];
  }

  /** What a copy of the state has to hold. */
  get arrays(): readonly (Float32Array | Float64Array)[] {
    return [this.values, this.#short, this.#long, this.found];
  }

  /** The value added `back` values before the newest; undefined where there is none any more. */
  before(back: number): number | undefined {
    const seen = this.found[0] as number;
    const capacity = this.values.length;
    return back < Math.min(seen, capacity) ? this.values[(seen - 1 - back) % capacity] : undefined;
  }

  add(value: number): void {
    const capacity = this.values.length;
    const seen = this.found[0] as number;
    const [shortLength, longLength] = this.#lengths;
    const nearest: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const at = seen % capacity;
    // The ring from the newest backwards is two stretches: below `at`, and above it once it is full.
    this.#pass(value, at - 1, 0, 1, seen, nearest);
    if (seen >= capacity) this.#pass(value, capacity - 1, at + 1, at + 1, seen, nearest);
    this.found[1] = seen > 3 * shortLength ? Math.sqrt(nearest[0] / shortLength) : Infinity;
    this.found[2] = seen > 3 * longLength ? Math.sqrt(nearest[1] / longLength) : Infinity;
    this.values[at] = value;
    this.found[0] = seen + 1;
  }

  /** Lags `lag`, `lag + 1`, ... stand at the places `from` down to `to`. */
  #pass(
    value: number,
    from: number,
    to: number,
    lag: number,
    seen: number,
    nearest: [number, number],
  ): void {
    const values = this.values;
    const short = this.#short;
    const long = this.#long;
    const [shortLength, longLength] = this.#lengths;
    // A lag shorter than the run would compare it with itself; one without a whole run behind it,
    // with nothing.
    const lastShort = seen - shortLength;
    const lastLong = seen - longLength;
    let [nearShort, nearLong] = nearest;
    for (let i = from, l = lag; i >= to; i--, l++) {
      const difference = value - (values[i] as number);
      const square = Math.min(difference * difference, mostSquare);
      const s = (short[l] as number) * this.#keepShort + square;
      const g = (long[l] as number) * this.#keepLong + square;
      short[l] = s;
      long[l] = g;
      if (s < nearShort && l >= shortLength && l <= lastShort) nearShort = s;
      if (g < nearLong && l >= longLength && l <= lastLong) nearLong = g;
    }
    nearest[0] = nearShort;
    nearest[1] = nearLong;
  }
}
