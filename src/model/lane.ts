/** Entries a lane has room for at first, and again when a storm is over. */
const firstCapacity = 64;
/** Above this, an empty lane gives its memory back. */
const keptCapacity = 1_024;

/**
 * A first-in-first-out ring of items with their numbers beside them in typed arrays: adding or
 * removing one moves nothing and allocates nothing (but for the doubling when it is full).
 *
 *     items   [ . . c d e . . . ]      capacity: a power of two, so that `& mask` wraps
 *                   ^head   ^head + length
 */
export class Lane<T> {
  length = 0;
  #items: (T | undefined)[] = new Array(firstCapacity).fill(undefined);
  /** Four numbers an entry: seq, time, bytes, mark. */
  #numbers = new Float64Array(firstCapacity * 4);
  #mask = firstCapacity - 1;
  #head = 0;

  /** `mark` is a number that the owner wants to find again with the entry. */
  push(item: T, seq: number, timeUs: number, bytes: number, mark: number): void {
    if (this.length > this.#mask) this.#resize((this.#mask + 1) * 2);
    const i = (this.#head + this.length) & this.#mask;
    this.#items[i] = item;
    this.#numbers[i * 4] = seq;
    this.#numbers[i * 4 + 1] = timeUs;
    this.#numbers[i * 4 + 2] = bytes;
    this.#numbers[i * 4 + 3] = mark;
    this.length++;
  }

  /** Seq of the oldest entry; Infinity when there is none. */
  get seq(): number {
    return this.length === 0 ? Number.POSITIVE_INFINITY : this.#number(0);
  }
  /** Time, bytes and mark of the oldest entry: only where `length` is not 0. */
  get timeUs(): number {
    return this.#number(1);
  }
  get bytes(): number {
    return this.#number(2);
  }
  get mark(): number {
    return this.#number(3);
  }

  /** Removes the oldest entry; undefined when there is none. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.length--;
    if (this.length === 0 && this.#mask >= keptCapacity) this.#resize(firstCapacity);
    return item;
  }

  #number(column: number): number {
    return this.#numbers[this.#head * 4 + column] as number;
  }

  #resize(capacity: number): void {
    const items: (T | undefined)[] = new Array(capacity).fill(undefined);
    const numbers = new Float64Array(capacity * 4);
    for (let n = 0; n < this.length; n++) {
      const i = (this.#head + n) & this.#mask;
      items[n] = this.#items[i];
      numbers.set(this.#numbers.subarray(i * 4, i * 4 + 4), n * 4);
    }
    this.#items = items;
    this.#numbers = numbers;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
