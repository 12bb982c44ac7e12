import type { ProcessSettings } from '../restart/contract.ts';
import type { Config } from './keys.ts';

/** How one process is repaired: what its entry says, and `restart.default` for the rest. */
export function processSettings(config: Pick<Config, 'restart'>, name: string): ProcessSettings {
  const own = config.restart.processes.get(name);
  const base = config.restart.default;
  return {
    strategy: either(own?.restart_strategy, base.restart_strategy),
    unit: either(own?.unit, base.unit) ?? '',
    match: either(own?.match, base.match) ?? '',
    startCommand: either(own?.start_command, base.start_command),
    restartCommand: either(own?.restart_command, base.restart_command),
    preRestartCommand: either(own?.pre_restart_command, base.pre_restart_command),
    postHealthCheck: either(own?.post_health_check, base.post_health_check),
    commandTimeoutMs: either(own?.command_timeout, base.command_timeout),
    healthTimeoutMs: either(own?.health_check_timeout, base.health_check_timeout),
    healthRetries: either(own?.health_check_retries, base.health_check_retries),
    healthIntervalMs: either(own?.health_check_interval, base.health_check_interval),
    graceMs: either(own?.stop_grace, base.stop_grace),
    restartDelayMs: either(own?.restart_delay, base.restart_delay),
    maxAttempts: either(own?.max_attempts, base.max_attempts),
    useBackoff: either(own?.use_backoff, base.use_backoff),
    backoffMultiplier: either(own?.backoff_multiplier, base.backoff_multiplier),
    backoffMaxMs: either(own?.backoff_max, base.backoff_max),
    jitter: either(own?.jitter, base.jitter),
    maxRestartFailures: either(own?.max_restart_failures, base.max_restart_failures),
    circuitResetMs: either(own?.circuit_reset_time, base.circuit_reset_time),
    repairOn: either(own?.repair_on, base.repair_on),
  };
}

function either<V>(own: V | undefined, common: V): V {
  return own ?? common;
}
