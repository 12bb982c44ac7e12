import type { ControlOptions } from './checks/process/control.ts';
import { startComponent, stopComponent } from './checks/process/control.ts';
import type { ProcessChecks } from './checks/process/process-checks.ts';
import type { StepOutcome } from './model/repair.ts';
import type { Clock } from './model/time.ts';
import type { JobEnd, UnitControl, UnitVerb } from './model/unit-control.ts';
import { isUnitName, withType } from './model/unit-name.ts';

/** What starting and stopping needs. */
export interface ControlTools {
  /** systemd; undefined where there is none to talk to. */
  readonly units: UnitControl | undefined;
  /** The components of this host; undefined where it has none. */
  readonly checks: ProcessChecks | undefined;
  readonly clock: Pick<Clock, 'monotonicUs'>;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One component or unit that was started or stopped on the way. */
export interface ControlStep {
  readonly name: string;
  readonly verb: UnitVerb;
  readonly outcome: StepOutcome;
  /** One short sentence; empty where it worked. */
  readonly reason: string;
}

/** How it ended: `sentence` says it to whoever asked. */
export interface ControlEnd {
  readonly ok: boolean;
  readonly sentence: string;
  readonly steps: readonly ControlStep[];
}

/** Hears of each step: before it is taken without an outcome, and after it. */
export type OnStep = (name: string, verb: UnitVerb, done: ControlStep | undefined) => void;

const limits = Object.freeze({
  /** systemd's own DefaultTimeoutStartSec, and a large Java program's start. */
  jobMs: 90_000,
  /** SIGTERM to SIGKILL of a component without a stop command. */
  graceMs: 10_000,
});

const past: Readonly<Record<UnitVerb, string>> = {
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
};

/** Starts, stops and restarts components and units by name. */
export class Control {
  readonly #tools: ControlTools;

  constructor(tools: ControlTools) {
    this.#tools = tools;
  }

  /** Starts what it depends on first, each once it runs, and itself last. */
  async start(name: string, onStep: OnStep = () => {}): Promise<ControlEnd> {
    const order = this.#isComponent(name) ? this.#checks().order.startOrder(name) : [name];
    return this.#all(name, 'start', order, onStep);
  }

  /** Stops it alone; `sufferers` says who then goes without. */
  async stop(name: string, onStep: OnStep = () => {}): Promise<ControlEnd> {
    return this.#all(name, 'stop', [name], onStep);
  }

  /** A component that is no unit is stopped and started; a unit is systemd's to restart. */
  async restart(name: string, onStep: OnStep = () => {}): Promise<ControlEnd> {
    if (this.#unitOf(name) !== undefined) return this.#all(name, 'restart', [name], onStep);
    const stopped = await this.stop(name, onStep);
    if (!stopped.ok) return stopped;
    const started = await this.start(name, onStep);
    const steps = [...stopped.steps, ...started.steps];
    return started.ok ? { ...endOf(name, 'restart'), steps } : { ...started, steps };
  }

  /** Components that go without it when it is stopped, those nearest to it last. */
  sufferers(name: string): readonly string[] {
    return this.#tools.checks?.order.sufferers(name) ?? [];
  }

  async #all(
    name: string,
    verb: UnitVerb,
    order: readonly string[],
    onStep: OnStep,
  ): Promise<ControlEnd> {
    const steps: ControlStep[] = [];
    for (const one of order) {
      onStep(one, verb, undefined);
      const step = await this.#step(one, verb);
      steps.push(step);
      onStep(one, verb, step);
      if (step.outcome !== 'ok' && step.outcome !== 'skipped') {
        const whose = one === name ? '' : ` ${one}, on which it depends:`;
        return {
          ok: false,
          sentence: `${name} was not ${past[verb]}:${whose} ${step.reason}.`,
          steps,
        };
      }
    }
    const last = steps.at(-1);
    if (last?.outcome === 'skipped') return { ok: true, sentence: `${last.reason}.`, steps };
    return { ...endOf(name, verb), steps };
  }

  async #step(name: string, verb: UnitVerb): Promise<ControlStep> {
    const unit = this.#unitOf(name);
    if (unit !== undefined) return { name, verb, ...(await this.#unit(unit, verb)) };
    if (!this.#isComponent(name)) {
      const reason = `there is no component ${name} on this host, and no unit has such a name`;
      return { name, verb, outcome: 'refused', reason };
    }
    const options = this.#options();
    const act = verb === 'start' ? startComponent : stopComponent;
    return { name, verb, ...(await act(name, options)) };
  }

  async #unit(unit: string, verb: UnitVerb): Promise<Pick<ControlStep, 'outcome' | 'reason'>> {
    const { units } = this.#tools;
    if (units === undefined) return { outcome: 'refused', reason: 'there is no systemd to ask' };
    const known = await units.knows(unit);
    if (known === undefined) return { outcome: 'lost', reason: 'systemd cannot be asked now' };
    if (!known) return { outcome: 'refused', reason: `systemd does not know ${unit}` };
    if (verb === 'start' && (await units.status(unit))?.state.activeState === 'active') {
      return { outcome: 'skipped', reason: `${unit} already runs` };
    }
    return outcomeOf(unit, await units[`${verb}Unit`](unit, limits.jobMs));
  }

  /** The unit behind the name; undefined where it is a component of processes, or no unit's name. */
  #unitOf(name: string): string | undefined {
    const component = this.#tools.checks?.component(name);
    if (component !== undefined) return component.unit === '' ? undefined : component.unit;
    const unit = withType(name);
    return isUnitName(unit) ? unit : undefined;
  }

  #isComponent(name: string): boolean {
    return this.#tools.checks?.component(name) !== undefined;
  }

  #checks(): ProcessChecks {
    const { checks } = this.#tools;
    if (checks === undefined) throw new Error('there are no components');
    return checks;
  }

  #options(): ControlOptions {
    const { clock, uid, env } = this.#tools;
    return {
      ...{ checks: this.#checks(), clock, uid, env },
      ...{ timeoutMs: limits.jobMs, graceMs: limits.graceMs },
    };
  }
}

function endOf(name: string, verb: UnitVerb): Pick<ControlEnd, 'ok' | 'sentence'> {
  return { ok: true, sentence: `${name} was ${past[verb]}.` };
}

function outcomeOf(
  unit: string,
  { result, reason }: JobEnd,
): Pick<ControlStep, 'outcome' | 'reason'> {
  switch (result) {
    case 'done':
      return { outcome: 'ok', reason: '' };
    case 'skipped':
      return { outcome: 'skipped', reason: reason || `${unit} has nothing to do` };
    case 'timeout':
    case 'late':
      return { outcome: 'timeout', reason: reason || `the job of ${unit} takes too long` };
    case 'refused':
    case 'lost':
      return { outcome: result, reason };
    default:
      return { outcome: 'failed', reason: reason || `the job of ${unit} ended with "${result}"` };
  }
}
