import { unitTypes } from '../model/unit-name.ts';
import { checkKeys } from './check-keys.ts';
import { databaseKeys } from './database-keys.ts';
import type { ConfigOf, KeyTable, Surroundings } from './key.ts';
import { monitorKeys } from './monitor-keys.ts';
import { restartKeys } from './restart-keys.ts';
import { storeKeys } from './store-keys.ts';
import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

const watchingKeys = {
  monitor_all_services: {
    type: 'boolean',
    default: undefined,
    default_doc: 'true; false where `service_whitelist` names something',
    doc: 'Follow every unit of `unit_types`; with false, only what `service_whitelist` names.',
    reload: true,
  },
  service_whitelist: {
    type: 'patterns',
    default: Object.freeze([]),
    doc: 'Units to follow, instead of all; one that is named in full and does not exist is reported as missing.',
    reload: true,
  },
  service_blacklist: {
    type: 'patterns',
    default: Object.freeze([]),
    doc: 'Units that are never followed, whatever else says so.',
    reload: true,
  },
  container_runtime_filter: {
    type: 'boolean',
    default: false,
    doc: 'Follow only container runtimes (docker, containerd, cri-o, podman, kubelet) and what belongs to them.',
    reload: true,
  },
  unit_types: {
    type: 'some-of',
    default: Object.freeze(['service']),
    values: [...unitTypes],
    doc: 'Types of units that are followed.',
    reload: true,
  },
  bus: {
    type: 'bus',
    default: 'system',
    doc: 'The bus on which systemd is heard: `system`, `user` (of the user who runs the agent), a D-Bus address such as `unix:path=/run/dbus/system_bus_socket`, or `off`: no units are watched, only processes and endpoints, as in a container.',
    reload: false,
  },
  poll_interval: {
    type: 'duration',
    default: 30 * SECOND,
    min: SECOND,
    max: HOUR,
    doc: 'How often it is read what units use; state changes do not wait for it.',
    reload: true,
  },
} as const satisfies KeyTable;

const detectionKeys = {
  cgroup_root: {
    type: 'path',
    default: '/sys/fs/cgroup',
    doc: 'Where the control groups are mounted, for what units use.',
    reload: false,
  },
  proc_root: {
    type: 'path',
    default: '/proc',
    doc: 'Where the processes of the watched systemd are seen.',
    reload: false,
  },
  restart_threshold: {
    type: 'integer',
    default: 5,
    min: 1,
    max: 1_000,
    doc: 'Restarts within `restart_window` that make a crash loop.',
    reload: true,
  },
  restart_window: {
    type: 'duration',
    default: 5 * MINUTE,
    min: SECOND,
    max: 30 * DAY,
    doc: 'The time in which `restart_threshold` restarts make a crash loop.',
    reload: true,
  },
  anomaly_detection: {
    type: 'boolean',
    default: true,
    doc: 'Compare restarts and resources of each service with its own history.',
    reload: true,
  },
  baseline_period: {
    type: 'duration',
    default: 7 * DAY,
    min: HOUR,
    max: 366 * DAY,
    doc: 'How much history of a service makes its baseline.',
    reload: false,
  },
  track_dependencies: {
    type: 'boolean',
    default: true,
    doc: 'Say in events and findings what a unit depends on and what suffers with it.',
    reload: true,
  },
  dependency_depth: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 32,
    doc: 'How many steps dependencies are followed.',
    reload: true,
  },
} as const satisfies KeyTable;

const streamKeys = {
  signal_buffer_size: {
    type: 'integer',
    default: 256,
    min: 64,
    max: 4_096,
    doc: 'Read buffer of the signal connection, KiB.',
    reload: false,
  },
  event_buffer_size: {
    type: 'integer',
    default: 65_536,
    min: 1,
    max: 1_000_000,
    doc: 'Events that wait for a slow reader; beyond it the oldest state events are dropped and counted.',
    reload: false,
  },
  max_events_per_second: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 10_000_000,
    doc: 'Events that leave the agent in a second, 0 for no limit; it limits neither what is counted nor what is analysed.',
    reload: true,
  },
} as const satisfies KeyTable;

const agentKeys = {
  state_directory: {
    type: 'path',
    default: stateDirectory,
    default_doc:
      '`$STATE_DIRECTORY`, which systemd sets; else `/var/lib/unitwatch` for root; else `$XDG_STATE_HOME/unitwatch`; else `~/.local/state/unitwatch`',
    doc: 'Where the agent keeps what must outlive it.',
    reload: false,
  },
  listen: {
    type: 'address',
    default: Object.freeze({ host: '127.0.0.1', port: 9753 }),
    doc: 'Where `/metrics`, `/healthz` and `/readyz` are served: `host:port`, `[IPv6]:port`, or `off`; with port 0 the kernel chooses one.',
    reload: false,
  },
  allowed_hosts: {
    type: 'texts',
    default: Object.freeze([]),
    doc: 'Host names by which pages may be asked for beside loopback names, IP addresses and that of `listen`; others are refused, against DNS rebinding. `/metrics` and the health pages answer under any name.',
    reload: false,
  },
  host: {
    type: 'text',
    default: undefined,
    default_doc: 'the host name of the machine',
    doc: 'Name of the host in events.',
    reload: false,
  },
  log_level: {
    type: 'one-of',
    default: 'info',
    values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
    doc: "The least severe of the agent's own log lines, on standard error.",
    reload: true,
  },
} as const satisfies KeyTable;

const metricsKeys = {
  node_exporter_names: {
    type: 'boolean',
    default: false,
    doc: "Serve the state of units under the names of node_exporter's systemd collector too.",
    reload: false,
  },
  systemd_exporter_names: {
    type: 'boolean',
    default: false,
    doc: 'Serve the state of units under the names of systemd_exporter too.',
    reload: false,
  },
} as const satisfies KeyTable;

const outputKeys = {
  stdout: {
    type: 'one-of',
    default: 'auto',
    values: ['auto', 'ndjson', 'pretty', 'off'],
    doc: 'What is written to standard output: NDJSON, lines for people, or nothing; `auto` is `pretty` on a terminal and `ndjson` elsewhere.',
    reload: false,
  },
} as const satisfies KeyTable;

const pageKeys = {
  token: {
    type: 'secret',
    default: undefined,
    default_doc: 'none: the page shows, and does nothing',
    doc: 'Who knows it may start, stop, restart and acknowledge from the status page and its API. ASCII letters, digits and signs.',
    reload: false,
  },
} as const satisfies KeyTable;

const shellKeys = {
  prompt: {
    type: 'text',
    default: 'unitwatch>> ',
    doc: 'Prompt of `unitwatch shell`.',
    reload: true,
  },
} as const satisfies KeyTable;

/** Every key of the configuration file. A new section is a table above and a row here. */
export const keys = Object.freeze({
  ...watchingKeys,
  ...detectionKeys,
  ...streamKeys,
  ...agentKeys,
  metrics: metricsKeys,
  output: outputKeys,
  database: databaseKeys,
  restart: restartKeys,
  checks: checkKeys,
  store: storeKeys,
  monitor: monitorKeys,
  page: pageKeys,
  shell: shellKeys,
} as const satisfies KeyTable);

/** The effective configuration, frozen. Durations are in milliseconds. */
export type Config = ConfigOf<typeof keys>;

/** Where systemd's StateDirectory= names several directories, the first; systemd.exec(5). */
function stateDirectory({ env, uid, home }: Surroundings): string {
  const given = env['STATE_DIRECTORY']?.split(':')[0];
  if (given?.startsWith('/')) return given;
  if (uid === 0) return '/var/lib/unitwatch';
  const xdg = env['XDG_STATE_HOME'];
  return xdg?.startsWith('/') ? `${xdg}/unitwatch` : `${home}/.local/state/unitwatch`;
}
