import { type LocalTime, localClock } from '../model/local-time.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type { Detector, Follower, Surroundings, Verdicts } from './detector.ts';
import { findCluster } from './hour-cluster.ts';
import { episodesMin, findPeriod, type Period } from './period-search.ts';
import {
  episodesMax,
  type PeriodicState,
  periodicState,
  type Timetable,
} from './periodic-crash-state.ts';
import { tellTimetable, tellTimetableEnd } from './periodic-crash-telling.ts';
import { linkedTimer, suspectTimers } from './timer-lags.ts';

/** A finding needs less than this chance, after correction for all that was tried. */
const maxChance = 5e-4;
/** Episodes that a period is looked for in: more only make an old timetable hide a new one. */
const searched = 32;
/** A timetable is over after so many periods without a crash, or so many usual gaps. */
const silentPeriods = 4;
const dayUs: DurationUs = 86_400e6;
/** A back-off multiplies its waits by up to four, a few times, and then keeps to a limit. */
const fastestGrowth = 4;
const growingMin = 3;
const steady = 1.25;
/** Of the last eight episodes, so many off the timetable end it. */
const strayMax = 5;

/**
 * Crashes that keep a timetable: a period (of a clock outside, or of a delay after the start),
 * hours of the day or days of the week in local time, or a timer that fires just before.
 */
export function periodicCrash(surroundings: Surroundings): Detector {
  let clock: ((timeUs: RealtimeUs) => LocalTime) | undefined;
  const local = (timeUs: RealtimeUs) => {
    clock ??= localClock(surroundings.settings.timeZone);
    return clock(timeUs);
  };
  return {
    pattern: 'periodic_crash',
    listensTo: ['trouble'],
    follow: (_service, saved) => {
      const state = periodicState(saved);
      return state && new PeriodicCrash(surroundings, local, state);
    },
  };
}

class PeriodicCrash implements Follower {
  readonly #surroundings: Surroundings;
  readonly #local: (timeUs: RealtimeUs) => LocalTime;
  readonly #state: PeriodicState;

  constructor(
    surroundings: Surroundings,
    local: (timeUs: RealtimeUs) => LocalTime,
    state: PeriodicState,
  ) {
    this.#surroundings = surroundings;
    this.#local = local;
    this.#state = state;
  }

  get deadlineUs(): RealtimeUs {
    return this.#state.timetable?.silentUs ?? Number.POSITIVE_INFINITY;
  }

  save(): PeriodicState {
    return this.#state;
  }

  transition(t: Transition, timeUs: RealtimeUs): Verdicts {
    const state = this.#state;
    switch (t.kind) {
      case 'started':
      case 'restarted':
        state.upUs = timeUs;
        return undefined;
      case 'exited':
        this.#ended(t, timeUs);
        return undefined;
      case 'stopped':
        state.upUs = 0;
        state.endUs = 0;
        state.automatic = false;
        return undefined;
      case 'restarting':
        return t.cause === 'automatic' || t.cause === undefined
          ? this.#crash(t, timeUs)
          : undefined;
      case 'failed':
        return t.ending?.reason === 'start-limit-hit' ? undefined : this.#crash(t, timeUs);
    }
  }

  tick(nowUs: RealtimeUs): Verdicts {
    const timetable = this.#state.timetable;
    if (timetable === undefined || nowUs < timetable.silentUs) return undefined;
    return this.#clear(timetable, 'silent', nowUs);
  }

  #ended(t: Transition, timeUs: RealtimeUs): void {
    const state = this.#state;
    // Never up since systemd restarted it: a run of no length.
    const unseenUs = state.automatic ? 0 : -1;
    const known = t.uptimeUs ?? (state.upUs > 0 ? timeUs - state.upUs : unseenUs);
    state.runUs = Number.isFinite(known) ? Math.max(known, -1) : -1;
    state.upUs = 0;
    state.endUs = timeUs;
  }

  /** A restart follows its crash after RestartSec: the crash itself is what keeps a timetable. */
  #crash(t: Transition, timeUs: RealtimeUs): Verdicts {
    const state = this.#state;
    if (state.endUs === 0) this.#ended(t, timeUs);
    const crashUs = state.endUs;
    const { healthyRunUs } = this.#surroundings.settings;
    const gapUs = crashUs - state.lastUs;
    const isLoop = state.automatic && state.runUs >= 0 && state.runUs < healthyRunUs;
    const isBackOff = state.lastUs > 0 && this.#isBackOff(gapUs);
    const isNew = state.lastUs === 0 || !(isLoop || isBackOff || gapUs < healthyRunUs / 2);
    state.automatic = t.kind === 'restarting';
    state.lastUs = crashUs;
    state.endUs = 0;
    state.runUs = -1;
    return isNew ? this.#episode(crashUs) : undefined;
  }

  /**
   * Where nobody tells how long a run was, gaps that have grown three times in a row are a loop's
   * waits, and so are those that follow at their limit.
   */
  #isBackOff(gapUs: DurationUs): boolean {
    const state = this.#state;
    const growth = gapUs / state.gapUs;
    const isAtLimit = state.growing >= growingMin && growth > 1 / steady && growth < steady;
    // A back-off begins with a loop; days that grow are chance.
    const isLoop = state.growing > 0 || state.gapUs < this.#surroundings.settings.healthyRunUs / 2;
    if (isLoop && growth >= steady && growth <= fastestGrowth) state.growing += 1;
    else if (!isAtLimit) state.growing = 0;
    state.gapUs = gapUs;
    return state.growing >= growingMin;
  }

  #episode(crashUs: RealtimeUs): Verdicts {
    const state = this.#state;
    const { timers, settings } = this.#surroundings;
    state.episodes.push(crashUs);
    if (state.episodes.length > episodesMax) state.episodes.shift();
    state.seen += 1;
    if (timers.size > 0) suspectTimers(state.suspects, timers, crashUs, settings.healthyRunUs / 2);
    if (state.timetable !== undefined) return this.#compare(state.timetable, crashUs);
    return isWorthALook(state.seen) ? this.#search(crashUs) : undefined;
  }

  #search(nowUs: RealtimeUs): Verdicts {
    const timetable = this.#find(nowUs);
    this.#state.timetable = timetable;
    return timetable && this.#holds(timetable);
  }

  #holds(timetable: Timetable): Verdicts {
    const tell = () => tellTimetable(timetable, this.#local, this.#surroundings.settings.timeZone);
    // A period says more than a cluster or a coincidence, and who it is more than both: finding them
    // later is news.
    const rank = (timetable.kind === 'period' ? 3 : 1) + (timetable.link === undefined ? 0 : 1);
    return [{ holds: true, rank, level: timetable.episodes, tell }];
  }

  #find(nowUs: RealtimeUs): Timetable | undefined {
    const { episodes, suspects } = this.#state;
    if (episodes.length < episodesMin) return undefined;
    const { timers, settings } = this.#surroundings;
    const link = linkedTimer(suspects, timers, nowUs, {
      maxChance,
      lagNoiseUs: settings.lagNoiseUs,
    });
    const shared = { ...(link && { link }), stray: 0 };
    const usualUs = (nowUs - (episodes[0] as number)) / (episodes.length - 1);
    const period = this.#period(episodes.slice(-searched));
    if (period !== undefined) {
      const perEpisodeUs = (period.cycles * period.periodUs) / Math.max(1, period.onTime - 1);
      const silentUs = nowUs + silentPeriods * Math.max(perEpisodeUs, period.periodUs);
      return { ...shared, kind: 'period', period, episodes: period.onTime, silentUs };
    }
    const cluster = findCluster(episodes.map(this.#local), maxChance);
    if (cluster !== undefined) {
      const least = cluster.kind === 'hours' ? 5 * dayUs : 28 * dayUs;
      const silentUs = nowUs + Math.max(least, silentPeriods * usualUs);
      return { ...shared, kind: cluster.kind, cluster, episodes: cluster.inside, silentUs };
    }
    if (link === undefined) return undefined;
    const silentUs = nowUs + silentPeriods * usualUs;
    return { ...shared, kind: 'timer', episodes: link.hits, silentUs };
  }

  /** What a clock on the wall starts keeps to it, also over a change to daylight saving. */
  #period(times: readonly RealtimeUs[]): Period | undefined {
    const { healthyRunUs } = this.#surroundings.settings;
    const found = findPeriod(times, healthyRunUs, maxChance);
    const aheadUs = times.map((timeUs) => this.#wall(timeUs) - timeUs);
    const lastUs = aheadUs.at(-1) ?? 0;
    if (aheadUs.every((us) => Math.abs(us - lastUs) < 60e6)) return found;
    const shown = times.map((timeUs) => this.#wall(timeUs));
    // A second search: each pays half.
    const wall = findPeriod(shown, healthyRunUs, maxChance / 2);
    if (wall === undefined) return found;
    const isBetter =
      found === undefined ||
      wall.onTime > found.onTime ||
      (wall.onTime === found.onTime && wall.errorUs < found.errorUs);
    return isBetter ? { ...wall, anchorUs: wall.anchorUs - lastUs } : found;
  }

  /** The clock on the wall, as if it were UTC. */
  #wall(timeUs: RealtimeUs): RealtimeUs {
    const { day, hour } = this.#local(timeUs);
    return day * dayUs + hour * 3600e6;
  }

  /** An episode while a timetable is open: kept, or not; and looked at anew from time to time. */
  #compare(open: Timetable, crashUs: RealtimeUs): Verdicts {
    const state = this.#state;
    const stray = ((open.stray << 1) | (this.#isOnTime(open, crashUs) ? 0 : 1)) & 0xff;
    if (ones(stray) >= strayMax) return this.#clear(open, 'irregular', crashUs);
    const found = isWorthALook(state.seen) ? this.#find(crashUs) : undefined;
    if (found !== undefined) {
      const silentUs = Math.max(found.silentUs, open.silentUs);
      const episodes = Math.max(found.episodes, open.episodes);
      state.timetable = { ...found, silentUs, episodes, stray };
    } else {
      const longer = (stray & 1) === 0 ? crashUs - (state.episodes.at(-2) ?? crashUs) : 0;
      state.timetable = { ...open, stray, silentUs: open.silentUs + longer };
    }
    state.timetable.episodes = open.episodes + ((stray & 1) === 0 ? 1 : 0);
    return this.#holds(state.timetable);
  }

  #isOnTime(open: Timetable, crashUs: RealtimeUs): boolean {
    if (open.period !== undefined) {
      const { clock, anchorUs, periodUs, toleranceUs } = open.period;
      const from = clock === 'delay' ? (this.#state.episodes.at(-2) ?? anchorUs) : anchorUs;
      const keeps = (gapUs: DurationUs) => {
        const steps = gapUs / periodUs;
        return Math.abs(steps - Math.round(steps)) * periodUs <= 2 * toleranceUs;
      };
      return keeps(crashUs - from) || keeps(this.#wall(crashUs) - this.#wall(from));
    }
    if (open.cluster?.kind === 'hours') {
      const { from, to } = open.cluster;
      return (this.#local(crashUs).hour - from + 24) % 24 <= (to - from + 24) % 24;
    }
    if (open.cluster !== undefined) {
      const { from, to } = open.cluster;
      return (this.#local(crashUs).weekday - from + 7) % 7 < (to - from + 7) % 7;
    }
    const suspect = this.#state.suspects.find((known) => known.timer === open.link?.timer);
    return suspect !== undefined && suspect.hits >= 0.8 * suspect.crashes;
  }

  #clear(open: Timetable, how: 'silent' | 'irregular', nowUs: RealtimeUs): Verdicts {
    const state = this.#state;
    const lastUs = state.episodes.at(-1) ?? nowUs;
    state.timetable = undefined;
    state.episodes.length = 0;
    state.suspects.length = 0;
    state.seen = 0;
    const telling = tellTimetableEnd(open, how, nowUs - lastUs);
    return [{ holds: false, rank: 0, level: 0, tell: () => telling }];
  }
}

/** A search costs some 40 µs: the first episodes get one each, later ones in growing steps. */
const looks: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 13, 17, 22, 28, 36]);

function isWorthALook(seen: number): boolean {
  return looks.has(seen) || (seen > 36 && seen % 12 === 0);
}

function ones(bits: number): number {
  let n = 0;
  for (let rest = bits; rest > 0; rest >>= 1) n += rest & 1;
  return n;
}
