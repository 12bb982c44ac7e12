import type { Event, EventData } from '../model/event.ts';
import { humanDuration } from '../model/time.ts';

/** What happened in short words, for a person who sees type and service beside it. */
export function wordsOf(event: Event): string {
  switch (event.event_type) {
    case 'started':
      return join(event.data.sub_state, event.pid === undefined ? '' : `pid ${event.pid}`);
    case 'exited':
      return join(endingWords(event.data), upWords(event.data), 'will be started again');
    case 'restarting':
      return join(restartWords(event.data), endingWords(event.data));
    case 'restarted':
      return join(restartWords(event.data), endingWords(event.data), downWords(event.data));
    case 'stopped':
      return join(endingWords(event.data), upWords(event.data), canceledWords(event.data));
    case 'failed':
      return join(event.data.load_state ?? endingWords(event.data), upWords(event.data));
    case 'missing':
      return 'not known to systemd';
    case 'agent':
      return join(event.data.phase, event.message ?? event.data.reason ?? agentWords(event.data));
    case 'alarm':
      return join(event.data.phase, event.data.source, event.data.reason ?? '');
    case 'restart_step':
      return stepWords(event.data);
    case 'circuit':
      return join(event.data.state, event.data.reason ?? `${event.data.failures} failures`);
    case 'check':
      return checkWords(event.data);
    case 'control':
      return controlWords(event.data);
    case 'notification':
      return join(event.data.state, event.data.caller, event.data.phase, event.data.failure ?? '');
    default:
      return join(event.data.phase, event.message ?? JSON.stringify(event.data.evidence));
  }
}

function join(...words: readonly string[]): string {
  return words.filter((word) => word !== '').join(', ');
}

interface Ending {
  readonly reason?: string;
  readonly exit_code?: number;
  readonly signal?: string;
  readonly core_dump?: boolean;
}

function endingWords(data: Ending): string {
  const dump = data.core_dump === true ? ' (core dumped)' : '';
  if (data.reason === undefined || data.reason === 'clean') return data.reason ?? '';
  if (data.reason === 'exit-code' && data.exit_code !== undefined) return `exit ${data.exit_code}`;
  if (data.signal !== undefined && /^(signal|core-dump)$/.test(data.reason)) {
    return `${data.signal}${dump}`;
  }
  return data.reason + dump;
}

function restartWords(data: { cause: string; count: number; restarts_total: number }): string {
  return data.count > 1
    ? `${data.count} ${data.cause} restarts, ${data.restarts_total} in all`
    : `${data.cause} restart ${data.restarts_total}`;
}

function upWords(data: { uptime_s?: number }): string {
  return data.uptime_s === undefined ? '' : `after ${humanDuration(data.uptime_s * 1e6)}`;
}

function downWords(data: { down_s?: number }): string {
  return data.down_s === undefined ? '' : `down ${humanDuration(data.down_s * 1e6)}`;
}

function canceledWords(data: { restart_canceled?: boolean }): string {
  return data.restart_canceled === true ? 'restart cancelled' : '';
}

function agentWords(data: { version?: string; units?: number; differences?: number }): string {
  return join(
    data.version === undefined ? '' : `version ${data.version}`,
    data.units === undefined ? '' : `${data.units} units`,
    data.differences === undefined ? '' : `${data.differences} differences`,
  );
}

function stepWords(data: EventData<'restart_step'>): string {
  return join(
    `attempt ${data.attempt}`,
    `${data.step} ${data.outcome}`,
    data.dry_run === true ? 'dry run' : '',
    data.reason ?? '',
    data.wait_s === undefined ? '' : `waits ${humanDuration(data.wait_s * 1e6)}`,
  );
}

function controlWords({ action, outcome, reason, output }: EventData<'control'>): string {
  return join(`${action} ${outcome}`, reason ?? '', output?.join(' / ') ?? '');
}

function checkWords(data: EventData<'check'>): string {
  return join(
    data.state,
    data.reason ?? '',
    data.outage === true ? 'planned outage' : '',
    data.waits_for === undefined ? '' : `waits for ${data.waits_for.join(', ')}`,
    data.previous_s === undefined || data.previous === undefined
      ? ''
      : `was ${data.previous} for ${humanDuration(data.previous_s * 1e6)}`,
  );
}
