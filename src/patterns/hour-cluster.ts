import type { LocalTime } from '../model/local-time.ts';
import { binomialTail } from './statistics.ts';

/** Different local dates that a cluster needs. */
const daysMin = 5;
/** Different weeks that a cluster by day of the week needs. */
const weeksMin = 4;
/** Share of the dates that must fall into the window. */
const insideMin = 0.8;
/** Windows tried, in hours, widest first; wider than ten is most of the waking day. */
const hourWindows = [10, 8, 6, 4, 3, 2, 1] as const;
const dayWindows = [1, 2, 5] as const;

/** Crashes that keep to some hours of the day, or days of the week, in local time. */
export interface Cluster {
  readonly kind: 'hours' | 'weekdays';
  /** First hour (0 to 24) or weekday (0 is Sunday) of the window, and the one it ends before. */
  readonly from: number;
  readonly to: number;
  /** Dates inside the window, of all. */
  readonly inside: number;
  readonly days: number;
  /** Chance of it among random times, after correction for the windows tried. */
  readonly chance: number;
}

/**
 * The least likely window that holds nearly all dates, or undefined. A date counts once and only
 * if all of its crashes are inside: several crashes on one bad day are not several proofs.
 */
export function findCluster(times: readonly LocalTime[], maxChance: number): Cluster | undefined {
  const dates = new Map<number, LocalTime[]>();
  for (const time of times) {
    const date = dates.get(time.day);
    if (date === undefined) dates.set(time.day, [time]);
    else date.push(time);
  }
  if (dates.size < daysMin) return undefined;
  const found = [byHour([...dates.values()]), byWeekday([...dates.values()])];
  return found
    .filter((cluster) => cluster !== undefined && cluster.chance <= maxChance)
    .sort((a, b) => (a?.chance ?? 1) - (b?.chance ?? 1))[0];
}

function byHour(dates: readonly (readonly LocalTime[])[]): Cluster | undefined {
  let best: Cluster | undefined;
  const starts = dates.flat().map((time) => time.hour);
  const needed = Math.max(daysMin, insideMin * dates.length);
  const tried = starts.length * hourWindows.length;
  for (const width of hourWindows) {
    const { from, inside } = fullestWindow(dates, starts, width);
    // What does not fit into a window fits into no narrower one.
    if (inside < needed) return best;
    const chance = chanceOf(dates.length, inside, width / 24, tried);
    if (best !== undefined && chance >= best.chance) continue;
    best = { kind: 'hours', from, to: (from + width) % 24, inside, days: dates.length, chance };
  }
  return best;
}

function fullestWindow(
  dates: readonly (readonly LocalTime[])[],
  starts: readonly number[],
  width: number,
): { from: number; inside: number } {
  let fullest = { from: 0, inside: 0 };
  for (const from of starts) {
    let inside = 0;
    for (const date of dates) {
      if (date.every((time) => (time.hour - from + 24) % 24 <= width)) inside += 1;
    }
    if (inside > fullest.inside) fullest = { from, inside };
  }
  return fullest;
}

function byWeekday(dates: readonly (readonly LocalTime[])[]): Cluster | undefined {
  let best: Cluster | undefined;
  const days = dates.map((date) => date[0] as LocalTime);
  for (const width of dayWindows) {
    for (let from = 0; from < 7; from++) {
      const inside = days.filter((time) => (time.weekday - from + 7) % 7 < width);
      const weeks = new Set(inside.map((time) => Math.floor((time.day + 3) / 7))).size;
      if (weeks < weeksMin || inside.length < Math.max(daysMin, insideMin * days.length)) continue;
      const chance = chanceOf(days.length, inside.length, width / 7, 7 * dayWindows.length);
      if (best !== undefined && chance >= best.chance) continue;
      const to = (from + width) % 7;
      best = { kind: 'weekdays', from, to, inside: inside.length, days: days.length, chance };
    }
  }
  return best;
}

/** One date is spent on placing the window. */
function chanceOf(days: number, inside: number, share: number, tried: number): number {
  return Math.min(1, binomialTail(days - 1, inside - 1, share) * tried);
}
