import { limits } from '../model/limits.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Ending, Transition, TransitionKind } from '../model/transition.ts';
import {
  invocationId,
  type Phase,
  phaseOf,
  type RestartCause,
  sameInvocation,
  type UnitState,
} from '../model/unit.ts';
import { endingOf } from './ending.ts';

/** What a comparison of two states needs beyond them. */
export interface Context {
  readonly unit: string;
  /** Our clock, for the one thing that systemd keeps no timestamp of: scheduling a restart. */
  readonly nowUs: RealtimeUs;
  readonly resync: boolean;
  /** How the unit's last run ended, as told before. */
  readonly lastEnding: Ending | undefined;
  /** A restart that unitwatch itself asked for is under way. */
  readonly ownRestart: boolean;
}

const nothing: readonly Transition[] = [];

/**
 * What happened to a unit between two consistent views of it: pure, and the only place that knows
 * what "restarted" means. Signals are coalesced, so one step can hide whole runs; what is hidden
 * follows from NRestarts, InvocationID and the timestamps, and is marked `inferred`.
 *
 * An automatic restart is counted where systemd counts it, when NRestarts rises: the same moment
 * as the journal's "Scheduled restart job" (service_enter_restart(), src/core/service.c).
 * `after` must have been completed by `carry`.
 */
export function transition(
  before: Readonly<UnitState>,
  after: Readonly<UnitState>,
  context: Context,
): readonly Transition[] {
  if (
    before.stateChangeUs === after.stateChangeUs &&
    before.subState === after.subState &&
    before.nRestarts === after.nRestarts &&
    before.jobId === after.jobId &&
    sameInvocation(before, after)
  )
    return nothing;
  const step: Step = {
    before,
    after,
    context,
    was: settledPhase(before),
    is: settledPhase(after),
    automatic: automaticRestarts(before, after),
    pending: endedAnew(before, after) ? after.scheduled : 0,
    out: [],
  };
  const past = step.automatic - step.pending;
  tellRestarting(step, past, step.was === 'waiting' ? 1 : 0);
  if (after.activeEnterUs !== before.activeEnterUs && after.activeEnterUs > 0) tellRun(step, past);
  tellEnd(step);
  tellRestarting(step, step.pending, step.pending);
  return step.out;
}

interface Step {
  readonly before: Readonly<UnitState>;
  readonly after: Readonly<UnitState>;
  readonly context: Context;
  readonly was: Phase;
  readonly is: Phase;
  /** Automatic restarts between the two views. */
  readonly automatic: number;
  /** Of those, the one that was scheduled after the end which `after` shows. */
  readonly pending: number;
  readonly out: Transition[];
}

/**
 * A restart job takes a waiting unit through `inactive` or `failed` for a moment; as long as the
 * job lives the unit is still on its way up.
 */
function settledPhase(state: Readonly<UnitState>): Phase {
  const phase = phaseOf(state);
  const passing = (phase === 'down' || phase === 'failed') && state.jobId !== 0;
  return passing && state.scheduled > 0 ? 'waiting' : phase;
}

/** NRestarts counts from the last manual start: after a reset, all it shows is new. */
export function automaticRestarts(before: Readonly<UnitState>, after: Readonly<UnitState>): number {
  if (after.nRestarts >= before.nRestarts) return after.nRestarts - before.nRestarts;
  const ranSince =
    after.execMainStartUs !== before.execMainStartUs || !sameInvocation(before, after);
  return ranSince ? after.nRestarts : 0;
}

/**
 * `after` waits for a restart, and for another one than `before` did. Since systemd 254 a unit still
 * waits (`auto-restart-queued`) when its next run begins and sets the exit's time to 0.
 */
export function endedAnew(before: Readonly<UnitState>, after: Readonly<UnitState>): boolean {
  return (
    phaseOf(after) === 'waiting' &&
    (phaseOf(before) !== 'waiting' ||
      (after.execMainExitUs !== before.execMainExitUs && after.execMainExitUs !== 0) ||
      after.inactiveEnterUs !== before.inactiveEnterUs)
  );
}

/** One transition for each restart; more than `limits.inferredEvents` at once share one. */
function tellRestarting(step: Step, count: number, seen: number): void {
  if (count <= 0) return;
  const { before, after, context } = step;
  const stillWaiting = step.is === 'waiting' && after.inactiveExitUs <= before.inactiveExitUs;
  const timeUs =
    stillWaiting || step.pending > 0 || after.inactiveExitUs === 0
      ? context.nowUs
      : after.inactiveExitUs;
  const shared = count > limits.inferredEvents;
  for (let i = 0; i < (shared ? 1 : count); i++) {
    step.out.push({
      ...basics(step, 'restarting', timeUs, seen === 0 || i >= seen || shared),
      invocation: invocationId(before),
      count: shared ? count : 1,
      cause: 'automatic',
      ...(context.lastEnding && { ending: context.lastEnding }),
    });
  }
}

/** It came up; perhaps it has gone down again since. */
function tellRun(step: Step, past: number): void {
  const { before, after, context, was, is } = step;
  const due = before.scheduled + past;
  const cause = restartCause(step, due);
  const downUs = after.activeEnterUs - Math.max(before.activeExitUs, activeExitBefore(after));
  // It may have ended of its own accord, and been started by a job that showed with its end.
  const isRestartJob = isOneJob(step) && before.endJobSeen;
  const endUnseen = cause === 'manual' && was !== 'waiting' && !isRestartJob;
  const hidden = is !== 'up' || was === 'up' || endUnseen;
  step.out.push({
    ...basics(step, cause ? 'restarted' : 'started', after.activeEnterUs, hidden),
    ...(cause && {
      cause,
      count: cause === 'automatic' ? Math.max(1, due) : 1,
      ...(context.lastEnding && { ending: context.lastEnding }),
      ...(before.activeEnterUs > 0 && downUs >= 0 && { downUs }),
    }),
  });
}

/** When it last left `active` before the run that `state` shows the start of; 0 if never. */
function activeExitBefore(state: Readonly<UnitState>): RealtimeUs {
  return state.activeExitUs <= state.activeEnterUs ? state.activeExitUs : 0;
}

/** Whose restart the new run is; undefined where it is a plain start. */
function restartCause(step: Step, due: number): RestartCause | undefined {
  const { context, was } = step;
  if (due > 0) return 'automatic';
  if (context.ownRestart) return 'unitwatch';
  if (was === 'up' || was === 'stopping' || was === 'waiting') return 'manual';
  return isOneJob(step) ? 'manual' : undefined;
}

/** The job that ended the last run brings the new one up: a restart job becomes a start job. */
function isOneJob({ before, after }: Step): boolean {
  return before.endJobId !== 0 && before.endJobId === (after.jobId || before.jobId);
}

/**
 * It went down, for good or until RestartSec is over. A unit that was unloaded and loaded again has
 * lost its times, which is no new end.
 */
function tellEnd(step: Step): void {
  const { before, after, was, is } = step;
  const endedSince = after.inactiveEnterUs !== before.inactiveEnterUs && after.inactiveEnterUs > 0;
  if (is === 'waiting') {
    if (endedAnew(before, after)) pushEnd(step, 'exited', false);
  } else if (is === 'down') {
    const reset = was === 'failed' || was === 'down';
    if (!reset || endedSince) pushEnd(step, 'stopped', false);
  } else if (is === 'failed') {
    const limit = startLimitHit(step);
    const again = endedSince || (limit && before.result !== after.result) || startRefused(step);
    if (was !== 'failed' || again) pushEnd(step, 'failed', limit);
  }
}

/**
 * systemd refused to start it once more. Its Result often still names the last try's end
 * (service_enter_dead() keeps the first), so: failed where a restart was due, without a new run.
 */
function startLimitHit(step: Step): boolean {
  const { before, after, was, automatic } = step;
  if (after.result === 'start-limit-hit' || startRefused(step)) return true;
  const due = before.scheduled + automatic > 0;
  const noRun = sameInvocation(before, after) && after.execMainStartUs === before.execMainStartUs;
  return was === 'waiting' && due && noRun;
}

/** A start of a failed unit that changed its state's time and nothing else: over the start limit. */
function startRefused({ before, after, was, is }: Step): boolean {
  return (
    was === 'failed' &&
    is === 'failed' &&
    after.stateChangeUs > before.stateChangeUs &&
    after.inactiveExitUs === before.inactiveExitUs &&
    after.inactiveEnterUs === before.inactiveEnterUs &&
    sameInvocation(before, after)
  );
}

function pushEnd(step: Step, kind: 'exited' | 'stopped' | 'failed', limit: boolean): void {
  const { before, after, was } = step;
  const moved = after.inactiveEnterUs !== before.inactiveEnterUs && after.inactiveEnterUs > 0;
  const timeUs = moved ? after.inactiveEnterUs : after.stateChangeUs || step.context.nowUs;
  const uptime = uptimeOfEnded(before, after);
  const canceled = kind !== 'exited' && was === 'waiting' && !limit && uptime === undefined;
  step.out.push({
    ...basics(step, kind, timeUs, false),
    ending: endingOf(after, limit),
    ...(uptime !== undefined && { uptimeUs: uptime }),
    ...(canceled && { restartCanceled: true as const }),
  });
}

/** How long the run had been active; undefined where it never came up. */
function uptimeOfEnded(
  before: Readonly<UnitState>,
  after: Readonly<UnitState>,
): DurationUs | undefined {
  const fresh =
    after.activeExitUs !== before.activeExitUs || after.activeEnterUs !== before.activeEnterUs;
  const wasStopping = phaseOf(before) === 'stopping';
  if (!fresh && !wasStopping) return undefined;
  const uptime = after.activeExitUs - after.activeEnterUs;
  return after.activeEnterUs > 0 && uptime >= 0 ? uptime : undefined;
}

function basics(
  step: Step,
  kind: TransitionKind,
  timeUs: RealtimeUs,
  inferred: boolean,
): Transition {
  const { after, context } = step;
  return {
    kind,
    unit: context.unit,
    timeUs,
    count: 1,
    inferred,
    resync: context.resync,
    invocation: invocationId(after),
    pid: after.mainPid || after.execMainPid,
    nRestarts: after.nRestarts,
  };
}
