import { type Answer, engineLimits } from './engine-contract.ts';
import { cancel, giveBack } from './engine-endings.ts';
import { act, alarmsOf, type Core, type Held, type Repair, type Thing } from './engine-state.ts';
import { attemptLimitUs } from './policy.ts';

/**
 * Asks for the next alarm of the thing that was not taken; false where all were. One after the
 * other, in the order of their ids: of two agents that want the same ones, the first has them all.
 */
export function claimNext(core: Core, thing: Thing, repair: Repair): boolean {
  const next = alarmsOf(core, thing)
    .filter((held) => held.checkedUs + engineLimits.claimFreshUs <= core.now.monoUs)
    .sort((a, b) => (a.alarm.id < b.alarm.id ? -1 : 1))[0];
  if (next === undefined) return false;
  repair.step = { name: 'claim' };
  claim(core, next, { thing: thing.key });
  return true;
}

/** Asks its source for an alarm. */
export function claim(core: Core, held: Held, to: { readonly thing?: string }): void {
  held.mayHold = true;
  held.claiming = true;
  core.dirty = true;
  const { alarm } = held;
  const addressee = { ...to, alarm: alarm.id };
  act(core, addressee, engineLimits.answerUs, { kind: 'claim', alarm });
}

/** A claim before an attempt was answered. */
export function claimAnswered(
  core: Core,
  thing: Thing,
  repair: Repair,
  alarmId: string,
  answer: Answer,
): void {
  repair.step = { name: 'ready' };
  const held = core.alarms.get(alarmId);
  if (held?.key === thing.key) noteClaim(core, thing, held, answer);
  if (thing.alarms.size === 0) cancel(core, thing, repair, 'the alarm went');
}

function noteClaim(core: Core, thing: Thing, held: Held, answer: Answer): void {
  const nowUs = core.now.monoUs;
  if (answer.outcome === 'ok') {
    held.checkedUs = nowUs;
    held.claimedUs = nowUs;
    return;
  }
  if (answer.outcome === 'refused') {
    thing.claimHold = 'claim';
    // Two agents that each have one of the two that both want must not try again in step.
    thing.claimUntilUs = nowUs + Math.round(engineLimits.claimRetryUs * (1 + core.random() / 4));
    giveBack(core, thing, 'another agent has it');
    return;
  }
  const settings = core.rules.process(thing.process)?.settings;
  const endsUs = nowUs + (settings === undefined ? 0 : attemptLimitUs(settings, thing.strategy));
  if (endsUs < held.claimedUs + engineLimits.claimUs) {
    held.checkedUs = nowUs;
    return;
  }
  thing.claimHold = 'source';
  thing.claimUntilUs = nowUs + engineLimits.sourceRetryUs;
}
