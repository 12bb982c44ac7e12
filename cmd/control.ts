import { startComponent, stopComponent } from '../src/checks/process/control.ts';
import { systemClock } from '../src/collector/system-clock.ts';
import type { Config } from '../src/config/keys.ts';
import type { Component } from '../src/model/platform.ts';
import { phaseOf } from '../src/model/unit.ts';
import type { UnitVerb } from '../src/model/unit-control.ts';
import { printable } from '../src/outputs/terminal-text.ts';
import { harmOf } from './control-harm.ts';
import { Progress } from './control-progress.ts';
import { nameOf, type Target, targetOf, unitOf } from './control-target.ts';
import type { Source } from './dependencies.ts';
import type { CommandIo } from './io.ts';
import { type Site, uidOfUs } from './platform-site.ts';

/** Where something is done, and how who asked can be asked back. */
export interface ControlContext {
  readonly site: Site;
  readonly config: Config;
  readonly source: Source;
  readonly io: CommandIo;
  /** Ends the waiting, not what is waited for. */
  readonly signal: AbortSignal;
  /** Asks a question of yes or no; undefined where nobody is there to answer. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
}

export interface Wish {
  readonly verb: UnitVerb;
  readonly name: string;
  /** Do not ask, whatever suffers. */
  readonly yes: boolean;
  /** Of `stop`: what depends on it, too. */
  readonly all: boolean;
  /** For each step. */
  readonly timeoutMs: number;
}

/** systemd itself gives up on a start after 90 s. */
export const timeoutDefaultMs = 120_000;
/** Names in a warning; their number says the rest. */
const namesShown = 20;

/** How one step ended. */
interface Ended {
  readonly ok: boolean;
  readonly words: string;
}

/** Does what was asked for, and tells of each step. @returns the exit status */
export async function control(wish: Wish, context: ControlContext): Promise<number> {
  const { site, io, signal } = context;
  const target = await targetOf(site, wish.name);
  if ('wrong' in target) {
    io.stderr.write(`${target.wrong}\n`);
    return 1;
  }
  if (wish.verb !== 'start' && !wish.yes && !(await isAgreed(wish, target, context))) return 1;
  const progress = new Progress(io);
  for (const { verb, what } of stepsOf(wish, target, site)) {
    if (signal.aborted) return 1;
    const work = run(verb, what, wish.timeoutMs, context);
    const ended = await progress.during(
      `${doing[verb]} ${nameOf(what)}`,
      unlessAborted(work, signal),
    );
    progress.line(`${nameOf(what)}: ${ended.words}`);
    if (!ended.ok) {
      if (nameOf(what) !== nameOf(target)) {
        progress.line(`${nameOf(target)}: not ${done[wish.verb]}`);
      }
      return 1;
    }
  }
  return 0;
}

const doing = { start: 'starting', stop: 'stopping', restart: 'restarting' } as const;
const done = { start: 'started', stop: 'stopped', restart: 'restarted' } as const;

interface Step {
  readonly verb: UnitVerb;
  readonly what: Target;
}

/** In the order in which they are done. A unit's own dependencies are systemd's. */
function stepsOf({ verb, all }: Wish, target: Target, site: Site): readonly Step[] {
  if (target.kind === 'unit') return [{ verb, what: target }];
  const { name } = target.component;
  const order = site.checks.order;
  const named = (names: readonly string[]): readonly Target[] =>
    names
      .map((one) => site.checks.component(one))
      .filter((one) => one !== undefined)
      .map((component) => ({ kind: 'component', component }));
  const steps = (one: UnitVerb, what: readonly Target[]) =>
    what.map((each) => ({ verb: one, what: each }));
  switch (verb) {
    case 'start':
      return steps('start', named(order.startOrder(name)));
    case 'stop':
      return steps('stop', all ? named(order.stopOrder(name)) : [target]);
    case 'restart':
      if (unitOf(target) !== undefined) return [{ verb, what: target }];
      return [...steps('stop', [target]), ...steps('start', named(order.startOrder(name)))];
  }
}

/** Warns of what would suffer, and asks. */
async function isAgreed(wish: Wish, target: Target, context: ControlContext): Promise<boolean> {
  const { site, source, io, confirm } = context;
  const on = wish.verb === 'restart' ? 'restart' : 'stop';
  const { names, doubt } = await harmOf(site, target, on, source, io);
  if (names.length === 0 && doubt === '') return true;
  const name = printable(nameOf(target));
  if (doubt !== '') {
    io.stdout.write(`What else would suffer could not be found out: ${printable(doubt)}\n`);
  }
  if (names.length > 0) {
    const will = wish.all
      ? 'Before it these are stopped'
      : 'These run and would suffer, in the order to stop them';
    const shown = names.slice(0, namesShown).map(printable).join(', ');
    const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
    io.stdout.write(`${will}: ${shown}${more}\n`);
  }
  // A script has said what it wants, as to systemctl.
  if (confirm === undefined) return true;
  if (await confirm(`${wish.verb === 'stop' ? 'Stop' : 'Restart'} ${name}? [y/N] `)) return true;
  io.stdout.write(`${name} was not ${done[wish.verb]}.\n`);
  return false;
}

function unlessAborted(work: Promise<Ended>, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const leave = (): void =>
      resolve({ ok: false, words: 'not waited for any longer; what was begun goes on' });
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

function run(
  verb: UnitVerb,
  what: Target,
  timeoutMs: number,
  context: ControlContext,
): Promise<Ended> {
  const unit = unitOf(what);
  if (unit !== undefined) return runUnit(verb, unit, timeoutMs, context.site);
  if (what.kind === 'unit') throw new Error('a unit without a name');
  return runComponent(verb, what.component, timeoutMs, context);
}

/** A component that is its processes: `restart` has become two steps before. */
async function runComponent(
  verb: UnitVerb,
  { name, dependsOnElsewhere }: Component,
  timeoutMs: number,
  { site, config, io, signal }: ControlContext,
): Promise<Ended> {
  const options = {
    checks: site.checks,
    clock: systemClock,
    timeoutMs,
    graceMs: config.restart.default.stop_grace,
    uid: uidOfUs(),
    env: io.env,
  };
  if (verb === 'stop') {
    const { outcome, reason } = await stopComponent(name, options);
    if (outcome === 'skipped') return { ok: true, words: 'does not run' };
    return outcome === 'ok' ? { ok: true, words: 'stopped' } : { ok: false, words: reason };
  }
  // Who has left sees no time limit pass: for him it has passed.
  const clock = {
    monotonicUs: () => (signal.aborted ? Number.POSITIVE_INFINITY : systemClock.monotonicUs()),
  };
  const { outcome, reason } = await startComponent(name, { ...options, clock });
  const elsewhere = dependsOnElsewhere.join(', ');
  const note = elsewhere === '' ? '' : `; on another host it needs ${elsewhere}`;
  if (outcome === 'skipped') return { ok: true, words: `already runs${note}` };
  return outcome === 'ok' ? { ok: true, words: `runs${note}` } : { ok: false, words: reason };
}

async function runUnit(
  verb: UnitVerb,
  unit: string,
  timeoutMs: number,
  site: Site,
): Promise<Ended> {
  const units = await site.units();
  if ('fault' in units) return { ok: false, words: units.fault };
  const before = await units.status(unit);
  const phase = before && phaseOf(before.state);
  if (verb === 'start' && phase === 'up') return { ok: true, words: 'already runs' };
  if (verb === 'stop' && (phase === 'down' || phase === 'failed')) {
    return { ok: true, words: 'does not run' };
  }
  const { result, reason } =
    verb === 'start'
      ? await units.startUnit(unit, timeoutMs)
      : verb === 'stop'
        ? await units.stopUnit(unit, timeoutMs)
        : await units.restartUnit(unit, timeoutMs);
  if (result !== 'done') return { ok: false, words: reason };
  if (verb === 'stop') return { ok: true, words: 'stopped' };
  const after = await units.status(unit);
  switch (after && phaseOf(after.state)) {
    case 'waiting':
    case 'failed':
      return { ok: false, words: `it ended at once (${after?.state.result})` };
    case 'down':
      return { ok: true, words: 'has run, and has ended well' };
    default:
      return { ok: true, words: 'runs' };
  }
}
