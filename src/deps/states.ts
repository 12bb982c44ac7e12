import type { ActiveState, Phase } from '../model/unit.ts';

/** systemd's ActiveState as small numbers, so that a graph's states fit in a byte each. */
export const inactive = 0;
export const failed = 1;
export const active = 2;
const reloading = 3;
export const activating = 4;
export const deactivating = 5;
export const maintenance = 6;

const codes: Readonly<Record<ActiveState, number>> = {
  inactive,
  failed,
  active,
  reloading,
  refreshing: reloading,
  activating,
  deactivating,
  maintenance,
};

export function stateCode(state: ActiveState): number {
  return codes[state];
}

const words: readonly ActiveState[] = [
  'inactive',
  'failed',
  'active',
  'reloading',
  'activating',
  'deactivating',
  'maintenance',
];

/** The reverse of `stateCode`; `refreshing` counts as `reloading`, which is the same for others. */
export function stateWord(code: number): ActiveState {
  return words[code] ?? 'inactive';
}

/** The predicates of src/core/unit.h: UNIT_IS_ACTIVE_OR_RELOADING and so on. */
export function isUp(state: number): boolean {
  return state === active || state === reloading;
}

export function isUpOrComing(state: number): boolean {
  return state === active || state === reloading || state === activating;
}

export function isDown(state: number): boolean {
  return state === inactive || state === failed;
}

export function isDownOrGoing(state: number): boolean {
  return state === inactive || state === failed || state === deactivating;
}

/** Whether a unit that was in this state has been started, now that it is in this phase. */
export function isStarted(code: number, phase: Phase): boolean {
  return isDown(code) && (phase === 'starting' || phase === 'up');
}
