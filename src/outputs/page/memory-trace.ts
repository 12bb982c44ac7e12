import type { MemoryPoint } from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';

/** A picture 600 points wide shows no more, and the whole life fits into 512 bytes. */
const pointsMax = 64;
const firstRoom = 8;

/**
 * The memory of one service over its whole life in at most 64 points. When they are full, every
 * second one goes, and from then on points have twice the distance: so a picture always covers all
 * of the time, with 32 to 64 points. Kept as seconds and bytes in single precision (7 digits).
 */
export class MemoryTrace {
  limitBytes: number | undefined;
  #baseUs: RealtimeUs = 0;
  #pairs = new Float32Array(2 * firstRoom);
  #length = 0;
  #distanceUs = 0;
  #last: MemoryPoint | undefined;

  /** The newest figure. */
  get last(): number | undefined {
    return this.#last?.bytes;
  }

  add(timeUs: RealtimeUs, bytes: number, limitBytes: number | undefined): void {
    this.limitBytes = limitBytes;
    this.#last = { timeUs, bytes };
    if (this.#length === 0) this.#baseUs = timeUs;
    const sinceUs = timeUs - this.#baseUs;
    // The clock was set back: what was recorded in the future is forgotten.
    while (this.#length > 0 && this.#timeAt(this.#length - 1) > sinceUs) this.#length -= 1;
    if (this.#length > 0 && sinceUs - this.#timeAt(this.#length - 1) < this.#distanceUs) return;
    if (this.#length === pointsMax) this.#thin(sinceUs);
    else this.#grow();
    this.#pairs[2 * this.#length] = sinceUs / 1e6;
    this.#pairs[2 * this.#length + 1] = bytes;
    this.#length += 1;
  }

  /** Oldest first; the last is the newest figure. */
  points(): readonly MemoryPoint[] {
    const points: MemoryPoint[] = [];
    for (let i = 0; i < this.#length; i++) {
      const timeUs = this.#baseUs + this.#timeAt(i);
      points.push({ timeUs, bytes: this.#pairs[2 * i + 1] as number });
    }
    const last = points.at(-1);
    if (this.#last !== undefined && last !== undefined) {
      const isLater = this.#last.timeUs - last.timeUs > 1e6;
      points.splice(isLater ? points.length : points.length - 1, 1, this.#last);
    }
    return points;
  }

  #timeAt(i: number): number {
    return (this.#pairs[2 * i] as number) * 1e6;
  }

  #thin(sinceUs: number): void {
    for (let i = 0; i < pointsMax / 2; i++) {
      this.#pairs[2 * i] = this.#pairs[4 * i] as number;
      this.#pairs[2 * i + 1] = this.#pairs[4 * i + 1] as number;
    }
    this.#length = pointsMax / 2;
    // A little less than the mean distance, so that samples which come early by a moment count.
    this.#distanceUs = (sinceUs / this.#length) * 0.9;
  }

  #grow(): void {
    if (2 * this.#length < this.#pairs.length) return;
    const wider = new Float32Array(this.#pairs.length * 2);
    wider.set(this.#pairs);
    this.#pairs = wider;
  }
}
