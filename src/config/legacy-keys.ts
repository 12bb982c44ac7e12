/** How a value of an old `config.ini` is written. */
export type OldType =
  | 'text'
  | 'command'
  /** A number of seconds, or a duration with its unit. */
  | 'seconds'
  /** A number, and nothing said about which. */
  | 'number'
  /** true, yes, on, 1 and their opposites. */
  | 'boolean';

export interface OldKey {
  /** The key of ours, below the section's. */
  readonly to: readonly string[];
  readonly type: OldType;
}
type OldKeys = Readonly<Record<string, OldKey>>;

/** `[database]`, below `database`. */
export const oldDatabase: OldKeys = {
  host: { to: ['host'], type: 'text' },
  port: { to: ['port'], type: 'number' },
  user: { to: ['user'], type: 'text' },
  password: { to: ['password'], type: 'text' },
  database: { to: ['database'], type: 'text' },
};

/** `[monitor]`, below `restart`. */
export const oldMonitor: OldKeys = {
  check_interval: { to: ['check_interval'], type: 'seconds' },
  max_restart_failures: { to: ['default', 'max_restart_failures'], type: 'number' },
  circuit_reset_time: { to: ['default', 'circuit_reset_time'], type: 'seconds' },
};

/** `[process.default]`, below `restart.default`, and `[process.NAME]`, below `restart.processes.NAME`. */
export const oldProcess: OldKeys = {
  restart_strategy: { to: ['restart_strategy'], type: 'text' },
  system_name: { to: ['unit'], type: 'text' },
  start_command: { to: ['start_command'], type: 'command' },
  restart_command: { to: ['restart_command'], type: 'command' },
  pre_restart_command: { to: ['pre_restart_command'], type: 'command' },
  post_health_check: { to: ['post_health_check'], type: 'command' },
  health_check_command: { to: ['post_health_check'], type: 'command' },
  health_check_timeout: { to: ['health_check_timeout'], type: 'seconds' },
  restart_delay: { to: ['restart_delay'], type: 'seconds' },
  max_attempts: { to: ['max_attempts'], type: 'number' },
  use_backoff: { to: ['use_backoff'], type: 'boolean' },
  backoff_multiplier: { to: ['backoff_multiplier'], type: 'number' },
};

/** What an old file means where it says nothing, as far as it is not our default as well. */
export const oldDefaults: readonly (readonly [readonly string[], string])[] = [
  [['restart', 'check_interval'], '2m'],
  [['restart', 'default', 'restart_delay'], '2s'],
  [['restart', 'default', 'max_attempts'], '2'],
  [['restart', 'default', 'use_backoff'], 'false'],
  [['restart', 'default', 'jitter'], '0'],
  [['restart', 'default', 'health_check_retries'], '5'],
  [['restart', 'default', 'health_check_interval'], '1s'],
];
