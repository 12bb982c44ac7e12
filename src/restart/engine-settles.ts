import { claim } from './engine-claims.ts';
import { type Answer, engineLimits } from './engine-contract.ts';
import { act, type Core, forget, type Held, type Settling } from './engine-state.ts';
import { tellSettling } from './engine-telling.ts';

/** Tells sources how repairs have ended, as far as they may be asked now. */
export function settleDue(core: Core, settling: number): void {
  let room = engineLimits.settles - settling;
  for (const id of core.unsettled) {
    if (room <= 0) return;
    const held = core.alarms.get(id);
    const word = held?.settling;
    if (held === undefined || word === undefined || word.busy || held.claiming) continue;
    if (word.dueUs > core.now.monoUs) continue;
    room -= 1;
    word.busy = true;
    const { ending } = word;
    const { alarm } = held;
    // An alarm that joined a repair under way was never taken: another agent may be at work on it.
    if (ending.worked && !held.mayHold) claim(core, held, {});
    else act(core, { alarm: id }, engineLimits.answerUs, { kind: 'settle', alarm, ending });
  }
}

/** A claim that only its settling asked for, or nobody any more. */
export function claimedToSettle(core: Core, held: Held, answer: Answer): void {
  const word = held.settling;
  if (word === undefined) {
    if (!held.standing) forget(core, held);
    return;
  }
  word.busy = false;
  if (answer.outcome === 'ok') return;
  held.mayHold = false;
  if (answer.outcome !== 'refused') {
    later(core, held, word, answer);
    return;
  }
  dropSettling(core, held);
  if (!held.standing) {
    forget(core, held);
    return;
  }
  held.state = 'new';
  core.fresh.add(held.alarm.id);
}

/** Another agent has it: what was to be given back is not ours. */
export function refused(core: Core, held: Held): void {
  held.mayHold = false;
  held.claimedUs = Number.NEGATIVE_INFINITY;
  if (held.settling?.ending.worked !== false) return;
  dropSettling(core, held);
  if (!held.standing) forget(core, held);
}

function dropSettling(core: Core, held: Held): void {
  core.dirty = true;
  held.settling = undefined;
  core.unsettled.delete(held.alarm.id);
}

export function settled(core: Core, held: Held, answer: Answer): void {
  const word = held.settling;
  if (word === undefined) return;
  word.busy = false;
  if (answer.outcome !== 'ok') {
    later(core, held, word, answer);
    return;
  }
  dropSettling(core, held);
  held.mayHold = false;
  if (!held.standing) {
    forget(core, held);
    return;
  }
  if (held.state !== 'worked') return;
  held.state = 'handled';
  held.settledUs = core.now.monoUs;
}

function later(core: Core, held: Held, word: Settling, answer: Answer): void {
  word.tries += 1;
  if (word.tries === 1) tellSettling(core, held, answer.reason || answer.outcome);
  if (!held.standing && word.tries >= engineLimits.settlesOfGone) {
    tellSettling(core, held, 'it has gone, and is not tried again');
    forget(core, held);
    return;
  }
  const waitUs = engineLimits.settleFirstUs * 2 ** Math.min(word.tries - 1, 20);
  word.dueUs = core.now.monoUs + Math.min(waitUs, engineLimits.settleLastUs);
}
