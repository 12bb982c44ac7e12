import type { Draft, Severity } from '../model/event.ts';
import { rfc3339 } from '../model/time.ts';
import type { Ending, Transition } from '../model/transition.ts';
import type { UnitView } from '../model/unit.ts';

/** A transition as an event, before it is numbered; `unit` is as it stands after the transition. */
export function describe(what: Transition, unit: UnitView): Draft {
  const context = {
    time: rfc3339(what.timeUs),
    service: what.unit,
    severity: severityOf(what),
    ...(what.invocation && { invocation_id: what.invocation }),
    ...(what.pid > 0 && { pid: what.pid }),
    ...(unit.cgroup && { cgroup: unit.cgroup }),
    ...(what.resync && { resync: true }),
    ...(what.inferred && { inferred: true }),
  };
  const state = {
    active_state: unit.state.activeState,
    sub_state: unit.state.subState,
    n_restarts: what.nRestarts,
  };
  switch (what.kind) {
    case 'started':
      return { ...context, event_type: 'started', data: state };
    case 'restarting':
    case 'restarted':
      return {
        ...context,
        event_type: what.kind,
        data: { ...state, ...restartOf(what, unit), ...(what.ending && endingOf(what.ending)) },
      };
    case 'exited':
      return { ...context, event_type: 'exited', data: { ...state, ...endOf(what) } };
    case 'failed':
      return { ...context, event_type: 'failed', data: { ...state, ...endOf(what) } };
    case 'stopped':
      return {
        ...context,
        event_type: 'stopped',
        data: {
          ...state,
          ...endOf(what),
          ...(what.restartCanceled && { restart_canceled: true }),
        },
      };
  }
}

/** A unit that the user named and systemd does not know. */
export function describeMissing(unit: UnitView, nowUs: number): Draft {
  return {
    time: rfc3339(nowUs),
    service: unit.name,
    severity: 'warning',
    event_type: 'missing',
    message: `${unit.name} is to be watched, but systemd knows no such unit.`,
    data: { state: 'missing', load_state: unit.loadState },
  };
}

/** A unit whose file systemd cannot use. */
export function describeLoadFailure(unit: UnitView, nowUs: number): Draft {
  const { activeState, subState, nRestarts, result } = unit.state;
  return {
    time: rfc3339(nowUs),
    service: unit.name,
    severity: 'error',
    event_type: 'failed',
    message: `systemd cannot load ${unit.name} (${unit.loadState}): see systemctl status.`,
    data: {
      active_state: activeState,
      sub_state: subState,
      n_restarts: nRestarts,
      reason: 'other',
      result,
      load_state: unit.loadState,
    },
  };
}

/** An end by systemd's own request is no news; one that it calls a failure is. */
function severityOf(what: Transition): Severity {
  const clean = what.ending === undefined || what.ending.reason === 'clean';
  switch (what.kind) {
    case 'started':
    case 'stopped':
    case 'restarted':
      return 'info';
    case 'exited':
    case 'restarting':
      return clean ? 'info' : 'warning';
    case 'failed':
      return 'error';
  }
}

function restartOf(what: Transition, unit: UnitView) {
  const cause = what.cause ?? 'automatic';
  return {
    cause,
    count: what.count,
    restarts_total: unit.restarts[cause],
    ...(what.downUs !== undefined && { down_s: seconds(what.downUs) }),
  };
}

function endOf(what: Transition) {
  return {
    ...endingOf(what.ending ?? { reason: 'other', result: '', coreDump: false }),
    ...(what.uptimeUs !== undefined && { uptime_s: seconds(what.uptimeUs) }),
  };
}

function endingOf({ reason, result, exitCode, signal, coreDump }: Ending) {
  return {
    reason,
    result,
    ...(exitCode !== undefined && { exit_code: exitCode }),
    ...(signal !== undefined && { signal }),
    ...(coreDump && { core_dump: true }),
  };
}

function seconds(us: number): number {
  return Math.round(us) / 1e6;
}
