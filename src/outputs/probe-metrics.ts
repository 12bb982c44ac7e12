/**
 * One result under the names, types and HELP texts of prometheus/blackbox_exporter 0.23
 * (prober/handler.go, prober/http.go, prober/tcp.go, prober/utils.go), so that scrape jobs and rules
 * made for it go on. What unitwatch does not know is left out; docs/checks.md lists it.
 */
import type { ProbePhase, ProbeResult } from '../model/probe.ts';
import type { Declared, Sample } from './metric.ts';

export interface ProbeMetric extends Declared {
  /** Nothing where that kind of probe does not have it. */
  samples(result: ProbeResult): Sample[];
}

/** One line, or none where the value is undefined. */
function gauge(
  name: string,
  help: string,
  read: (result: ProbeResult) => number | undefined,
): ProbeMetric {
  return {
    name,
    type: 'gauge',
    help,
    labels: [],
    samples: (result) => {
      const value = read(result);
      return value === undefined ? [] : [{ labels: {}, value }];
    },
  };
}

const ofHttp = (result: ProbeResult, value: number | undefined): number | undefined =>
  result.kind === 'http' ? (value ?? 0) : undefined;

/** Its five phases; all of them are there once there is an address to connect to. */
const phases: Readonly<Record<string, ProbePhase>> = {
  connect: 'connect',
  processing: 'first_byte',
  resolve: 'resolve',
  tls: 'tls',
  transfer: 'transfer',
};

function protocolOf({ address }: ProbeResult): number {
  if (address === undefined) return 0;
  // An IPv4 address in IPv6's clothes, RFC 4291 section 2.5.5.2.
  return address.includes(':') && !/^::ffff:[\d.]+$/i.test(address) ? 6 : 4;
}

export const probeMetrics: readonly ProbeMetric[] = [
  gauge(
    'probe_dns_lookup_time_seconds',
    'Returns the time taken for probe dns lookup in seconds',
    ({ phaseSeconds }) => phaseSeconds.resolve ?? 0,
  ),
  gauge(
    'probe_duration_seconds',
    'Returns how long the probe took to complete in seconds',
    ({ durationSeconds }) => durationSeconds,
  ),
  gauge('probe_failed_due_to_regex', 'Indicates if probe failed due to regex', ({ fault }) =>
    fault === 'regex' ? 1 : 0,
  ),
  gauge('probe_http_content_length', 'Length of http content response', (result) =>
    // -1 is net/http's word for an answer without that header.
    ofHttp(result, result.status === undefined ? 0 : (result.contentLength ?? -1)),
  ),
  {
    name: 'probe_http_duration_seconds',
    type: 'gauge',
    help: 'Duration of http request by phase, summed over all redirects',
    labels: ['phase'],
    samples: ({ kind, phaseSeconds, address }) =>
      kind === 'http'
        ? Object.entries(phases)
            .filter(([phase]) => address !== undefined || phase === 'resolve')
            .map(([phase, ours]) => ({ labels: { phase }, value: phaseSeconds[ours] ?? 0 }))
        : [],
  },
  gauge('probe_http_redirects', 'The number of redirects', (result) =>
    ofHttp(result, result.redirects),
  ),
  gauge('probe_http_ssl', 'Indicates if SSL was used for the final redirect', (result) =>
    // Only with an answer: a handshake alone is none.
    ofHttp(result, result.tls && result.status !== undefined ? 1 : 0),
  ),
  gauge('probe_http_status_code', 'Response HTTP status code', (result) =>
    ofHttp(result, result.status),
  ),
  gauge('probe_http_uncompressed_body_length', 'Length of uncompressed response body', (result) =>
    ofHttp(result, result.bodyBytes),
  ),
  gauge('probe_ip_protocol', 'Specifies whether probe ip protocol is IP4 or IP6', protocolOf),
  gauge(
    'probe_ssl_earliest_cert_expiry',
    'Returns last SSL chain expiry in unixtime',
    ({ certificateEndUs }) => (certificateEndUs === undefined ? undefined : certificateEndUs / 1e6),
  ),
  gauge('probe_success', 'Displays whether or not the probe was a success', ({ up }) =>
    up ? 1 : 0,
  ),
];
