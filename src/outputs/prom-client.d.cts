/**
 * The one file of prom-client that is loaded. Its index costs 4.2 MB of private memory more (cluster,
 * push gateway, OpenTelemetry, t-digest); its registry alone 0.1 MB. The types that come with the
 * package describe the index only, so what is used of the registry is declared here.
 */
declare module 'prom-client/lib/registry.js' {
  interface Sample {
    /** The family's own name when absent; `_bucket`, `_sum` and `_count` of a histogram. */
    readonly metricName?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }

  interface Family {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    /** Asked for at every scrape; the registry keeps nothing of what it returns. */
    get(): Promise<{
      readonly name: string;
      readonly help: string;
      readonly type: string;
      readonly values: Iterable<Sample>;
    }>;
  }

  class Registry {
    static readonly PROMETHEUS_CONTENT_TYPE: string;
    /** @throws Error where another family has the name */
    registerMetric(family: Family): void;
    /** Every family in the text format, version 0.0.4. */
    metrics(): Promise<string>;
  }

  export = Registry;
}
