import { limits } from '../model/limits.ts';
import type { TimerElapse } from '../model/resource.ts';
import type { Ending, EndReason, Transition, TransitionKind } from '../model/transition.ts';
import type { RestartCause } from '../model/unit.ts';
import { isAmount, isObject } from './saved.ts';
import { parseTimestamp } from './timestamp.ts';

/** One line of a recording, understood. */
export type RecordedRow =
  | { readonly kind: 'transition'; readonly transition: Transition; readonly causeKnown: boolean }
  | { readonly kind: 'timer'; readonly elapse: TimerElapse }
  /** A line that is fine, and about something that the detectors do not look at. */
  | { readonly kind: 'other' };

/** Words that others use for what systemd does. */
const kinds: Readonly<Record<string, TransitionKind | 'timer'>> = {
  started: 'started',
  start: 'started',
  exited: 'exited',
  exit: 'exited',
  restarting: 'restarting',
  restarted: 'restarted',
  restart: 'restarted',
  stopped: 'stopped',
  stop: 'stopped',
  failed: 'failed',
  failure: 'failed',
  crash: 'failed',
  crashed: 'failed',
  timer: 'timer',
  timer_elapsed: 'timer',
};

const reasons: ReadonlySet<string> = new Set<EndReason>([
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
]);

/**
 * Reads a parsed line: unitwatch's own event, or anything with `time`, `service` and `event_type`.
 * @returns undefined where it is neither
 */
export function recordedRow(line: unknown): RecordedRow | undefined {
  if (!isObject(line)) return undefined;
  const { time, service, event_type: type } = line;
  const timeUs = parseTimestamp(time);
  if (timeUs === undefined || typeof type !== 'string' || typeof service !== 'string')
    return undefined;
  if (service === '' || service.length > limits.unitNameBytes) return undefined;
  const kind = Object.hasOwn(kinds, type.toLowerCase()) ? kinds[type.toLowerCase()] : undefined;
  if (kind === undefined) return { kind: 'other' };
  // unitwatch keeps particulars under `data`; others write them flat.
  const data = isObject(line['data']) ? line['data'] : line;
  if (kind === 'timer') {
    const unit = typeof data['unit'] === 'string' ? data['unit'] : '';
    return { kind: 'timer', elapse: { timer: service, unit, timeUs } };
  }
  return transitionRow(kind, service, timeUs, line, data);
}

type Data = Readonly<Record<string, unknown>>;

function transitionRow(
  kind: TransitionKind,
  unit: string,
  timeUs: number,
  line: Data,
  data: Data,
): RecordedRow {
  const { cause, count, uptime_s: uptime, down_s: down, n_restarts: nRestarts } = data;
  const ending = endingOf(data);
  const causeKnown = isCause(cause);
  return {
    kind: 'transition',
    causeKnown,
    transition: {
      kind,
      unit,
      timeUs,
      count: isAmount(count) && count >= 1 ? Math.trunc(count) : 1,
      inferred: line['inferred'] === true,
      resync: line['resync'] === true,
      invocation: typeof line['invocation_id'] === 'string' ? line['invocation_id'] : '',
      pid: isAmount(line['pid']) ? line['pid'] : 0,
      nRestarts: isAmount(nRestarts) ? nRestarts : 0,
      ...(causeKnown && { cause }),
      ...(ending && { ending }),
      ...(isAmount(uptime) && { uptimeUs: uptime * 1e6 }),
      ...(isAmount(down) && { downUs: down * 1e6 }),
      ...(data['restart_canceled'] === true && { restartCanceled: true as const }),
    },
  };
}

function isCause(data: unknown): data is RestartCause {
  return data === 'automatic' || data === 'manual' || data === 'unitwatch';
}

function isReason(data: unknown): data is EndReason {
  return typeof data === 'string' && reasons.has(data);
}

function endingOf(data: Data): Ending | undefined {
  const { reason, result, exit_code: exitCode, signal, core_dump: coreDump } = data;
  if (!isReason(reason)) return undefined;
  return {
    reason,
    result: typeof result === 'string' ? result : reason,
    coreDump: coreDump === true,
    ...(isAmount(exitCode) && { exitCode }),
    ...(typeof signal === 'string' && { signal }),
  };
}
