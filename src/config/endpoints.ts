import type { Endpoint } from '../checks/endpoints-kinds.ts';
import type { ThresholdSettings } from '../checks/threshold.ts';
import type { Config } from './keys.ts';

/** Tables whose endpoints have thresholds of their own, as far as they are set. */
interface OwnThresholds {
  readonly failures: number | undefined;
  readonly successes: number | undefined;
  readonly grace: number | undefined;
}

/** What the configuration says of TCP and HTTP services. */
export function endpointsOf({ checks }: Pick<Config, 'checks'>): readonly Endpoint[] {
  const tcp = [...checks.tcp].map(
    ([name, { host, port, interval, timeout, ...own }]): Endpoint => ({
      name,
      kind: 'tcp',
      host,
      port,
      intervalMs: interval,
      timeoutMs: timeout,
      thresholds: thresholdsOf(own),
    }),
  );
  const http = [...checks.http].map(
    ([name, one]): Endpoint => ({
      name,
      kind: 'http',
      url: one.url,
      method: one.method,
      headers: Object.fromEntries(one.headers),
      secretHeaders: Object.fromEntries(
        [...one.secret_headers].map(([header, value]) => [header, value.reveal()]),
      ),
      body: one.body,
      expectedStatus: one.expected_status,
      regex: one.check_regex ? one.regex : undefined,
      maxRedirects: one.follow_redirects,
      verifyTls: one.tls_verify,
      certificateWarningUs: one.certificate_warning * 1e3,
      intervalMs: one.interval_sec * 1e3,
      timeoutMs: one.timeout * 1e3,
      thresholds: thresholdsOf(one),
    }),
  );
  return [...tcp, ...http];
}

function thresholdsOf({ failures, successes, grace }: OwnThresholds): Partial<ThresholdSettings> {
  return {
    ...(failures !== undefined && { down: failures }),
    ...(successes !== undefined && { up: successes }),
    ...(grace !== undefined && { graceUs: grace * 1e3 }),
  };
}
