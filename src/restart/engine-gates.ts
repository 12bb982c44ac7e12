import { engineLimits, type HoldKind } from './engine-contract.ts';
import { alarmsOf, type Core, type Hold, inAttempt, type Thing } from './engine-state.ts';
import { withoutCircles } from './order.ts';
import { protection } from './policy.ts';

type Gate = (core: Core, thing: Thing) => Hold | undefined;

const forever = Number.POSITIVE_INFINITY;

function hold(kind: HoldKind, reason: string, untilUs = forever): Hold {
  return { kind, reason, untilUs };
}

/** What is left alone for as long as one of these is closed. */
const ignoringGates: readonly Gate[] = [
  (core, thing) =>
    core.rules.process(thing.process) === undefined
      ? hold('not_configured', 'no configuration says how')
      : undefined,
  (core, thing) => {
    const why =
      protection(thing, thing.process, core.rules.ownUnit) ??
      (thing.unit !== '' && core.rules.never(thing.unit) ? 'never_restart has it' : undefined);
    return why === undefined || core.rules.process(thing.process)?.named === true
      ? undefined
      : hold('protected', `${why}, and the configuration does not name it`);
  },
  (core, thing) =>
    core.units.get(thing.unit)?.fact === 'stopped_by_hand'
      ? hold('stopped_by_hand', 'it was stopped by hand')
      : undefined,
];

/** What must be so before an attempt begins, in the order in which it is told. */
const gates: readonly Gate[] = [
  ...ignoringGates,
  (core, thing) => {
    const outage = core.outages.get(thing.process) ?? core.outages.get(thing.unit);
    return outage === undefined ? undefined : hold('outage', `planned outage: ${outage}`);
  },
  (core, thing) =>
    core.units.get(thing.unit)?.fact === 'auto_restart'
      ? hold('auto_restart', 'systemd is about to restart it')
      : undefined,
  (core, thing) => {
    const first = blockerOf(core, thing);
    return first === undefined
      ? undefined
      : hold('dependency', `${first.process}, on which it depends, is repaired first`);
  },
  (core, thing) => {
    const confirmed = alarmsOf(core, thing).some((held) => held.confirmed);
    return confirmed ? undefined : hold('unconfirmed', 'its alarm has not been seen again yet');
  },
  (core) =>
    core.unnamed
      ? hold('resolving', 'what units are called and depend on is not read yet')
      : undefined,
  (core) =>
    core.unresolved
      ? hold('resolving', 'other alarms are not resolved yet: it may depend on them')
      : undefined,
  circuitGate,
  (core, thing) => until(core, 'cool_down', 'the last repair failed', thing.coolUntilUs),
  (core, thing) => {
    const delayUs = (core.rules.process(thing.process)?.settings.restartDelayMs ?? 0) * 1_000;
    const { lastRestartUs } = thing;
    if (lastRestartUs === undefined) return undefined;
    return until(core, 'recent', 'it has just been restarted', lastRestartUs + delayUs);
  },
  (core, thing) => {
    const settling = alarmsOf(core, thing).some((held) => held.settling !== undefined);
    return settling ? hold('settling', 'its source has yet to hear of the last repair') : undefined;
  },
  (core, thing) => {
    const why =
      thing.claimHold === 'claim'
        ? 'another agent has it, or this host has nothing of that name'
        : 'its source cannot be asked';
    return until(core, thing.claimHold, why, thing.claimUntilUs);
  },
  budgetGate,
];

/** Whether it is left alone now: what began before that may have changed meanwhile. */
export function isLeftAlone(core: Core, thing: Thing): boolean {
  return ignoringGates.some((closed) => closed(core, thing) !== undefined);
}

/** Why the thing's repair may not go on now; undefined where it may. */
export function gate(core: Core, thing: Thing): Hold | undefined {
  for (const closed of gates) {
    const found = closed(core, thing);
    if (found !== undefined) return found;
  }
  return undefined;
}

function until(core: Core, kind: HoldKind, why: string, untilUs: number): Hold | undefined {
  return untilUs > core.now.monoUs ? hold(kind, why, untilUs) : undefined;
}

function circuitGate(core: Core, thing: Thing): Hold | undefined {
  // The trial that is under way has passed; every other one waits for its end.
  if (thing.repair?.trial === true) return undefined;
  const resetMs = core.rules.process(thing.process)?.settings.circuitResetMs ?? 0;
  const failures = `${thing.breaker.failures} repairs in a row have failed`;
  const opensUs = thing.breaker.opensAtUs(resetMs * 1_000);
  return opensUs === forever
    ? hold('circuit', failures)
    : until(core, 'circuit', failures, opensUs);
}

/** Claims under way for others. */
function claimsOf(core: Core, thing: Thing): number {
  let count = 0;
  for (const flight of core.flights.values())
    if (flight.action.kind === 'claim' && flight.thing !== undefined && flight.thing !== thing.key)
      count += 1;
  return count;
}

function budgetGate(core: Core, thing: Thing): Hold | undefined {
  const { budget, now } = core;
  const opensUs = budget.opensAtUs(now.monoUs);
  const { perHour, atOnce } = budget.limits;
  // What is being taken will want its place: no more is taken than can be repaired.
  const isFull = budget.active + claimsOf(core, thing) >= atOnce;
  if (opensUs <= now.monoUs && !isFull) return undefined;
  return isFull
    ? hold('budget', `${atOnce} repairs at once are allowed`)
    : hold('budget', `${perHour} restarts an hour are allowed`, opensUs);
}

/** Something that it depends on and that is to be repaired itself. */
function blockerOf(core: Core, thing: Thing): Thing | undefined {
  const version = core.rules.orderVersion?.() ?? 0;
  if (core.waitsForVersion !== version) core.waitsFor = undefined;
  core.waitsForVersion = version;
  core.waitsFor ??= waitsFor(core);
  for (const key of core.waitsFor.get(thing.key) ?? []) {
    const other = core.things.get(key);
    if (other !== undefined && isToBeRepaired(core, other)) return other;
  }
  return undefined;
}

/** What is left alone for good holds nobody back. */
function isToBeRepaired(core: Core, thing: Thing): boolean {
  if (thing.repair === undefined) return false;
  // Between two attempts as well: only when the wait is over is it found out whether it goes on.
  if (inAttempt(thing.repair) || thing.repair.step.name === 'delay') return true;
  // It runs: who depends on it need not wait until its finding is cleared.
  if (thing.repair.step.name === 'proof') return false;
  if (thing.hold?.kind === 'dry_run') return false;
  return !isLeftAlone(core, thing);
}

function waitsFor(core: Core): ReadonlyMap<string, readonly string[]> {
  const keyOf = new Map<string, string>();
  for (const thing of core.things.values()) {
    if (thing.repair !== undefined) keyOf.set(thing.unit || thing.process, thing.key);
  }
  const names = [...keyOf.keys()].slice(0, engineLimits.things);
  const byName = withoutCircles(names, core.rules.order(names));
  const byKey = new Map<string, string[]>();
  for (const [name, others] of byName) {
    byKey.set(
      keyOf.get(name) ?? '',
      others.map((other) => keyOf.get(other) ?? ''),
    );
  }
  return byKey;
}
