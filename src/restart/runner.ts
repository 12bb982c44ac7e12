import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckState } from '../model/check.ts';
import type { Draft } from '../model/event.ts';
import type { Finding } from '../model/finding.ts';
import { limited, messageOf } from './answers.ts';
import { type AlarmSource, SourceError } from './contract.ts';
import { type DoingOptions, doAction } from './doing.ts';
import type { Engine } from './engine.ts';
import type { Action, Answer, Moment, Rules, UnitFact } from './engine-contract.ts';
import type { GoneFor } from './engine-units.ts';
import { FactSource, Facts } from './facts.ts';

const runnerLimits = Object.freeze({
  /** A source that refuses is asked again this many intervals later: a password does not mend itself. */
  refusedIntervals: 10,
  /** Longest timer of Node is 2^31 - 1 ms; a longer wait is looked at again after an hour. */
  timerMs: 3_600_000,
  /** From `stop` to its return, with what is under way left to its own time limits. */
  stopMs: 1_500,
});

/** Where the engine was given a boot ID, the clock's monotonic time must count from that boot. */
export interface RunnerOptions extends Omit<DoingOptions, 'down'> {
  readonly engine: Engine;
  readonly rules: Rules;
  readonly checkIntervalMs: number;
  /** Writes the journal; why it could not, or undefined. It must be on the disk when it resolves. */
  readonly write: (text: string) => Promise<string | undefined>;
  readonly tell: (draft: Draft) => void;
  /** Something went wrong that is not about one process: one sentence, once for each change. */
  readonly report: (sentence: string) => void;
}

/**
 * Joins the engine with the world: asks the sources, does what the engine wants, hands back how it
 * ended. The journal is written before anything is done that it must know of.
 */
export class RepairRunner {
  readonly #options: RunnerOptions;
  readonly #facts: Facts;
  readonly #sources: readonly AlarmSource[];
  #rules: Rules;
  #intervalMs: number;
  readonly #polling = new Set<AlarmSource>();
  readonly #again = new Set<AlarmSource>();
  readonly #timers = new Map<AlarmSource, NodeJS.Timeout>();
  readonly #faults = new Map<string, string>();
  #wakeUp: NodeJS.Timeout | undefined;
  #isDraining = false;
  #drained: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#intervalMs = options.checkIntervalMs;
    this.#facts = new Facts({
      isOn: (process, kind) =>
        this.#rules.process(process)?.settings.repairOn.includes(kind) === true,
      nowUs: () => options.clock.realtimeUs(),
      changed: (source) => this.#poll(source),
      worse: (alarmId) => {
        options.engine.goesOn(alarmId, this.#now());
        this.#pump();
      },
    });
    this.#sources = [...options.sources, ...this.#facts.sources];
  }

  /** Begins to ask the sources. The journal is restored, and units' states are told, before. */
  start(): void {
    for (const source of this.#sources) this.#poll(source);
    this.#pump();
  }

  /** The configuration changed. */
  configure(rules: Rules, checkIntervalMs: number): void {
    this.#rules = rules;
    this.#intervalMs = checkIntervalMs;
    this.#facts.configured();
    this.#options.engine.configure(rules, this.#now());
    this.#pump();
  }

  /** A finding opened, went on or was cleared; an alarm only where the process asks for that. */
  finding(finding: Finding): void {
    this.#facts.finding(finding);
  }

  /** A check's state changed. @param process what it checks, or its name */
  check(name: string, process: string, state: CheckState, reason: string): void {
    this.#facts.check(name, process, state, reason);
  }

  /** These are the checks that somebody follows: what others said counts no more. */
  checks(names: ReadonlySet<string>): void {
    this.#facts.followed(names);
  }

  /**
   * A unit's state changed.
   * @param failure why it will not come up by itself
   * @param run its last run, see `Engine.unit`
   */
  unit(name: string, fact: UnitFact, failure?: 'failed' | 'start_limit', run = ''): void {
    const { engine } = this.#options;
    const isNews = engine.unit(name, fact, this.#now(), run);
    if (failure !== undefined || fact !== 'down') this.#facts.unit(name, failure);
    const hasFallen = failure !== undefined || fact === 'auto_restart';
    if ((hasFallen && engine.fell(name, this.#now())) || isNews) this.#pump();
  }

  /** A unit is not there any more; see `GoneFor`. */
  unitGone(name: string, why: GoneFor): void {
    if (why !== 'unloaded') this.#facts.unitGone(name, why);
    if (this.#options.engine.unitGone(name, why, this.#now())) this.#pump();
  }

  /** Whether what is known of the unit is an alarm. */
  unitHasAlarm(name: string): boolean {
    return this.#facts.units.idOf(name) !== undefined;
  }

  /** What units are called and depend on has been read; see `Engine.named`. */
  named(): void {
    this.#options.engine.named(this.#now());
    this.#pump();
  }

  /** Planned outages that run now. */
  outages(outages: ReadonlyMap<string, string>): void {
    this.#options.engine.outages(outages, this.#now());
    this.#pump();
  }

  /** Ends: nothing new is begun; what is under way is in the journal. Within 2 s. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#wakeUp);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    const { engine, write } = this.#options;
    const end = async () => {
      await this.#drained;
      await write(engine.save());
      await Promise.allSettled(this.#sources.map((source) => source.close()));
    };
    await Promise.race([end(), sleep(runnerLimits.stopMs, undefined, { ref: false })]);
  }

  #now(): Moment {
    const { clock } = this.#options;
    return { wallUs: clock.realtimeUs(), monoUs: clock.monotonicUs() };
  }

  /** Never two at a time of one source: what comes in between is asked for when the first is done. */
  #poll(source: AlarmSource): void {
    if (this.#stopped) return;
    if (this.#polling.has(source)) {
      this.#again.add(source);
      return;
    }
    this.#polling.add(source);
    clearTimeout(this.#timers.get(source));
    void this.#ask(source).then((intervals) => {
      this.#polling.delete(source);
      if (this.#again.delete(source)) this.#poll(source);
      else if (!this.#stopped && !(source instanceof FactSource)) {
        const timer = setTimeout(() => {
          this.#poll(source);
        }, this.#intervalMs * intervals);
        this.#timers.set(source, timer);
      }
    });
  }

  /** Answers how many intervals it may rest. */
  async #ask(source: AlarmSource): Promise<number> {
    const { engine } = this.#options;
    const askedUs = this.#now().monoUs;
    const mended = `Alarms of ${source.name} can be read again.`;
    let intervals = 1;
    try {
      const { name, clears = true } = source;
      // Before its list: what is let go of while that is under way is told with the next one.
      const dropped = source.takeDropped?.() ?? new Map<string, string>();
      const alarms = await limited(source.poll());
      engine.polled({ source: name, alarms, askedUs, clears, dropped }, this.#now());
      this.#fault(source.name, '', mended);
    } catch (error) {
      engine.sourceDown(source.name, this.#now());
      this.#fault(
        source.name,
        `Alarms of ${source.name} cannot be read: ${messageOf(error)}`,
        mended,
      );
      if (error instanceof SourceError && error.kind === 'refused')
        intervals = runnerLimits.refusedIntervals;
    }
    for (const { sentence } of source.takeWarnings?.() ?? []) this.#options.report(sentence);
    this.#pump();
    return intervals;
  }

  #fault(what: string, sentence: string, mended: string): void {
    const before = this.#faults.get(what) ?? '';
    if (before === sentence) return;
    this.#faults.set(what, sentence);
    this.#options.report(sentence === '' ? mended : sentence);
  }

  #pump(): void {
    if (this.#stopped || this.#isDraining) return;
    this.#isDraining = true;
    this.#drained = this.#drain();
  }

  async #drain(): Promise<void> {
    const { engine, tell, write } = this.#options;
    try {
      for (;;) {
        const { actions, events } = engine.take();
        // In this order: what is done is known to the journal before.
        if (engine.dirty) {
          const fault = await write(engine.save());
          const sentence = fault && `The journal of repairs cannot be written: ${fault}`;
          this.#fault('journal', sentence ?? '', 'The journal of repairs can be written again.');
        } else if (actions.length === 0 && events.length === 0) break;
        for (const event of events) tell(event);
        if (this.#stopped) return;
        for (const action of actions) this.#do(action);
      }
      this.#sleep();
    } finally {
      // In the same turn as the last look: an answer may come before the promise has said that it ended.
      this.#isDraining = false;
    }
  }

  #sleep(): void {
    clearTimeout(this.#wakeUp);
    const leftMs = (this.#options.engine.nextDeadlineUs - this.#now().monoUs) / 1_000;
    if (leftMs === Number.POSITIVE_INFINITY || this.#stopped) return;
    const waitMs = Math.min(Math.max(1, Math.ceil(leftMs)), runnerLimits.timerMs);
    this.#wakeUp = setTimeout(() => {
      this.#options.engine.tick(this.#now());
      this.#pump();
    }, waitMs);
  }

  #do(action: Action): void {
    const { look, hook, effects, clock } = this.#options;
    const down = (processes: readonly string[]) => this.#facts.checks.about(processes);
    void doAction(action, { sources: this.#sources, effects, look, down, hook, clock })
      .catch((error: unknown): Answer => ({ outcome: 'failed', reason: messageOf(error) }))
      .then((answer) => {
        if (this.#stopped) return;
        this.#options.engine.done(action.id, answer, this.#now());
        this.#pump();
      });
  }
}
