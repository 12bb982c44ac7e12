import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Writable } from 'node:stream';
import type { Clock } from '../model/time.ts';
import type { AgentView } from '../model/view.ts';
import type { Broadcast } from './broadcast.ts';
import { createBroadcast } from './broadcast.ts';
import type { Health } from './health.ts';
import { healthOf, readinessOf } from './health.ts';
import type { MetricsSettings } from './metrics.ts';
import { createMetrics } from './metrics.ts';

/** One path of the server. Adding a page is adding a row. */
export interface Route {
  /** For the list of paths; empty: it does not stand there. */
  readonly title: string;
  /**
   * `any`: a scraper or a probe may call it by whatever name the host has. `trusted`: only hosts
   * that cannot be the name of a foreign web page (see isTrustedHost).
   */
  readonly hosts: 'any' | 'trusted';
  /** Only what is to change something takes another than GET and HEAD. */
  readonly methods?: readonly Method[];
  /** The longest body that a POST or PUT may have; none where it is not set. */
  readonly bodyBytes?: number;
  /** May throw: the server answers 500 and reports it. */
  handle(request: IncomingMessage, response: ServerResponse, target: Target): void | Promise<void>;
}

/** A GET comes with HEAD. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A path that ends in a slash, but for `/`, stands for all below it that has no row of its own. */
export type Routes = ReadonlyMap<string, Route>;

/** What was asked for. */
export interface Target {
  /** What stands after the row's path, as it was sent: percent-encoded. Empty for the path itself. */
  readonly below: string;
  /** Behind the `?`, as it was sent. */
  readonly query: string;
  /** All rows of the server, for a list of them. */
  readonly routes: Routes;
}

/** The row for a request's target, and what is left of it; undefined where there is none. */
export function findRoute(
  routes: Routes,
  target: string,
): { readonly route: Route; readonly target: Target } | undefined {
  const [path = '', ...queries] = target.split('?');
  const query = queries.join('?');
  const exact = routes.get(path || '/');
  if (exact) return { route: exact, target: { below: '', query, routes } };
  let longest = '/';
  for (const key of routes.keys()) {
    if (key.endsWith('/') && key.length > longest.length && path.startsWith(key)) longest = key;
  }
  const route = longest === '/' ? undefined : routes.get(longest);
  return route && { route, target: { below: path.slice(longest.length), query, routes } };
}

/** Rows that stand in lists: those with a title. */
export function listedRoutes(routes: Routes): readonly (readonly [path: string, route: Route])[] {
  return [...routes].filter(([, { title }]) => title !== '');
}

export interface HttpSettings extends MetricsSettings {
  /**
   * When /metrics is compressed for clients that can take it. `remote` leaves loopback clients out:
   * there it saves nothing, and its buffers and threads take 3 to 5 MB of private memory.
   */
  readonly compress: 'remote' | 'always' | 'never';
}

export interface RouteContext {
  readonly view: AgentView;
  readonly settings: HttpSettings;
  readonly clock: Clock;
  /** Something went wrong in the server; for the log. */
  readonly report: (error: unknown) => void;
}

/** @param more further rows, the status page's for example */
export function createRoutes(context: RouteContext, more: Routes): Routes {
  const { view, clock } = context;
  const routes = new Map<string, Route>();
  routes.set('/metrics', metricsRoute(context));
  routes.set('/healthz', {
    title: 'Health: 200, or 503 when the bus has been gone for a minute',
    hosts: 'any',
    handle: (_request, response) => sendHealth(response, healthOf(view, clock.realtimeUs())),
  });
  routes.set('/readyz', {
    title: 'Readiness: 200 when every unit has been read',
    hosts: 'any',
    handle: (_request, response) => sendHealth(response, readinessOf(view)),
  });
  for (const [path, route] of more) routes.set(path, route);
  return routes;
}

function metricsRoute({ view, settings, report }: RouteContext): Route {
  const metrics = createMetrics(view, settings);
  const broadcast = createBroadcast(metrics.render, report);
  return {
    title: 'Metrics for Prometheus',
    hosts: 'any',
    handle: async (request, response) => {
      response.setHeader('Content-Type', metrics.contentType);
      response.setHeader('Vary', 'Accept-Encoding');
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      if (wantsGzip(request, settings.compress)) await sendGzip(response, broadcast);
      else broadcast.add(response);
    },
  };
}

/** zlib is loaded when the first client wants it: on loopback none does. */
async function sendGzip(response: ServerResponse, broadcast: Broadcast): Promise<void> {
  const { constants, createGzip } = await import('node:zlib');
  response.setHeader('Content-Encoding', 'gzip');
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  tieTogether(gzip, response);
  gzip.pipe(response);
  broadcast.add(gzip);
}

/** Whichever is destroyed takes the other along, so that neither waits for ever. */
function tieTogether(from: Writable, to: ServerResponse): void {
  from.once('close', () => {
    if (!from.writableFinished) to.destroy();
  });
  to.once('close', () => from.destroy());
}

function wantsGzip(request: IncomingMessage, compress: HttpSettings['compress']): boolean {
  if (compress === 'never') return false;
  if (compress === 'remote' && isLoopback(request.socket.remoteAddress ?? '')) return false;
  const accepted = String(request.headers['accept-encoding'] ?? '');
  return accepted.split(',').some((coding) => {
    const [name, ...parameters] = coding.split(';').map((part) => part.trim().toLowerCase());
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

function sendHealth(response: ServerResponse, { status, body }: Health): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
