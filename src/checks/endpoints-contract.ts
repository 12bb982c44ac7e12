import type { CheckKind } from '../model/check.ts';
import type { ProbeResult } from '../model/probe.ts';
import type { Clock, DurationUs } from '../model/time.ts';
import type { NameResolver } from './tcp/resolver.ts';
import type { ThresholdSettings } from './threshold.ts';

/** What every endpoint has, whatever its kind. */
export interface EndpointBase {
  /** Unique among the checks of an agent. */
  readonly name: string;
  readonly kind: CheckKind;
  /** How often it is looked at; less than a second is a second. */
  readonly intervalMs: number;
  /** How long one probe may take. */
  readonly timeoutMs: number;
  /** Those of all checks where it has none of its own. */
  readonly thresholds?: Partial<ThresholdSettings>;
  /** A certificate that ends earlier than this is warned of. */
  readonly certificateWarningUs?: DurationUs;
}

/** What probes share. */
export interface ProbeContext {
  readonly clock: Clock;
  readonly resolver: NameResolver;
  /** Certificates that are trusted in place of the usual ones, PEM. */
  readonly ca?: string;
}

/** Looks at one endpoint, one probe at a time; it may keep a connection for the next. */
export interface Prober {
  /** For people and for `/probe`: nothing secret is in it. */
  readonly target: string;
  /** Never rejects for what the other side does. */
  probe(): Promise<ProbeResult>;
  /** Ends what is under way, soon, and lets go of everything. */
  close(): void;
}
