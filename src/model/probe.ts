import type { CheckKind, CheckState } from './check.ts';
import type { Histogram } from './histogram.ts';
import type { RealtimeUs } from './time.ts';

/**
 * Parts of a probe, in their order. `first_byte` lasts from the request to the first byte of the
 * answer, `transfer` from there to its end.
 */
export const probePhases = ['resolve', 'connect', 'tls', 'first_byte', 'transfer'] as const;
export type ProbePhase = (typeof probePhases)[number];

/**
 * Why a probe did not end well, in one word. `name`: there is no such name; `dns`: the name servers
 * did not say; `closed`: the other side ended the connection; `garbage`: no valid HTTP; `local`: this
 * machine is to blame, and nothing is known of the endpoint.
 */
export const probeFaults = [
  'refused',
  'unreachable',
  'timeout',
  'reset',
  'closed',
  'name',
  'dns',
  'tls',
  'certificate',
  'garbage',
  'status',
  'regex',
  'redirect',
  'local',
] as const;
export type ProbeFault = (typeof probeFaults)[number];

/** What one probe found out; plain data for the store, metrics and whoever else wants it. */
export interface ProbeResult {
  /** The check's. */
  readonly name: string;
  readonly kind: CheckKind;
  /** When it began. */
  readonly timeUs: RealtimeUs;
  readonly up: boolean;
  /** Undefined where it is up. */
  readonly fault?: ProbeFault;
  /** For people: `refused`, `timeout (tls)`, `status 503`; empty where it is up. */
  readonly reason: string;
  readonly durationSeconds: number;
  /**
   * Seconds of each phase, summed over redirects and attempts. What did not happen is not there: a
   * connection that was kept has no resolve, connect and tls.
   */
  readonly phaseSeconds: Readonly<Partial<Record<ProbePhase, number>>>;
  /** The IP address that answered, or the last that was tried. */
  readonly address?: string;
  /** Connections that were tried: more than one where an address did not answer. */
  readonly attempts: number;
  /** Of HTTP: status code of the last answer. */
  readonly status?: number;
  /** Of HTTP: redirects that were followed. */
  readonly redirects?: number;
  /** Of HTTP: bytes of the body that were read, and whether there was more. Also where it broke off. */
  readonly bodyBytes?: number;
  readonly bodyCut?: boolean;
  /** Of HTTP: what the header Content-Length says. */
  readonly contentLength?: number;
  /** Whether the last answer came over TLS. */
  readonly tls?: boolean;
  /** When the first certificate of the chain ends; there also where it is not valid. */
  readonly certificateEndUs?: RealtimeUs;
  /** It was in a planned outage. */
  readonly outage?: boolean;
}

/** What a result says of the endpoint. */
export function probeState({ up, fault }: ProbeResult): CheckState {
  if (up) return 'up';
  return fault === 'local' ? 'unknown' : 'down';
}

/** One endpoint as metrics see it. */
export interface EndpointUse {
  readonly name: string;
  readonly kind: CheckKind;
  /** `host:port` or the URL, without what may be secret in it. */
  readonly target: string;
  /** Undefined before the first. */
  readonly last: ProbeResult | undefined;
  /** Results since the agent began to watch it: `up`, or the fault. */
  readonly results: Readonly<Partial<Record<'up' | ProbeFault, number>>>;
  /** Due probes that were left out because the one before was still under way; of the configuration's. */
  readonly skipped?: number;
  /** By how much the last probe began too late, seconds; of the configuration's. */
  readonly latenessSeconds?: number;
}

/** How well the schedule of all endpoints is kept. */
export interface EndpointStats {
  /** Probes under way. */
  readonly running: number;
  /** Due probes that wait for a place. */
  readonly waiting: number;
  /** Seconds from when a probe was due to when it began. */
  readonly lateness: Histogram;
  /** The worst of them. */
  readonly latenessMaxSeconds: number;
  /** Probes that began more than a second too late. */
  readonly late: number;
  /** Due probes that were left out because the one before was still under way. */
  readonly skipped: number;
}
