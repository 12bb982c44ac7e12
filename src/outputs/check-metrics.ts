/** What /metrics says of all checks, whatever their kind. */
import type { CheckKind, CheckState, CheckView } from '../model/check.ts';
import type { Declared, Sample } from './metric.ts';

/** A family with a line or a few for each check. */
export interface CheckMetric extends Declared {
  samples(checks: Iterable<CheckView>): Sample[];
}

/** What a check of that kind can say; it says one of them. */
const states: Readonly<Record<CheckKind, readonly CheckState[]>> = {
  process: ['running', 'degraded', 'missing', 'too_many', 'unknown'],
  unit: ['running', 'degraded', 'missing', 'unknown'],
  tcp: ['up', 'down', 'unknown'],
  http: ['up', 'down', 'unknown'],
};

/** It does what it is there for, be it with too many processes or without what it depends on. */
const runs: ReadonlySet<CheckState> = new Set(['running', 'degraded', 'too_many', 'up']);

/** One line for each check; none where the value is undefined. */
function one(
  declared: Omit<Declared, 'labels' | 'type'>,
  read: (check: CheckView) => number | undefined,
): CheckMetric {
  return {
    ...declared,
    type: 'gauge',
    labels: ['name', 'kind'],
    samples: (checks) =>
      [...checks].flatMap((check) => {
        const value = read(check);
        return value === undefined
          ? []
          : [{ labels: { name: check.name, kind: check.kind }, value }];
      }),
  };
}

export const checkMetrics: readonly CheckMetric[] = [
  {
    name: 'unitwatch_check_state',
    type: 'gauge',
    help: '1 for the state that the check is in, 0 for the others that its kind has.',
    labels: ['name', 'kind', 'state'],
    samples: (checks) =>
      [...checks].flatMap((check) =>
        states[check.kind].map((state) => ({
          labels: { name: check.name, kind: check.kind, state },
          value: check.state === state ? 1 : 0,
        })),
      ),
  },
  one(
    {
      name: 'unitwatch_check_up',
      help: '1 while it runs or answers, 0 while it does not or is not known.',
    },
    ({ state }) => (runs.has(state) ? 1 : 0),
  ),
  one(
    { name: 'unitwatch_check_outage', help: '1 while it is in a planned outage, else 0.' },
    ({ outage }) => (outage ? 1 : 0),
  ),
  one(
    {
      name: 'unitwatch_check_last_timestamp_seconds',
      help: 'When it was last looked at, seconds since 1970; 0 for never.',
    },
    ({ checkedUs }) => checkedUs / 1e6,
  ),
  one(
    {
      name: 'unitwatch_check_subscriptions',
      help: 'Callers who have a service of the monitor looked at, and hear of it.',
    },
    ({ subscriptions }) => subscriptions,
  ),
];
