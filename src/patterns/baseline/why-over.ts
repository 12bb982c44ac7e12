import type { RealtimeUs } from '../../model/time.ts';
import type { Calendar } from './restart-rate.ts';
import type { OpenAspect, ServiceState } from './service-state.ts';
import type { Aspect } from './suspicion.ts';

/** The rate is usual again once the restarts of every window are at least this probable. */
const ordinary = 0.01;
/** What nothing else ends is over after so many baseline periods. */
const periodsOpen = 7;

/** A sentence that says why an aspect is over at `nowUs`; undefined while it is not. */
export function whyOver(
  aspect: Aspect,
  state: ServiceState,
  open: OpenAspect,
  nowUs: RealtimeUs,
  { hourUs, periodHours }: Calendar,
): string | undefined {
  const periodUs = periodHours * hourUs;
  switch (aspect) {
    case 'restart_rate': {
      state.rate?.advance(Math.floor(nowUs / hourUs));
      const isOver = (state.rate?.judge()?.probability ?? 1) >= ordinary;
      return isOver ? 'restarts no more often than usual' : undefined;
    }
    case 'first_restart': {
      const isOver = nowUs - (state.lastRestartUs ?? 0) >= periodUs;
      return isOver ? 'has not restarted again' : undefined;
    }
    case 'missed_start':
    case 'memory':
    case 'cpu':
    case 'uptime': {
      const isOver = nowUs - open.sinceUs >= periodsOpen * periodUs;
      return isOver ? 'nothing more has come of it' : undefined;
    }
  }
}
