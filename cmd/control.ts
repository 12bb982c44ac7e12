import { systemClock } from '../src/collector/system-clock.ts';
import type { Config } from '../src/config/keys.ts';
import { nearestName } from '../src/config/nearest.ts';
import { doing, done, hasWorked, type OnStep } from '../src/control/steps.ts';
import { nameOf, type Target } from '../src/control/target.ts';
import { Control, someOf } from '../src/control.ts';
import { readImpact, type ToldImpact, toldImpact } from '../src/deps/answers.ts';
import type { UnitVerb } from '../src/model/unit-control.ts';
import { printable } from '../src/outputs/terminal-text.ts';
import { Progress } from './control-progress.ts';
import { askAgent, readGraph, type Source } from './dependencies.ts';
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

export interface Order {
  readonly verb: UnitVerb;
  readonly name: string;
  /** Do not ask, whatever suffers. */
  readonly yes: boolean;
  /** Of `stop`: what depends on it, too. */
  readonly all: boolean;
  /** For each step. */
  readonly timeoutMs: number;
}

/** Starting and stopping with the rights of who asks; systemd and /proc are asked directly. */
export function controlOf({
  site,
  config,
  source,
  io,
}: Pick<ControlContext, 'site' | 'config' | 'source' | 'io'>): Control {
  return new Control({
    units: () => site.units(),
    checks: () => site.checks,
    impact: (unit, on) => impactOn(unit, on, source, io),
    clock: systemClock,
    uid: uidOfUs(),
    env: io.env,
    graceMs: () => config.restart.default.stop_grace,
  });
}

/** A target by its name, or one sentence that says that there is none, with what was likely meant. */
export async function targetOf(
  control: Control,
  site: Site,
  name: string,
): Promise<Target | { readonly wrong: string }> {
  const found = await control.find(name);
  if (!('wrong' in found)) return found;
  const names = [...site.components.map((one) => one.name), ...site.unitNames];
  const bare = names.map((one) => one.replace(/\.service$/, ''));
  const meant = nearestName(name.replace(/\.service$/, ''), bare);
  const hint = meant === undefined ? '' : `Did you mean ${printable(meant)}?`;
  return { wrong: [found.wrong, hint, found.more].filter((part) => part !== '').join(' ') };
}

/** Does what was asked for, and tells of each step. @returns the exit status */
export async function control(order: Order, context: ControlContext): Promise<number> {
  const { site, io, signal } = context;
  const { verb, all, timeoutMs } = order;
  const engine = controlOf(context);
  const target = await targetOf(engine, site, order.name);
  if ('wrong' in target) {
    io.stderr.write(`${target.wrong}\n`);
    return 1;
  }
  if (verb !== 'start' && !order.yes && !(await isAgreed(order, target, engine, context))) return 1;
  const progress = new Progress(io);
  const name = nameOf(target);
  const onStep: OnStep = async (step, ended) => {
    const what = nameOf(step.what);
    const stepped = await progress.during(`${doing[step.verb]} ${what}`, ended);
    progress.line(`${what}: ${stepped.words}`);
    for (const line of stepped.output) progress.line(`  | ${line}`);
    if (!hasWorked(stepped) && what !== name) progress.line(`${name}: not ${done[verb]}`);
  };
  const { ok } = await engine.take({ verb, target, all }, onStep, { timeoutMs, signal });
  return ok ? 0 : 1;
}

/** Warns of what would suffer, and asks. */
async function isAgreed(
  { verb, all }: Order,
  target: Target,
  engine: Control,
  { io, confirm }: ControlContext,
): Promise<boolean> {
  const { names, doubt } = await engine.harm(target, verb === 'restart' ? 'restart' : 'stop');
  if (names.length === 0 && doubt === '') return true;
  const name = printable(nameOf(target));
  if (doubt !== '') {
    io.stdout.write(`What else would suffer could not be found out: ${printable(doubt)}\n`);
  }
  if (names.length > 0) {
    const will = all
      ? 'Before it these are stopped'
      : 'These run and would suffer, in the order to stop them';
    io.stdout.write(`${will}: ${someOf(names)}\n`);
  }
  // A script has said what it wants, as to systemctl.
  if (confirm === undefined) return true;
  if (await confirm(`${verb === 'stop' ? 'Stop' : 'Restart'} ${name}? [y/N] `)) return true;
  io.stdout.write(`${name} was not ${done[verb]}.\n`);
  return false;
}

async function impactOn(
  unit: string,
  on: 'stop' | 'restart',
  source: Source,
  io: CommandIo,
): Promise<ToldImpact | { readonly wrong: string }> {
  const answer = await askAgent(source, io, '/api/impact', { unit, on }, readImpact);
  if ('wrong' in answer) return answer;
  if ('told' in answer) return answer.told;
  const read = await readGraph(answer.bus, io);
  if ('wrong' in read) return read;
  // What systemd has not loaded does not run, and nobody leans on it.
  const none = { unit, on, stopped: [], restarted: [], degraded: [], blocked: [] };
  return toldImpact(read.graph, unit, on) ?? none;
}
