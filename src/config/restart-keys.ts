import { strategies } from '../model/repair.ts';
import { repairOn } from '../restart/contract.ts';
import type { Key, KeyTable } from './key.ts';
import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

/** Processes with settings of their own: a host runs hundreds of services, not thousands. */
const MAX_PROCESSES = 2_000;

const commandKeys = {
  start_command: {
    type: 'command',
    default: undefined,
    default_doc: 'none',
    doc: 'Starts a stopped process (strategy `process`).',
    reload: true,
  },
  restart_command: {
    type: 'command',
    default: undefined,
    default_doc: 'none',
    doc: 'Restarts it (strategy `custom`).',
    reload: true,
  },
  pre_restart_command: {
    type: 'command',
    default: undefined,
    default_doc: 'none',
    doc: 'Runs before each restart; where it fails, nothing is restarted.',
    reload: true,
  },
  post_health_check: {
    type: 'command',
    default: undefined,
    default_doc: 'none: it is well when it runs',
    doc: 'Says after a restart whether it is well, with its exit status.',
    reload: true,
  },
  command_timeout: {
    type: 'duration',
    default: 90 * SECOND,
    min: SECOND,
    max: HOUR,
    doc: "Time limit of each of the other commands, and of a unit's job.",
    reload: true,
  },
  health_check_timeout: {
    type: 'duration',
    default: 5 * SECOND,
    min: SECOND,
    max: HOUR,
    doc: 'Time limit of one health check.',
    reload: true,
  },
  health_check_retries: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 1_000,
    doc: 'Health checks after one restart, until one passes, before that attempt has failed.',
    reload: true,
  },
  health_check_interval: {
    type: 'duration',
    default: 2 * SECOND,
    min: 100,
    max: HOUR,
    doc: 'Wait before each health check.',
    reload: true,
  },
} as const satisfies KeyTable;

const waitingKeys = {
  stop_grace: {
    type: 'duration',
    default: 10 * SECOND,
    min: 0,
    max: HOUR,
    doc: 'From SIGTERM to SIGKILL (strategy `process`).',
    reload: true,
  },
  restart_delay: {
    type: 'duration',
    default: 5 * SECOND,
    min: 0,
    max: DAY,
    doc: 'Wait after the first attempt that failed.',
    reload: true,
  },
  max_attempts: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 100,
    doc: 'Attempts of one repair before it is given up.',
    reload: true,
  },
  use_backoff: {
    type: 'boolean',
    default: true,
    doc: 'Multiply the wait by `backoff_multiplier` for each later attempt.',
    reload: true,
  },
  backoff_multiplier: {
    type: 'number',
    default: 2,
    min: 1,
    max: 100,
    doc: 'By what each wait is longer than the one before.',
    reload: true,
  },
  backoff_max: {
    type: 'duration',
    default: 5 * MINUTE,
    min: 0,
    max: DAY,
    doc: 'No wait is longer.',
    reload: true,
  },
  jitter: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 1,
    doc: 'Share by which a wait is spread at random.',
    reload: true,
  },
  max_restart_failures: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 1_000,
    doc: 'Repairs that fail in a row before the circuit breaker opens: no repair is tried any more.',
    reload: true,
  },
  circuit_reset_time: {
    type: 'duration',
    default: 10 * MINUTE,
    min: SECOND,
    max: 30 * DAY,
    doc: 'How long an open circuit breaker waits before it lets one trial through.',
    reload: true,
  },
} as const satisfies KeyTable;

const processKeys = {
  restart_strategy: {
    type: 'one-of',
    default: 'auto',
    values: strategies,
    doc: 'How it is restarted: `service` by systemd, `process` by signals and `start_command`, `custom` by `restart_command`, `auto` by systemd where it knows a unit of that name and as a process elsewhere.',
    reload: true,
  },
  unit: {
    type: 'text',
    default: undefined,
    default_doc: 'the name of the process, with `.service`',
    doc: 'The unit behind it.',
    reload: true,
  },
  match: {
    type: 'regex',
    default: undefined,
    default_doc: 'none: the executable has the name of the process',
    doc: 'Regular expression that is searched in the command lines of processes (strategy `process`).',
    reload: true,
  },
  ...commandKeys,
  ...waitingKeys,
  repair_on: {
    type: 'some-of',
    default: Object.freeze([] as const),
    values: repairOn,
    doc: 'Findings and states that are alarms, beside those of the database.',
    reload: true,
  },
} as const satisfies KeyTable;

type Inherited<T extends Readonly<Record<string, Key>>> = {
  readonly [N in keyof T]: Omit<T[N], 'default'> & { readonly default: undefined };
};

/** The same keys, where leaving one out means the value of `restart.default`. */
function inherited<T extends Readonly<Record<string, Key>>>(table: T): Inherited<T> {
  const entries = Object.entries(table).map(([name, key]) => [
    name,
    { ...key, default: undefined, default_doc: `that of \`restart.default.${name}\`` },
  ]);
  return Object.freeze(Object.fromEntries(entries));
}

export const restartKeys = {
  enabled: {
    type: 'boolean',
    default: false,
    doc: 'Repair what is in alarm.',
    reload: false,
  },
  dry_run: {
    type: 'boolean',
    default: false,
    doc: 'Tell what would be done, and do nothing.',
    reload: true,
  },
  check_interval: {
    type: 'duration',
    default: 30 * SECOND,
    min: SECOND,
    max: DAY,
    doc: 'How often alarms are looked for.',
    reload: true,
  },
  budget: {
    max_restarts_per_hour: {
      type: 'integer',
      default: 30,
      min: 0,
      max: 100_000,
      doc: 'Restarts of everything on this host within an hour; what is over it waits.',
      reload: true,
    },
    max_restarts_at_once: {
      type: 'integer',
      default: 3,
      min: 1,
      max: 1_000,
      doc: 'Repairs under way at one time.',
      reload: true,
    },
  },
  never_restart: {
    type: 'patterns',
    default: Object.freeze([
      ...['unitwatch.service', 'dbus.service', 'dbus-broker.service', 'systemd-*', 'init.scope'],
    ]),
    doc: 'Units that are not restarted, unless `processes` names them in full.',
    reload: true,
  },
  default: processKeys,
  processes: {
    type: 'map-of',
    of: inherited(processKeys),
    names: 'PROCESS',
    max: MAX_PROCESSES,
    default: Object.freeze(new Map<string, never>()),
    doc: 'Settings of single processes, by the name that their alarm has; what one leaves out it has from `default`.',
    example:
      'nginx:\n  restart_strategy: service\n  post_health_check: [curl, --fail, "http://127.0.0.1/"]\nreport job:\n  restart_strategy: custom\n  restart_command: /opt/report/restart.sh\n  max_attempts: 5',
    reload: true,
  },
  hooks: {
    repair_failed: {
      type: 'action',
      default: undefined,
      default_doc: 'nothing',
      doc: 'What is done when a repair was given up: a command, or a webhook where it is a URL.',
      reload: true,
    },
    circuit_opened: {
      type: 'action',
      default: undefined,
      default_doc: 'nothing',
      doc: 'What is done when a circuit breaker opened: a command, or a webhook where it is a URL.',
      reload: true,
    },
    timeout: {
      type: 'duration',
      default: 10 * SECOND,
      min: SECOND,
      max: 10 * MINUTE,
      doc: 'Time limit of one hook.',
      reload: true,
    },
  },
} as const satisfies KeyTable;
