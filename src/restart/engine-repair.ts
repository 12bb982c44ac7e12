import type { StepOutcome } from '../model/repair.ts';
import type { DurationUs } from '../model/time.ts';
import type { Done, ProcessSettings } from './contract.ts';
import { claimNext } from './engine-claims.ts';
import { type Answer, engineLimits, type HoldKind, ignoring } from './engine-contract.ts';
import { cancel, giveUp, restartOverUs, succeed } from './engine-endings.ts';
import { gate } from './engine-gates.ts';
import { act, alarmsOf, type Core, type Hold, type Repair, type Thing } from './engine-state.ts';
import { tellCircuit, tellStep } from './engine-telling.ts';
import { attemptsOf, delayUs, restartLimitUs } from './policy.ts';

const usPerMs = 1_000;

/** A thing with an alarm has a repair, though it may have to wait. */
export function prepare(core: Core, thing: Thing): void {
  if (thing.repair === undefined && thing.alarms.size > 0) thing.repair = newRepair(core);
}

/** Goes on with a thing's repair as far as it can now. */
export function advance(core: Core, thing: Thing): void {
  const { repair } = thing;
  if (repair === undefined) return;
  const { step } = repair;
  if (step.name === 'health_wait' && step.untilUs <= core.now.monoUs) {
    check(core, thing, repair);
  } else if (step.name === 'delay' && step.untilUs <= core.now.monoUs) {
    repair.step = { name: 'ready' };
  }
  if (repair.step.name === 'ready') begin(core, thing, repair);
}

function newRepair(core: Core): Repair {
  core.waitsFor = undefined;
  const second = Math.trunc(core.now.wallUs / 1e6).toString(36);
  return {
    id: `repair-${second}-${(core.nextRepair++).toString(36)}`,
    attempt: 1,
    failed: 0,
    step: { name: 'ready' },
    accepted: false,
    trial: false,
    attemptSettings: undefined,
    attemptBegunUs: 0,
    restarted: false,
    checks: 0,
    uncertain: false,
    judging: false,
  };
}

/** An attempt begins where every gate is open and every alarm of it was taken. */
function begin(core: Core, thing: Thing, repair: Repair): void {
  const hold = gate(core, thing);
  const rule = core.rules.process(thing.process);
  if (hold !== undefined || rule === undefined) {
    if (hold !== undefined) setHold(core, thing, repair, hold);
    return;
  }
  if (core.rules.dryRun) {
    tellDry(core, thing, repair);
    return;
  }
  if (claimNext(core, thing, repair)) return;
  thing.hold = undefined;
  thing.toldHolds.clear();
  core.dirty = true;
  const change = thing.breaker.begin();
  if (change !== undefined) {
    repair.trial = true;
    tellCircuit(core, thing, change, rule.settings.circuitResetMs * usPerMs);
  }
  if (!repair.accepted) {
    repair.accepted = true;
    tellStep(core, thing, repair, { step: 'accepted', outcome: 'ok' });
  }
  beginAttempt(core, thing, repair, rule.settings);
}

function beginAttempt(core: Core, thing: Thing, repair: Repair, settings: ProcessSettings): void {
  repair.attemptSettings = settings;
  repair.attemptBegunUs = core.now.monoUs;
  repair.restarted = false;
  repair.checks = 0;
  repair.uncertain = false;
  repair.judging = thing.judge;
  if (thing.judge) {
    check(core, thing, repair);
    return;
  }
  core.budget.begin();
  if (settings.preRestartCommand === undefined) {
    restart(core, thing, repair);
    return;
  }
  const limitUs = settings.commandTimeoutMs * usPerMs;
  effect(core, thing, repair, 'pre_restart_command', limitUs);
}

function restart(core: Core, thing: Thing, repair: Repair): void {
  core.dirty = true;
  core.budget.spend(core.now.monoUs);
  repair.restarted = true;
  thing.lastRestartUs = core.now.monoUs;
  const { attemptSettings: settings } = repair;
  if (settings !== undefined)
    effect(core, thing, repair, 'restart', restartLimitUs(settings, thing.strategy));
}

function check(core: Core, thing: Thing, repair: Repair): void {
  repair.checks += 1;
  const limitUs = (repair.attemptSettings?.healthTimeoutMs ?? 0) * usPerMs;
  effect(core, thing, repair, 'health_check', limitUs);
}

/** A repair of the journal whose restart may have been done: it is looked at before anything else. */
export function goOnAfterRestart(core: Core, thing: Thing, repair: Repair): void {
  core.budget.resume();
  const reason = 'unitwatch was restarted while this repair was under way';
  tellStep(core, thing, repair, { step: 'waiting', outcome: 'ok', reason });
  const rule = core.rules.process(thing.process);
  if (rule === undefined) {
    cancel(core, thing, repair, 'no configuration says how');
    return;
  }
  repair.attemptSettings = rule.settings;
  repair.attemptBegunUs = core.now.monoUs;
  check(core, thing, repair);
}

function effect(
  core: Core,
  thing: Thing,
  repair: Repair,
  kind: 'pre_restart_command' | 'restart' | 'health_check',
  limitUs: DurationUs,
): void {
  const settings = repair.attemptSettings;
  if (settings === undefined) return;
  const { process, strategy } = thing;
  act(core, { thing: thing.key }, limitUs + engineLimits.slackUs, {
    ...{ kind, process, strategy, settings },
  });
  repair.step = { name: kind, begunUs: core.now.monoUs };
}

/** A step of an attempt was answered. */
export function stepDone(core: Core, thing: Thing, answer: Answer): void {
  const { repair } = thing;
  if (repair === undefined) return;
  const { step } = repair;
  if (
    step.name !== 'pre_restart_command' &&
    step.name !== 'restart' &&
    step.name !== 'health_check'
  )
    return;
  const durationUs = Math.max(0, core.now.monoUs - step.begunUs);
  const { outcome, reason } = answer;
  tellStep(core, thing, repair, { step: step.name, outcome, reason, durationUs });
  const worked = outcome === 'ok' || outcome === 'skipped';
  switch (step.name) {
    case 'pre_restart_command': {
      worked ? restart(core, thing, repair) : attemptFailed(core, thing, repair, answer);
      return;
    }
    case 'restart':
      // What was not answered may have been done: only the health check can tell.
      repair.uncertain = outcome === 'lost';
      {
        worked || outcome === 'lost'
          ? check(core, thing, repair)
          : attemptFailed(core, thing, repair, answer);
        return;
      }
    case 'health_check': {
      repair.judging
        ? judged(core, thing, repair, outcome)
        : checked(core, thing, repair, answer, worked);
      return;
    }
  }
}

function judged(core: Core, thing: Thing, repair: Repair, outcome: StepOutcome): void {
  thing.judge = false;
  repair.judging = false;
  const wasRepaired = alarmsOf(core, thing).every((held) => held.repairedBefore);
  // Only a check that was made can say that no restart is needed.
  if (outcome === 'ok' || (outcome === 'skipped' && wasRepaired)) {
    succeed(core, thing, repair, 'it is healthy without a restart');
    return;
  }
  repair.attemptSettings = undefined;
  if (thing.alarms.size === 0) {
    cancel(core, thing, repair, 'the alarm went');
    return;
  }
  repair.step = { name: 'ready' };
}

function checked(core: Core, thing: Thing, repair: Repair, answer: Done, worked: boolean): void {
  if (worked) {
    endAttempt(core, thing, repair, answer.outcome);
    succeed(core, thing, repair, '');
    return;
  }
  const { healthRetries = 1, healthIntervalMs = 0 } = repair.attemptSettings ?? {};
  if (repair.checks >= healthRetries) {
    attemptFailed(core, thing, repair, answer);
    return;
  }
  const waitUs = healthIntervalMs * usPerMs;
  repair.step = { name: 'health_wait', untilUs: core.now.monoUs + waitUs };
}

function endAttempt(core: Core, thing: Thing, repair: Repair, outcome: StepOutcome): void {
  core.dirty = true;
  core.counts.attempts[outcome === 'skipped' ? 'ok' : outcome] += 1;
  repair.attemptSettings = undefined;
  core.budget.end(repair.restarted);
  // The next attempt takes its alarms anew: a claim may have lapsed during a long one.
  for (const id of thing.alarms) {
    const held = core.alarms.get(id);
    if (held !== undefined) held.checkedUs = Number.NEGATIVE_INFINITY;
  }
}

function attemptFailed(core: Core, thing: Thing, repair: Repair, answer: Done): void {
  const settings = repair.attemptSettings;
  endAttempt(core, thing, repair, answer.outcome);
  if (settings === undefined) return;
  repair.failed += 1;
  const { outcome, reason } = answer;
  if (outcome === 'refused') {
    giveUp(core, thing, repair, settings, reason || 'refused');
    return;
  }
  if (thing.alarms.size === 0) {
    giveUp(core, thing, repair, settings, 'it failed, and the alarm has gone');
    return;
  }
  if (repair.attempt >= attemptsOf(settings, repair.trial)) {
    giveUp(core, thing, repair, settings, reason || outcome);
    return;
  }
  repair.attempt += 1;
  const waitUs = delayUs(settings, repair.attempt, core.random());
  const untilUs = Math.max(core.now.monoUs + waitUs, restartOverUs(thing, repair, settings));
  repair.step = { name: 'delay', untilUs };
  const why = `attempt ${repair.attempt - 1} failed${reason === '' ? '' : `: ${reason}`}`;
  tellStep(core, thing, repair, {
    step: 'waiting',
    outcome: 'ok',
    reason: why,
    waitUs: untilUs - core.now.monoUs,
  });
}

/**
 * They come and go with each run of a crash loop, with each alarm of something else: told once, and
 * what they interrupt is not told again.
 */
const passing: ReadonlySet<HoldKind> = new Set(['auto_restart', 'resolving', 'budget']);

/** Told when the reason is another one, not each time that it is found again. */
function setHold(core: Core, thing: Thing, repair: Repair, hold: Hold): void {
  const known = thing.hold;
  const { kind, reason, untilUs } = hold;
  const sinceUs = known?.kind === kind ? known.sinceUs : core.now.wallUs;
  thing.hold = { kind, reason, untilUs, sinceUs };
  if (hold.kind === 'auto_restart' || hold.kind === 'dependency') thing.judge = true;
  if (known?.kind === kind) return;
  const isPassing = passing.has(kind) || (known !== undefined && passing.has(known.kind));
  if (isPassing && thing.toldHolds.has(kind)) return;
  thing.toldHolds.add(kind);
  const step = ignoring.has(hold.kind) ? 'ignored' : 'waiting';
  const waitUs = untilUs - core.now.monoUs;
  const outcome = step === 'ignored' ? 'skipped' : 'ok';
  tellStep(core, thing, repair, { step, outcome, reason, waitUs });
}

/** Says what would be done, once for as long as the alarms stand. */
function tellDry(core: Core, thing: Thing, repair: Repair): void {
  if (thing.hold?.kind === 'dry_run') return;
  const reason = 'nothing is done: dry_run is on';
  const hold = { kind: 'dry_run' as const, reason, untilUs: Number.POSITIVE_INFINITY };
  thing.hold = { ...hold, sinceUs: core.now.wallUs };
  const settings = core.rules.process(thing.process)?.settings;
  tellStep(core, thing, repair, { step: 'accepted', outcome: 'ok', dryRun: true });
  const steps = ['pre_restart_command', 'restart', 'health_check'] as const;
  for (const step of steps) {
    if (step === 'pre_restart_command' && settings?.preRestartCommand === undefined) continue;
    tellStep(core, thing, repair, { step, outcome: 'skipped', dryRun: true });
  }
  tellStep(core, thing, repair, { step: 'ignored', outcome: 'skipped', reason, dryRun: true });
}
