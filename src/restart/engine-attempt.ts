import type { StepOutcome } from '../model/repair.ts';
import type { Done, ProcessSettings } from './contract.ts';
import { giveUp, restartOverUs } from './engine-endings.ts';
import type { Core, Repair, Thing } from './engine-state.ts';
import { tellStep } from './engine-telling.ts';
import { attemptsOf, delayUs } from './policy.ts';

/** How an attempt ended is known. */
export function count(core: Core, outcome: StepOutcome): void {
  core.dirty = true;
  core.counts.attempts[outcome === 'skipped' ? 'ok' : outcome] += 1;
}

/** Nothing more is done in this attempt: its place is free. */
export function leaveAttempt(core: Core, thing: Thing, repair: Repair): void {
  core.dirty = true;
  repair.attemptSettings = undefined;
  core.budget.end(repair.restarted);
  // The next attempt takes its alarms anew: a claim may have lapsed during a long one.
  for (const id of thing.alarms) {
    const held = core.alarms.get(id);
    if (held !== undefined) held.checkedUs = Number.NEGATIVE_INFINITY;
  }
}

/** The attempt under way has failed. */
export function attemptFailed(core: Core, thing: Thing, repair: Repair, answer: Done): void {
  const settings = repair.attemptSettings;
  leaveAttempt(core, thing, repair);
  if (settings !== undefined) failed(core, thing, repair, settings, answer);
}

/** An attempt has failed: the next one after a wait, or the repair is given up. */
export function failed(
  core: Core,
  thing: Thing,
  repair: Repair,
  settings: ProcessSettings,
  { outcome, reason }: Done,
): void {
  count(core, outcome);
  repair.failed += 1;
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
