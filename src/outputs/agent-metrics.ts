import { eventTypes } from '../model/event.ts';
import { patterns } from '../model/finding.ts';
import type { AgentMetric, Sample, Source } from './metric.ts';

type Scalar = (source: Source) => number | undefined;

/** A family of one line; of none while its source does not know the value. */
function scalar(type: 'counter' | 'gauge', name: string, help: string, read: Scalar): AgentMetric {
  const samples = (source: Source): Sample[] => {
    const value = read(source);
    return value === undefined ? [] : [{ labels: {}, value }];
  };
  return { name, type, help, labels: [], samples };
}

function* droppedSamples({ view }: Source): Iterable<Sample> {
  for (const [output, reasons] of Object.entries(view.dropped)) {
    for (const [reason, value] of Object.entries(reasons)) {
      yield { labels: { output, reason }, value };
    }
  }
}

const delayName = 'unitwatch_signal_delay_seconds';

/** Buckets are cumulative in the text format; in the model's histogram they are not. */
function* delaySamples({ view: { signalDelay } }: Source): Iterable<Sample> {
  let below = 0;
  for (const [i, count] of signalDelay.counts.entries()) {
    below += count;
    const bound = signalDelay.bounds[i];
    const le = bound === undefined ? '+Inf' : String(bound);
    yield { metricName: `${delayName}_bucket`, labels: { le }, value: below };
  }
  yield { metricName: `${delayName}_sum`, labels: {}, value: signalDelay.sum };
  yield { metricName: `${delayName}_count`, labels: {}, value: signalDelay.count };
}

/** unitwatch's own figures: what it follows, what it heard and what it made of it. */
const ownMetrics: readonly AgentMetric[] = [
  scalar(
    'gauge',
    'unitwatch_services_monitored',
    'Units that are followed; those that were named and do not exist included.',
    ({ tally }) => tally.units,
  ),
  scalar(
    'gauge',
    'unitwatch_container_services',
    'Followed units that are a container runtime or belong to one.',
    ({ tally }) => tally.containers,
  ),
  {
    name: 'unitwatch_events_generated_total',
    type: 'counter',
    help: 'Events made, whether or not an output took them.',
    labels: ['event_type'],
    samples: ({ view }) =>
      (Object.keys(eventTypes) as (keyof typeof eventTypes)[]).map((type) => ({
        labels: { event_type: type },
        value: view.events[type] ?? 0,
      })),
  },
  {
    name: 'unitwatch_events_dropped_total',
    type: 'counter',
    help: 'Events that an output did not take; a gap event stands for them.',
    labels: ['output', 'reason'],
    samples: droppedSamples,
  },
  {
    name: 'unitwatch_patterns_detected_total',
    type: 'counter',
    help: 'Findings opened, by pattern.',
    labels: ['pattern'],
    samples: ({ view }) =>
      patterns.map((pattern) => ({
        labels: { pattern },
        value: view.findings?.opened[pattern] ?? 0,
      })),
  },
  {
    name: 'unitwatch_pattern_seconds_total',
    type: 'counter',
    help: 'Time that the detector of a pattern has taken.',
    labels: ['pattern'],
    samples: ({ view }) =>
      patterns.map((pattern) => ({
        labels: { pattern },
        value: (view.findings?.spentUs[pattern] ?? 0) / 1e6,
      })),
  },
  {
    name: 'unitwatch_pattern_faults_total',
    type: 'counter',
    help: "Faults of a detector itself; each cost it what it knew of one service, or anomaly's of all.",
    labels: ['pattern'],
    samples: ({ view }) =>
      patterns.map((pattern) => ({
        labels: { pattern },
        value: view.findings?.faults[pattern] ?? 0,
      })),
  },
  scalar(
    'gauge',
    'unitwatch_services_learning',
    'Services whose usual behaviour is still being learned: no anomaly is called for them.',
    ({ view }) => view.findings?.learning ?? 0,
  ),
  scalar(
    'counter',
    'unitwatch_anomalies_detected_total',
    'Findings opened with the pattern anomaly.',
    ({ view }) => view.findings?.opened.anomaly ?? 0,
  ),
  {
    name: delayName,
    type: 'histogram',
    help: 'Time from the timestamp that systemd gave a change to the event about it.',
    labels: ['le'],
    samples: delaySamples,
  },
  {
    name: 'unitwatch_build_info',
    type: 'gauge',
    help: 'Always 1. Versions of unitwatch, of Node and of the systemd that it is connected to.',
    labels: ['version', 'node', 'systemd'],
    samples: ({ view, process }) => [
      {
        labels: {
          version: view.version,
          node: process.nodeVersion,
          systemd: view.systemdVersion,
        },
        value: 1,
      },
    ],
  },
  scalar(
    'gauge',
    'unitwatch_start_time_seconds',
    'When the agent started, seconds since 1970. Every counter counts from here.',
    ({ view }) => view.startedUs / 1e6,
  ),
];

const busMetrics: readonly AgentMetric[] = [
  scalar(
    'gauge',
    'unitwatch_dbus_connected',
    '1 while the connection to the bus is up.',
    ({ view }) => Number(view.bus === 'connected'),
  ),
  scalar(
    'counter',
    'unitwatch_dbus_signals_received_total',
    'D-Bus signals read, whatever they were about.',
    ({ view }) => view.counters.signalsReceived,
  ),
  scalar(
    'counter',
    'unitwatch_dbus_signals_watched_total',
    'Of the signals read, those about units that are followed.',
    ({ view }) => view.counters.signalsWatched,
  ),
  scalar(
    'counter',
    'unitwatch_dbus_messages_malformed_total',
    'Messages that were not valid D-Bus or not what systemd sends, and were skipped.',
    ({ view }) => view.counters.signalsMalformed,
  ),
  scalar(
    'counter',
    'unitwatch_dbus_received_bytes_total',
    'Bytes read from the signal connection.',
    ({ view }) => view.counters.bytesReceived,
  ),
  scalar(
    'counter',
    'unitwatch_dbus_reconnects_total',
    'Times that the bus was lost and reached again.',
    ({ view }) => view.counters.reconnects,
  ),
  scalar(
    'counter',
    'unitwatch_dbus_calls_failed_total',
    'D-Bus calls that were answered with an error.',
    ({ view }) => view.counters.callsFailed,
  ),
  scalar(
    'counter',
    'unitwatch_dbus_calls_timed_out_total',
    'D-Bus calls that were not answered in time.',
    ({ view }) => view.counters.callsTimedOut,
  ),
  scalar(
    'counter',
    'unitwatch_resyncs_total',
    'Times that the table of units was read anew, after whatever may have hidden a change.',
    ({ view }) => view.counters.resyncs,
  ),
];

/** The names that every Prometheus client library uses for its process. */
const processMetrics: readonly AgentMetric[] = [
  scalar(
    'counter',
    'process_cpu_seconds_total',
    'Total user and system CPU time spent in seconds.',
    ({ process }) => process.cpuSeconds,
  ),
  scalar(
    'gauge',
    'process_resident_memory_bytes',
    'Resident memory size in bytes.',
    ({ process }) => process.residentBytes,
  ),
  scalar(
    'gauge',
    'process_virtual_memory_bytes',
    'Virtual memory size in bytes.',
    ({ process }) => process.virtualBytes,
  ),
  scalar(
    'gauge',
    'unitwatch_process_anonymous_memory_bytes',
    'Private memory (RssAnon): the resident size without the mapped files that others share.',
    ({ process }) => process.anonymousBytes,
  ),
  scalar(
    'gauge',
    'process_open_fds',
    'Number of open file descriptors.',
    ({ process }) => process.openFds,
  ),
  scalar(
    'gauge',
    'process_max_fds',
    'Maximum number of open file descriptors.',
    ({ process }) => process.maxFds,
  ),
  scalar(
    'gauge',
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    ({ process }) => process.startSeconds,
  ),
  scalar(
    'gauge',
    'nodejs_eventloop_lag_seconds',
    'How long a turn of the event loop took when this scrape came.',
    ({ process }) => process.lagSeconds,
  ),
];

/** Every family without a unit in its labels. */
export const agentMetrics: readonly AgentMetric[] = [
  ...ownMetrics,
  ...busMetrics,
  ...processMetrics,
];
