import type { ProbeContext, Prober } from './endpoints-contract.ts';
import { type HttpEndpoint, httpProber } from './http/probe.ts';
import { type TcpEndpoint, tcpProber } from './tcp/probe.ts';

/** What can be looked at, by its kind. Adding one is a file with its prober, and a row in both tables. */
interface EndpointOf {
  readonly tcp: TcpEndpoint;
  readonly http: HttpEndpoint;
}

const probers: {
  readonly [K in keyof EndpointOf]: (endpoint: EndpointOf[K], context: ProbeContext) => Prober;
} = {
  tcp: tcpProber,
  http: httpProber,
};

/** An endpoint of any of the kinds, or of those given. */
export type Endpoint<K extends keyof EndpointOf = keyof EndpointOf> = {
  readonly [P in K]: EndpointOf[P] & { readonly kind: P };
}[K];

export function openProber<K extends keyof EndpointOf>(
  endpoint: Endpoint<K>,
  context: ProbeContext,
): Prober {
  return probers[endpoint.kind](endpoint, context);
}
