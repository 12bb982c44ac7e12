import type { DurationUs } from '../model/time.ts';
import { median, risingTau, theilSenSlope, trendChance } from './statistics.ts';

const hourUs: DurationUs = 3600e6;
/** Blocks that must hold a sample, of those in the window. */
const presentMin = 0.75;
/** Growth below this is nobody's leak, bytes. */
const growthMin = 1_048_576;
/** The first half must have risen at this share of the whole window's slope: no single step. */
const firstShareMin = 0.25;
/** A load that comes in one or two steps is no leak: no block may bring more of the growth. */
const largestStepMax = 1 / 3;
/** A window shorter than this has to show a threefold. */
const minutesHours = 8;
const minutesGrowth = 2;
/** Up to so many hours the time of day may explain a rise, and so much of it. */
const dayHours = 18;
const dayGrowth = 2.25;
/** Mann-Kendall's chance: necessary, and never sufficient. */
const maxChance = 1e-3;

/** How a stretch of floors goes. */
export interface Trend {
  readonly bytesPerHour: number;
  /** Growth over the window by the robust slope, and in relation to where it began. */
  readonly growthBytes: number;
  readonly relativeGrowth: number;
  readonly windowUs: DurationUs;
  /** Kendall's tau of the floors: 1 where each is above the one before. */
  readonly tau: number;
  /** Mann-Kendall's chance of it without a trend. */
  readonly chance: number;
  /** The largest rise from one floor to the next, as a share of the growth. */
  readonly largestStep: number;
  /** Slope of the later half over slope of the whole. */
  readonly lateShare: number;
  /** Slope of the first half over slope of the whole. */
  readonly firstShare: number;
}

/** The trend of floors (bytes, oldest first, below 0 for none), one each `blockUs`. */
export function trendOf(floors: readonly number[], blockUs: DurationUs): Trend | undefined {
  const x: number[] = [];
  const y: number[] = [];
  for (const [i, floor] of floors.entries()) {
    if (floor < 0) continue;
    x.push((i * blockUs) / hourUs);
    y.push(floor);
  }
  if (y.length < presentMin * floors.length || y.length < 6) return undefined;
  const slope = theilSenSlope(x, y);
  const windowUs = floors.length * blockUs;
  const growthBytes = (slope * windowUs) / hourUs;
  const half = y.length >> 1;
  const start = Math.max(
    growthMin,
    median(y.slice(0, Math.max(3, y.length >> 2))) - growthBytes / 8,
  );
  const tau = risingTau(y);
  return {
    bytesPerHour: slope,
    growthBytes,
    relativeGrowth: growthBytes / start,
    windowUs,
    tau,
    chance: trendChance(tau, y.length),
    largestStep: largestRise(y) / Math.max(1, growthBytes),
    lateShare: slope > 0 ? theilSenSlope(x.slice(half), y.slice(half)) / slope : 0,
    firstShare: slope > 0 ? theilSenSlope(x.slice(0, -half), y.slice(0, -half)) / slope : 0,
  };
}

function largestRise(floors: readonly number[]): number {
  let largest = 0;
  for (let i = 1; i < floors.length; i++) {
    largest = Math.max(largest, (floors[i] as number) - (floors[i - 1] as number));
  }
  return largest;
}

/**
 * The relative growth that is asked of a window: 12% over two days (machines grow that much in a
 * week without leaking, and 10% a day is worth finding). Within a day load, the time of day and
 * caches that fill move memory too, some of them for hours in a straight line, to twice of what it
 * was and more: only a threefold is a leak there, and a little more over the rising half of a day.
 */
export function growthNeeded(windowUs: DurationUs): number {
  const hours = windowUs / hourUs;
  if (hours <= minutesHours) return minutesGrowth;
  if (hours <= dayHours) return dayGrowth;
  if (hours >= 32) return Math.max(0.12, (0.2 * 32) / hours);
  const share = Math.log(hours / dayHours) / Math.log(32 / dayHours);
  return dayGrowth * (0.2 / dayGrowth) ** share;
}

/** Of windows shorter than a day nearly every floor must be above the one before. */
function tauNeeded(windowUs: DurationUs): number {
  return windowUs < 24 * hourUs ? 0.85 : 0.7;
}

/** A cache that fills slows down; within a day a leak is told from it by a line that stays straight. */
function lateShareNeeded(windowUs: DurationUs): number {
  return windowUs < 24 * hourUs ? 0.9 : 0.5;
}

/**
 * The slope of the later half, as a share of the earlier one's. What fills as the logarithm of time is a
 * cache: while a window still shows growth that counts, its later half has less than this share.
 */
const straightMin = 0.8;

/** It grows, enough, significantly, without pause and still. `ease` divides the growth asked for. */
export function isLeak(trend: Trend, ease: number): boolean {
  return (
    trend.growthBytes >= growthMin &&
    trend.relativeGrowth >= growthNeeded(trend.windowUs) / ease &&
    trend.tau >= tauNeeded(trend.windowUs) &&
    trend.chance <= maxChance &&
    trend.largestStep <= largestStepMax &&
    trend.lateShare >= lateShareNeeded(trend.windowUs) &&
    trend.lateShare >= straightMin * trend.firstShare &&
    trend.firstShare >= firstShareMin
  );
}
