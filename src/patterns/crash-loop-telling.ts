import type { Severity } from '../model/event.ts';
import { type DurationUs, humanDuration } from '../model/time.ts';
import type { LoopKind, LoopState } from './crash-loop-state.ts';
import type { Telling } from './detector.ts';
import type { PatternSettings } from './settings.ts';

/** Gaps shown in the evidence. */
const gapsShown = 8;
/** Each gap at least this many times the one before it is a wait that grows. */
const growth = 1.2;

const severityOf: Readonly<Record<LoopKind, Severity>> = {
  none: 'info',
  flapping: 'warning',
  manual: 'warning',
  failing: 'error',
  loop: 'error',
  stopped_trying: 'critical',
};

export function tellLoop(state: Readonly<LoopState>, settings: PatternSettings): Telling {
  const gaps = gapsUs(state.times).slice(-gapsShown);
  const growing = grows(gaps);
  return {
    severity: severityOf[state.kind],
    sentence: sentenceOf(state, settings, growing),
    evidence: {
      kind: state.kind,
      restarts: state.total,
      consecutive: state.streak,
      first_crash_us: state.firstUs,
      longest_gap_s: seconds(state.longestGapUs),
      gaps_s: gaps.map(seconds),
      growing_gaps: growing,
      threshold: settings.restartThreshold,
      window_s: seconds(settings.restartWindowUs),
      ...(state.lastRunUs >= 0 && { last_uptime_s: seconds(state.lastRunUs) }),
      ...(state.reason !== '' && { reason: state.reason }),
    },
  };
}

export function tellLoopEnd(
  state: Readonly<LoopState>,
  how: 'stable' | 'stopped',
  ranUs: DurationUs,
): Telling {
  const sentence =
    how === 'stopped'
      ? 'ended well and stays down: the crash loop is over'
      : state.upUs === 0 && ranUs <= 0
        ? 'has not crashed again'
        : `has run for ${humanDuration(Math.max(0, ranUs))}, longer than the longest gap between its crashes`;
  return {
    severity: 'info',
    sentence,
    evidence: {
      kind: state.kind,
      restarts: state.total,
      ran_s: seconds(Math.max(0, ranUs)),
      longest_gap_s: seconds(state.longestGapUs),
      cleared_by: how,
    },
  };
}

function sentenceOf(state: LoopState, settings: PatternSettings, growing: boolean): string {
  const span = humanDuration(Math.max(0, state.lastUs - state.firstUs));
  const because = state.reason === '' || state.reason === 'clean' ? '' : ` (${state.reason})`;
  switch (state.kind) {
    case 'flapping':
      return `crashed ${state.flaps.length} times in a day, each time after a run that looked healthy${because}`;
    case 'manual':
      return `was restarted by hand or by a script ${state.total} times in a row, less than ${humanDuration(settings.fastGapUs)} apart`;
    case 'failing':
      return `failed ${state.streak} times in a row within ${span}${because}; nothing restarts it by itself`;
    case 'stopped_trying':
      return `crashed until systemd stopped trying: it hit its start limit and stays down until somebody starts it${because}`;
    default:
      return `crashed ${howOften(state, settings)}, and systemd restarts it each time${because}${growing ? '; the wait between the restarts grows' : ''}`;
  }
}

function howOften(state: LoopState, settings: PatternSettings): string {
  if (state.streak < settings.restartThreshold) {
    return `${state.total} times, ${settings.restartThreshold} or more within ${humanDuration(settings.restartWindowUs)}`;
  }
  const span = humanDuration(Math.max(0, state.lastUs - state.firstUs));
  return `${state.streak} times in a row within ${span}`;
}

function gapsUs(times: readonly number[]): number[] {
  return times.slice(1).map((at, i) => at - (times[i] as number));
}

/** The last three gaps or more, each clearly longer than the one before. */
function grows(gaps: readonly number[]): boolean {
  const last = gaps.slice(-4);
  return last.length >= 3 && last.every((gap, i) => i === 0 || gap > growth * (last[i - 1] ?? 0));
}

function seconds(us: DurationUs): number {
  return Math.round(us / 1000) / 1000;
}
