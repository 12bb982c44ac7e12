import { count, failed, leaveAttempt } from './engine-attempt.ts';
import { engineLimits } from './engine-contract.ts';
import { cancel, settleHeld, succeed } from './engine-endings.ts';
import { alarmsOf, type Core, type Held, type Repair, type Thing } from './engine-state.ts';
import { tellStep } from './engine-telling.ts';

/** What a finding complains about shows over time: a health check cannot tell that it is over. */
function hasOpenFinding(core: Core, thing: Thing): boolean {
  return alarmsOf(core, thing).some(isFinding);
}

function isFinding({ alarm }: Held): boolean {
  return alarm.source === 'finding';
}

/**
 * A health check has passed. Where a finding asked for the repair, the repair ends when that is
 * cleared; what else asked for it is settled now.
 * @param attempted whether there was an attempt, or only a look
 * @returns false where no finding is open
 */
export function beginProof(core: Core, thing: Thing, repair: Repair, attempted: boolean): boolean {
  if (!hasOpenFinding(core, thing)) return false;
  if (attempted) {
    leaveAttempt(core, thing, repair);
    repair.doubted = false;
  }
  const restarted = attempted || repair.unproven;
  repair.unproven = false;
  repair.attemptSettings = undefined;
  thing.wellUs = core.now.monoUs;
  const others = alarmsOf(core, thing).filter((held) => !isFinding(held));
  const attempts = restarted ? repair.attempt : repair.attempt - 1;
  for (const held of others) {
    settleHeld(core, held, attempts, '');
    thing.alarms.delete(held.alarm.id);
  }
  core.dirty = true;
  repair.step = { name: 'proof', untilUs: core.now.monoUs + engineLimits.proofUs, restarted };
  const reason = 'it is well; settled when its finding is cleared';
  tellStep(core, thing, repair, { step: 'waiting', outcome: 'ok', reason });
  return true;
}

/** The finding was cleared, or nothing has happened for so long that it counts for nothing. */
export function proven(core: Core, thing: Thing, repair: Repair, how: string): void {
  if (repair.step.name !== 'proof') return;
  const { restarted } = repair.step;
  repair.restarted = restarted;
  if (restarted) count(core, 'ok');
  succeed(core, thing, repair, restarted || how !== '' ? how : 'it is healthy without a restart');
}

/** It is about to be looked at, or again after a look that has found out nothing. */
function isBeforeLook({ step }: Repair): boolean {
  return step.name === 'ready' || step.name === 'delay';
}

/** An alarm has gone: without a finding nothing is to be proved. @returns whether the repair has ended */
export function findingsGone(core: Core, thing: Thing, repair: Repair): boolean {
  if (hasOpenFinding(core, thing)) return false;
  if (repair.step.name === 'proof') {
    proven(core, thing, repair, '');
    return true;
  }
  if (!repair.unproven || !isBeforeLook(repair)) return false;
  // What is still to be looked at is a repair of its own.
  const others = [...thing.alarms];
  thing.alarms.clear();
  count(core, 'ok');
  repair.restarted = true;
  succeed(core, thing, repair, '');
  for (const id of others) thing.alarms.add(id);
  thing.judge = others.length > 0;
  return true;
}

/** An alarm has come that may be older than the health check: it is looked at once more. */
export function lookAgain(thing: Thing): void {
  const { repair } = thing;
  if (repair?.step.name !== 'proof') return;
  repair.unproven = repair.step.restarted;
  repair.step = { name: 'ready' };
}

/** What the finding complains about goes on. @returns false where nothing was to be proved */
export function disproven(core: Core, thing: Thing, reason: string): boolean {
  const { repair } = thing;
  if (repair === undefined) return false;
  const { step } = repair;
  const isProof = step.name === 'proof' || (repair.unproven && isBeforeLook(repair));
  if (!isProof) return false;
  const restarted = step.name === 'proof' ? step.restarted : repair.unproven;
  const settings = core.rules.process(thing.process)?.settings;
  core.dirty = true;
  thing.judge = false;
  repair.doubted = true;
  repair.unproven = false;
  if (settings === undefined) {
    cancel(core, thing, repair, 'no configuration says how');
  } else if (restarted) {
    failed(core, thing, repair, settings, { outcome: 'failed', reason });
  } else {
    repair.step = { name: 'ready' };
  }
  return true;
}

/** The thing of an alarm; undefined where none is known. */
export function thingOfAlarm(core: Core, alarmId: string): Thing | undefined {
  return core.things.get(core.alarms.get(alarmId)?.key ?? '');
}
