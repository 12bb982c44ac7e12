import type { Draft } from '../model/event.ts';
import type { ProbeResult } from '../model/probe.ts';
import type { Clock } from '../model/time.ts';
import type { Endpoint } from './endpoints-kinds.ts';
import type { NameResolver } from './tcp/resolver.ts';
import type { ThresholdSettings } from './threshold.ts';

/** What is checked; a reload brings new ones. */
export interface EndpointCheckSettings {
  /** Names are unique. */
  readonly endpoints: readonly Endpoint[];
  readonly thresholds: ThresholdSettings;
}

export interface EndpointCheckOptions extends EndpointCheckSettings {
  readonly clock: Clock;
  /** An endpoint changed, thresholds taken into account; or its certificate ends soon. */
  onChange(draft: Draft): void;
  /** Every result, also those that change nothing. */
  onResult(result: ProbeResult): void;
  /** How names are looked up; by hosts(5) and resolv.conf(5) when absent. */
  readonly resolver?: NameResolver;
  /** Certificates that are trusted in place of the usual ones, PEM. */
  readonly ca?: string;
  /** Probes at a time; `probesMax` when absent. */
  readonly concurrency?: number;
}
