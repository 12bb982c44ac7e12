import { signalName } from '../model/signal.ts';
import type { Ending, EndReason } from '../model/transition.ts';
import type { UnitState } from '../model/unit.ts';

/** systemd's words for a Result (service_result_table, src/core/service.c) and ours. */
const reasons: Readonly<Record<string, EndReason>> = {
  success: 'clean',
  'exit-code': 'exit-code',
  signal: 'signal',
  'core-dump': 'core-dump',
  'oom-kill': 'oom-kill',
  watchdog: 'watchdog',
  timeout: 'timeout',
  'start-limit-hit': 'start-limit-hit',
  resources: 'resources',
  protocol: 'protocol',
  'exec-condition': 'exec-condition',
};

/** `si_code` of SIGCHLD, sigaction(2). */
const cldExited = 1;
const cldDumped = 3;

/** How the run ended that `state` shows the end of. */
export function endingOf(state: Readonly<UnitState>, startLimitHit: boolean): Ending {
  const { result, execMainCode: code, execMainStatus: status } = state;
  const reason = startLimitHit ? 'start-limit-hit' : (reasons[result] ?? 'other');
  const coreDump = code === cldDumped;
  if (code === 0) return { reason, result, coreDump };
  return code === cldExited
    ? { reason, result, exitCode: status, coreDump }
    : { reason, result, signal: signalName(status), coreDump };
}

/**
 * Whether systemd restarts a service by itself after a run with this Result: the table of Restart=
 * in systemd.service(5). Undefined where the setting is not known. RestartPreventExitStatus= and
 * RestartForceExitStatus= are not looked at.
 */
export function isRestarted(policy: string, result: string): boolean | undefined {
  const clean = result === 'success';
  switch (policy) {
    case 'no':
      return false;
    case 'always':
      return true;
    case 'on-success':
      return clean;
    case 'on-failure':
      return !clean;
    case 'on-abnormal':
      return !clean && result !== 'exit-code';
    case 'on-watchdog':
      return result === 'watchdog';
    case 'on-abort':
      return result === 'signal' || result === 'core-dump';
    default:
      return undefined;
  }
}
