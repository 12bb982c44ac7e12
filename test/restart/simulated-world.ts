import type { Alarm } from '../../src/model/repair.ts';
import type { ProcessSettings } from '../../src/restart/contract.ts';
import { seeded } from '../deps/random-graph.ts';

export const second = 1e6;
export const minute = 60 * second;
export const hour = 60 * minute;
/** Monday, 2 March 2026, 00:00 UTC. */
export const mondayUs = Date.UTC(2026, 2, 2) * 1000;

export const plain: ProcessSettings = {
  strategy: 'service',
  unit: '',
  match: '',
  startCommand: undefined,
  restartCommand: undefined,
  preRestartCommand: undefined,
  postHealthCheck: ['/bin/true'],
  commandTimeoutMs: 20_000,
  healthTimeoutMs: 5_000,
  healthRetries: 1,
  healthIntervalMs: 2_000,
  graceMs: 5_000,
  restartDelayMs: 5_000,
  maxAttempts: 3,
  useBackoff: true,
  backoffMultiplier: 2,
  backoffMaxMs: 60_000,
  jitter: 0,
  maxRestartFailures: 2,
  circuitResetMs: 600_000,
  repairOn: [],
};

/** A unit of the fake host. */
export interface FakeUnit {
  readonly name: string;
  readonly settings: ProcessSettings;
  /** Index of the unit that it needs; -1 for none. */
  readonly needs: number;
  up: boolean;
  /** Restarts until it is up; Infinity for never. */
  restartsLeft: number;
  /** How often it will die again by itself. */
  deathsLeft: number;
  byHand: boolean;
  /** A check looks at its port, which can be deaf while the unit runs: restarts until it is not. */
  readonly checked: boolean;
  deafLeft: number;
  /** Which finding of it is open; 0 for none. */
  finding: number;
  findingUs: number;
  /** When something was seen last that asks for a repair: its check, its finding, a fall of it. */
  factUs: number;
  autoRestart: boolean;
  /** Until when restarts of it run, with the agent that asked for each. */
  restarting: { readonly agent: number; readonly untilUs: number }[];
}

/** A row of the fake database. */
export interface FakeRow {
  readonly id: string;
  readonly process: string;
  readonly unit: number;
  alarm: boolean;
  raisedUs: number;
  /** When its agent said that it was repaired. */
  settledUs: number;
  /** When a list that reached an agent last did not have it. */
  goneUs: number;
  claim: { agent: number; untilUs: number } | undefined;
}

type Job = { readonly atUs: number; readonly order: number; readonly run: () => void };

/** Time, chance, units, rows and what is still to happen: everything that is not the agent. */
export class World {
  readonly random: () => number;
  readonly seed: number;
  nowUs = 1_000 * second;
  wallOffsetUs = mondayUs;
  /** Faults and flapping are over; what can be repaired must now become so. */
  quiet = false;
  databaseUp = true;
  readonly units: FakeUnit[] = [];
  readonly rows: FakeRow[] = [];
  readonly trace: string[] | undefined;
  readonly violations: string[] = [];
  #jobs: Job[] = [];
  #order = 0;
  #findings = 0;

  constructor(seed: number, traced: boolean) {
    this.seed = seed;
    this.random = seeded(seed);
    this.trace = traced ? [] : undefined;
  }

  newFinding(): number {
    this.#findings += 1;
    return this.#findings;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  /** A whole number from `low` to `high`. */
  pick(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  between(lowUs: number, highUs: number): number {
    return Math.round(lowUs + this.random() * (highUs - lowUs));
  }

  get now(): { readonly wallUs: number; readonly monoUs: number } {
    return { wallUs: this.nowUs + this.wallOffsetUs, monoUs: this.nowUs };
  }

  in(delayUs: number, run: () => void): void {
    const job = { atUs: this.nowUs + delayUs, order: this.#order++, run };
    let low = 0;
    let high = this.#jobs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#jobs[middle] as Job;
      // Latest first: the next one is taken off the end.
      if (other.atUs > job.atUs || (other.atUs === job.atUs && other.order > job.order))
        low = middle + 1;
      else high = middle;
    }
    this.#jobs.splice(low, 0, job);
  }

  /** Does what comes next; false where that is later than `endUs`. */
  step(endUs: number): boolean {
    const job = this.#jobs.at(-1);
    if (job === undefined || job.atUs > endUs) return false;
    this.#jobs.pop();
    this.nowUs = Math.max(this.nowUs, job.atUs);
    job.run();
    return true;
  }

  say(text: () => string): void {
    this.trace?.push(
      `${((this.nowUs - 1_000 * second) / second).toFixed(3).padStart(11)} ${text()}`,
    );
  }

  violated(text: string): void {
    this.say(() => `VIOLATION: ${text}`);
    this.violations.push(text);
  }

  isWell(index: number): boolean {
    const unit = this.units[index];
    if (unit === undefined || !unit.up) return false;
    return unit.needs < 0 || this.isWell(unit.needs);
  }
}

/** What its check says; undefined where it has none. */
export function isDeaf(world: World, unit: FakeUnit): boolean {
  return unit.checked && (unit.deafLeft > 0 || !world.isWell(world.units.indexOf(unit)));
}

/** What a source sees of a row. */
export function alarmOf(row: FakeRow, firstSeenUs: number): Alarm {
  return {
    id: row.id,
    source: 'mysql',
    process: row.process,
    raisedUs: firstSeenUs,
    reason: '',
  };
}
