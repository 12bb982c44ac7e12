import type { Draft, EventData } from '../../src/model/event.ts';
import type { Alarm, StepOutcome } from '../../src/model/repair.ts';
import type { Ending, ProcessSettings } from '../../src/restart/contract.ts';
import { Engine } from '../../src/restart/engine.ts';
import type { Action, Answer, Rules } from '../../src/restart/engine-contract.ts';
import { mondayUs, plain, second } from './simulated-world.ts';

const ok: Answer = { outcome: 'ok', reason: '' };

/** An alarm of a database row. */
export function alarm(process: string, row = 1): Alarm {
  return { id: `mysql:${row}`, source: 'mysql', process, raisedUs: mondayUs, reason: '' };
}

/** An alarm of a check that is down, or of a finding that is open. */
export function fact(source: 'check' | 'finding', process: string, number = 1): Alarm {
  return { id: `${source}:${number}`, source, process, raisedUs: mondayUs, reason: '' };
}

/** The engine on a clock that only moves when told to; what it does takes no time and is noted. */
export class Bench {
  engine: Engine;
  nowUs = 1_000 * second;
  wallOffsetUs = mondayUs;
  readonly events: Draft[] = [];
  readonly done: { readonly what: Action['kind']; readonly name: string; readonly atS: number }[] =
    [];
  readonly endings: Ending[] = [];
  /** What each health check was told to look at besides. */
  readonly checked: (readonly string[])[] = [];
  journal = '';
  /** How the next health checks end; `ok` when there are no more. */
  health: StepOutcome[] = [];
  restartOutcome: StepOutcome = 'ok';
  claim: StepOutcome = 'ok';
  settle: StepOutcome = 'ok';
  preRestart: StepOutcome = 'ok';
  /** These are not answered. */
  silent: readonly Action['kind'][] = [];
  unanswered: Action[] = [];
  settings: Partial<ProcessSettings> = {};
  named = false;
  rules: Rules;

  constructor(settings: Partial<ProcessSettings> = {}, rules: Partial<Rules> = {}) {
    this.settings = settings;
    this.rules = {
      process: () => ({ settings: { ...plain, ...this.settings }, named: this.named }),
      canonical: (unit) => unit,
      order: () => new Map(),
      ownUnit: 'unitwatch.service',
      never: () => false,
      budget: { perHour: 100, atOnce: 10 },
      dryRun: false,
      ...rules,
    };
    this.engine = this.#make();
  }

  #make(): Engine {
    return new Engine({ rules: this.rules, random: () => 0, bootId: 'boot' });
  }

  get now(): { readonly wallUs: number; readonly monoUs: number } {
    return { wallUs: this.nowUs + this.wallOffsetUs, monoUs: this.nowUs };
  }

  poll(...alarms: readonly Alarm[]): void {
    this.list(alarms, true);
  }

  /** Of a source that cannot clear its alarms. */
  pollReadOnly(...alarms: readonly Alarm[]): void {
    this.list(alarms, false);
  }

  list(alarms: readonly Alarm[], clears: boolean): void {
    this.#list('mysql', alarms, clears);
  }

  /** What the agent itself sees. @param dropped why alarms are no longer listed */
  facts(
    source: 'check' | 'finding',
    alarms: readonly Alarm[],
    dropped: ReadonlyMap<string, string> = new Map(),
  ): void {
    this.#list(source, alarms, false, dropped);
  }

  #list(
    source: Alarm['source'],
    alarms: readonly Alarm[],
    clears: boolean,
    dropped: ReadonlyMap<string, string> = new Map(),
  ): void {
    const askedUs = this.nowUs;
    this.engine.polled({ source, alarms, askedUs, clears, dropped }, this.now);
    this.settleDown();
  }

  /** The unit goes down by itself. */
  fall(unit: string): void {
    this.engine.fell(unit, this.now);
    this.settleDown();
  }

  /** SIGKILL, and the next run with what was on the disk. */
  kill(): void {
    this.unanswered = [];
    this.engine = this.#make();
    const fault = this.engine.restore(JSON.parse(this.journal), this.now);
    if (fault !== undefined) throw new Error(fault);
    this.settleDown();
  }

  /** Lets time pass. */
  wait(seconds: number): void {
    const endUs = this.nowUs + seconds * second;
    for (;;) {
      const dueUs = this.engine.nextDeadlineUs;
      if (dueUs > endUs) break;
      this.nowUs = Math.max(this.nowUs, dueUs);
      this.engine.tick(this.now);
      this.settleDown();
    }
    this.nowUs = endUs;
  }

  settleDown(): void {
    for (let rounds = 0; rounds < 1_000; rounds++) {
      const { actions, events } = this.engine.take();
      this.events.push(...events);
      if (this.engine.dirty) this.journal = this.engine.save();
      if (actions.length === 0) return;
      for (const action of actions) this.#do(action);
    }
    throw new Error('the engine never rests');
  }

  answer(action: Action | undefined, answer: Answer): void {
    if (action === undefined) throw new Error('nothing to answer');
    this.unanswered = this.unanswered.filter((other) => other !== action);
    this.engine.done(action.id, answer, this.now);
    this.settleDown();
  }

  #do(action: Action): void {
    const name =
      'process' in action
        ? action.process
        : 'alarm' in action
          ? action.alarm.process
          : action.call.hook;
    this.done.push({ what: action.kind, name, atS: this.nowUs / second - 1_000 });
    if (action.kind === 'health_check') this.checked.push(action.checked);
    if (action.kind === 'settle') this.endings.push(action.ending);
    if (this.silent.includes(action.kind)) this.unanswered.push(action);
    else this.engine.done(action.id, this.#answerTo(action), this.now);
  }

  #answerTo(action: Action): Answer {
    const outcomes = {
      claim: this.claim,
      settle: this.settle,
      restart: this.restartOutcome,
      pre_restart_command: this.preRestart,
    };
    switch (action.kind) {
      case 'health_check':
        return { outcome: this.health.shift() ?? 'ok', reason: '' };
      case 'resolve':
        return { ...ok, strategy: 'service' };
      case 'hook':
        return ok;
      default:
        return { outcome: outcomes[action.kind], reason: '' };
    }
  }

  /** When each restart began, seconds. */
  get restarts(): number[] {
    return this.done.filter(({ what }) => what === 'restart').map(({ atS }) => atS);
  }

  get restarted(): string[] {
    return this.done.filter(({ what }) => what === 'restart').map(({ name }) => name);
  }

  get steps(): EventData<'restart_step'>[] {
    return this.events.flatMap((e) => (e.event_type === 'restart_step' ? [e.data] : []));
  }

  get circuits(): string[] {
    return this.events.flatMap((e) => (e.event_type === 'circuit' ? [e.data.state] : []));
  }

  /** Why each process waits. */
  get waits(): string[] {
    return this.engine.view().waiting.map(({ process, kind }) => `${process}: ${kind}`);
  }
}
