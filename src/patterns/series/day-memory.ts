const dayUs = 86_400e6;
/** Quarters of an hour: fine enough for jobs, coarse enough that each is met every day. */
const bucketCount = 96;
/** A baseline of one day would call the second day's differences news. */
const daysNeeded = 2;
/** Days that the baseline remembers: two weeks, so that one odd day fades. */
const daysKept = 14;

/** What is usual at this time of day (UTC): the mean of each quarter of an hour over earlier days. */
export class DayMemory {
  /** For each bucket: mean over earlier days, how many days, the day in progress, its sum, count. */
  readonly buckets = new Float64Array(bucketCount * 5);

  /** The baseline at `timeUs`, between the nearest two buckets; undefined before enough days. */
  usual(timeUs: number): number | undefined {
    const place = placeOf(timeUs) - 0.5;
    const low = Math.floor(place);
    const before = this.#mean(low);
    const after = this.#mean(low + 1);
    if (before === undefined) return after;
    return after === undefined ? before : before + (after - before) * (place - low);
  }

  #mean(bucket: number): number | undefined {
    const at = ((bucket + bucketCount) % bucketCount) * 5;
    return (this.buckets[at + 1] as number) < daysNeeded ? undefined : this.buckets[at];
  }

  add(timeUs: number, value: number): void {
    const b = this.buckets;
    const at = bucketOf(timeUs) * 5;
    const day = Math.floor(timeUs / dayUs);
    if (day > (b[at + 2] as number)) {
      this.#closeDay(at);
      b[at + 2] = day;
    }
    b[at + 3] = (b[at + 3] as number) + value;
    b[at + 4] = (b[at + 4] as number) + 1;
  }

  #closeDay(at: number): void {
    const b = this.buckets;
    const count = b[at + 4] as number;
    if (count === 0) return;
    const days = Math.min((b[at + 1] as number) + 1, daysKept);
    b[at + 1] = days;
    b[at] = (b[at] as number) + ((b[at + 3] as number) / count - (b[at] as number)) / days;
    b[at + 3] = 0;
    b[at + 4] = 0;
  }
}

/** Position within the day, in buckets. */
function placeOf(timeUs: number): number {
  return ((timeUs - Math.floor(timeUs / dayUs) * dayUs) / dayUs) * bucketCount;
}

function bucketOf(timeUs: number): number {
  return Math.min(Math.floor(placeOf(timeUs)), bucketCount - 1);
}
