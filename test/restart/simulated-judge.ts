import type { Draft, EventData } from '../../src/model/event.ts';
import type { Alarm } from '../../src/model/repair.ts';
import type { BudgetLimits } from '../../src/restart/budget.ts';
import type { ProcessSettings } from '../../src/restart/contract.ts';
import type { UnitFact } from '../../src/restart/engine-contract.ts';
import { type FakeRow, type FakeUnit, hour, type World } from './simulated-world.ts';

/** What is known of one unit from what the engine told and did; nothing is asked of the engine. */
interface Record {
  lastRestartUs: number;
  /** Restarts since a repair last ended. */
  restarts: number;
  /** What the last health check after the last restart said. */
  checked: 'well' | 'unwell' | undefined;
  checkedUs: number;
  circuit: 'closed' | 'open' | 'half_open';
  openedUs: number;
  trials: number;
  failures: number;
  /** No restart before: the delay that was due after a failed attempt. */
  notBeforeUs: number;
  underRepair: boolean;
  /** The alarm that the last step of its repair was told with. */
  begunBy: string;
  acceptedUs: number;
  stoppedByHand: boolean;
}

/** Holds the rules of an agent's restarts against what it does. */
export class Judge {
  readonly #world: World;
  readonly #budget: BudgetLimits;
  readonly #who: string;
  readonly #records = new Map<string, Record>();
  readonly #restartsUs: number[] = [];

  constructor(world: World, budget: BudgetLimits, who: string) {
    this.#world = world;
    this.#budget = budget;
    this.#who = who;
  }

  killed(): void {
    // A repair that had failed and was not yet in the journal is judged anew by the next run.
    for (const record of this.#records.values()) record.notBeforeUs = 0;
  }

  fact(unit: string, fact: UnitFact, heard: boolean): void {
    const record = this.#record(unit);
    // An agent that did not run cannot know who stopped it.
    if (fact === 'stopped_by_hand') record.stoppedByHand = heard;
    else if (fact === 'up' || fact === 'starting') record.stoppedByHand = false;
  }

  /** @param down alarms of checks, by unit */
  event(event: Draft, unit: FakeUnit | undefined, down: ReadonlyMap<string, Alarm>): void {
    if (unit === undefined) return;
    const { settings } = unit;
    const record = this.#record(unit.name);
    if (event.event_type === 'restart_step') {
      record.begunBy = event.data.alarm_id ?? record.begunBy;
      this.#settled(record, event, unit, down);
    }
    if (event.event_type === 'circuit') this.#circuit(record, event.data, settings, event.service);
    if (event.event_type === 'restart_step') this.#step(record, event.data, settings);
  }

  /** What a check or a finding complains about is repaired when that says so. */
  #settled(
    record: Record,
    { data }: Extract<Draft, { event_type: 'restart_step' }>,
    { name, finding, findingUs }: FakeUnit,
    down: ReadonlyMap<string, Alarm>,
  ): void {
    if (data.step !== 'settled' || data.outcome !== 'ok') return;
    const isOpen = finding > 0 && record.begunBy === `finding:${finding}`;
    // One that was opened since is another one.
    if (isOpen && findingUs < record.checkedUs)
      this.#violated(`${name} is settled, and its finding is open`);
    // An alarm that came meanwhile, of which the repair did not know, asks for another one.
    const alarm = down.get(name);
    const isAsked = alarm?.id === record.begunBy;
    if (isAsked && alarm.raisedUs - this.#world.now.wallUs < record.checkedUs - this.#world.nowUs)
      this.#violated(`${name} is settled, and its check is down`);
  }

  #circuit(
    record: Record,
    data: EventData<'circuit'>,
    settings: ProcessSettings,
    process: string,
  ): void {
    if (record.circuit !== data.previous)
      this.#violated(`the breaker of ${process} was ${record.circuit}, not ${data.previous}`);
    record.circuit = data.state;
    if (data.state === 'open') {
      // A trial that was not made does not begin the wait anew.
      if (record.trials > 0 || data.previous === 'closed') record.openedUs = this.#world.nowUs;
    }
    if (data.state === 'half_open') {
      record.trials = 0;
      if (this.#world.nowUs < record.openedUs + settings.circuitResetMs * 1_000)
        this.#violated(`the breaker of ${process} was half open too early`);
    }
  }

  #step(record: Record, data: EventData<'restart_step'>, settings: ProcessSettings): void {
    if (data.attempt > settings.maxAttempts) this.#violated(`attempt ${data.attempt} of a repair`);
    if (data.step === 'accepted') {
      record.underRepair = true;
      record.acceptedUs = this.#world.nowUs;
    }
    // It runs, and holds nobody back until it has to be restarted again.
    if (data.reason?.includes('finding is cleared') === true) record.underRepair = false;
    if (data.step === 'waiting' && data.reason?.startsWith('attempt ') === true) {
      this.#goesOn(record);
      const factor = settings.useBackoff ? settings.backoffMultiplier ** (data.attempt - 2) : 1;
      const delayMs = Math.min(settings.restartDelayMs * factor, settings.backoffMaxMs);
      record.notBeforeUs = this.#world.nowUs + delayMs * 1_000;
    }
    const hasEnded = data.step === 'given_up' || data.step === 'ignored';
    if (!hasEnded && (data.step !== 'settled' || data.outcome !== 'ok')) return;
    if (data.step !== 'ignored' || data.reason === 'the alarm went') {
      record.underRepair = false;
      record.restarts = 0;
      record.notBeforeUs = 0;
    }
    if (data.step === 'given_up') record.failures += 1;
    if (data.step === 'settled') record.failures = 0;
  }

  #goesOn(record: Record): void {
    if (record.underRepair) return;
    record.underRepair = true;
    record.acceptedUs = this.#world.nowUs;
  }

  restart(unit: FakeUnit, process: string): void {
    const { nowUs } = this.#world;
    const record = this.#record(unit.name);
    const { settings } = unit;
    this.#goesOn(record);
    record.restarts += 1;
    if (record.restarts > settings.maxAttempts) this.#violated(`${process}: too many attempts`);
    if (nowUs < record.notBeforeUs)
      this.#violated(`${process}: restarted before its delay was over`);
    if (nowUs < record.lastRestartUs + settings.restartDelayMs * 1_000)
      this.#violated(`${process}: restarted twice within its delay`);
    this.#judgeCircuit(record, process, settings);
    if (record.stoppedByHand) this.#violated(`${process}: restarted though stopped by hand`);
    if (unit.autoRestart) this.#violated(`${process}: restarted while systemd was about to`);
    if (unit.restarting.some((restart) => restart.untilUs > nowUs))
      this.#violated(`${process}: two restarts at a time`);
    this.#judgeOrder(unit, process);
    this.#judgeNeed(record, unit, process);
    record.lastRestartUs = nowUs;
    record.checked = undefined;
    this.#judgeBudget(nowUs);
  }

  #judgeCircuit(record: Record, process: string, settings: ProcessSettings): void {
    if (record.circuit === 'open') this.#violated(`${process}: restarted, its breaker is open`);
    if (record.circuit === 'half_open') {
      record.trials += 1;
      if (record.trials > 1) this.#violated(`${process}: more than one trial`);
    }
    if (record.circuit === 'closed' && record.failures >= settings.maxRestartFailures)
      this.#violated(`${process}: ${record.failures} failed repairs, and the breaker is closed`);
  }

  #judgeOrder(unit: FakeUnit, process: string): void {
    for (let needs = unit.needs; needs >= 0; ) {
      const root = this.#world.units[needs];
      if (root === undefined) return;
      // A root whose alarm comes in the middle of an attempt does not end that attempt.
      const { underRepair, acceptedUs, stoppedByHand } = this.#record(root.name);
      // One that somebody stopped between two attempts is left alone, and holds nobody back.
      if (underRepair && !stoppedByHand && acceptedUs <= this.#record(unit.name).acceptedUs)
        this.#violated(`${process}: restarted during the repair of ${root.name}`);
      needs = root.needs;
    }
  }

  /** Restarted before, found well, and no alarm since: nobody asked for this. */
  #judgeNeed(record: Record, unit: FakeUnit, process: string): void {
    const index = this.#world.units.indexOf(unit);
    const rows = this.#world.rows.filter((row) => row.unit === index);
    const isNew =
      rows.some((row) => row.raisedUs >= record.checkedUs) || unit.factUs >= record.checkedUs;
    if (record.checked === 'well' && !isNew)
      this.#violated(`${process}: repaired again without a new alarm`);
    const wasAsked = rows.some((row) => row.raisedUs > 0) || unit.factUs > 0;
    if (!isNew && record.lastRestartUs < 0 && !wasAsked)
      this.#violated(`${process}: repaired without an alarm`);
  }

  #judgeBudget(nowUs: number): void {
    this.#restartsUs.push(nowUs);
    const inHour = this.#restartsUs.filter((us) => us + hour > nowUs).length;
    if (inHour > this.#budget.perHour) this.#violated(`${inHour} restarts in an hour`);
    const name = Number(this.#who.split(' ')[1]);
    const atOnce = this.#world.units
      .flatMap((unit) => unit.restarting)
      .filter((restart) => restart.agent === name && restart.untilUs > nowUs).length;
    // The one that begins is not among them yet.
    if (atOnce + 1 > this.#budget.atOnce) this.#violated(`${atOnce + 1} restarts at once`);
  }

  /** @param lookedUs when; undefined where no answer came: then nobody knows how it is */
  checked(unit: string, well: boolean, lookedUs: number | undefined): void {
    const record = this.#record(unit);
    if (lookedUs === undefined) {
      record.checked = undefined;
      return;
    }
    record.checked = well ? 'well' : 'unwell';
    record.checkedUs = lookedUs;
  }

  /** A row is cleared only after its unit was found well since the row was raised, or just before. */
  settling(row: FakeRow, unit: string): void {
    const record = this.#record(unit);
    row.settledUs = this.#world.nowUs;
    if (record.checkedUs === 0) this.#violated(`${row.id} is settled and was never found well`);
  }

  #record(unit: string): Record {
    const known = this.#records.get(unit);
    if (known !== undefined) return known;
    const made: Record = {
      lastRestartUs: Number.NEGATIVE_INFINITY,
      restarts: 0,
      checked: undefined,
      checkedUs: 0,
      circuit: 'closed',
      openedUs: 0,
      trials: 0,
      failures: 0,
      notBeforeUs: 0,
      underRepair: false,
      begunBy: '',
      acceptedUs: 0,
      stoppedByHand: false,
    };
    this.#records.set(unit, made);
    return made;
  }

  #violated(text: string): void {
    this.#world.violated(`${this.#who}: ${text}`);
  }
}
