import { type DurationUs, rfc3339 } from '../model/time.ts';
import type { Ending, ProcessSettings } from './contract.ts';
import { engineLimits, type HookCall } from './engine-contract.ts';
import { act, alarmsOf, type Core, type Held, type Repair, type Thing } from './engine-state.ts';
import { tellCircuit, tellStep } from './engine-telling.ts';
import { coolDownUs, restartLimitUs } from './policy.ts';

const usPerMs = 1_000;

/** The thing is well: its alarms are settled. */
export function succeed(core: Core, thing: Thing, repair: Repair, how: string): void {
  core.counts.repairs.settled += 1;
  thing.wellUs = core.now.monoUs;
  if (how === '') thing.judged = 0;
  const attempts = repair.restarted ? repair.attempt : repair.attempt - 1;
  tellStep(core, thing, repair, { step: 'settled', outcome: 'ok', reason: how });
  const change = thing.breaker.success();
  if (change !== undefined) tellCircuit(core, thing, change, 0);
  for (const held of alarmsOf(core, thing)) settleHeld(core, held, attempts, how);
  thing.alarms.clear();
  end(core, thing);
}

/** Its repair has worked: its source is told. @param how without a restart; empty where there was one */
export function settleHeld(core: Core, held: Held, attempts: number, how: string): void {
  const restarts = attempts === 1 ? 'one restart' : `${attempts} restarts`;
  const note = how === '' ? `repaired with ${restarts}` : how;
  held.state = 'worked';
  held.key = '';
  settle(core, held, { worked: true, attempts, note });
}

/** Its attempts are used up: the breaker counts it, and its alarms stay. */
export function giveUp(
  core: Core,
  thing: Thing,
  repair: Repair,
  settings: ProcessSettings,
  reason: string,
): void {
  core.counts.repairs.given_up += 1;
  tellStep(core, thing, repair, { step: 'given_up', outcome: 'failed', reason });
  const call = { process: thing.process, repairId: repair.id, attempts: repair.failed, reason };
  callHook(core, { ...call, hook: 'repair_failed' });
  const change = thing.breaker.failure(core.now.monoUs, settings.maxRestartFailures);
  if (change !== undefined) {
    tellCircuit(core, thing, change, settings.circuitResetMs * usPerMs);
    callHook(core, { ...call, hook: 'circuit_opened' });
  }
  const coolUs = core.now.monoUs + coolDownUs(settings);
  thing.coolUntilUs = Math.max(coolUs, restartOverUs(thing, repair, settings));
  const ending = { worked: false, attempts: repair.failed, note: `given up: ${reason}` };
  for (const held of alarmsOf(core, thing)) leave(core, held, ending);
  end(core, thing);
  // To the end of the line: what never comes up must not have the budget before all others.
  core.things.delete(thing.key);
  core.things.set(thing.key, thing);
}

/** When a restart that was not answered is over at the latest; 0 where the last one was answered. */
export function restartOverUs(thing: Thing, repair: Repair, settings: ProcessSettings): DurationUs {
  if (!repair.uncertain) return 0;
  return (thing.lastRestartUs ?? 0) + restartLimitUs(settings, thing.strategy);
}

/** Nobody asks for it any more, or nobody says how: it ends without having been tried further. */
export function cancel(core: Core, thing: Thing, repair: Repair, reason: string): void {
  const settings = core.rules.process(thing.process)?.settings;
  // Attempts that failed count, or an alarm that comes and goes would never open the breaker.
  if (repair.failed > 0 && settings !== undefined) {
    giveUp(core, thing, repair, settings, reason);
    return;
  }
  core.counts.repairs.cancelled += 1;
  if (thing.hold?.kind !== 'dry_run')
    tellStep(core, thing, repair, { step: 'ignored', outcome: 'skipped', reason });
  const change = thing.breaker.abandon();
  if (change !== undefined) tellCircuit(core, thing, change, 0);
  giveBack(core, thing, reason);
  end(core, thing);
}

/** Claims are given back; the alarms stay open, and their sources are told of no repair. */
export function giveBack(core: Core, thing: Thing, why: string): void {
  for (const held of alarmsOf(core, thing)) release(core, held, why);
}

/** The claim of an alarm is given back; its source is told of no repair. */
export function release(core: Core, held: Held, why: string): void {
  leave(core, held, { claimOnly: true, worked: false, attempts: 0, note: why });
}

function leave(core: Core, held: Held, ending: Omit<Ending, 'time'>): void {
  held.checkedUs = Number.NEGATIVE_INFINITY;
  held.claimedUs = Number.NEGATIVE_INFINITY;
  if (held.mayHold) settle(core, held, ending);
}

function end(core: Core, thing: Thing): void {
  thing.repair = undefined;
  thing.hold = undefined;
  thing.toldHolds.clear();
  thing.judge = false;
  core.waitsFor = undefined;
  core.dirty = true;
}

function settle(core: Core, held: Held, ending: Omit<Ending, 'time'>): void {
  core.dirty = true;
  const time = rfc3339(core.now.wallUs);
  core.unsettled.add(held.alarm.id);
  held.settling = { ending: { ...ending, time }, tries: 0, dueUs: core.now.monoUs, busy: false };
}

function callHook(core: Core, call: HookCall): void {
  act(core, { thing: '' }, engineLimits.answerUs, { kind: 'hook', call });
}
