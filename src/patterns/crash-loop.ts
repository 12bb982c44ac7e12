import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import { crashLoopState, type LoopKind, type LoopState } from './crash-loop-state.ts';
import { tellLoop, tellLoopEnd } from './crash-loop-telling.ts';
import type { Detector, Follower, Standing, Surroundings, Verdicts } from './detector.ts';
import type { PatternSettings } from './settings.ts';
import { median } from './statistics.ts';

/** Crash times kept: the gaps of a loop, and four times the usual threshold. */
const crashesMax = 24;
/** Crashes after a healthy run that are too many in a day: one every two hours. */
const flapsMax = 12;
const dayUs: DurationUs = 86_400e6;
/** A loop that waits longer than this between two tries is no longer one. */
const slowestUs: DurationUs = 6 * 3600e6;
/** Gaps that vary less than this (standard deviation over median) keep a timetable: not flapping. */
const regular = 0.15;

const rankOf: Readonly<Record<LoopKind, number>> = {
  none: 0,
  flapping: 1,
  manual: 1,
  failing: 2,
  loop: 2,
  stopped_trying: 3,
};

/**
 * Crash loops: `restartThreshold` crashes within `restartWindow`, or in a row with no healthy run
 * between however slow; services that crash after healthy runs too many times a day (flapping); a
 * start limit hit; a script that restarts over and over.
 */
export function crashLoop({ settings }: Surroundings): Detector {
  return {
    pattern: 'crash_loop',
    listensTo: ['trouble'],
    follow: (_service, saved) => {
      const state = crashLoopState(saved);
      return state && new CrashLoop(settings, state);
    },
  };
}

class CrashLoop implements Follower {
  readonly #settings: PatternSettings;
  readonly #state: LoopState;

  constructor(settings: PatternSettings, state: LoopState) {
    this.#settings = settings;
    this.#state = state;
  }

  transition(t: Transition, timeUs: RealtimeUs): Verdicts {
    switch (t.kind) {
      case 'started':
        return this.#runs(timeUs);
      case 'restarted':
        // One that was not seen can be an end of its own accord and a start: what a socket does.
        return t.cause === 'manual' && !t.inferred
          ? this.#restartedByHand(t, timeUs)
          : this.#runs(timeUs);
      case 'exited':
        return this.#ended(t, timeUs);
      case 'restarting':
        return this.#crashed(t, timeUs);
      case 'failed':
        return this.#failed(t, timeUs);
      case 'stopped':
        this.#stopped(timeUs);
        return undefined;
    }
  }

  /** It has run for longer than its own longest gap, or was stopped and stays down. */
  tick(nowUs: RealtimeUs): Verdicts {
    if (nowUs < this.deadlineUs) return undefined;
    const { downUs, upUs } = this.#state;
    return downUs > 0 ? this.#clear('stopped', 0) : this.#clear('stable', nowUs - upUs);
  }

  get deadlineUs(): RealtimeUs {
    const { kind, upUs, downUs, lastUs } = this.#state;
    if (kind === 'none') return Number.POSITIVE_INFINITY;
    if (downUs > 0) return downUs + this.#settings.fastGapUs;
    if (upUs > 0) return upUs + this.#stableUs();
    return kind === 'failing' ? lastUs + dayUs : Number.POSITIVE_INFINITY;
  }

  /** Takes up what it is now, when nobody has seen how it came to that. */
  resume(now: Standing): void {
    const state = this.#state;
    state.upUs = now.phase === 'up' ? now.sinceUs : 0;
    state.downUs = now.phase === 'down' ? now.sinceUs : 0;
  }

  save(): LoopState {
    return this.#state;
  }

  #stableUs(): DurationUs {
    const wanted = Math.max(1.5 * this.#state.longestGapUs, this.#settings.fastGapUs);
    return Math.min(wanted, dayUs);
  }

  #runs(timeUs: RealtimeUs): Verdicts {
    this.#state.upUs = timeUs;
    this.#state.downUs = 0;
    this.#state.runUs = -1;
    return undefined;
  }

  #ended(t: Transition, timeUs: RealtimeUs): Verdicts {
    const state = this.#state;
    // Never up since systemd restarted it: a run of no length.
    const unseenUs = state.automatic ? 0 : -1;
    const known = t.uptimeUs ?? (state.upUs > 0 ? timeUs - state.upUs : unseenUs);
    state.runUs = Number.isFinite(known) ? Math.max(known, -1) : -1;
    state.upUs = 0;
    if (state.kind !== 'none' && state.runUs >= this.#stableUs()) {
      return this.#clear('stable', state.runUs);
    }
    return undefined;
  }

  #failed(t: Transition, timeUs: RealtimeUs): Verdicts {
    this.#state.downUs = 0;
    const ended = this.#state.runUs < 0 ? this.#ended(t, timeUs) : undefined;
    const gaveUp = this.#gaveUp(t, timeUs);
    if (t.ending?.reason !== 'start-limit-hit') this.#count(1, t, timeUs);
    this.#state.runUs = -1;
    this.#state.automatic = false;
    if (gaveUp) return this.#open('stopped_trying');
    return this.#judge('failing') ?? ended;
  }

  /**
   * Result alone does not tell: many units keep that of the last try. Failed after at least two
   * automatic restarts without a healthy run is a limit too.
   */
  #gaveUp(t: Transition, timeUs: RealtimeUs): boolean {
    const { automatic, streak, lastUs } = this.#state;
    if (t.ending?.reason === 'start-limit-hit') return true;
    return automatic && streak >= 2 && timeUs - lastUs < this.#settings.healthyRunUs;
  }

  #crashed(t: Transition, timeUs: RealtimeUs): Verdicts {
    if (t.cause === 'manual' || t.cause === 'unitwatch') return undefined;
    const ended = this.#state.runUs < 0 ? this.#ended(t, timeUs) : undefined;
    this.#count(countOf(t), t, timeUs);
    this.#state.runUs = -1;
    this.#state.automatic = true;
    return this.#judge('loop') ?? ended;
  }

  /** Books `count` crashes at one moment: hidden ones were close to the one that was seen. */
  #count(count: number, t: Transition, timeUs: RealtimeUs): void {
    const state = this.#state;
    const gapUs = state.lastUs > 0 ? timeUs - state.lastUs : 0;
    const healthy = this.#wasHealthy(gapUs, t.kind === 'restarting');
    if (healthy && state.lastUs > 0) {
      state.flaps.push(timeUs);
      if (state.flaps.length > flapsMax) state.flaps.shift();
    }
    if (healthy) {
      state.streak = 0;
      if (state.kind === 'none') state.longestGapUs = 0;
    }
    if (state.streak === 0) state.firstUs = timeUs;
    else state.longestGapUs = Math.max(state.longestGapUs, gapUs);
    if (healthy && state.kind !== 'none') {
      state.longestGapUs = Math.max(state.longestGapUs, Math.min(gapUs, dayUs));
    }
    state.downUs = 0;
    state.streak += count;
    state.total += count;
    state.lastUs = timeUs;
    state.lastRunUs = state.runUs;
    state.reason = t.ending?.reason ?? state.reason;
    for (let i = 0; i < Math.min(count, crashesMax); i++) state.times.push(timeUs);
    state.times.splice(0, Math.max(0, state.times.length - crashesMax));
    state.manualStreak = 0;
  }

  #wasHealthy(gapUs: DurationUs, automatic: boolean): boolean {
    const { healthyRunUs } = this.#settings;
    const { runUs } = this.#state;
    if (runUs < 0) return gapUs >= healthyRunUs;
    const patienceUs = automatic ? slowestUs : 3 * healthyRunUs;
    return runUs >= healthyRunUs || gapUs > patienceUs;
  }

  #judge(sustained: 'loop' | 'failing'): Verdicts {
    const crashes = Math.max(this.#state.streak, this.#inWindow());
    if (crashes >= this.#settings.restartThreshold) return this.#open(sustained);
    if (this.#flaps()) return this.#open('flapping');
    return this.#state.kind === 'none' ? undefined : this.#open(this.#state.kind);
  }

  #inWindow(): number {
    const sinceUs = this.#state.lastUs - this.#settings.restartWindowUs;
    return this.#state.times.reduce((n, at) => (at >= sinceUs ? n + 1 : n), 0);
  }

  #flaps(): boolean {
    const { flaps, lastUs } = this.#state;
    if (flaps.length < flapsMax || lastUs - (flaps[0] as number) > dayUs) return false;
    const gaps = flaps.slice(1).map((at, i) => at - (flaps[i] as number));
    const middle = median(gaps);
    const spread = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - middle) ** 2, 0) / gaps.length);
    return spread > regular * middle;
  }

  #open(kind: LoopKind): Verdicts {
    const state = this.#state;
    if (state.kind === 'none') {
      state.total = Math.max(state.streak, kind === 'flapping' ? flapsMax : this.#inWindow());
    }
    if (state.kind === 'none') {
      const sinceUs = state.lastUs - this.#settings.restartWindowUs;
      const crashes = kind === 'flapping' ? state.flaps : state.times.filter((at) => at >= sinceUs);
      const gaps = crashes.slice(1).map((at, i) => at - (crashes[i] as number));
      state.longestGapUs = Math.max(state.longestGapUs, ...gaps);
    }
    if (rankOf[kind] >= rankOf[state.kind]) state.kind = kind;
    const tell = () => tellLoop(state, this.#settings);
    return [{ holds: true, rank: rankOf[state.kind], level: state.total, tell }];
  }

  #restartedByHand(t: Transition, timeUs: RealtimeUs): Verdicts {
    const state = this.#state;
    const gapUs = timeUs - state.manualUs;
    const near = state.manualUs > 0 && gapUs <= this.#settings.fastGapUs;
    state.manualStreak = (near ? state.manualStreak : 0) + countOf(t);
    state.manualUs = timeUs;
    this.#runs(timeUs);
    // A person who looks for a fault restarts a few times; twice the threshold is a script.
    if (state.manualStreak < 2 * this.#settings.restartThreshold) return undefined;
    state.longestGapUs = Math.max(state.longestGapUs, gapUs);
    state.total = state.manualStreak;
    return this.#openManual();
  }

  #openManual(): Verdicts {
    const state = this.#state;
    if (state.kind === 'none') state.kind = 'manual';
    const tell = () => tellLoop(state, this.#settings);
    return [{ holds: true, rank: rankOf[state.kind], level: state.total, tell }];
  }

  /**
   * Somebody, or its own success, ended it: whatever was before no longer counts, unless it comes back
   * at once. A restart by hand is a stop and a start, too.
   */
  #stopped(timeUs: RealtimeUs): void {
    const state = this.#state;
    state.upUs = 0;
    state.downUs = timeUs;
    state.runUs = -1;
    if (state.kind === 'none') this.#forget();
  }

  #clear(how: 'stable' | 'stopped', ranUs: DurationUs): Verdicts {
    const state = this.#state;
    if (state.kind === 'none') return undefined;
    const telling = tellLoopEnd(state, how, ranUs);
    state.kind = 'none';
    state.manualStreak = 0;
    this.#forget();
    return [{ holds: false, rank: 0, level: 0, tell: () => telling }];
  }

  #forget(): void {
    const state = this.#state;
    state.times.length = 0;
    if (state.flaps.length === flapsMax) state.flaps.length = 0;
    state.streak = 0;
    state.total = 0;
    state.longestGapUs = 0;
    state.automatic = false;
  }
}

/** At least one, and no more than anybody would believe. */
function countOf(t: Transition): number {
  return Math.min(Math.max(1, Math.trunc(t.count) || 1), 1e6);
}
