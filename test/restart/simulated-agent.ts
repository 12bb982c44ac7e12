import type { Draft } from '../../src/model/event.ts';
import type { Alarm } from '../../src/model/repair.ts';
import type { BudgetLimits } from '../../src/restart/budget.ts';
import { Engine } from '../../src/restart/engine.ts';
import type {
  Action,
  Answer,
  HoldKind,
  Rules,
  UnitFact,
} from '../../src/restart/engine-contract.ts';
import { Judge } from './simulated-judge.ts';
import {
  alarmOf,
  type FakeRow,
  type FakeUnit,
  isDeaf,
  minute,
  second,
  type World,
} from './simulated-world.ts';
import type { Figures } from './simulation.ts';

const ok: Answer = { outcome: 'ok', reason: '' };
const leaseUs = 30 * minute;

interface AgentOptions {
  readonly name: number;
  readonly readOnly: boolean;
  readonly budget: BudgetLimits;
}

/** An engine, what stands around it in the agent, and the journal that outlives it. */
export class SimulatedAgent {
  readonly figures: Figures = {
    ...{ restarts: 0, settled: 0, givenUp: 0, kills: 0, circuits: 0, lost: 0, resumed: 0 },
    ...{ proofs: 0, deaf: 0 },
  };
  readonly #world: World;
  readonly #options: AgentOptions;
  readonly #judge: Judge;
  readonly #rules: Rules;
  #engine: Engine | undefined;
  /** Changes with each kill: what was under way for the run before is nobody's. */
  #life = 0;
  #journal: string | undefined;
  #polling = false;
  #timerUs = Number.POSITIVE_INFINITY;
  /** The source's own memory: when it first saw a row, since it last settled it. */
  #firstSeen = new Map<string, number>();
  /** Alarms of checks that are down; an agent's own, gone with it. */
  #down = new Map<string, Alarm>();
  #downs = 0;

  constructor(world: World, options: AgentOptions) {
    this.#world = world;
    this.#options = options;
    this.#judge = new Judge(world, options.budget, `agent ${options.name}`);
    this.#rules = {
      process: (name) => {
        const unit = this.#unitOf(name);
        return unit && { named: true, settings: { ...unit.settings, unit: unit.name } };
      },
      canonical: (unit) => unit,
      order: (names) => new Map(names.map((name) => [name, this.#needs(name)])),
      ownUnit: 'unitwatch.service',
      never: () => false,
      budget: options.budget,
      dryRun: false,
    };
  }

  #unitOf(process: string): FakeUnit | undefined {
    const row = this.#world.rows.find((known) => known.process === process);
    return row && this.#world.units[row.unit];
  }

  #needs(name: string): string[] {
    const all: string[] = [];
    let unit = this.#world.units.find((known) => known.name === name);
    while (unit !== undefined && unit.needs >= 0) {
      unit = this.#world.units[unit.needs];
      if (unit !== undefined) all.push(unit.name);
    }
    return all;
  }

  start(): void {
    if (this.#engine !== undefined) return;
    const world = this.#world;
    const engine = new Engine({ rules: this.#rules, random: world.random, bootId: 'boot' });
    this.#engine = engine;
    this.#life += 1;
    this.#polling = false;
    this.#timerUs = Number.POSITIVE_INFINITY;
    this.#firstSeen.clear();
    world.say(() => `agent ${this.#options.name} starts`);
    if (this.#journal !== undefined) {
      const fault = engine.restore(JSON.parse(this.#journal), world.now);
      if (fault !== undefined) world.violated(fault);
      if (engine.view().repairing.length > 0) this.figures.resumed += 1;
    }
    for (const unit of world.units) {
      // Another invocation than the one that was stopped by hand says that somebody has started it.
      if (unit.autoRestart) engine.unit(unit.name, 'auto_restart', world.now);
      else if (!unit.byHand) engine.unit(unit.name, 'starting', world.now);
    }
    this.#down.clear();
    this.findings();
    // All sources are asked at the start: those of the agent itself know of nothing yet.
    this.#facts('check', []);
    this.#lookAtChecks();
    this.#poll();
    this.pump();
  }

  /** Each check's interval, and what it finds. */
  #lookAtChecks(): void {
    const world = this.#world;
    const life = this.#life;
    for (const unit of world.units) if (unit.checked) this.#looked(unit);
    world.in(world.between(10 * second, 40 * second), () => {
      if (this.#life === life) this.#lookAtChecks();
    });
  }

  /** What a check says now is known. */
  #looked(unit: FakeUnit): void {
    const world = this.#world;
    const isDown = isDeaf(world, unit);
    if (isDown === this.#down.has(unit.name)) return;
    if (isDown) {
      this.#downs += 1;
      const id = `check:${this.#life}-${this.#downs}`;
      const raisedUs = world.now.wallUs;
      this.#down.set(unit.name, { id, source: 'check', process: unit.name, raisedUs, reason: '' });
      unit.factUs = world.nowUs;
    } else this.#down.delete(unit.name);
    world.say(() => `the check of ${unit.name} is ${isDown ? 'down' : 'up'}`);
    this.#facts('check', [...this.#down.values()]);
  }

  /** A finding was opened or cleared. */
  findings(): void {
    const raisedUs = this.#world.now.wallUs;
    const alarms = this.#world.units.flatMap(({ name, finding }) =>
      finding === 0
        ? []
        : [
            {
              ...{ id: `finding:${finding}`, source: 'finding' as const, process: name },
              ...{ raisedUs, reason: '' },
            },
          ],
    );
    this.#facts('finding', alarms);
  }

  #facts(source: 'check' | 'finding', alarms: readonly Alarm[]): void {
    const { now, nowUs: askedUs } = this.#world;
    const dropped = new Map<string, string>();
    this.#engine?.polled({ source, alarms, askedUs, clears: false, dropped }, now);
  }

  /** A unit went down by itself. */
  fell(name: string): void {
    this.#engine?.fell(name, this.#world.now);
  }

  kill(why: string): void {
    const world = this.#world;
    if (this.#engine === undefined) return;
    world.say(() => `agent ${this.#options.name} is killed: ${why}`);
    this.figures.kills += 1;
    this.#engine = undefined;
    this.#life += 1;
    this.#judge.killed();
    const life = this.#life;
    world.in(world.between(second, 5 * minute), () => {
      if (this.#life === life) this.start();
    });
  }

  unit(name: string, fact: UnitFact): void {
    this.#judge.fact(name, fact, this.#engine !== undefined);
    this.#engine?.unit(name, fact, this.#world.now);
  }

  knows(row: FakeRow): boolean {
    return this.#firstSeen.has(row.id);
  }

  waitOf(unit: string): HoldKind[] {
    const all = this.#engine?.view();
    const waits = (all?.waiting ?? []).filter((wait) => this.#unitOf(wait.process)?.name === unit);
    return [
      ...waits.map((wait) => wait.kind),
      ...(all?.repairing ?? [])
        .filter((p) => this.#unitOf(p)?.name === unit)
        .map(() => 'delay' as const),
    ];
  }

  /** It has no restart left in this hour: then waiting for one is a true reason. */
  get isSpent(): boolean {
    return this.#engine?.view().budget.left === 0;
  }

  judgeEnd(): void {
    const view = this.#engine?.view();
    if (view === undefined) {
      this.#world.violated('an agent does not run in the end');
      return;
    }
    // While one is still tried again and again, its word may be under way at the very end.
    if (view.unsettled > 0 && view.openAlarms === 0)
      this.#world.violated(`${view.unsettled} repairs were never settled`);
  }

  /** Persists, tells and does what the engine wants; a kill may come at any point of that. */
  pump(): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    const world = this.#world;
    const { actions, events } = engine.take();
    const risky = !world.quiet && actions.length > 0;
    if (risky && world.chance(0.002)) {
      this.kill('before its journal was written');
      return;
    }
    if (engine.dirty) this.#journal = engine.save();
    for (const event of events) this.#tell(event);
    if (risky && world.chance(0.004)) {
      this.kill('after its journal was written');
      return;
    }
    for (const action of actions) {
      this.#do(action);
      if (risky && world.chance(0.004)) {
        this.kill(`in the middle of ${action.kind}`);
        return;
      }
    }
    this.#wakeUp(engine);
  }

  #wakeUp(engine: Engine): void {
    const world = this.#world;
    const dueUs = engine.nextDeadlineUs;
    if (dueUs >= this.#timerUs || dueUs === Number.POSITIVE_INFINITY) return;
    this.#timerUs = dueUs;
    const life = this.#life;
    world.in(Math.max(0, dueUs - world.nowUs), () => {
      // One that an earlier deadline took the place of.
      if (this.#life !== life || this.#timerUs !== dueUs) return;
      this.#timerUs = Number.POSITIVE_INFINITY;
      engine.tick(world.now);
      this.pump();
    });
  }

  #tell(event: Draft): void {
    this.#world.say(() => `agent ${this.#options.name} tells ${describe(event)}`);
    this.#judge.event(event, this.#unitOf(event.service), this.#down);
    if (event.event_type === 'circuit') this.figures.circuits += 1;
    if (event.event_type !== 'restart_step') return;
    if (event.data.step === 'given_up') this.figures.givenUp += 1;
    const unit = this.#unitOf(event.service);
    if (event.data.step === 'given_up' && unit?.up && this.#down.has(unit.name))
      this.figures.deaf += 1;
    if (event.data.reason?.includes('finding is cleared')) this.figures.proofs += 1;
    if (event.data.step === 'settled' && event.data.outcome === 'ok') this.figures.settled += 1;
  }

  #poll(): void {
    const world = this.#world;
    const life = this.#life;
    const askedUs = world.nowUs;
    if (this.#polling) return;
    this.#polling = true;
    world.in(world.between(0, second), () => {
      // What the database says now arrives a moment later.
      const list = world.databaseUp ? this.#list() : undefined;
      world.in(world.between(0, 2 * second), () => {
        if (this.#life === life) this.#polled(list, askedUs);
      });
    });
  }

  #polled(list: readonly FakeRow[] | undefined, askedUs: number): void {
    const world = this.#world;
    const life = this.#life;
    this.#polling = false;
    if (list === undefined) this.#engine?.sourceDown('mysql', world.now);
    else {
      const alarms = list.map((row) => alarmOf(row, this.#firstSeenUs(row.id)));
      for (const row of world.rows) if (!list.includes(row)) row.goneUs = askedUs;
      const clears = !this.#options.readOnly;
      this.#engine?.polled(
        { source: 'mysql', alarms, askedUs, clears, dropped: new Map() },
        world.now,
      );
    }
    world.in(world.quiet ? 5 * minute : 30 * second, () => {
      if (this.#life === life) this.#poll();
    });
  }

  #list(): FakeRow[] {
    return this.#world.rows.filter((row) => {
      if (!row.alarm) this.#firstSeen.delete(row.id);
      return row.alarm;
    });
  }

  #firstSeenUs(id: string): number {
    const seen = this.#firstSeen.get(id) ?? this.#world.now.wallUs;
    this.#firstSeen.set(id, seen);
    return seen;
  }

  #answer(id: number, delayUs: number, answer: Answer, heard?: () => void): void {
    const life = this.#life;
    const world = this.#world;
    if (!world.quiet && world.chance(0.01)) {
      this.figures.lost += 1;
      world.say(() => `the answer to action ${id} is lost`);
      return;
    }
    world.in(delayUs, () => {
      if (this.#life !== life) return;
      heard?.();
      this.#engine?.done(id, answer, world.now);
    });
  }

  #do(action: Action): void {
    const world = this.#world;
    const { id } = action;
    const tookUs = () => world.between(0, second);
    world.say(() => `agent ${this.#options.name} does ${action.kind} (action ${id})`);
    switch (action.kind) {
      case 'claim':
        this.#answer(id, tookUs(), isFact(action.alarm) ? ok : this.#claim(action.alarm.id));
        break;
      case 'settle':
        this.#answer(id, tookUs(), isFact(action.alarm) ? ok : this.#settle(action));
        break;
      case 'resolve':
        this.#answer(id, tookUs(), { ...ok, strategy: 'service' });
        break;
      case 'hook':
        this.#answer(id, second, ok);
        break;
      case 'pre_restart_command': {
        const outcome = !world.quiet && world.chance(0.2) ? 'failed' : 'ok';
        this.#answer(id, tookUs(), { outcome, reason: '' });
        break;
      }
      case 'restart':
        this.#restart(id, action.process);
        break;
      case 'health_check':
        this.#check(id, action.process, action.checked);
        break;
    }
  }

  #claim(id: string): Answer {
    const world = this.#world;
    const row = world.rows.find((known) => known.id === id);
    if (!world.databaseUp || row === undefined) return { outcome: 'failed', reason: 'it is down' };
    if (this.#options.readOnly) return ok;
    const { claim } = row;
    const others = claim !== undefined && claim.agent !== this.#options.name;
    if (!row.alarm || (others && claim.untilUs > world.nowUs))
      return { outcome: 'refused', reason: '' };
    row.claim = { agent: this.#options.name, untilUs: world.nowUs + leaseUs };
    return ok;
  }

  #settle(action: Extract<Action, { readonly kind: 'settle' }>): Answer {
    const world = this.#world;
    const row = world.rows.find((known) => known.id === action.alarm.id);
    if (!world.databaseUp || row === undefined) return { outcome: 'failed', reason: 'it is down' };
    if (action.ending.worked) {
      this.#judge.settling(row, this.#unitOf(row.process)?.name ?? '');
      if (!this.#options.readOnly) {
        row.alarm = false;
        this.#firstSeen.delete(row.id);
        world.say(() => `row ${row.id} is cleared by agent ${this.#options.name}`);
      }
    }
    if (row.claim?.agent === this.#options.name) row.claim = undefined;
    return ok;
  }

  #restart(id: number, process: string): void {
    const world = this.#world;
    const unit = this.#unitOf(process);
    if (unit === undefined) {
      world.violated(`a restart of ${process}, which is nothing`);
      return;
    }
    this.figures.restarts += 1;
    const hangs = !world.quiet && world.chance(0.05);
    const tookUs = hangs ? plainTimeoutUs(unit) : world.between(0, 5 * second);
    this.#judge.restart(unit, process);
    unit.restarting.push({ agent: this.#options.name, untilUs: world.nowUs + tookUs });
    unit.autoRestart = false;
    unit.up = false;
    world.in(tookUs, () => {
      unit.restarting = unit.restarting.filter((restart) => restart.untilUs > world.nowUs);
      if (hangs || unit.byHand) return;
      unit.restartsLeft = Math.max(0, unit.restartsLeft - 1);
      unit.deafLeft = Math.max(0, unit.deafLeft - 1);
      unit.up = unit.restartsLeft === 0;
    });
    const failed = !world.quiet && world.chance(0.05);
    const outcome = hangs ? 'timeout' : failed ? 'failed' : 'ok';
    this.#answer(id, tookUs, { outcome, reason: outcome === 'ok' ? '' : outcome });
  }

  #check(id: number, process: string, checked: readonly string[]): void {
    const world = this.#world;
    const unit = this.#unitOf(process);
    const name = unit?.name ?? '';
    const isWell = unit !== undefined && world.isWell(world.units.indexOf(unit));
    if (unit !== undefined && checked.length > 0) this.#looked(unit);
    const heard = unit === undefined || checked.length === 0 || !isDeaf(world, unit);
    const well = isWell && heard && (world.quiet || !world.chance(0.05));
    const answer: Answer = well ? ok : { outcome: 'failed', reason: 'it is not up' };
    const lookedUs = world.nowUs;
    this.#judge.checked(name, false, undefined);
    this.#answer(id, world.between(0, second), answer, () => {
      this.#judge.checked(name, well, lookedUs);
    });
  }
}

/** The agent's own: there is nobody to ask and nobody to tell. */
function isFact({ source }: Alarm): boolean {
  return source !== 'mysql';
}

function plainTimeoutUs(unit: FakeUnit): number {
  return unit.settings.commandTimeoutMs * 1_000;
}

function describe(event: Draft): string {
  return `${event.event_type} of ${event.service}: ${JSON.stringify(event.data)}`;
}
