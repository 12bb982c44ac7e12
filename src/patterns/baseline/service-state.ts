import type { RealtimeUs } from '../../model/time.ts';
import { type Calendar, RestartRate, type SavedRate } from './restart-rate.ts';
import type { Aspect, Suspicion } from './suspicion.ts';
import { Timetable } from './timetable.ts';

/** What the anomaly detector knows of one service; a service that never restarts has little of it. */
export interface ServiceState {
  readonly sinceUs: RealtimeUs;
  lastStartUs: RealtimeUs | undefined;
  lastRestartUs: RealtimeUs | undefined;
  /** Its last start has not ended yet. */
  isUp: boolean;
  /** Somebody stopped it after a long run: nothing is expected of it. */
  isDown: boolean;
  rate: RestartRate | undefined;
  timetable: Timetable | undefined;
  /** The aspects of the anomaly that is open; undefined where none is. */
  open: Map<Aspect, OpenAspect> | undefined;
}

export interface OpenAspect {
  readonly sinceUs: RealtimeUs;
  /** How bad it was when last told. */
  readonly size: number;
}

/** A service's state as plain data. */
export interface SavedService {
  readonly service: string;
  readonly sinceUs: RealtimeUs;
  readonly lastStartUs?: RealtimeUs;
  readonly lastRestartUs?: RealtimeUs;
  readonly isUp?: true;
  readonly isDown?: true;
  readonly rate?: SavedRate;
  readonly starts?: readonly number[];
  readonly open?: readonly (readonly [Aspect, OpenAspect])[];
}

export function newState(sinceUs: RealtimeUs): ServiceState {
  return {
    sinceUs,
    lastStartUs: undefined,
    lastRestartUs: undefined,
    isUp: false,
    isDown: false,
    rate: undefined,
    timetable: undefined,
    open: undefined,
  };
}

/** Notes the suspicion as open. @returns what to tell; undefined where it is known and no worse */
export function openAspect(
  state: ServiceState,
  { aspect, timeUs, size }: Suspicion,
): 'opened' | 'updated' | undefined {
  const phase = state.open === undefined ? 'opened' : 'updated';
  const before = state.open?.get(aspect);
  if (before !== undefined && size < before.size * 2) return undefined;
  state.open ??= new Map();
  state.open.set(aspect, { sinceUs: before?.sinceUs ?? timeUs, size });
  return phase;
}

/** @returns the aspect that was closed, where nothing is open any more after it */
export function closeAspect(state: ServiceState, aspect: Aspect): OpenAspect | undefined {
  const open = state.open?.get(aspect);
  if (state.open === undefined || open === undefined) return undefined;
  state.open.delete(aspect);
  if (state.open.size > 0) return undefined;
  state.open = undefined;
  return open;
}

/** What is known first: services that have restarted, or have something open. */
export function* savedStates(
  states: readonly (readonly [service: string, state: ServiceState])[],
): Generator<SavedService, void> {
  const isKnown = ({ rate, open }: ServiceState) => rate !== undefined || open !== undefined;
  for (const [service, state] of states) if (isKnown(state)) yield saveState(service, state);
  for (const [service, state] of states) if (!isKnown(state)) yield saveState(service, state);
}

function saveState(service: string, state: ServiceState): SavedService {
  const { sinceUs, lastStartUs, lastRestartUs, isUp, isDown, rate, timetable, open } = state;
  return {
    service,
    sinceUs,
    ...(lastStartUs === undefined ? {} : { lastStartUs }),
    ...(lastRestartUs === undefined ? {} : { lastRestartUs }),
    ...(isUp ? { isUp } : {}),
    ...(isDown ? { isDown } : {}),
    ...(rate === undefined ? {} : { rate: rate.save() }),
    ...(timetable === undefined ? {} : { starts: timetable.save() }),
    ...(open === undefined ? {} : { open: [...open] }),
  };
}

export function restoreState(saved: SavedService, calendar: Calendar): ServiceState {
  return {
    sinceUs: saved.sinceUs,
    lastStartUs: saved.lastStartUs,
    lastRestartUs: saved.lastRestartUs,
    isUp: saved.isUp ?? false,
    isDown: saved.isDown ?? false,
    rate: saved.rate && RestartRate.restore(saved.rate, calendar),
    timetable: saved.starts && Timetable.restore(saved.starts, calendar.hourUs),
    open: saved.open && new Map(saved.open),
  };
}
