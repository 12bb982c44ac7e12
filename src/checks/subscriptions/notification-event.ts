import type { Draft } from '../../model/event.ts';
import { type RealtimeUs, rfc3339 } from '../../model/time.ts';
import { sentenceOf } from './channel.ts';
import type { DeliveryNews } from './deliveries.ts';

/** A delivery as an event of the stream. */
export function notificationDraft(news: DeliveryNews, timeUs: RealtimeUs): Draft {
  const { message, phase, attempts, reason: failure } = news;
  const { caller, service, state, since, told, reason, id, left_out } = message;
  const severity = phase === 'given_up' ? 'error' : phase === 'retrying' ? 'warning' : 'info';
  return {
    event_type: 'notification',
    time: rfc3339(timeUs),
    service,
    severity,
    message: `${sentenceOf(message)}: ${caller}, ${phase.replace('_', ' ')}.`,
    data: {
      ...{ caller, state, phase, delivery_id: id, since, told, attempts },
      ...(left_out > 0 && { left_out }),
      ...(reason !== '' && { reason }),
      ...(failure !== '' && { failure }),
    },
  };
}
