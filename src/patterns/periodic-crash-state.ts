import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Cluster } from './hour-cluster.ts';
import type { Period } from './period-search.ts';
import { amountsOf, isAmount, isObject, isTimes } from './saved.ts';
import { isSuspects, type Suspect, type TimerLink } from './timer-lags.ts';

/** Episodes kept: two weeks of three a day. */
export const episodesMax = 48;

/** What an open finding says. */
export interface Timetable {
  kind: 'period' | 'hours' | 'weekdays' | 'timer';
  /** Where the kind is `period`; `hours` and `weekdays` have a cluster, `timer` has a link. */
  period?: Period;
  cluster?: Cluster;
  link?: TimerLink;
  /** Episodes that kept it. */
  episodes: number;
  /** The last eight episodes, newest lowest: 1 where it was off the timetable. */
  stray: number;
  /** Without a crash until then it is over. */
  silentUs: RealtimeUs;
}

export interface PeriodicState {
  /** Start of each episode (a burst of crashes is one), newest last. */
  episodes: number[];
  seen: number;
  suspects: Suspect[];
  timetable: Timetable | undefined;
  lastUs: RealtimeUs;
  upUs: RealtimeUs;
  /** When the run ended that no crash has been booked for; 0 for none. */
  endUs: RealtimeUs;
  /** How long that run was; -1 where nobody knows. */
  runUs: DurationUs;
  /** The last crash was followed by an automatic restart. */
  automatic: boolean;
  /** The gap from the crash before the last to the last; 0 for none. */
  gapUs: DurationUs;
  /** Gaps in a row that grew as those of a back-off do. */
  growing: number;
}

/** A new state, or the one that was saved; undefined where that is not one. */
export function periodicState(saved?: unknown): PeriodicState | undefined {
  if (saved === undefined) return freshState();
  if (!isObject(saved)) return undefined;
  const numbers = amountsOf(saved, ['seen', 'lastUs', 'upUs', 'endUs', 'gapUs', 'growing']);
  const { episodes, suspects, timetable, runUs, automatic } = saved;
  if (numbers === undefined || !isTimes(episodes, episodesMax) || !isSuspects(suspects))
    return undefined;
  if (typeof runUs !== 'number' || !(runUs === -1 || isAmount(runUs))) return undefined;
  if (timetable !== undefined && !isTimetable(timetable)) return undefined;
  return {
    ...numbers,
    episodes: [...episodes],
    suspects: suspects.map((suspect) => ({ ...suspect })),
    timetable: timetable && { ...timetable },
    runUs,
    automatic: automatic === true,
  };
}

function isTimetable(data: unknown): data is Timetable {
  if (!isObject(data)) return false;
  const { kind, period, cluster, link, episodes, stray, silentUs } = data;
  if (![episodes, stray, silentUs].every(isAmount)) return false;
  if (link !== undefined && !isLink(link)) return false;
  if (kind === 'period') return isPeriod(period) && cluster === undefined;
  if (kind === 'timer') return link !== undefined && period === undefined && cluster === undefined;
  return (
    (kind === 'hours' || kind === 'weekdays') && isCluster(cluster, kind) && period === undefined
  );
}

function isPeriod(data: unknown): data is Period {
  if (!isObject(data)) return false;
  const { clock, periodUs, chance, onTime, episodes, cycles, errorUs, toleranceUs, anchorUs } =
    data;
  const numbers = [periodUs, chance, onTime, episodes, cycles, errorUs, toleranceUs, anchorUs];
  return (clock === 'schedule' || clock === 'delay') && numbers.every(isAmount) && periodUs !== 0;
}

function isCluster(data: unknown, kind: string): data is Cluster {
  if (!isObject(data) || data['kind'] !== kind) return false;
  const { from, to, inside, days, chance } = data;
  return [from, to, inside, days, chance].every(isAmount);
}

function isLink(data: unknown): data is TimerLink {
  if (!isObject(data) || typeof data['timer'] !== 'string') return false;
  const { unit, hits, crashes, lagUs, chance } = data;
  return typeof unit === 'string' && [hits, crashes, lagUs, chance].every(isAmount);
}

function freshState(): PeriodicState {
  return {
    episodes: [],
    seen: 0,
    suspects: [],
    timetable: undefined,
    lastUs: 0,
    upUs: 0,
    endUs: 0,
    runUs: -1,
    automatic: false,
    gapUs: 0,
    growing: 0,
  };
}
