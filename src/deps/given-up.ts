import type { Draft } from '../model/event.ts';
import { type RealtimeUs, rfc3339 } from '../model/time.ts';
import type { UnitState } from '../model/unit.ts';

/**
 * The event of a start that systemd gave up because something that the unit needs failed: the unit
 * was down, and it is down, so that no change tells it.
 * @param root the unit that failed; empty where that is not known
 */
export function givenUpDraft(
  unit: string,
  root: string,
  state: Readonly<Pick<UnitState, 'activeState' | 'subState'>>,
  nowUs: RealtimeUs,
): Draft {
  const why = root === '' ? 'something that it needs' : `${root}, which it needs,`;
  return {
    event_type: 'failed',
    time: rfc3339(nowUs),
    service: unit,
    severity: 'error',
    message: `${unit} was not started: ${why} failed.`,
    ...(root !== '' && { caused_by: root }),
    data: {
      active_state: state.activeState,
      sub_state: state.subState,
      n_restarts: 0,
      reason: 'other',
      result: 'dependency',
    },
  };
}
