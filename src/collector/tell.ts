import type { AgentPhase, Draft, EventData, Severity } from '../model/event.ts';
import type { TimerElapse } from '../model/resource.ts';
import { type Clock, rfc3339 } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type { UnitView } from '../model/unit.ts';
import { describe, describeLoadFailure, describeMissing } from './describe.ts';
import type { WatchSink } from './watch.ts';

/** What hears what happens: first the event that tells it, then the transition itself. */
export interface Listener {
  transition?(what: Transition, unit: UnitView): void;
  /** The unit's state has changed, and what that means has been told. */
  changed?(unit: UnitView): void;
  /** The unit is unloaded, or nobody follows it any more. */
  gone?(unit: UnitView): void;
  timerElapsed?(elapse: TimerElapse): void;
  draft(draft: Draft): void;
}

/** An event about unitwatch itself. */
export function agentDraft(
  phase: AgentPhase,
  severity: Severity,
  message: string,
  clock: Clock,
  data: Omit<EventData<'agent'>, 'phase'> = {},
): Draft {
  return {
    time: rfc3339(clock.realtimeUs()),
    service: 'unitwatch',
    severity,
    event_type: 'agent',
    message,
    data: { phase, ...data },
  };
}

/** Turns what a watch says into events. `unitCount` is asked when a table was read. */
export function tellingSink(clock: Clock, listener: Listener, unitCount: () => number): WatchSink {
  /** Transitions found by reading the table since that was last told. */
  let differences = 0;
  return {
    transition: (what, unit) => {
      if (what.resync) differences++;
      listener.draft(describe(what, unit));
      listener.transition?.(what, unit);
    },
    changed: (unit) => listener.changed?.(unit),
    gone: (unit) => listener.gone?.(unit),
    timerElapsed: (elapse) => listener.timerElapsed?.(elapse),
    missing: (unit) => listener.draft(describeMissing(unit, clock.realtimeUs())),
    loadFailed: (unit) => listener.draft(describeLoadFailure(unit, clock.realtimeUs())),
    busLost: (reason) =>
      listener.draft(
        agentDraft('bus_lost', 'error', `The bus is lost: ${reason}`, clock, { reason }),
      ),
    busBack: () => listener.draft(agentDraft('bus_back', 'info', 'The bus is back.', clock)),
    resynced: (reason) => {
      const found = differences;
      differences = 0;
      // A reconciliation that finds nothing is no news.
      if (reason === 'reconciliation' && found === 0) return;
      const units = unitCount();
      const message = `Read ${units} units (${reason}): ${found} differences.`;
      listener.draft(
        agentDraft('resync', found > 0 && reason !== 'start' ? 'warning' : 'info', message, clock, {
          reason,
          units,
          differences: found,
        }),
      );
    },
  };
}
