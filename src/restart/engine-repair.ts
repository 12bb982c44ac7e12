import type { StepOutcome } from '../model/repair.ts';
import type { DurationUs } from '../model/time.ts';
import type { Done, ProcessSettings } from './contract.ts';
import { attemptFailed, count, failed, leaveAttempt } from './engine-attempt.ts';
import { claimNext } from './engine-claims.ts';
import { type Answer, engineLimits } from './engine-contract.ts';
import { cancel, succeed } from './engine-endings.ts';
import { gate, isLeftAlone } from './engine-gates.ts';
import { setHold, tellDry } from './engine-holds.ts';
import { beginProof, proven } from './engine-proof.ts';
import { act, alarmsOf, type Core, type Repair, type Thing } from './engine-state.ts';
import { tellCircuit, tellStep } from './engine-telling.ts';
import { restartLimitUs } from './policy.ts';

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
  } else if (step.name === 'proof') {
    if (step.untilUs > core.now.monoUs && thing.alarms.size > 0) return;
    proven(core, thing, repair, 'its finding is still open, and it has been well for a day');
    return;
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
    doubted: false,
    unproven: false,
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
  repair.judging = thing.judge && !repair.doubted;
  if (repair.judging) {
    // Looks are commands and calls as well: those of all who waited for one repair come together.
    core.budget.occupy();
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

/** The command before the restart has worked; somebody may have stopped the unit meanwhile. */
function prepared(core: Core, thing: Thing, repair: Repair): void {
  if (!isLeftAlone(core, thing)) {
    // It died meanwhile, perhaps of that command: systemd restarts it, and the check says how it went.
    const bySystemd = core.units.get(thing.unit)?.fact === 'auto_restart';
    bySystemd ? check(core, thing, repair) : restart(core, thing, repair);
    return;
  }
  leaveAttempt(core, thing, repair);
  repair.step = { name: 'ready' };
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
  const settings = repair.attemptSettings;
  if (settings === undefined) return;
  repair.checks += 1;
  const { process, strategy, key } = thing;
  const asking = alarmsOf(core, thing).filter(({ alarm }) => alarm.source === 'check');
  const checked = [...new Set(asking.map(({ alarm }) => alarm.process))];
  // The checks that ask for it are looked at within a time limit of their own.
  const looks = checked.length === 0 ? 1 : 2;
  const limitUs = looks * settings.healthTimeoutMs * usPerMs;
  const kind = 'health_check';
  const placeUs = settings.postHealthCheck === undefined ? 0 : engineLimits.placeUs;
  act(core, { thing: key }, limitUs + placeUs + engineLimits.slackUs, {
    kind,
    process,
    strategy,
    settings,
    checked,
  });
  repair.step = { name: kind, begunUs: core.now.monoUs };
}

/** A repair of the journal whose restart may have been done: it is looked at before anything else. */
export function goOnAfterRestart(core: Core, thing: Thing, repair: Repair): void {
  core.budget.occupy();
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
  kind: 'pre_restart_command' | 'restart',
  limitUs: DurationUs,
): void {
  const settings = repair.attemptSettings;
  if (settings === undefined) return;
  const { process, strategy } = thing;
  // A unit is restarted by systemd; all else is a command, which may have to wait for its place.
  const isCommand = kind === 'pre_restart_command' || strategy !== 'service';
  const placeUs = isCommand ? engineLimits.placeUs : 0;
  act(core, { thing: thing.key }, limitUs + placeUs + engineLimits.slackUs, {
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
      worked ? prepared(core, thing, repair) : attemptFailed(core, thing, repair, answer);
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
      if (worked && hasFallenSince(core, thing, step.begunUs)) {
        check(core, thing, repair);
        return;
      }
      repair.judging
        ? judged(core, thing, repair, outcome)
        : checked(core, thing, repair, answer, worked);
      return;
    }
  }
}

/** A check went down, or was found to be of this thing, in the health check, which has not asked it. */
function hasFallenSince(core: Core, thing: Thing, begunUs: DurationUs): boolean {
  return alarmsOf(core, thing).some(
    ({ alarm, joinedUs }) => alarm.source === 'check' && joinedUs >= begunUs,
  );
}

function judged(core: Core, thing: Thing, repair: Repair, outcome: StepOutcome): void {
  core.budget.leave();
  repair.judging = false;
  if (outcome === 'lost' && thing.alarms.size > 0) {
    lookLater(core, repair);
    return;
  }
  thing.judge = false;
  const wasRepaired = alarmsOf(core, thing).every((held) => held.repairedBefore);
  // Only a check that was made can say that no restart is needed.
  if (outcome === 'ok' || (outcome === 'skipped' && wasRepaired)) {
    if (beginProof(core, thing, repair, false)) return;
    succeed(core, thing, repair, 'it is healthy without a restart');
    return;
  }
  const { attemptSettings: settings } = repair;
  repair.attemptSettings = undefined;
  if (repair.unproven && settings !== undefined) {
    repair.unproven = false;
    failed(core, thing, repair, settings, { outcome: 'failed', reason: 'it did not stay well' });
  } else if (thing.alarms.size === 0) {
    cancel(core, thing, repair, 'the alarm went');
  } else {
    repair.step = { name: 'ready' };
  }
}

/** Nothing was found out, which is no reason to restart what may be well. Others have their turn first. */
function lookLater(core: Core, repair: Repair): void {
  const waitUs = (repair.attemptSettings?.healthIntervalMs ?? 0) * usPerMs;
  core.dirty = true;
  repair.attemptSettings = undefined;
  const untilUs = core.now.monoUs + Math.max(waitUs, engineLimits.sourceRetryUs);
  repair.step = { name: 'delay', untilUs };
}

function checked(core: Core, thing: Thing, repair: Repair, answer: Done, worked: boolean): void {
  if (worked) {
    if (beginProof(core, thing, repair, true)) return;
    leaveAttempt(core, thing, repair);
    count(core, answer.outcome);
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
