import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { binomialTail, median } from './statistics.ts';

/** Episodes and cycles that a period needs before it is worth a word. */
export const episodesMin = 5;
const cyclesMin = 4;
/** Share of the episodes that a period must explain, and of its cycles that must have one. */
const explainedMin = 0.72;
const occupiedMin = 0.45;
/** Half-widths of "on time", as shares of the period; each is tried, and paid for. */
const widths = [0.005, 0.02, 0.05, 0.1] as const;
/** How far an episode may be from where the ones before it put it, to still be counted in. */
const trackWidth = 0.2;
/** Gaps of up to so many periods still tell something about a delay after a start. */
const gapPeriodsMax = 4;
/** Candidate gaps within this ratio are one period seen several times. */
const sameRatio = 1.15;
const candidatesMax = 3;
/** Between 1 / sqrt(2), what a schedule shows, and 1. */
const clockShare = 0.85;
const dayUs: DurationUs = 86_400e6;
/**
 * What follows people (office hours, load) falls into a third of the day anyway: a period of whole
 * days has to be that much sharper, or it is only clustering by hour.
 */
const officeShare = 1 / 3;
/** Where all of them have no period, the latest alone may: a timetable that began lately. */
const recent = 12;

/**
 * - `schedule`: a clock outside (cron, a timer); errors do not add up.
 * - `delay`: a clock that starts with the service; each error moves all that follow.
 */
export type PeriodClock = 'schedule' | 'delay';

export interface Period {
  readonly periodUs: DurationUs;
  readonly clock: PeriodClock;
  /** Chance of such a fit among random times, after correction for all that was tried. */
  readonly chance: number;
  /** Episodes on time, out of how many, over how many cycles. */
  readonly onTime: number;
  readonly episodes: number;
  readonly cycles: number;
  /** How far episodes (schedule) or gaps (delay) are off: the median, of all of them. */
  readonly errorUs: DurationUs;
  /** Half-width that counted as on time. */
  readonly toleranceUs: DurationUs;
  /** A moment on the fitted grid (schedule), or the last episode (delay). */
  readonly anchorUs: RealtimeUs;
}

/**
 * The longest period of at least `minPeriodUs` that explains the episodes better than chance does
 * with `maxChance`; undefined where there is none.
 *
 * Periodograms need more points than crashes give (5 to 40, with misses and extras). So: gaps that
 * agree propose periods; each is followed from episode to episode, refined by least squares over
 * the counted cycles (as AUTOPERIOD and ePeriodicity verify their hints), and then tested against
 * both kinds of clock (GMPDA, 2024).
 */
export function findPeriod(
  times: readonly RealtimeUs[],
  minPeriodUs: DurationUs,
  maxChance: number,
): Period | undefined {
  const stretches = times.length > recent ? [times, times.slice(-recent)] : [times];
  for (const stretch of stretches) {
    if (stretch.length < episodesMin) continue;
    // Any gap, pair of gaps, half or third could have been the candidate; and there are two clocks.
    const trials = widths.length * 2 * stretches.length * 2 * stretch.length;
    let best: Period | undefined;
    for (const fit of fitsOf(stretch, minPeriodUs)) {
      const chance = Math.min(1, fit.chance * trials);
      if (chance <= maxChance && isBetter(fit, best)) best = { ...fit, chance };
    }
    if (best !== undefined) return best;
  }
  return undefined;
}

function fitsOf(times: readonly number[], minPeriodUs: DurationUs): Period[] {
  return candidates(times, minPeriodUs)
    .flatMap((candidate) => [scheduleFit(times, candidate), delayFit(times, candidate)])
    .filter((fit) => fit !== undefined)
    .filter((fit) => fit.periodUs >= minPeriodUs);
}

/** Longer periods first; of the same period the clock that errs less, then the likelier fit. */
function isBetter(fit: Period, best: Period | undefined): boolean {
  if (best === undefined) return true;
  const ratio = fit.periodUs / best.periodUs;
  if (ratio > sameRatio || ratio < 1 / sameRatio) return ratio > 1;
  if (fit.clock === best.clock) return fit.chance < best.chance;
  // Two independent errors make up each gap of a schedule; one makes up each gap of a delay.
  return fit.clock === 'schedule'
    ? fit.errorUs <= clockShare * best.errorUs
    : fit.errorUs * clockShare < best.errorUs;
}

/** Periods proposed by gaps that agree: single gaps, pairs (an extra event), halves (a miss). */
function candidates(times: readonly number[], minPeriodUs: DurationUs): number[] {
  const gaps: number[] = [];
  for (let i = 1; i < times.length; i++) {
    const gap = (times[i] as number) - (times[i - 1] as number);
    gaps.push(gap, gap / 2, gap / 3);
    if (i > 1) gaps.push((times[i] as number) - (times[i - 2] as number));
  }
  const sorted = Float64Array.from(gaps.filter((gap) => gap >= minPeriodUs)).sort();
  // How many gaps are within the ratio below each, and the middle one of these.
  const sizes = new Uint32Array(sorted.length);
  const middles = new Float64Array(sorted.length);
  let from = 0;
  for (let to = 0; to < sorted.length; to++) {
    while ((sorted[to] as number) > sameRatio * (sorted[from] as number)) from++;
    sizes[to] = to - from + 1;
    middles[to] = sorted[(from + to) >> 1] as number;
  }
  const chosen: number[] = [];
  for (let n = 0; n < candidatesMax; n++) {
    const next = largest(sizes, middles, chosen);
    if (next === undefined) break;
    chosen.push(next);
  }
  return chosen;
}

/** The middle of the largest group that is not one of `chosen`; of equal ones the longest. */
function largest(
  sizes: Uint32Array,
  middles: Float64Array,
  chosen: readonly number[],
): number | undefined {
  let size = 0;
  let largestUs: number | undefined;
  for (let i = 0; i < sizes.length; i++) {
    // Middles ascend: of equal sizes the later one is the longer.
    if ((sizes[i] as number) < size) continue;
    const periodUs = middles[i] as number;
    if (!chosen.every((p) => periodUs > sameRatio * p || p > sameRatio * periodUs)) continue;
    size = sizes[i] as number;
    largestUs = periodUs;
  }
  return largestUs;
}

/** A line through (cycle number, time): slope is the period, intercept the grid's origin. */
interface Grid {
  readonly originUs: number;
  readonly periodUs: number;
}

/**
 * Follows a candidate from the first episode that leads anywhere: each next one is counted in
 * where it falls near a whole number of periods after the last that was.
 */
function follow(
  times: readonly number[],
  candidateUs: DurationUs,
  start: number,
): Grid & { n: number } {
  const origin = times[start] as number;
  let [n, sumK, sumT, sumKK, sumKT] = [1, 0, 0, 0, 0];
  let [lastK, lastT, period] = [0, 0, candidateUs];
  for (let i = start + 1; i < times.length; i++) {
    const t = (times[i] as number) - origin;
    const steps = (t - lastT) / period;
    const whole = Math.round(steps);
    if (whole < 1 || Math.abs(steps - whole) > trackWidth) continue;
    lastK += whole;
    lastT = t;
    n += 1;
    sumK += lastK;
    sumT += t;
    sumKK += lastK * lastK;
    sumKT += lastK * t;
    const spread = n * sumKK - sumK * sumK;
    if (n >= 3 && spread > 0) period = (n * sumKT - sumK * sumT) / spread;
  }
  return { n, periodUs: period, originUs: origin + (sumT - period * sumK) / n };
}

function scheduleFit(times: readonly number[], candidateUs: DurationUs): Period | undefined {
  let grid = follow(times, candidateUs, 0);
  for (let start = 1; start <= 2; start++) {
    const other = follow(times, candidateUs, start);
    if (other.n > grid.n) grid = other;
  }
  let best: Period | undefined;
  for (const width of widths) {
    const fit = scoreGrid(times, grid, width);
    if (fit !== undefined && (best === undefined || fit.chance < best.chance)) best = fit;
  }
  return best;
}

function scoreGrid(times: readonly number[], grid: Grid, width: number): Period | undefined {
  let onTime = 0;
  let occupied = 0;
  let lastCycle = Number.NaN;
  let firstCycle = Number.NaN;
  for (const at of times) {
    const phase = (at - grid.originUs) / grid.periodUs;
    const cycle = Math.round(phase);
    if (Math.abs(phase - cycle) > width) continue;
    onTime += 1;
    if (cycle !== lastCycle) occupied += 1;
    if (Number.isNaN(firstCycle)) firstCycle = cycle;
    lastCycle = cycle;
  }
  const cycles = lastCycle - firstCycle;
  if (!isEnough(onTime, times.length, occupied, cycles)) return undefined;
  return {
    periodUs: grid.periodUs,
    clock: 'schedule',
    // Two episodes are spent on the period and the phase.
    chance: binomialTail(times.length - 2, onTime - 2, phaseChance(grid.periodUs, width)),
    onTime,
    episodes: times.length,
    cycles,
    errorUs: grid.periodUs * median(times.map((at) => offBy((at - grid.originUs) / grid.periodUs))),
    toleranceUs: width * grid.periodUs,
    anchorUs: grid.originUs + lastCycle * grid.periodUs,
  };
}

/** How often one unrelated episode is on time. */
function phaseChance(periodUs: DurationUs, width: number): number {
  const days = periodUs / dayUs;
  const isWholeDays = days > 0.9 && Math.abs(days - Math.round(days)) < 0.05;
  return isWholeDays ? (2 * width) / officeShare : 2 * width;
}

function offBy(steps: number): number {
  return Math.abs(steps - Math.round(steps));
}

function isEnough(onTime: number, episodes: number, occupied: number, cycles: number): boolean {
  return (
    occupied >= episodesMin &&
    cycles >= cyclesMin &&
    onTime >= explainedMin * episodes &&
    occupied >= occupiedMin * (cycles + 1)
  );
}

function delayFit(times: readonly number[], candidateUs: DurationUs): Period | undefined {
  const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
  const single = gaps.filter((gap) => Math.abs(gap / candidateUs - 1) <= trackWidth);
  if (single.length < 2) return undefined;
  const periodUs = single.reduce((sum, gap) => sum + gap, 0) / single.length;
  const meanUs = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  let best: Period | undefined;
  for (const width of widths) {
    const fit = scoreGaps(gaps, periodUs, meanUs, width);
    if (fit !== undefined && (best === undefined || fit.chance < best.chance)) best = fit;
  }
  return best && { ...best, anchorUs: times.at(-1) as number };
}

function scoreGaps(
  gaps: readonly number[],
  periodUs: DurationUs,
  meanUs: DurationUs,
  width: number,
): Period | undefined {
  let onTime = 0;
  let cycles = 0;
  for (const gap of gaps) {
    const steps = gap / periodUs;
    const whole = Math.max(1, Math.round(steps));
    if (whole > gapPeriodsMax || Math.abs(steps - whole) > width * Math.sqrt(whole)) continue;
    onTime += 1;
    cycles += whole;
  }
  if (!isEnough(onTime + 1, gaps.length + 1, onTime + 1, cycles)) return undefined;
  return {
    periodUs,
    clock: 'delay',
    chance: binomialTail(gaps.length - 1, onTime - 1, delayChance(periodUs / meanUs, width)),
    onTime: onTime + 1,
    episodes: gaps.length + 1,
    cycles,
    errorUs: periodUs * median(gaps.map((gap) => offBy(gap / periodUs))),
    toleranceUs: width * periodUs,
    anchorUs: 0,
  };
}

/** How often a gap of memoryless crashes falls near a whole number of periods. */
function delayChance(periodToMean: number, width: number): number {
  let chance = 0;
  for (let k = 1; k <= gapPeriodsMax; k++) {
    const half = width * Math.sqrt(k);
    chance += Math.exp(-(k - half) * periodToMean) - Math.exp(-(k + half) * periodToMean);
  }
  return chance;
}
