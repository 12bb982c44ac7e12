import type { Strategy } from '../model/repair.ts';
import type { DurationUs } from '../model/time.ts';
import { withType } from '../model/unit-name.ts';
import type { ProcessSettings } from './contract.ts';
import { engineLimits } from './engine-contract.ts';
import { protectedUnits, repairable } from './strategies-protected.ts';

/** No wait is longer than this, whatever the settings multiply to: 31 days. */
export const longestWaitUs: DurationUs = 31 * 86_400e6;

const usPerMs = 1_000;

type WaitSettings = Pick<
  ProcessSettings,
  'restartDelayMs' | 'useBackoff' | 'backoffMultiplier' | 'backoffMaxMs' | 'jitter'
>;

/**
 * How long attempt `attempt` (2 or more) waits after the one before it has failed: `restart_delay`,
 * with backoff multiplied by `backoff_multiplier` for each attempt after the second, up to the
 * ceiling. Jitter only lengthens a wait, and comes after the ceiling: many hosts at their ceiling
 * must not restart in step.
 * @param random 0 up to 1, without 1
 */
export function delayUs(settings: WaitSettings, attempt: number, random: number): DurationUs {
  const { restartDelayMs, useBackoff, backoffMultiplier, backoffMaxMs, jitter } = settings;
  const factor = useBackoff ? Math.max(1, backoffMultiplier) ** Math.max(0, attempt - 2) : 1;
  const ceilingMs = Math.max(backoffMaxMs, restartDelayMs);
  const plainMs = Math.min(restartDelayMs * factor, ceilingMs);
  const spread = 1 + Math.min(Math.max(jitter, 0), 1) * random;
  return Math.min(Math.round(plainMs * spread * usPerMs), longestWaitUs);
}

/** How long a process is left alone after a repair was given up, whatever its breaker says. */
export function coolDownUs(settings: WaitSettings): DurationUs {
  const ms = Math.max(settings.backoffMaxMs, settings.restartDelayMs);
  return Math.min(ms * usPerMs, longestWaitUs);
}

/** Attempts of one repair; a breaker's trial is one. */
export function attemptsOf(settings: ProcessSettings, trial: boolean): number {
  return trial ? 1 : Math.max(1, Math.trunc(settings.maxAttempts));
}

/** How processes are ended (strategy `process`): rounds of SIGTERM and SIGKILL, and the wait after that. */
export const ending = Object.freeze({
  /** Processes that were being made while the others ended are ended in another round. */
  rounds: 3,
  /** How long after SIGKILL one may take to be gone; one that waits for a device takes longer. */
  killedMs: 5_000,
});

/**
 * The longest one restart can take: what the strategies keep to. A command over its time limit has
 * its own grace and SIGKILL.
 */
export function restartLimitUs(settings: ProcessSettings, strategy: Strategy): DurationUs {
  const { commandTimeoutMs, graceMs } = settings;
  const rounds = strategy === 'process' || strategy === 'auto' ? ending.rounds : 0;
  const endingMs = (1 + rounds) * (graceMs + ending.killedMs);
  return (commandTimeoutMs + endingMs) * usPerMs;
}

/** The longest one attempt can take, with all its checks. */
export function attemptLimitUs(settings: ProcessSettings, strategy: Strategy): DurationUs {
  const { commandTimeoutMs, healthTimeoutMs, healthIntervalMs, healthRetries } = settings;
  const retries = Math.max(1, healthRetries);
  const checks = retries * (healthTimeoutMs + healthIntervalMs);
  // Each command may have to wait for a place first.
  const waits =
    (settings.preRestartCommand === undefined ? 0 : 1) +
    (strategy === 'service' ? 0 : 1) +
    (settings.postHealthCheck === undefined ? 0 : retries);
  const commandsUs = (commandTimeoutMs + checks) * usPerMs + waits * engineLimits.placeUs;
  return commandsUs + restartLimitUs(settings, strategy);
}

/** What is repaired: two names that mean one unit are one thing. */
export interface ThingName {
  /** `unit:web.service`, `process:worker`. */
  readonly key: string;
  /** Empty for what is no unit. */
  readonly unit: string;
}

/** @param canonical a unit's own name, where it was given by an alias */
export function thingOf(
  process: string,
  strategy: Exclude<Strategy, 'auto'>,
  settings: ProcessSettings,
  canonical: (unit: string) => string,
): ThingName {
  if (strategy === 'service' || settings.unit !== '') {
    const unit = canonical(withType(settings.unit === '' ? process : settings.unit));
    return { key: `unit:${unit}`, unit };
  }
  return { key: `process:${settings.match === '' ? process : settings.match}`, unit: '' };
}

const protectedProcesses: ReadonlySet<string> = new Set([
  'systemd',
  'init',
  'dbus-daemon',
  'dbus-broker',
  'unitwatch',
]);

/**
 * Why a thing is not restarted unless the configuration names it; undefined where it may be. The
 * agent's own unit, D-Bus, systemd's own units, and units that hold others.
 */
export function protection(thing: ThingName, name: string, ownUnit: string): string | undefined {
  const { unit } = thing;
  if (unit === '') {
    if (protectedProcesses.has(name) || name.startsWith('systemd-'))
      return 'it belongs to the system';
    return undefined;
  }
  if (unit === ownUnit) return 'it is the unit of unitwatch itself';
  if (unit.startsWith('systemd-')) return "it is one of systemd's own units";
  if (protectedUnits.test(unit) || unit === '-.mount' || !repairable.test(unit))
    return 'the system stands on it';
  return unit.endsWith('.service') ? undefined : 'it is no service';
}
