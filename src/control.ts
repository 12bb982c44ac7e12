import { setTimeout as pause } from 'node:timers/promises';
import {
  type Controlled,
  type ControlOptions,
  startComponent,
  stopComponent,
} from './checks/process/control.ts';
import type { ProcessChecks } from './checks/process/process-checks.ts';
import { type Harm, harmOf, type UnitHarm } from './control/harm.ts';
import {
  type Hands,
  hasWorked,
  type OnStep,
  type Step,
  type Stepped,
  sentenceOf,
  stepsOf,
  type Taken,
  takeSteps,
  type Wish,
} from './control/steps.ts';
import { componentNamed, nameOf, type Target, unitOf } from './control/target.ts';
import { controlUnit } from './control/unit.ts';
import type { Draft } from './model/event.ts';
import { type Clock, rfc3339 } from './model/time.ts';
import type { UnitControl } from './model/unit-control.ts';
import { isUnitName, withType } from './model/unit-name.ts';
import { printable } from './outputs/terminal-text.ts';

/** What starting and stopping needs. */
export interface ControlTools {
  /** systemd, or one sentence that says why it cannot be asked. */
  readonly units: () => Promise<UnitControl | { readonly fault: string }>;
  /** The components of this host; undefined where it has none. */
  readonly checks: () => ProcessChecks | undefined;
  /** What follows for other units, or why that is not known. */
  readonly impact: (
    unit: string,
    on: 'stop' | 'restart',
  ) => Promise<UnitHarm | { readonly wrong: string }>;
  readonly clock: Clock;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** SIGTERM to SIGKILL of a component without a stop command. */
  readonly graceMs: () => number;
  /** Takes an event for each step that did something, or failed. */
  readonly onDraft?: (draft: Draft) => void;
}

/** A name that stands for nothing. */
export interface NotFound {
  readonly wrong: string;
  /** What else there is to say; empty where that is all. */
  readonly more: string;
}

export interface ControlLimits {
  /** For each step. */
  readonly timeoutMs: number;
  /** Ends the waiting, not what is waited for. */
  readonly signal?: AbortSignal;
}

/** systemd itself gives up on a start after 90 s. */
export const timeoutDefaultMs = 120_000;

/** Starts, stops and restarts components and units, for the page and for the commands. */
export class Control {
  readonly #tools: ControlTools;

  constructor(tools: ControlTools) {
    this.#tools = tools;
  }

  /**
   * A component of this host by its name (in any case, where only one is meant), else a unit that
   * systemd knows, with or without `.service`.
   */
  async find(name: string): Promise<Target | NotFound> {
    const components = this.#tools.checks()?.components ?? [];
    // Whether components that are units run, is systemd's word.
    if (components.some(({ unit }) => unit !== '')) await this.#tools.units();
    const component = componentNamed(components, name);
    if (component) return { kind: 'component', component };
    const shown = printable(name);
    const wrong = `There is no component and no unit ${shown} here.`;
    const units = await this.#tools.units();
    if ('fault' in units) return { wrong, more: `Units cannot be asked for: ${units.fault}` };
    const unit = withType(name);
    const known = isUnitName(unit) ? await units.knows(unit) : false;
    if (known === undefined)
      return { wrong: `systemd could not be asked about ${shown}.`, more: '' };
    return known ? { kind: 'unit', unit } : { wrong, more: '' };
  }

  /** What runs and would suffer. */
  async harm(target: Target, on: 'stop' | 'restart'): Promise<Harm> {
    const checks = this.#tools.checks();
    const views = new Map((await checks?.checkNow())?.map((view) => [view.name, view]));
    const runs = (name: string): boolean =>
      !['missing', 'unknown'].includes(views.get(name)?.state ?? 'missing');
    const components = checks?.order.sufferers(nameOf(target)).filter(runs) ?? [];
    const unit = unitOf(target);
    return harmOf(
      components,
      on,
      unit === undefined ? undefined : await this.#tools.impact(unit, on),
    );
  }

  /** Does it, one step after the other. */
  take(wish: Wish, onStep: OnStep, limits: ControlLimits): Promise<Taken> {
    const checks = this.#tools.checks();
    const steps = stepsOf(wish, {
      component: (name) => checks?.component(name),
      startOrder: (name) => checks?.order.startOrder(name) ?? [],
      stopOrder: (name) => checks?.order.stopOrder(name) ?? [],
    });
    const told: OnStep = async (step, ended) => {
      const fromUs = this.#tools.clock.monotonicUs();
      await onStep(step, ended);
      this.#tell(step, nameOf(wish.target), await ended, fromUs);
    };
    return takeSteps(steps, this.#hands(limits), told, limits.signal);
  }

  /** The same for somebody who hears of the end only, in a sentence or two. */
  async ask(
    verb: Wish['verb'],
    name: string,
  ): Promise<{ readonly ok: boolean; readonly sentence: string }> {
    const target = await this.find(name);
    if ('wrong' in target) {
      const { wrong, more } = target;
      return { ok: false, sentence: more === '' ? wrong : `${wrong} ${more}` };
    }
    const wish = { verb, target, all: false };
    const harm = verb === 'stop' ? await this.harm(target, 'stop') : undefined;
    const taken = await this.take(wish, async () => {}, { timeoutMs: timeoutDefaultMs });
    const hasStopped = taken.ok && taken.steps.at(-1)?.outcome === 'ok';
    return {
      ok: taken.ok,
      sentence: `${sentenceOf(wish, taken)}${hasStopped ? without(harm) : ''}`,
    };
  }

  #hands({ timeoutMs, signal }: ControlLimits): Hands {
    const { clock, uid, env, graceMs } = this.#tools;
    const options = (): ControlOptions => {
      const checks = this.#tools.checks();
      if (checks === undefined) throw new Error('there are no components');
      return { checks, clock, timeoutMs, graceMs: graceMs(), uid, env };
    };
    return {
      unit: async (verb, unit) => {
        const units = await this.#tools.units();
        return 'fault' in units
          ? { outcome: 'lost', words: units.fault, output: [] }
          : controlUnit(verb, unit, timeoutMs, units, (ms) => pause(ms));
      },
      stopComponent: async ({ name }) =>
        said(await stopComponent(name, options()), { ok: 'stopped', skipped: 'does not run' }),
      startComponent: async ({ name, dependsOnElsewhere }) => {
        // Who has left sees no time limit pass: for him it has passed.
        const monotonicUs = () =>
          signal?.aborted ? Number.POSITIVE_INFINITY : clock.monotonicUs();
        const elsewhere = dependsOnElsewhere.join(', ');
        const note = elsewhere === '' ? '' : `; on another host it needs ${elsewhere}`;
        const started = await startComponent(name, { ...options(), clock: { monotonicUs } });
        return said(started, { ok: `runs${note}`, skipped: `already runs${note}` });
      },
    };
  }

  #tell({ verb, what }: Step, asked: string, stepped: Stepped, fromUs: number): void {
    const { clock, onDraft } = this.#tools;
    const { outcome, words, output } = stepped;
    if (outcome === 'skipped') return;
    const isOk = hasWorked(stepped);
    const name = nameOf(what);
    onDraft?.({
      event_type: 'control',
      time: rfc3339(clock.realtimeUs()),
      service: name,
      severity: isOk ? 'info' : 'error',
      message: `${name}: ${words}`,
      data: {
        ...{ action: verb, asked, outcome },
        ...(!isOk && { reason: words }),
        ...(output.length > 0 && { output }),
        duration_s: Math.max(0, clock.monotonicUs() - fromUs) / 1e6,
      },
    });
  }
}

/** Names in a sentence; their number says the rest. */
const namesShown = 20;

function without(harm: Harm | undefined): string {
  if (harm === undefined || harm.names.length === 0) return '';
  return ` These went down with it or go without it: ${someOf(harm.names)}.`;
}

export function someOf(names: readonly string[]): string {
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  return `${names.slice(0, namesShown).map(printable).join(', ')}${more}`;
}

function said(
  { outcome, reason, output }: Controlled,
  words: { readonly ok: string; readonly skipped: string },
): Stepped {
  const isGood = outcome === 'ok' || outcome === 'skipped';
  return { outcome, words: isGood ? words[outcome] : reason, output };
}
