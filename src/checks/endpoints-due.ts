import type { DurationUs } from '../model/time.ts';

/** Something that is due at a time; the earliest comes first (a binary heap). */
export class DueQueue<T> {
  #items: { readonly dueUs: DurationUs; readonly value: T }[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the first is due; undefined where there is none. */
  get firstUs(): DurationUs | undefined {
    return this.#items[0]?.dueUs;
  }

  add(dueUs: DurationUs, value: T): void {
    const items = this.#items;
    let at = items.push({ dueUs, value }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#dueAt(parent) <= dueUs) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes out the first if it is due. */
  take(nowUs: DurationUs): { readonly dueUs: DurationUs; readonly value: T } | undefined {
    const items = this.#items;
    const [first] = items;
    if (first === undefined || first.dueUs > nowUs) return undefined;
    this.#swap(0, items.length - 1);
    items.pop();
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const least = this.#dueAt(right) < this.#dueAt(left) ? right : left;
      if (this.#dueAt(least) >= this.#dueAt(at)) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  /** Lets go of all others. */
  keep(isWanted: (value: T) => boolean): void {
    const wanted = this.#items.filter(({ value }) => isWanted(value));
    this.#items = [];
    for (const { dueUs, value } of wanted) this.add(dueUs, value);
  }

  #dueAt(at: number): DurationUs {
    return this.#items[at]?.dueUs ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (!one || !other) return;
    this.#items[a] = other;
    this.#items[b] = one;
  }
}

/**
 * Where in its interval something is due, by its name alone, so that those with one interval are
 * spread over it: FNV-1a, 32 bits.
 *
 * @returns from 0 to below 1
 */
export function phaseOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  // The last characters move only the low bits: mixed once more (MurmurHash3's fmix32).
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The next due time after `nowUs` of what was due at `dueUs`; what was missed is left out. */
export function nextDue(dueUs: DurationUs, intervalUs: DurationUs, nowUs: DurationUs): DurationUs {
  const missed = Math.max(0, Math.floor((nowUs - dueUs) / intervalUs));
  return dueUs + (missed + 1) * intervalUs;
}

/** The first moment after `nowUs` that is its own in intervals that began at `startUs`. */
export function placeAfter(
  name: string,
  startUs: DurationUs,
  intervalUs: DurationUs,
  nowUs: DurationUs,
): DurationUs {
  return nextDue(startUs + (phaseOf(name) - 1) * intervalUs, intervalUs, nowUs);
}
