import type { Component } from '../model/platform.ts';
import type { StepOutcome } from '../model/repair.ts';
import type { UnitVerb } from '../model/unit-control.ts';
import { nameOf, type Target, unitOf } from './target.ts';

export interface Wish {
  readonly verb: UnitVerb;
  readonly target: Target;
  /** Of `stop`: what depends on it, too. */
  readonly all: boolean;
}

/** One thing to do to one component or unit. */
export interface Step {
  readonly verb: UnitVerb;
  readonly what: Target;
}

/** How a step ended. */
export interface Stepped {
  readonly outcome: StepOutcome;
  /** What is said behind its name: `runs`, `already runs`, or why it did not work. */
  readonly words: string;
  /** The last lines that its command wrote to standard error, where it did not work. */
  readonly output: readonly string[];
}

/** The components of a host and their order. */
export interface StepWorld {
  readonly component: (name: string) => Component | undefined;
  /** What it depends on, and itself last; names of this host's components. */
  readonly startOrder: (name: string) => readonly string[];
  /** What depends on it, and itself last. */
  readonly stopOrder: (name: string) => readonly string[];
}

/** In the order in which they are done. A unit's own dependencies are systemd's. */
export function stepsOf({ verb, target, all }: Wish, world: StepWorld): readonly Step[] {
  if (target.kind === 'unit') return [{ verb, what: target }];
  const { name } = target.component;
  const steps = (one: UnitVerb, names: readonly string[]): readonly Step[] =>
    names
      .map((each) => world.component(each))
      .filter((component) => component !== undefined)
      .map((component) => ({ verb: one, what: { kind: 'component', component } }));
  switch (verb) {
    case 'start':
      return steps('start', world.startOrder(name));
    case 'stop':
      return all ? steps('stop', world.stopOrder(name)) : [{ verb, what: target }];
    case 'restart':
      // A unit is systemd's to restart; what is its processes is stopped and started.
      if (unitOf(target) !== undefined) return [{ verb, what: target }];
      return [{ verb: 'stop', what: target }, ...steps('start', world.startOrder(name))];
  }
}

export function hasWorked({ outcome }: Stepped): boolean {
  return outcome === 'ok' || outcome === 'skipped';
}

/** What the steps are done with; each ends by itself within its time limit, and never rejects. */
export interface Hands {
  readonly unit: (verb: UnitVerb, unit: string) => Promise<Stepped>;
  readonly startComponent: (component: Component) => Promise<Stepped>;
  readonly stopComponent: (component: Component) => Promise<Stepped>;
}

/** Hears of each step when it begins; the next one begins when what it returns has ended. */
export type OnStep = (step: Step, ended: Promise<Stepped>) => Promise<void>;

export interface Taken {
  readonly ok: boolean;
  /** Those that were begun. */
  readonly steps: readonly (Step & Stepped)[];
}

/**
 * One step after the other, up to the first that fails. Who leaves (`signal`) is told so at once: what
 * was begun goes on, and nothing more is begun.
 */
export async function takeSteps(
  steps: readonly Step[],
  hands: Hands,
  onStep: OnStep,
  signal?: AbortSignal,
): Promise<Taken> {
  const taken: (Step & Stepped)[] = [];
  for (const step of steps) {
    if (signal?.aborted) return { ok: false, steps: taken };
    const ended = unlessAborted(takeStep(step, hands), signal);
    await onStep(step, ended);
    const stepped = await ended;
    taken.push({ ...step, ...stepped });
    if (!hasWorked(stepped)) return { ok: false, steps: taken };
  }
  return { ok: true, steps: taken };
}

async function takeStep({ verb, what }: Step, hands: Hands): Promise<Stepped> {
  const unit = unitOf(what);
  if (unit !== undefined) return hands.unit(verb, unit);
  if (what.kind === 'unit') throw new Error('a unit without a name');
  // `restart` of processes has become two steps before.
  return verb === 'stop'
    ? hands.stopComponent(what.component)
    : hands.startComponent(what.component);
}

function unlessAborted(work: Promise<Stepped>, signal: AbortSignal | undefined): Promise<Stepped> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const words = 'not waited for any longer; what was begun goes on';
    const leave = (): void => resolve({ outcome: 'lost', words, output: [] });
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

export const doing = { start: 'starting', stop: 'stopping', restart: 'restarting' } as const;
export const done = { start: 'started', stop: 'stopped', restart: 'restarted' } as const;

/** All of it in one or two sentences, for who saw none of the steps. */
export function sentenceOf({ verb, target }: Wish, { ok, steps }: Taken): string {
  const name = nameOf(target);
  const last = steps.at(-1);
  if (last === undefined) return `${name} was not ${done[verb]}.`;
  if (ok && last.outcome === 'skipped') return `${name} ${last.words}.`;
  if (ok) return `${name} was ${done[verb]}.`;
  const who = nameOf(last.what) === name ? '' : `${nameOf(last.what)}, on which it depends: `;
  const why = last.words.replace(/\.$/, '');
  const wrote = last.output.length === 0 ? '' : ` It wrote: ${last.output.join(' / ')}`;
  return `${name} was not ${done[verb]}: ${who}${why}.${wrote}`;
}
