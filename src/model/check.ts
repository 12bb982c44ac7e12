import type { Fields } from './field.ts';
import type { DurationUs, RealtimeUs } from './time.ts';

export const checkKinds = ['process', 'unit', 'tcp', 'http'] as const;
export type CheckKind = (typeof checkKinds)[number];

/**
 * What a check says. Of processes and units: `running`, `missing`, `too_many`, `degraded` (it runs,
 * something it depends on does not), `unknown` (not permitted to see, or not looked yet). Of
 * endpoints: `up`, `down`, `unknown`.
 */
export const checkStates = [
  'running',
  'missing',
  'too_many',
  'degraded',
  'unknown',
  'up',
  'down',
] as const;
export type CheckState = (typeof checkStates)[number];

/** `data` of a `check` event. */
export const checkFields = {
  kind: { type: 'string', doc: 'What is checked.', values: checkKinds },
  state: { type: 'string', doc: 'What the check says now.', values: checkStates },
  previous: {
    type: 'string',
    doc: 'What it said before.',
    values: checkStates,
    optional: true,
  },
  previous_s: { type: 'number', doc: 'How long it had said that, seconds.', optional: true },
  reason: {
    type: 'string',
    doc: 'Why, in a word or two: `refused`, `timeout`, `status 503`, `2 of 3 processes`.',
    optional: true,
  },
  results: {
    type: 'integer',
    doc: 'Results in a row that led to the change.',
    minimum: 1,
    optional: true,
  },
  outage: { type: 'boolean', doc: 'It is in a planned outage.', optional: true },
  found: { type: 'integer', doc: 'Processes found.', optional: true },
  expected: { type: 'integer', doc: 'Processes expected.', optional: true },
  waits_for: {
    type: 'strings',
    doc: 'What it depends on and does not run: why it is degraded.',
    optional: true,
  },
  duration_s: { type: 'number', doc: 'How long the last probe took, seconds.', optional: true },
  details: { type: 'object', doc: 'What else the probe knows.', optional: true },
} as const satisfies Fields;

/** One check as pages, metrics and commands see it; made when somebody asks, never kept. */
export interface CheckView {
  /** Unique among the checks of an agent. */
  readonly name: string;
  readonly kind: CheckKind;
  readonly state: CheckState;
  /** Since when it has been in that state. */
  readonly sinceUs: RealtimeUs;
  /** When it was last looked at; 0 for never. */
  readonly checkedUs: RealtimeUs;
  /** How long the last look took. */
  readonly durationUs: DurationUs;
  /** Why it is not well; empty where it is. */
  readonly reason: string;
  /** Names of checks or units. */
  readonly dependsOn: readonly string[];
  /** What it depends on and another host has: shown, not checked. */
  readonly elsewhere?: readonly string[];
  /** Of processes: how many there are, how many there should be, and which (the first 100). */
  readonly found?: number;
  readonly expected?: number;
  readonly pids?: readonly number[];
  /** The unit behind it, where it is one. */
  readonly unit?: string;
  /** It is in a planned outage. */
  readonly outage: boolean;
  /** Of a service of the monitor: how many callers have it looked at and hear of it. */
  readonly subscriptions?: number;
  /** Nobody has it looked at: it is not known, and nobody misses that. */
  readonly idle?: true;
}

/** Whether somebody has to do something about it. */
export function isWell(state: CheckState): boolean {
  return state === 'running' || state === 'up';
}
