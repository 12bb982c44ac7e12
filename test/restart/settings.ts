import type { ProcessSettings } from '../../src/restart/contract.ts';
import type { StrategyTools } from '../../src/restart/strategies.ts';

/** Settings with short times, `more` over them. */
export function settingsOf(more: Partial<ProcessSettings> = {}): ProcessSettings {
  return {
    strategy: 'auto',
    unit: '',
    match: '',
    startCommand: undefined,
    restartCommand: undefined,
    preRestartCommand: undefined,
    postHealthCheck: undefined,
    commandTimeoutMs: 20_000,
    healthTimeoutMs: 5_000,
    healthRetries: 3,
    healthIntervalMs: 100,
    graceMs: 2_000,
    restartDelayMs: 0,
    maxAttempts: 1,
    useBackoff: false,
    backoffMultiplier: 2,
    backoffMaxMs: 1_000,
    jitter: 0,
    maxRestartFailures: 3,
    circuitResetMs: 1_000,
    repairOn: [],
    ...more,
  };
}

export const pause: StrategyTools['sleep'] = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Waits until `condition` answers true; fails with `what` after twenty seconds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not: ${what}`);
    await pause(20);
  }
}

/** `match` as the tests write it: none of theirs can run for ever. */
export const search: StrategyTools['search'] = async (pattern) => {
  const expression = new RegExp(pattern, 'u');
  return (text) => expression.test(text);
};

/** Names that have been seen in databases, or may be. */
export const hostileNames: readonly string[] = [
  '; rm -rf /',
  '$(touch /tmp/owned)',
  '`id`',
  'a\nb',
  'a\0b',
  '\ufffd'.repeat(255),
  '\xff'.repeat(255),
  '../../etc/passwd',
  '/bin/sh',
  '',
  ' ',
  '*',
  'a'.repeat(256),
  'foo@.service',
  '@.service',
  'reboot.target',
  'system.slice',
  'systemd-poweroff.service',
  'dbus.service',
];
