import type { CircuitView } from '../model/repair.ts';
import type { RepairView } from '../model/status.ts';
import { type DurationUs, humanDuration } from '../model/time.ts';
import { type EngineView, ignoring, type WaitView } from './engine-contract.ts';
import type { Core, Thing } from './engine-state.ts';

/** Made when somebody asks: everything is gone through. */
export function engineView(core: Core): EngineView {
  const { counts, budget, rules, now } = core;
  const circuits: CircuitView[] = [];
  const waiting: WaitView[] = [];
  const repairing: string[] = [];
  for (const thing of core.things.values()) {
    const { process, breaker } = thing;
    const { state, failures } = breaker;
    if (state !== 'closed' || failures > 0) circuits.push({ process, state, failures });
    const wait = waitOf(core, thing);
    if (wait !== undefined) waiting.push(wait);
    else if (thing.repair !== undefined) repairing.push(process);
  }
  let openAlarms = 0;
  let oldestRaisedUs: number | undefined;
  for (const held of core.alarms.values()) {
    if (held.state === 'handled' || !held.standing) continue;
    openAlarms += 1;
    oldestRaisedUs = Math.min(oldestRaisedUs ?? held.alarm.raisedUs, held.alarm.raisedUs);
  }
  return {
    attempts: { ...counts.attempts },
    repairs: { ...counts.repairs },
    circuits,
    openAlarms,
    oldestRaisedUs,
    waiting,
    repairing,
    budget: { ...rules.budget, left: budget.left(now.monoUs), active: budget.active },
    sources: [...core.sources].map(([name, up]) => ({ name, up })),
    leftOut: [...counts.leftOut.values()].reduce((sum, count) => sum + count, 0),
    invalid: counts.invalid,
    suppressed: core.telling.suppressed,
    unsettled: core.unsettled.size,
  };
}

/** Processes shown at once: whoever has more looks at the metrics. */
const shownMax = 1_000;

/** What stands and what is done about it, for pages and commands. */
export function repairViews(core: Core): readonly RepairView[] {
  const views: RepairView[] = [];
  for (const thing of core.things.values()) {
    if (views.length >= shownMax) return views;
    const view = repairViewOf(core, thing);
    if (view !== undefined) views.push(view);
  }
  for (const id of core.fresh) {
    if (views.length >= shownMax) return views;
    const alarm = core.alarms.get(id)?.alarm;
    if (alarm)
      views.push({ process: alarm.process, state: 'raised', reason: alarm.reason, attempt: 0 });
  }
  return views;
}

function repairViewOf(core: Core, thing: Thing): RepairView | undefined {
  const { process, repair, alarms } = thing;
  if (repair === undefined)
    return alarms.size === 0 ? undefined : { process, state: 'raised', reason: '', attempt: 0 };
  const attempt = repair.accepted ? repair.attempt : 0;
  const wait = waitOf(core, thing);
  if (wait !== undefined) {
    const state = ignoring.has(wait.kind) ? 'ignored' : 'waiting';
    return { process, state, reason: wait.reason, attempt };
  }
  switch (repair.step.name) {
    case 'pre_restart_command':
    case 'restart':
      return { process, state: repair.step.name, reason: '', attempt };
    case 'health_check':
    case 'health_wait':
    case 'proof':
      return { process, state: 'health_check', reason: '', attempt };
    case 'ready':
    case 'claim':
    case 'delay':
      return { process, state: 'accepted', reason: '', attempt };
  }
}

function waitOf(core: Core, thing: Thing): WaitView | undefined {
  const { process, hold, repair } = thing;
  if (repair?.step.name === 'delay') {
    const leftUs = Math.max(0, repair.step.untilUs - core.now.monoUs);
    const reason = `attempt ${repair.attempt} begins in ${humanDuration(leftUs)}`;
    return { process, kind: 'delay', reason, sinceUs: core.now.wallUs };
  }
  if (repair?.step.name === 'proof') {
    const reason = 'it is well; settled when its finding is cleared';
    return { process, kind: 'proof', reason, sinceUs: core.now.wallUs };
  }
  if (repair?.step.name !== 'ready' || hold === undefined) return undefined;
  return { process, kind: hold.kind, reason: hold.reason, sinceUs: hold.sinceUs };
}

/** The earliest moment at which time alone changes something. */
export function nextDeadline(core: Core): DurationUs {
  let next = Number.POSITIVE_INFINITY;
  for (const { untilUs } of core.flights.values()) next = Math.min(next, untilUs);
  for (const thing of core.things.values()) next = Math.min(next, deadlineOf(thing));
  // One that is due already waits for a place, which an answer makes free.
  const later = (us: DurationUs) => (us > core.now.monoUs ? us : Number.POSITIVE_INFINITY);
  for (const id of core.unsettled) {
    const word = core.alarms.get(id)?.settling;
    if (word !== undefined && !word.busy) next = Math.min(next, later(word.dueUs));
  }
  for (const id of core.fresh) next = Math.min(next, later(core.alarms.get(id)?.resolveUs ?? 0));
  return next;
}

function deadlineOf({ repair, hold }: Thing): DurationUs {
  const step = repair?.step;
  if (step?.name === 'delay' || step?.name === 'health_wait' || step?.name === 'proof')
    return step.untilUs;
  return step?.name === 'ready' && hold !== undefined ? hold.untilUs : Number.POSITIVE_INFINITY;
}
