import type { RealtimeUs } from '../model/time.ts';
import type { ActiveState, UnitState } from '../model/unit.ts';
import { copyState } from './properties.ts';

/**
 * The first full view of a unit comes as a signal, before its properties were read. All that is
 * older than the list is where we begin; what began after it has just happened. The list's own
 * words are no help: it comes over another connection, and may be newer than this signal.
 * @param state what the list said; becomes where we begin
 * @param listedUs when the list was asked for; 0 where there has been none
 */
export function beginWith(state: UnitState, next: Readonly<UnitState>, listedUs: RealtimeUs): void {
  const { activeState, subState } = state;
  copyState(next, state);
  if (listedUs === 0 || next.stateChangeUs <= listedUs) return;
  state.activeState = activeStateAt(next, listedUs);
  state.subState = state.activeState === activeState ? subState : '';
  if (next.activeEnterUs > listedUs) state.activeEnterUs = 0;
  if (next.inactiveEnterUs > listedUs) state.inactiveEnterUs = 0;
  if (next.inactiveExitUs > listedUs) {
    state.nRestarts = 0;
    state.invocation0 = 0;
    state.invocation1 = 0;
    state.invocation2 = 0;
    state.invocation3 = 0;
  }
}

/** What the timestamps of a later view tell of the state at an earlier time. */
function activeStateAt(later: Readonly<UnitState>, us: RealtimeUs): ActiveState {
  const { activeEnterUs, activeExitUs, inactiveExitUs, inactiveEnterUs } = later;
  const exited = activeExitUs > activeEnterUs && activeExitUs <= us;
  if (activeEnterUs > 0 && activeEnterUs <= us && !exited) return 'active';
  if (activeExitUs > us && activeExitUs < activeEnterUs) return 'active';
  const leftInactive = inactiveExitUs > inactiveEnterUs && inactiveExitUs <= us;
  return leftInactive ? 'activating' : 'inactive';
}
