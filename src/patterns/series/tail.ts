/** Bins an octave: the tail is read between bins, so finer ones gain nothing measurable. */
const perOctave = 2;
/**
 * Sizes below 2^-6 of the view's usual size are zeros: never news, and no yardstick for what is. So
 * a trifle of noise on values that repeat changes little.
 */
const lowestOctave = -6;
const octaves = 22;
const bins = perOctave * octaves;
/** The empirical tail is trusted down to this share; beyond it a Pareto tail is fitted. */
const tailShare = 0.05;
/** Nor is it trusted beyond its last ten entries. */
const tailEntries = 10;
/** The fit starts as if this many exceedances had been seen, with this mean excess (in nats). */
const priorEntries = 3;
const priorExcess = 0.35;
/** With fewer entries the size says nothing yet, only that there is one at all. */
const fewEntries = 10;

/**
 * How large a number is compared with all earlier ones of the same kind, as a probability. The
 * numbers are kept as counts in half-octave bins; beyond the counts the tail is extrapolated by a
 * Pareto distribution whose exponent comes from the mean log-excess (Hill 1975), as in
 * peaks-over-threshold detectors (Siffer et al., KDD 2017). Old counts are halved at intervals.
 */
export class Tail {
  readonly counts = new Float32Array(bins);
  /** 0: entries in `counts`; 1: entries and zeros; 2: since the last halving; 3: ever added. */
  readonly totals = new Float64Array(4);
  /** Sizes that are still too recent to count, so that a long disturbance is not its own excuse. */
  readonly waiting: Float32Array;
  readonly #halfLife: number;

  /**
   * @param halfLife entries (zeros too) after which earlier ones weigh half
   * @param delay entries that a new one waits before it counts
   */
  constructor(halfLife: number, delay = 0) {
    this.#halfLife = halfLife;
    this.waiting = new Float32Array(delay);
  }

  /** `-log10` of the probability that an ordinary value is as large as `size`; 0 for nothing new. */
  digits(size: number): number {
    const place = (Math.log2(size) - lowestOctave) * perOctave;
    const [entries = 0, all = 0] = this.totals;
    if (!(place > 0) || all === 0) return 0;
    if (entries < fewEntries) return -Math.log10((entries + 1) / (all + 1));
    return -Math.log10(Math.max(this.#exceeding(place, entries), 1e-12));
  }

  add(size: number): void {
    const { waiting, totals } = this;
    const added = totals[3] as number;
    totals[3] = added + 1;
    if (waiting.length === 0) {
      this.#count(size);
      return;
    }
    const at = added % waiting.length;
    const due = waiting[at] as number;
    waiting[at] = size;
    if (added >= waiting.length) this.#count(due);
  }

  #count(size: number): void {
    const totals = this.totals;
    totals[1] = (totals[1] as number) + 1;
    const place = (Math.log2(size) - lowestOctave) * perOctave;
    if (place > 0) {
      const bin = Math.min(Math.floor(place), bins - 1);
      this.counts[bin] = (this.counts[bin] as number) + 1;
      totals[0] = (totals[0] as number) + 1;
    }
    totals[2] = (totals[2] as number) + 1;
    if ((totals[2] as number) >= this.#halfLife) this.#halve();
  }

  #halve(): void {
    for (let i = 0; i < bins; i++) this.counts[i] = (this.counts[i] as number) / 2;
    this.totals[0] = (this.totals[0] as number) / 2;
    this.totals[1] = (this.totals[1] as number) / 2;
    this.totals[2] = 0;
  }

  /** Share of the entries above `place`, a position in bins. */
  #exceeding(place: number, entries: number): number {
    const counts = this.counts;
    const wanted = Math.max(tailShare * entries, Math.min(tailEntries, entries));
    const bin = Math.floor(place);
    let above = 0;
    let top = bins - 1;
    for (; top > bin && above < wanted; top--) above += counts[top] as number;
    if (top <= bin && bin < bins) {
      const seen = above + (counts[bin] as number) * (bin + 1 - place);
      if (seen >= wanted) return seen / entries;
    }
    if (top > bin && above >= wanted) return this.#countAbove(place) / entries;
    return (wanted / entries) * this.#beyond(place, wanted);
  }

  #countAbove(place: number): number {
    const bin = Math.floor(place);
    let above = (this.counts[bin] as number) * (bin + 1 - place);
    for (let i = bin + 1; i < bins; i++) above += this.counts[i] as number;
    return above;
  }

  /** Probability of an exceedance being above `place`, from the excesses of the top `wanted`. */
  #beyond(place: number, wanted: number): number {
    const counts = this.counts;
    let above = 0;
    let i = bins - 1;
    while (i > 0 && above + (counts[i] as number) < wanted) above += counts[i--] as number;
    const part = wanted - above;
    const threshold = i + 1 - part / Math.max(counts[i] as number, part);
    let excess = (part * (i + 1 - threshold)) / 2;
    for (let j = i + 1; j < bins; j++) excess += (counts[j] as number) * (j + 0.5 - threshold);
    const nats = Math.LN2 / perOctave;
    const mean = (excess * nats + priorEntries * priorExcess) / (wanted + priorEntries);
    return Math.exp((-Math.max(place - threshold, 0) * nats) / mean);
  }
}
