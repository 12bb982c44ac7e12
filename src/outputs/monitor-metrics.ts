/** What /metrics says of the monitor: nothing where it is off. */
import { deliveryPhases, type MonitorFigures, monitoredCollections } from '../model/monitor.ts';
import type { OutageView } from '../model/status.ts';
import type { AgentMetric, Declared, Sample } from './metric.ts';

function family(
  declared: Declared,
  read: (figures: MonitorFigures) => Iterable<Sample>,
): AgentMetric {
  return {
    ...declared,
    samples: ({ view }) => {
      const figures = view.monitor?.();
      return figures === undefined ? [] : read(figures);
    },
  };
}

/** A family of one line; of none where the value is undefined. */
function one(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (figures: MonitorFigures) => number | undefined,
): AgentMetric {
  return family({ name, type, help, labels: [] }, (figures) => {
    const value = read(figures);
    return value === undefined ? [] : [{ labels: {}, value }];
  });
}

export const monitorMetrics: readonly AgentMetric[] = [
  family(
    {
      name: 'unitwatch_monitor_records',
      type: 'gauge',
      help: 'Services, callers, subscriptions and planned outages that the monitor keeps.',
      labels: ['collection'],
    },
    ({ records }) =>
      monitoredCollections.map((collection) => ({
        labels: { collection },
        value: records[collection],
      })),
  ),
  family(
    {
      name: 'unitwatch_delivery_attempts_total',
      type: 'counter',
      help: 'Attempts to tell a caller that ended: sent, retrying (it failed), or given_up.',
      labels: ['phase'],
    },
    ({ attempts }) =>
      deliveryPhases.map((phase) => ({ labels: { phase }, value: attempts[phase] })),
  ),
  one(
    'gauge',
    'unitwatch_deliveries_waiting',
    'Messages to callers that wait in the file of the monitor.',
    ({ waiting }) => waiting,
  ),
  one(
    'gauge',
    'unitwatch_deliveries_oldest_timestamp_seconds',
    'When the oldest of them was put into the queue, seconds since 1970; nothing without one.',
    ({ oldestUs }) => (oldestUs === undefined ? undefined : oldestUs / 1e6),
  ),
  one(
    'gauge',
    'unitwatch_deliveries_held',
    'Messages that wait in memory, because the file of the monitor cannot be written.',
    ({ held }) => held,
  ),
  one(
    'counter',
    'unitwatch_deliveries_lost_total',
    'Messages that were too many to wait in memory, and are lost.',
    ({ lost }) => lost,
  ),
  one(
    'gauge',
    'unitwatch_monitor_file_up',
    '1 where the file of the monitor could be written the last time, else 0.',
    ({ isWritten }) => Number(isWritten),
  ),
];

/** A family with a line for each outage that is on and each check in it. */
export interface OutageMetric extends Declared {
  samples(outages: Iterable<OutageView>): Iterable<Sample>;
}

export const outageMetrics: readonly OutageMetric[] = [
  {
    name: 'unitwatch_outage_end_timestamp_seconds',
    type: 'gauge',
    help: 'When the planned outage that is on for the check ends, seconds since 1970; nothing when none is.',
    labels: ['outage', 'name'],
    samples: (outages) =>
      [...outages].flatMap(({ name: outage, untilUs, checks }) =>
        checks.map((name) => ({ labels: { outage, name }, value: untilUs / 1e6 })),
      ),
  },
];
