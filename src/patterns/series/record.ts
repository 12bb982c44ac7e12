/** A record must beat the one before it by this factor. */
const margin = 1.1;

/**
 * Lets a value through only where it exceeds everything of the last `span` values: one disturbance
 * is told once, and again only when it gets clearly worse. What jumps must exceed them all by a
 * tenth. What is smooth never does, as it has just been nearly there: it must exceed them, and by
 * a tenth what was let through.
 */
export class LocalRecord {
  readonly ring: Float32Array;
  /** 0: values seen; 1: largest in the ring; 2: what was let through last; 3: at which value. */
  readonly state = new Float64Array(4);
  readonly #smooth: boolean;

  constructor(span: number, smooth: boolean) {
    this.ring = new Float32Array(span);
    this.#smooth = smooth;
  }

  /** @returns `value` where it is a record, else 0 */
  pass(value: number): number {
    const [seen = 0, largest = 0, told = 0, toldAt = 0] = this.state;
    const last = seen - toldAt <= this.ring.length ? told : 0;
    const least = this.#smooth ? Math.max(largest, last * margin) : largest * margin;
    this.#keep(value, seen, largest);
    if (value <= least) return 0;
    this.state[2] = value;
    this.state[3] = seen;
    return value;
  }

  #keep(value: number, seen: number, largest: number): void {
    const at = seen % this.ring.length;
    const leaving = this.ring[at] as number;
    this.ring[at] = value;
    this.state[0] = seen + 1;
    const kept = this.ring[at] as number;
    if (kept >= largest) this.state[1] = kept;
    else if (leaving >= largest) this.state[1] = this.ring.reduce((a, b) => Math.max(a, b), 0);
  }
}
