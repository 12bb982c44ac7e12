import type { RealtimeUs } from '../model/time.ts';
import type { AgentView } from '../model/view.ts';

/** A bus that is gone for longer is not a restart of it: systemd or an orchestrator should know. */
const BUS_LOST_LIMIT_S = 60;

/** The answer of a probe: 200 or 503, and a small object that says why. */
export interface Health {
  readonly status: 200 | 503;
  readonly body: Readonly<Record<string, string | number | boolean>>;
}

/** That it answers at all says that the event loop turns. */
export function healthOf(view: AgentView, nowUs: RealtimeUs): Health {
  if (view.bus !== 'lost') return { status: 200, body: { status: 'ok', bus: view.bus } };
  const lostUs = view.busLostUs ?? view.startedUs;
  const lostS = Math.max(0, Math.round((nowUs - lostUs) / 1e6));
  const bus = { bus: 'lost', bus_lost_s: lostS };
  if (lostS <= BUS_LOST_LIMIT_S) return { status: 200, body: { status: 'ok', ...bus } };
  return {
    status: 503,
    body: {
      status: 'unhealthy',
      ...bus,
      reason: `no connection to the bus for ${lostS} s; is the bus daemon running?`,
    },
  };
}

/** Ready: connected, and every unit's state has been read. */
export function readinessOf(view: AgentView): Health {
  if (view.ready) return { status: 200, body: { status: 'ready' } };
  const reason =
    view.bus === 'lost'
      ? 'there is no connection to the bus'
      : 'the table of units has not been read yet';
  return { status: 503, body: { status: 'not ready', reason } };
}
