import type { Alarm } from '../model/repair.ts';
import type { DurationUs } from '../model/time.ts';
import { Breaker } from './breaker.ts';
import { type Answer, engineLimits, type PlainStrategy, type Polled } from './engine-contract.ts';
import { cancel, release } from './engine-endings.ts';
import { disproven, findingsGone, lookAgain } from './engine-proof.ts';
import { act, type Core, forget, type Held, inAttempt, type Thing } from './engine-state.ts';
import { tellAlarm, tellLeftOut } from './engine-telling.ts';
import { thingOf } from './policy.ts';

const never = Number.NEGATIVE_INFINITY;

/** A source has said what stands: what is new is taken up, what is no longer there has gone. */
export function polled(core: Core, list: Polled): void {
  sourceIsUp(core, list.source);
  const seen = new Set<string>();
  let leftOut = 0;
  for (const alarm of list.alarms) {
    if (!isAlarm(alarm, list.source)) core.counts.invalid += 1;
    else if (!seen.has(alarm.id)) {
      seen.add(alarm.id);
      if (!listed(core, list, alarm)) leftOut += 1;
    }
  }
  const before = core.counts.leftOut.get(list.source) ?? 0;
  core.counts.leftOut.set(list.source, leftOut);
  if (leftOut > 0 && before === 0) tellLeftOut(core, list.source, leftOut);
  core.askedUs.set(list.source, list.askedUs);
  for (const held of core.alarms.values())
    if (held.alarm.source === list.source && !seen.has(held.alarm.id)) gone(core, held, list);
}

/** It answers: what waits for it need not wait longer. */
function sourceIsUp(core: Core, source: Alarm['source']): void {
  const wasUp = core.sources.get(source);
  core.sources.set(source, true);
  if (wasUp !== false) return;
  for (const id of core.unsettled) {
    const held = core.alarms.get(id);
    if (held?.alarm.source === source && held.settling) held.settling.dueUs = core.now.monoUs;
  }
  for (const thing of core.things.values()) {
    if (thing.claimHold === 'source') thing.claimUntilUs = 0;
  }
}

function isAlarm(alarm: Alarm, source: Alarm['source']): boolean {
  const { id, process, raisedUs } = alarm;
  const fits = (text: string) => text.length > 0 && text.length <= engineLimits.nameLength;
  return alarm.source === source && fits(id) && fits(process) && Number.isFinite(raisedUs);
}

function isSeen({ source }: Alarm): boolean {
  return source === 'finding' || source === 'check' || source === 'unit';
}

/** False where there is no room for it. */
function listed(core: Core, list: Polled, alarm: Alarm): boolean {
  const held = core.alarms.get(alarm.id);
  if (held === undefined || isNewAfter(held, list, alarm)) {
    if (held !== undefined) forget(core, held);
    else if (core.alarms.size >= engineLimits.alarms) return false;
    // What the agent itself sees comes at once; of other sources it is known when they were asked.
    const askedUs = isSeen(alarm) ? list.askedUs : (core.askedUs.get(alarm.source) ?? never);
    // Its row was cleared in between: whatever stands there now was raised later.
    raise(core, alarm, list.clears, Math.max(askedUs, held?.settledUs ?? never));
    return true;
  }
  if (held.state === 'handled' && !held.confirmed && !list.clears) {
    // It may have gone and come back while the agent did not run: looked at, not restarted blindly.
    held.repairedBefore = true;
    held.state = 'new';
    core.fresh.add(alarm.id);
  }
  held.confirmed = true;
  held.clears = list.clears;
  if (!held.standing) {
    held.standing = true;
    if (held.state === 'open') again(core, held, alarm);
  }
  return true;
}

/** It was settled and has gone since: what stands now is another alarm of the same row. */
function isNewAfter(held: Held, list: Polled, alarm: Alarm): boolean {
  if (held.state !== 'handled' || !list.clears || list.askedUs < held.settledUs) return false;
  return alarm.raisedUs !== held.alarm.raisedUs;
}

function raise(core: Core, given: Alarm, clears: boolean, sinceUs: DurationUs): void {
  const alarm = { ...given, reason: given.reason.slice(0, engineLimits.reasonLength) };
  const held: Held = {
    alarm,
    state: 'new',
    standing: true,
    confirmed: true,
    clears,
    key: '',
    mayHold: false,
    claiming: false,
    checkedUs: never,
    claimedUs: never,
    repairedBefore: false,
    sinceUs,
    joinedUs: never,
    resolveUs: never,
    settling: undefined,
    settledUs: 0,
  };
  core.alarms.set(alarm.id, held);
  core.fresh.add(alarm.id);
  tellAlarm(core, held, 'raised', alarm.reason);
}

/** It had gone, and is back before its claim was given back. */
function again(core: Core, held: Held, alarm: Alarm): void {
  held.alarm = { ...alarm, reason: alarm.reason.slice(0, engineLimits.reasonLength) };
  held.sinceUs = core.askedUs.get(alarm.source) ?? never;
  held.state = 'new';
  core.fresh.add(alarm.id);
  tellAlarm(core, held, 'raised', alarm.reason);
}

function gone(core: Core, held: Held, { dropped }: Polled): void {
  if (!held.standing) return;
  const why = dropped.get(held.alarm.id) ?? '';
  held.standing = false;
  tellAlarm(core, held, 'cleared', why || (held.state === 'handled' ? 'it was repaired' : ''));
  if (held.state === 'worked') return;
  if (held.state === 'handled') {
    forget(core, held);
    return;
  }
  core.fresh.delete(held.alarm.id);
  const thing = core.things.get(held.key);
  held.state = 'open';
  held.key = '';
  const note = why || 'the alarm went';
  if (thing !== undefined) detach(core, thing, held, note);
  if (held.mayHold && held.settling === undefined) release(core, held, note);
  if (!held.claiming && held.settling === undefined) forget(core, held);
}

function detach(core: Core, thing: Thing, held: Held, note: string): void {
  thing.alarms.delete(held.alarm.id);
  const { repair } = thing;
  if (repair === undefined || findingsGone(core, thing, repair) || thing.alarms.size > 0) return;
  if (!inAttempt(repair) && repair.step.name !== 'claim') cancel(core, thing, repair, note);
}

/** Finds what is to be repaired, for alarms that are new. @returns whether some are left for the next turn */
export function resolveFresh(core: Core, resolving: number): boolean {
  // By an alias it would be another thing than its unit: one that may be restarted, and at once.
  if (core.unnamed) return false;
  let room = engineLimits.resolves - resolving;
  let looked = 0;
  for (const id of core.fresh) {
    // Those behind it wait for an answer as well: no repair begins before all are resolved.
    if (room <= 0) return false;
    if (looked++ >= engineLimits.turn) return true;
    const held = core.alarms.get(id);
    if (held === undefined || held.resolveUs > core.now.monoUs) continue;
    const { process } = held.alarm;
    const settings = core.rules.process(process)?.settings;
    const strategy = settings?.strategy ?? 'process';
    if (strategy !== 'auto') attach(core, held, strategy);
    else if (settings !== undefined) {
      room -= 1;
      held.state = 'resolving';
      core.fresh.delete(id);
      act(core, { alarm: id }, engineLimits.answerUs, { kind: 'resolve', process, settings });
    }
  }
  return false;
}

/** What is to be repaired is found anew for alarms whose repair has not begun. */
export function resolveAnew(core: Core): void {
  core.waitsFor = undefined;
  for (const thing of core.things.values()) {
    if (thing.repair?.accepted !== false || thing.repair.step.name !== 'ready') continue;
    thing.repair = undefined;
    thing.hold = undefined;
    for (const id of thing.alarms) {
      const held = core.alarms.get(id);
      if (held === undefined) continue;
      held.state = 'new';
      held.key = '';
      core.fresh.add(id);
    }
    thing.alarms.clear();
  }
}

/** One that could not be resolved once holds nobody back any longer. */
export function isUnresolved(core: Core): boolean {
  const isFirst = (id: string | undefined) => core.alarms.get(id ?? '')?.resolveUs === never;
  for (const id of core.fresh) if (isFirst(id)) return true;
  for (const { action, alarm } of core.flights.values())
    if (action.kind === 'resolve' && isFirst(alarm)) return true;
  return false;
}

export function resolved(core: Core, held: Held, answer: Answer): void {
  if (held.state !== 'resolving') return;
  held.state = 'new';
  core.fresh.add(held.alarm.id);
  if (answer.strategy !== undefined) attach(core, held, answer.strategy);
  else held.resolveUs = core.now.monoUs + engineLimits.sourceRetryUs;
}

function attach(core: Core, held: Held, strategy: PlainStrategy): void {
  const { process, id } = held.alarm;
  const settings = core.rules.process(process)?.settings;
  const name =
    settings === undefined
      ? { key: `process:${process}`, unit: '' }
      : thingOf(process, strategy, settings, core.rules.canonical);
  const known = core.things.get(name.key);
  const thing = known ?? newThing(name.key, name.unit, process, strategy);
  if (thing.repair === undefined) {
    thing.process = process;
    thing.strategy = strategy;
  }
  core.things.set(name.key, thing);
  // It may be older than the health check that the last repair ended with.
  if (held.repairedBefore) thing.judge = true;
  const older = thing.wellUs !== undefined && thing.wellUs >= held.sinceUs;
  const isJudged = older && thing.judged < engineLimits.judgedInARow;
  if (isJudged && !thing.judge) {
    thing.judge = true;
    thing.judged += 1;
  }
  if (isJudged && thing.repair?.doubted !== true) lookAgain(thing);
  else disproven(core, thing, 'it is in alarm again');
  thing.alarms.add(id);
  held.joinedUs = core.now.monoUs;
  held.state = 'open';
  held.key = name.key;
  core.fresh.delete(id);
}

export function newThing(
  key: string,
  unit: string,
  process: string,
  strategy: PlainStrategy,
): Thing {
  return {
    ...{ key, unit, process, strategy },
    alarms: new Set(),
    breaker: new Breaker(),
    repair: undefined,
    hold: undefined,
    toldHolds: new Set(),
    coolUntilUs: never,
    lastRestartUs: undefined,
    wellUs: undefined,
    judged: 0,
    judge: false,
    claimUntilUs: never,
    claimHold: 'claim',
  };
}
