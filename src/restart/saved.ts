import { alarmSources, circuitStates, strategies } from '../model/repair.ts';
import type { DurationUs } from '../model/time.ts';
import type { BreakerState } from './breaker.ts';
import type { Ending } from './contract.ts';
import { newThing } from './engine-alarms.ts';
import { engineLimits, type PlainStrategy } from './engine-contract.ts';
import { release } from './engine-endings.ts';
import type { Core, Held, Repair, Step, Thing } from './engine-state.ts';
import { longestWaitUs } from './policy.ts';

/**
 * The journal: what must outlive the agent. Alarms that only wait are not in it, their source has
 * them; those are that are under repair, claimed, or settled and perhaps still listed.
 */
export function savedText(core: Core, bootId: string): string {
  const { monoUs, wallUs } = core.now;
  const things = [...core.things.values()].filter(isWorthKeeping);
  const alarms = [...core.alarms.values()].filter((held) => isKept(core, held));
  return `${JSON.stringify({
    version: 1,
    bootId,
    monoUs,
    wallUs,
    nextRepair: core.nextRepair,
    spentUs: core.budget.save(),
    stoppedByHand: [...core.units].flatMap(([name, { fact, run }]) =>
      fact === 'stopped_by_hand' ? [[name, run]] : [],
    ),
    alarms: alarms.map((held) => ({
      alarm: held.alarm,
      state: held.state,
      standing: held.standing,
      clears: held.clears,
      mayHold: held.mayHold,
      ending: held.settling?.ending,
      settledUs: held.settledUs,
    })),
    things: things.map(savedThing),
  })}\n`;
}

function isWorthKeeping(thing: Thing): boolean {
  const { breaker, repair, lastRestartUs } = thing;
  if (thing.wellUs !== undefined) return true;
  return breaker.failures > 0 || repair?.accepted === true || lastRestartUs !== undefined;
}

function isKept(core: Core, held: Held): boolean {
  if (held.mayHold || held.state === 'worked' || held.state === 'handled') return true;
  return core.things.get(held.key)?.repair?.accepted === true;
}

function savedThing(thing: Thing): unknown {
  const { key, unit, process, strategy, alarms, breaker, repair, lastRestartUs, wellUs, judge } =
    thing;
  const coolUntilUs = Number.isFinite(thing.coolUntilUs) ? thing.coolUntilUs : undefined;
  return {
    ...{ key, unit, process, strategy, coolUntilUs, lastRestartUs, wellUs, judge },
    alarms: [...alarms],
    breaker: breaker.save(),
    repair: repair?.accepted === true ? savedRepair(repair) : undefined,
  };
}

function savedRepair(repair: Repair): unknown {
  const { id, attempt, failed, trial, step } = repair;
  const begun = repair.restarted && repair.attemptSettings !== undefined;
  return {
    id,
    attempt,
    failed,
    trial,
    begun,
    untilUs: step.name === 'delay' ? step.untilUs : undefined,
    proof: step.name === 'proof' ? step : undefined,
    doubted: repair.doubted,
    unproven: repair.unproven,
  };
}

type Data = Readonly<Record<string, unknown>>;

/**
 * Takes up a journal: what of it makes sense, as nothing in a file is trusted.
 * @returns why not, where nothing of it could be used
 */
export function restoreCore(core: Core, data: unknown, bootId: string): string | undefined {
  if (!isObject(data)) return 'the journal of repairs is not an object';
  if (data['version'] !== 1) return 'the journal of repairs has another version';
  const { monoUs, wallUs } = data;
  if (!isNumber(monoUs) || !isNumber(wallUs)) return 'the journal of repairs has no time';
  const same = bootId !== '' && data['bootId'] === bootId && monoUs <= core.now.monoUs;
  // The wall clock may have been set in between: back, and the whole wait is left.
  const elapsedUs = same ? core.now.monoUs - monoUs : Math.max(0, core.now.wallUs - wallUs);
  const shiftUs = core.now.monoUs - elapsedUs - monoUs;
  if (isCount(data['nextRepair'])) core.nextRepair = data['nextRepair'];
  const spent = listOf(data['spentUs'], engineLimits.things).filter(isNumber);
  const spentUs = spent.map((us) => Math.min(us + shiftUs, core.now.monoUs));
  core.budget.restore(spentUs.sort((a, b) => a - b));
  for (const saved of listOf(data['stoppedByHand'], engineLimits.units)) {
    const [name, run] = listOf(saved, 2);
    if (isName(name) && typeof run === 'string')
      core.units.set(name, { fact: 'stopped_by_hand', run: run.slice(0, 32) });
  }
  for (const saved of listOf(data['alarms'], engineLimits.alarms))
    restoreAlarm(core, saved, shiftUs);
  for (const saved of listOf(data['things'], 2 * engineLimits.things))
    restoreThing(core, saved, shiftUs);
  freeTheRest(core);
  return undefined;
}

function restoreAlarm(core: Core, data: unknown, shiftUs: DurationUs): void {
  if (!isObject(data) || !isObject(data['alarm'])) return;
  const { id, source, process, processId, raisedUs, reason } = data['alarm'];
  const from = alarmSources.find((known) => known === source);
  if (!isName(id) || !isName(process) || from === undefined || !isNumber(raisedUs)) return;
  const text = typeof reason === 'string' ? reason.slice(0, engineLimits.reasonLength) : '';
  const common = { id, source: from, process, raisedUs, reason: text };
  const states = ['worked', 'handled', 'open'] as const;
  const ending = endingOf(data['ending']);
  const state = states.find((known) => known === data['state']) ?? 'open';
  if (state === 'worked' && ending === undefined) return;
  const { monoUs } = core.now;
  const { settledUs } = data;
  core.alarms.set(id, {
    alarm: isCount(processId) ? { ...common, processId } : common,
    state,
    standing: data['standing'] !== false,
    confirmed: false,
    clears: data['clears'] !== false,
    key: '',
    mayHold: data['mayHold'] === true,
    claiming: false,
    checkedUs: Number.NEGATIVE_INFINITY,
    claimedUs: Number.NEGATIVE_INFINITY,
    repairedBefore: false,
    sinceUs: Number.NEGATIVE_INFINITY,
    joinedUs: Number.NEGATIVE_INFINITY,
    resolveUs: Number.NEGATIVE_INFINITY,
    settling: ending && { ending, tries: 0, dueUs: monoUs, busy: false },
    settledUs: isNumber(settledUs) ? Math.min(settledUs + shiftUs, monoUs) : monoUs,
  });
  if (ending !== undefined) core.unsettled.add(id);
}

function endingOf(data: unknown): Ending | undefined {
  if (!isObject(data)) return undefined;
  const { worked, attempts, note, time, claimOnly } = data;
  if (typeof worked !== 'boolean' || !isCount(attempts)) return undefined;
  if (typeof note !== 'string' || typeof time !== 'string') return undefined;
  const short = note.slice(0, engineLimits.reasonLength);
  const ending = { worked, attempts, note: short, time: time.slice(0, 40) };
  return claimOnly === true && !worked ? { ...ending, claimOnly } : ending;
}

function restoreThing(core: Core, data: unknown, shiftUs: DurationUs): void {
  if (!isObject(data)) return;
  const { key, unit, process, judge } = data;
  const strategy = strategies.find((known) => known === data['strategy']);
  const isPlain = (word: typeof strategy): word is PlainStrategy =>
    word !== undefined && word !== 'auto';
  if (!isName(key) || !isName(process) || typeof unit !== 'string' || !isPlain(strategy)) return;
  const thing = newThing(key, unit.slice(0, engineLimits.nameLength), process, strategy);
  const { monoUs } = core.now;
  const past = (us: unknown) => (isNumber(us) ? Math.min(us + shiftUs, monoUs) : undefined);
  thing.judge = judge === true;
  thing.wellUs = past(data['wellUs']);
  thing.lastRestartUs = past(data['lastRestartUs']);
  if (isNumber(data['coolUntilUs']))
    thing.coolUntilUs = Math.min(data['coolUntilUs'] + shiftUs, monoUs + longestWaitUs);
  for (const id of listOf(data['alarms'], engineLimits.alarms)) {
    const held = isName(id) ? core.alarms.get(id) : undefined;
    if (held?.state !== 'open' || held.key !== '' || !held.standing) continue;
    held.key = key;
    thing.alarms.add(held.alarm.id);
  }
  const repair = repairOf(data['repair'], monoUs, shiftUs);
  // One whose alarm has gone still has to end: attempts that failed count.
  const counts = repair !== undefined && (repair.restarted || repair.failed > 0);
  if (thing.alarms.size > 0 || counts) thing.repair = repair;
  const breaker = breakerOf(data['breaker'], past, thing.repair?.trial === true);
  if (breaker !== undefined) thing.breaker.restore(breaker);
  core.things.set(key, thing);
}

function repairOf(data: unknown, nowUs: DurationUs, shiftUs: DurationUs): Repair | undefined {
  if (!isObject(data)) return undefined;
  const { id, attempt, failed, trial, begun, untilUs, doubted, unproven } = data;
  if (!isName(id) || !isCount(attempt) || attempt < 1 || !isCount(failed)) return undefined;
  const delay = isNumber(untilUs) && begun !== true;
  const latestUs = nowUs + longestWaitUs;
  const proof = begun === true ? undefined : proofOf(data['proof'], nowUs, shiftUs);
  return {
    ...{ id, attempt, failed },
    step:
      proof ??
      (delay
        ? { name: 'delay', untilUs: Math.min(untilUs + shiftUs, latestUs) }
        : { name: 'ready' }),
    accepted: true,
    trial: trial === true,
    attemptSettings: undefined,
    attemptBegunUs: nowUs,
    restarted: begun === true || proof?.restarted === true,
    checks: 0,
    uncertain: begun === true,
    judging: false,
    doubted: doubted === true,
    unproven: unproven === true,
  };
}

function proofOf(
  data: unknown,
  nowUs: DurationUs,
  shiftUs: DurationUs,
): Extract<Step, { name: 'proof' }> | undefined {
  if (!isObject(data) || !isNumber(data['untilUs'])) return undefined;
  const untilUs = Math.min(data['untilUs'] + shiftUs, nowUs + engineLimits.proofUs);
  return { name: 'proof', untilUs, restarted: data['restarted'] === true };
}

function breakerOf(
  data: unknown,
  past: (us: unknown) => DurationUs | undefined,
  hasTrial: boolean,
): BreakerState | undefined {
  if (!isObject(data)) return undefined;
  const { failures } = data;
  const known = circuitStates.find((word) => word === data['state']);
  const [openedUs, failedUs] = [past(data['openedUs']), past(data['failedUs'])];
  if (known === undefined || !isCount(failures)) return undefined;
  if (openedUs === undefined || failedUs === undefined) return undefined;
  // A trial that the journal has lost would never end.
  const state = known === 'half_open' && !hasTrial ? 'open' : known;
  return { state, failures, openedUs, failedUs };
}

/** What was claimed for a repair that is not in the journal is given back, and asked for anew. */
function freeTheRest(core: Core): void {
  for (const held of core.alarms.values()) {
    if (held.state !== 'open' || held.key !== '') continue;
    if (held.settling === undefined) release(core, held, 'begun anew');
    if (!held.standing) continue;
    held.state = 'new';
    core.fresh.add(held.alarm.id);
  }
}

function isObject(data: unknown): data is Data {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function isNumber(data: unknown): data is number {
  return typeof data === 'number' && Number.isFinite(data);
}

function isCount(data: unknown): data is number {
  return isNumber(data) && Number.isInteger(data) && data >= 0;
}

function isName(data: unknown): data is string {
  return typeof data === 'string' && data.length > 0 && data.length <= engineLimits.nameLength;
}

function listOf(data: unknown, max: number): readonly unknown[] {
  return Array.isArray(data) ? data.slice(0, max) : [];
}
