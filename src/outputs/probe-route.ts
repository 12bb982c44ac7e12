import type { EndpointUse } from '../model/probe.ts';
import { limitAnswer } from './answer-deadline.ts';
import { familyText } from './exposition.ts';
import type { Route } from './http-routes.ts';
import { probeMetrics } from './probe-metrics.ts';

/**
 * `/probe?target=...&module=...`, as scrape jobs for blackbox_exporter ask. It is answered from the
 * latest result: nobody can make the agent connect to anything by asking.
 */
export function probeRoute(endpoints: () => Iterable<EndpointUse>): Route {
  return {
    title: 'The latest result of one endpoint, as blackbox_exporter says it',
    hosts: 'any',
    handle: (_request, response, { query }) => {
      const { status, text } = answer(endpoints(), new URLSearchParams(query));
      limitAnswer(response);
      response.writeHead(status, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(text);
    },
  };
}

interface ProbeAnswer {
  readonly status: number;
  readonly text: string;
}

/** What a scrape job asks for is one of the endpoints, by its name or its target. */
function answer(endpoints: Iterable<EndpointUse>, parameters: URLSearchParams): ProbeAnswer {
  const target = parameters.get('target') ?? '';
  if (target === '') return { status: 400, text: 'Target parameter is missing\n' };
  const all = [...endpoints];
  const named = all.filter(({ name }) => name === target);
  const wanted = named.length > 0 ? named : all.filter((one) => isTarget(one, target));
  const found = ofModule(wanted, parameters.get('module') ?? '');
  if (found === undefined) {
    return { status: 404, text: 'No endpoint has this name or target.\n' };
  }
  const { last } = found;
  if (last === undefined) return { status: 503, text: 'It has not been probed yet.\n' };
  return {
    status: 200,
    text: probeMetrics.map((metric) => familyText(metric, metric.samples(last))).join(''),
  };
}

/** A URL without its scheme is meant as http, as there; its query is not compared. */
function isTarget({ kind, target: own }: EndpointUse, target: string): boolean {
  if (kind !== 'http') return own === target;
  const url = /^https?:\/\//.test(target) ? target : `http://${target}`;
  if (!URL.canParse(url)) return false;
  const { origin, pathname } = new URL(url);
  return own === `${origin}${pathname}`;
}

/** Several endpoints can have one target: the module says which by its name, or the kind by its beginning. */
function ofModule(endpoints: readonly EndpointUse[], module: string): EndpointUse | undefined {
  return (
    endpoints.find(({ name }) => name === module) ??
    endpoints.find(({ kind }) => module.startsWith(kind)) ??
    endpoints[0]
  );
}
