/**
 * What /metrics says of endpoints: under unitwatch's own names here, under those of
 * prometheus/blackbox_exporter at `/probe` (`probe-metrics.ts`).
 */
import {
  type EndpointStats,
  type EndpointUse,
  type ProbeResult,
  probeFaults,
} from '../model/probe.ts';
import type { Declared, Sample } from './metric.ts';

/** A family with a line or a few for each endpoint. */
export interface EndpointMetric extends Declared {
  samples(endpoints: Iterable<EndpointUse>): Sample[];
}

/** A family about the schedule of all of them. */
export interface EndpointStatsMetric extends Declared {
  samples(stats: EndpointStats): Sample[];
}

type Labels = Readonly<Record<string, string>>;
type Line = readonly [more: Labels, value: number];

/** Lines for each endpoint, all of them with its name and kind. */
function each(
  declared: Declared,
  lines: (endpoint: EndpointUse) => readonly Line[],
): EndpointMetric {
  const samples = (endpoints: Iterable<EndpointUse>): Sample[] =>
    [...endpoints].flatMap((endpoint) =>
      lines(endpoint).map(([more, value]) => ({
        labels: { name: endpoint.name, kind: endpoint.kind, ...more },
        value,
      })),
    );
  return { ...declared, samples };
}

/** One line for each endpoint that has been looked at; none where the value is undefined. */
function ofLast(
  declared: Omit<Declared, 'labels' | 'type'>,
  read: (last: ProbeResult) => number | undefined,
): EndpointMetric {
  return each({ ...declared, type: 'gauge', labels: ['name', 'kind'] }, ({ last }) => {
    const value = last && read(last);
    return value === undefined ? [] : [[{}, value]];
  });
}

const outcomes = ['up', ...probeFaults] as const;

export const endpointMetrics: readonly EndpointMetric[] = [
  ofLast(
    { name: 'unitwatch_endpoint_up', help: '1 where the last probe ended well, else 0.' },
    ({ up }) => (up ? 1 : 0),
  ),
  ofLast(
    { name: 'unitwatch_endpoint_duration_seconds', help: 'How long the last probe took.' },
    ({ durationSeconds }) => durationSeconds,
  ),
  each(
    {
      name: 'unitwatch_endpoint_phase_seconds',
      type: 'gauge',
      help: 'Phases of the last probe; those that did not happen have no line.',
      labels: ['name', 'kind', 'phase'],
    },
    ({ last }) =>
      Object.entries(last?.phaseSeconds ?? {}).map(([phase, seconds]) => [{ phase }, seconds]),
  ),
  ofLast(
    {
      name: 'unitwatch_endpoint_http_status_code',
      help: 'Status code of the last answer; 0 where none came.',
    },
    ({ kind, status }) => (kind === 'http' ? (status ?? 0) : undefined),
  ),
  ofLast(
    {
      name: 'unitwatch_endpoint_certificate_end_timestamp_seconds',
      help: 'When the first certificate of the chain ends, seconds since 1970.',
    },
    ({ certificateEndUs }) => (certificateEndUs === undefined ? undefined : certificateEndUs / 1e6),
  ),
  ofLast(
    {
      name: 'unitwatch_endpoint_last_probe_timestamp_seconds',
      help: 'When the last probe began, seconds since 1970.',
    },
    ({ timeUs }) => timeUs / 1e6,
  ),
  each(
    {
      name: 'unitwatch_endpoint_results_total',
      type: 'counter',
      help: 'Probes that ended, by outcome; an outcome that never was has no line.',
      labels: ['name', 'kind', 'outcome'],
    },
    ({ results }) =>
      outcomes.flatMap((outcome): Line[] => {
        const count = results[outcome];
        return count === undefined ? [] : [[{ outcome }, count]];
      }),
  ),
  each(
    {
      name: 'unitwatch_endpoint_skipped_total',
      type: 'counter',
      help: 'Due probes that were left out because the one before was still under way.',
      labels: ['name', 'kind'],
    },
    ({ skipped }) => (skipped === undefined ? [] : [[{}, skipped]]),
  ),
  each(
    {
      name: 'unitwatch_endpoint_lateness_seconds',
      type: 'gauge',
      help: 'How long after it was due the last probe began.',
      labels: ['name', 'kind'],
    },
    ({ latenessSeconds }) => (latenessSeconds === undefined ? [] : [[{}, latenessSeconds]]),
  ),
];

const latenessName = 'unitwatch_probe_lateness_seconds';

export const endpointStatsMetrics: readonly EndpointStatsMetric[] = [
  {
    name: 'unitwatch_probes_running',
    type: 'gauge',
    help: 'Probes of endpoints that are under way.',
    labels: [],
    samples: ({ running }) => [{ labels: {}, value: running }],
  },
  {
    name: 'unitwatch_probes_waiting',
    type: 'gauge',
    help: 'Probes that are due and wait, because too many are under way.',
    labels: [],
    samples: ({ waiting }) => [{ labels: {}, value: waiting }],
  },
  {
    name: 'unitwatch_probes_late_total',
    type: 'counter',
    help: 'Probes that began more than a second after they were due.',
    labels: [],
    samples: ({ late }) => [{ labels: {}, value: late }],
  },
  {
    name: latenessName,
    type: 'histogram',
    help: 'How long after they were due probes began.',
    labels: ['le'],
    samples: ({ lateness }) => {
      let below = 0;
      const buckets = [...lateness.bounds, Infinity].map((bound, at): Sample => {
        below += lateness.counts[at] ?? 0;
        const le = bound === Infinity ? '+Inf' : String(bound);
        return { metricName: `${latenessName}_bucket`, labels: { le }, value: below };
      });
      return [
        ...buckets,
        { metricName: `${latenessName}_sum`, labels: {}, value: lateness.sum },
        { metricName: `${latenessName}_count`, labels: {}, value: lateness.count },
      ];
    },
  },
];
