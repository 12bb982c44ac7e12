import type { Config } from './keys.ts';

/** A service of the configuration that is looked at over the network. */
export interface ServiceRow {
  /** From 1: TCP services first, then HTTP services, so that a new one is always the last. */
  readonly number: number;
  readonly name: string;
  readonly kind: 'tcp' | 'http';
  /** A URL, or `host:port`. */
  readonly target: string;
  /** Empty for TCP. */
  readonly method: string;
  readonly regex: string | undefined;
  readonly checkRegex: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** The services of a configuration, as commands number them. */
export function serviceRows({ checks }: Pick<Config, 'checks'>): readonly ServiceRow[] {
  const tcp = [...checks.tcp].map(([name, { host, port, interval, timeout }]) => ({
    ...{ name, kind: 'tcp' as const, method: '', regex: undefined, checkRegex: false },
    target: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    ...{ intervalMs: interval, timeoutMs: timeout },
  }));
  const http = [...checks.http].map(([name, one]) => ({
    ...{ name, kind: 'http' as const, target: one.url, method: one.method, regex: one.regex },
    checkRegex: one.check_regex,
    ...{ intervalMs: one.interval_sec * 1e3, timeoutMs: one.timeout * 1e3 },
  }));
  return [...tcp, ...http].map((row, i) => ({ number: i + 1, ...row }));
}
