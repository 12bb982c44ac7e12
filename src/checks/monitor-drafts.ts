import type { CheckView } from '../model/check.ts';
import type { Draft } from '../model/event.ts';
import { rfc3339 } from '../model/time.ts';
import type { MonitorEvent } from './subscriptions/monitor-event.ts';

/** One kind of what a monitor tells. */
export type Told<T extends MonitorEvent['type']> = Extract<MonitorEvent, { type: T }>;

/** A look saw a change of a service. */
export function stateDraft(event: Told<'state'>, { kind, outage }: CheckView): Draft {
  const { service, state, reason, timeUs } = event;
  return {
    time: rfc3339(timeUs),
    event_type: 'check',
    service,
    severity: state === 'up' || outage ? 'info' : 'error',
    message: reason === '' ? `${service}: ${state}` : `${service}: ${state}, ${reason}`,
    data: { kind, state, ...(reason !== '' && { reason }), ...(outage && { outage }) },
  };
}

/** A planned outage of a service began or ended. */
export function outageDraft({ service, inside, timeUs }: Told<'outage'>, view: CheckView): Draft {
  const { kind, state } = view;
  return {
    time: rfc3339(timeUs),
    event_type: 'check',
    service,
    severity: state === 'down' && !inside ? 'error' : 'info',
    message: `${service}: ${state}, a planned outage ${inside ? 'began' : 'ended'}`,
    data: { kind, state, outage: inside },
  };
}
