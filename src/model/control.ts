import type { Fields } from './field.ts';
import { stepOutcomes } from './repair.ts';

/** `data` of a `control` event; `service` is the component or the unit. */
export const controlFields = {
  action: { type: 'string', doc: 'What was asked for.', values: ['start', 'stop', 'restart'] },
  asked: {
    type: 'string',
    doc: 'For which component or unit, where this one is on the way to it.',
  },
  outcome: { type: 'string', doc: 'How the step ended.', values: stepOutcomes },
  reason: { type: 'string', doc: 'Why it ended so.', optional: true },
  output: {
    type: 'strings',
    doc: 'The last lines that its command wrote to standard error, cleaned; at most 5.',
    optional: true,
  },
  duration_s: { type: 'number', doc: 'How long it took, seconds.' },
} as const satisfies Fields;
