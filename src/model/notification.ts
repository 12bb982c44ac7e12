import type { Fields } from './field.ts';
import { deliveryPhases } from './monitor.ts';

/** `data` of a `notification` event; `service` is the name of the service that changed. */
export const notificationFields = {
  caller: { type: 'string', doc: 'Who is told: id of the caller.' },
  state: { type: 'string', doc: 'What they are told.', values: ['up', 'down'] },
  phase: {
    type: 'string',
    doc: '`sent`: it has arrived; `retrying`: it has not, and is tried again; `given_up`: it is not.',
    values: deliveryPhases,
  },
  delivery_id: { type: 'string', doc: 'The same in every attempt, and in what the caller gets.' },
  since: { type: 'string', doc: 'When the service was first seen so, RFC 3339.' },
  told: { type: 'string', doc: 'When the caller was to be told, RFC 3339.' },
  attempts: { type: 'integer', doc: 'Attempts so far.', minimum: 0 },
  left_out: {
    type: 'integer',
    doc: 'Changes before it that were left out because they were too many.',
    optional: true,
  },
  reason: { type: 'string', doc: 'Why the service is down.', optional: true },
  failure: { type: 'string', doc: 'Why it has not arrived.', optional: true },
} as const satisfies Fields;
