import type { Fields } from './field.ts';
import type { DurationUs, RealtimeUs } from './time.ts';

/** Who asks for a repair. */
export const alarmSources = ['mysql', 'sqlite', 'finding', 'check', 'unit'] as const;
export type AlarmSourceName = (typeof alarmSources)[number];

/** Somebody asks for the repair of one process. */
export interface Alarm {
  /** The same for as long as the alarm stands; unique among all sources: `mysql:4711`. */
  readonly id: string;
  readonly source: AlarmSourceName;
  /** Name of the process or the unit, as the source has it: any text, never part of a command. */
  readonly process: string;
  /** `process_id` of a database row. */
  readonly processId?: number;
  /** When it was seen first. */
  readonly raisedUs: RealtimeUs;
  /** Why, in one sentence for people; empty where the source does not say. */
  readonly reason: string;
}

/** `service`: as systemd's unit; `process`: as processes; `auto`: whichever it is; `custom`: by command. */
export const strategies = ['service', 'process', 'auto', 'custom'] as const;
export type Strategy = (typeof strategies)[number];

export const repairSteps = [
  'accepted',
  'waiting',
  'pre_restart_command',
  'restart',
  'health_check',
  'settled',
  'given_up',
  'ignored',
  'hook',
] as const;
export type RepairStep = (typeof repairSteps)[number];

export const stepOutcomes = ['ok', 'failed', 'timeout', 'refused', 'skipped', 'lost'] as const;
export type StepOutcome = (typeof stepOutcomes)[number];

export const circuitStates = ['closed', 'open', 'half_open'] as const;
export type CircuitState = (typeof circuitStates)[number];

export interface CircuitView {
  readonly process: string;
  readonly state: CircuitState;
  /** Repairs in a row that failed. */
  readonly failures: number;
}

/** The figures of all repairs; made when somebody asks, never kept. */
export interface RepairFigures {
  /** Attempts that ended, by outcome, since the agent began. */
  readonly attempts: Readonly<Record<StepOutcome, number>>;
  readonly repairs: Readonly<Record<'settled' | 'given_up' | 'cancelled', number>>;
  /** Breakers that are not closed, or have counted a failure. */
  readonly circuits: readonly CircuitView[];
  /** Alarms that stand and are not settled. */
  readonly openAlarms: number;
  /** How long the oldest of them has stood; 0 without one. */
  readonly oldestAgeUs: DurationUs;
  /** `left`: restarts that may begin within this hour; `active`: attempts under way. */
  readonly budget: {
    readonly perHour: number;
    readonly atOnce: number;
    readonly left: number;
    readonly active: number;
  };
  /** Whether each source could be asked the last time. */
  readonly sources: readonly { readonly name: AlarmSourceName; readonly up: boolean }[];
  /** Alarms of the last lists that did not fit. */
  readonly leftOut: number;
  /** Alarms that made no sense. */
  readonly invalid: number;
  /** Events that a limit held back. */
  readonly suppressed: number;
  /** Alarms whose repair has ended and whose source does not know yet. */
  readonly unsettled: number;
}

/** `data` of an `alarm` event; `service` is the name of the process. */
export const alarmFields = {
  phase: { type: 'string', doc: 'It came, or went.', values: ['raised', 'cleared'] },
  source: { type: 'string', doc: 'Who asks for the repair.', values: alarmSources },
  alarm_id: { type: 'string', doc: 'The same for as long as the alarm stands.' },
  process_id: { type: 'integer', doc: '`process_id` of its row.', optional: true },
  reason: { type: 'string', doc: 'Why it was raised, or how it ended.', optional: true },
  age_s: { type: 'number', doc: 'How long it had stood when it went, seconds.', optional: true },
} as const satisfies Fields;

/** `data` of a `restart_step` event. */
export const restartStepFields = {
  repair_id: { type: 'string', doc: 'The same in every step of one repair.' },
  alarm_id: { type: 'string', doc: 'The alarm that asked for it.', optional: true },
  step: {
    type: 'string',
    doc: '`waiting` says for what in `reason`; `settled` is the end of a repair that worked, `given_up` of one that did not, `ignored` of one that was not begun.',
    values: repairSteps,
  },
  outcome: { type: 'string', doc: 'How the step ended.', values: stepOutcomes },
  attempt: { type: 'integer', doc: 'Attempt of the repair: 1, 2, ...', minimum: 1 },
  strategy: { type: 'string', doc: 'How it is restarted.', values: strategies, optional: true },
  reason: { type: 'string', doc: 'Why it ended so.', optional: true },
  duration_s: { type: 'number', doc: 'How long the step took, seconds.', optional: true },
  wait_s: {
    type: 'number',
    doc: 'How long it waits before the next step, seconds.',
    optional: true,
  },
  dry_run: { type: 'boolean', doc: 'Nothing was done, only told.', optional: true },
} as const satisfies Fields;

/** `data` of a `circuit` event. */
export const circuitFields = {
  state: {
    type: 'string',
    doc: '`open`: no repair is tried; `half_open`: one trial.',
    values: circuitStates,
  },
  previous: { type: 'string', doc: 'Its state before.', values: circuitStates },
  failures: { type: 'integer', doc: 'Repairs in a row that failed.' },
  reset_s: {
    type: 'number',
    doc: 'How long it stays open before a trial, seconds.',
    optional: true,
  },
  reason: { type: 'string', doc: 'Why it changed.', optional: true },
} as const satisfies Fields;
