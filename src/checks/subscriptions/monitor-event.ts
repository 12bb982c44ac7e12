import type { RealtimeUs } from '../../model/time.ts';
import type { DeliveryNews } from './deliveries.ts';
import type { TroubleNews } from './trouble.ts';

/** What a monitor tells its program. */
export type MonitorEvent = { readonly timeUs: RealtimeUs } & (
  | { readonly type: 'state'; readonly service: string; state: 'up' | 'down'; reason: string }
  | { readonly type: 'outage'; readonly service: string; readonly inside: boolean }
  | ({ readonly type: 'notification' } & DeliveryNews)
  | ({ readonly type: 'trouble' } & TroubleNews)
);
