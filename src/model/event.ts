import { checkFields } from './check.ts';
import { controlFields } from './control.ts';
import type { Fields, ObjectOf } from './field.ts';
import { notificationFields } from './notification.ts';
import { alarmFields, circuitFields, restartStepFields } from './repair.ts';

/**
 * Every event that unitwatch writes, declared once: the TypeScript types below, the JSON Schema in
 * docs/events.schema.json and the tables of docs/events.md all come from these objects.
 */

export const severities = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof severities)[number];

const timePattern = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$';
const idPattern = '^[0-9a-f]{32}$';

/** Stands in every event. */
export const envelopeFields = {
  seq: { type: 'integer', doc: '1, 2, 3... in a run of the agent; a hole is a loss.', minimum: 1 },
  time: {
    type: 'string',
    doc: "When it happened: RFC 3339, UTC, microseconds; systemd's own timestamp where it has one.",
    pattern: timePattern,
  },
  host: { type: 'string', doc: 'Name of the host.' },
  service: { type: 'string', doc: "The unit's name, or the check's; `unitwatch` for its own." },
  severity: { type: 'string', doc: 'How bad it is.', values: severities },
} as const satisfies Fields;

/** Stands in an event where it is known: what joins it with logs, metrics and other events. */
export const contextFields = {
  boot_id: {
    type: 'string',
    doc: 'Boot ID of the kernel, 32 hexadecimal digits.',
    optional: true,
    pattern: idPattern,
  },
  invocation_id: {
    type: 'string',
    doc: "systemd's InvocationID of the run, as in the journal.",
    optional: true,
    pattern: idPattern,
  },
  pid: { type: 'integer', doc: 'Main process of the run.', optional: true },
  cgroup: { type: 'string', doc: "The unit's control group.", optional: true },
  message: { type: 'string', doc: 'One sentence for people.', optional: true },
  resync: {
    type: 'boolean',
    doc: 'Found by reading the table anew, not by a signal of its own.',
    optional: true,
  },
  inferred: {
    type: 'boolean',
    doc: 'No signal showed it; a counter, an invocation or a timestamp proves it.',
    optional: true,
  },
  depends_on: { type: 'strings', doc: 'The chain of dependencies above.', optional: true },
  affects: { type: 'object', doc: 'What suffers below: hard, soft.', optional: true },
  caused_by: { type: 'string', doc: 'The unit whose failure this follows from.', optional: true },
  cut: {
    type: 'boolean',
    doc: 'It was longer than 64 KiB: its longest texts and lists are shortened.',
    optional: true,
  },
} as const satisfies Fields;

const reasons = [
  'clean',
  'exit-code',
  'signal',
  'core-dump',
  'oom-kill',
  'watchdog',
  'timeout',
  'start-limit-hit',
  'resources',
  'protocol',
  'exec-condition',
  'other',
] as const;

const stateFields = {
  active_state: { type: 'string', doc: "systemd's ActiveState after it." },
  sub_state: { type: 'string', doc: "systemd's SubState after it." },
  n_restarts: { type: 'integer', doc: "systemd's NRestarts after it." },
} as const satisfies Fields;

const endingFields = {
  reason: { type: 'string', doc: 'Why the run ended.', values: reasons },
  result: { type: 'string', doc: "systemd's Result." },
  exit_code: { type: 'integer', doc: 'Exit status of the main process.', optional: true },
  signal: { type: 'string', doc: 'Signal that ended it, by name: `SIGKILL`.', optional: true },
  core_dump: { type: 'boolean', doc: 'It left a core dump.', optional: true },
} as const satisfies Fields;

const uptimeField = {
  uptime_s: { type: 'number', doc: 'How long the run had been up, seconds.', optional: true },
} as const satisfies Fields;

const optionalEnding = {
  reason: { ...endingFields.reason, doc: 'Why the run before ended.', optional: true },
  result: { ...endingFields.result, optional: true },
  exit_code: endingFields.exit_code,
  signal: endingFields.signal,
  core_dump: endingFields.core_dump,
} as const satisfies Fields;

const countFields = {
  cause: {
    type: 'string',
    doc: "Whose restart it is: systemd's Restart=, a person's or script's, or unitwatch's.",
    values: ['automatic', 'manual', 'unitwatch'],
  },
  count: { type: 'integer', doc: 'How many restarts this event stands for.' },
  restarts_total: {
    type: 'integer',
    doc: 'Restarts of the unit with this cause since the agent began to watch it.',
  },
} as const satisfies Fields;

const agentPhases = [
  'started',
  'stopping',
  'bus_lost',
  'bus_back',
  'resync',
  'gap',
  'reloaded',
  'reload_failed',
  'output_closed',
  'store_trouble',
  'store_back',
  'store_lost',
  'monitor_trouble',
  'monitor_back',
  'monitor_lost',
] as const;

const findingFields = {
  phase: {
    type: 'string',
    doc: 'Where the finding is in its life.',
    values: ['opened', 'updated', 'cleared'],
  },
  finding_id: { type: 'string', doc: 'The same in every event of one finding.' },
  evidence: {
    type: 'object',
    doc: 'The numbers it rests on, each named with its unit; detection.md explains them.',
  },
} as const satisfies Fields;

/** `data` of each event type. Adding a type is a row here. */
export const eventTypes = {
  started: { ...stateFields },
  exited: { ...stateFields, ...endingFields, ...uptimeField },
  restarting: { ...stateFields, ...countFields, ...optionalEnding },
  restarted: {
    ...stateFields,
    ...countFields,
    ...optionalEnding,
    down_s: { type: 'number', doc: 'How long it had been down, seconds.', optional: true },
  },
  stopped: {
    ...stateFields,
    ...endingFields,
    ...uptimeField,
    restart_canceled: {
      type: 'boolean',
      doc: 'It was waiting to be restarted, and the stop prevented that.',
      optional: true,
    },
  },
  failed: {
    ...stateFields,
    ...endingFields,
    ...uptimeField,
    load_state: {
      type: 'string',
      doc: 'Set where the unit could not be loaded: `bad-setting`, `error`.',
      optional: true,
    },
  },
  missing: {
    state: { type: 'string', doc: 'Always `missing`.', values: ['missing'] },
    load_state: { type: 'string', doc: "systemd's LoadState." },
  },
  crash_loop: findingFields,
  periodic_crash: findingFields,
  anomaly: findingFields,
  memory_leak: findingFields,
  alarm: alarmFields,
  restart_step: restartStepFields,
  circuit: circuitFields,
  check: checkFields,
  control: controlFields,
  notification: notificationFields,
  agent: {
    phase: { type: 'string', doc: 'What the agent did or met.', values: agentPhases },
    reason: { type: 'string', doc: 'Why.', optional: true },
    version: { type: 'string', doc: 'Version of unitwatch.', optional: true },
    units: { type: 'integer', doc: 'Units followed now.', optional: true },
    differences: { type: 'integer', doc: 'Events that a resync brought out.', optional: true },
    dropped: { type: 'integer', doc: 'Events that a gap stands for.', optional: true },
    first_seq: { type: 'integer', doc: 'First seq of a gap.', optional: true },
    last_seq: { type: 'integer', doc: 'Last seq of a gap: this event has it.', optional: true },
    since: {
      type: 'string',
      doc: 'Time of the first event lost in a gap.',
      optional: true,
      pattern: timePattern,
    },
    until: {
      type: 'string',
      doc: 'Time of the last event lost in a gap.',
      optional: true,
      pattern: timePattern,
    },
  },
} as const satisfies Readonly<Record<string, Fields>>;

export type EventType = keyof typeof eventTypes;

/** When an event of each type is written. */
export const eventDocs: Readonly<Record<EventType, string>> = {
  started: 'It runs, after it had not.',
  exited: 'Its run ended, and systemd will start it again when RestartSec is over.',
  restarting: 'systemd has scheduled that start: one automatic restart (or `count`).',
  restarted: 'It runs again, after an automatic or a manual restart.',
  stopped: 'It ended well, and stays down.',
  failed: 'systemd calls it failed, and does not try again.',
  missing: 'The configuration names it, and systemd does not know it.',
  crash_loop: 'It crashes and is restarted, again and again.',
  periodic_crash: 'Its crashes keep a timetable.',
  anomaly: 'It behaves unlike its own past.',
  memory_leak: 'The memory that it cannot give back grows steadily.',
  alarm: 'Somebody, or a finding, asks for a repair; or no longer does.',
  restart_step: 'One step of a repair, with how it ended.',
  circuit: 'The circuit breaker of a process changed: open, no repair is tried.',
  check: 'A check of a process or an endpoint changed.',
  control: 'Somebody had a component or a unit started, stopped or restarted on the page.',
  notification: 'A caller was told that a service went down or up, or could not be told.',
  agent: 'unitwatch itself: started, bus lost, events lost, configuration reloaded.',
};

export type EventData<T extends EventType> = ObjectOf<(typeof eventTypes)[T]>;
export type AgentPhase = (typeof agentPhases)[number];

type Envelope = ObjectOf<typeof envelopeFields> & ObjectOf<typeof contextFields>;

/** One line of NDJSON. A union over `event_type`: testing it narrows `data`. */
export type Event = {
  [T in EventType]: Envelope & { readonly event_type: T; readonly data: EventData<T> };
}[EventType];

/** An event before the stream has numbered it and named the host. */
export type Draft = {
  [T in EventType]: Omit<Envelope, 'seq' | 'host' | 'boot_id'> & {
    readonly event_type: T;
    readonly data: EventData<T>;
  };
}[EventType];

/** Only what a unit did may be dropped when a reader stalls; everything else is kept. */
const droppable: ReadonlySet<EventType> = new Set<EventType>([
  'started',
  'exited',
  'restarting',
  'restarted',
  'stopped',
  'failed',
]);

export function mayDrop(event: { readonly event_type: EventType }): boolean {
  return droppable.has(event.event_type);
}
