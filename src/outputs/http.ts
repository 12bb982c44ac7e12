import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { limitConnections } from './connections.ts';
import { isTrustedHost } from './host-check.ts';
import type { Route, RouteContext, Routes } from './http-routes.ts';
import { createRoutes, findRoute, listedRoutes } from './http-routes.ts';

export interface Listen {
  /** Address or name to listen on. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
}

export interface HttpOptions extends RouteContext {
  readonly listen: Listen;
  /** Names that pages may be called by, beside loopback names, IP addresses and `listen.host`. */
  readonly allowedHosts?: readonly string[];
  /** Further paths, the status page's for example. */
  readonly routes?: Routes;
}

export interface HttpOutput {
  /** Where it listens: the port is the real one. */
  readonly address: Listen;
  /** Stops listening, lets answers under way end for half a second, closes the rest. */
  close(): Promise<void>;
}

const httpLimits = {
  /** Prometheus' own requests have 300 bytes; a browser with many cookies sends a few KB. */
  headerBytes: 8_192,
  /** A client that has not sent its headers by then is no client (slowloris). */
  headersMs: 5_000,
  /** The same for a whole request; bodies have a few KB. */
  requestMs: 5_000,
  /** How often the two are looked at. */
  checkMs: 1_000,
  /** Longer than scrapers wait between two scrapes, 60 s: a new connection costs more than an idle one. */
  keepAliveMs: 65_000,
  /** No byte read or written in an answer: the client is gone or stalls. */
  silenceMs: 10_000,
  /** A few scrapers, probes and readers. */
  connections: 64,
  /** For answers under way when the server is closed. */
  closeMs: 500,
} as const;

/** No page of ours is framed, sniffed, cached or given a script or style from elsewhere. */
const securityHeaders: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  [
    'Content-Security-Policy',
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['Cache-Control', 'no-store'],
];

/**
 * Serves /metrics, /healthz, /readyz and a list of them.
 * @throws Error with `code` and a sentence that says what to do, where it cannot listen
 */
export async function startHttp(options: HttpOptions): Promise<HttpOutput> {
  const { listen, report } = options;
  const routes = createRoutes(options, options.routes ?? new Map());
  const names = new Set([listen.host, ...(options.allowedHosts ?? [])].map((n) => n.toLowerCase()));
  const server = createServer(
    {
      maxHeaderSize: httpLimits.headerBytes,
      headersTimeout: httpLimits.headersMs,
      requestTimeout: httpLimits.requestMs,
      connectionsCheckingInterval: httpLimits.checkMs,
      keepAliveTimeout: httpLimits.keepAliveMs,
    },
    (request, response) => {
      answer(request, response, routes, names).catch((error: unknown) => {
        fail(response);
        report(error);
      });
    },
  );
  limitConnections(server, httpLimits.connections);
  server.setTimeout(httpLimits.silenceMs);
  const address = await listenOn(server, listen);
  server.on('error', report);
  let closing: Promise<void> | undefined;
  return {
    address,
    close: () => {
      closing ??= closeServer(server);
      return closing;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Routes,
  names: ReadonlySet<string>,
): Promise<void> {
  await ownTurn(response);
  for (const [name, value] of securityHeaders) response.setHeader(name, value);
  // A request may name the whole address in its first line, RFC 9112, section 3.2.2.
  const target = (request.url ?? '').replace(/^https?:\/\/[^/?]*/i, '');
  const found = findRoute(routes, target);
  const refusal = refusalOf(request, found?.route, names);
  if (refusal) {
    if (refusal[0] === 405) response.setHeader('Allow', methodsOf(found?.route).join(', '));
    refuse(response, ...refusal);
  } else if (found === undefined) {
    const paths = listedRoutes(routes).map(([path]) => path);
    refuse(response, 404, `Nothing here. There is ${paths.join(', ')}.`);
  } else {
    await found.route.handle(request, response, found.target);
  }
}

/**
 * A client may send many requests before it reads one answer (pipelining): the next is looked at when
 * it is its turn. Where the client goes before, this never resolves and is forgotten; a response that
 * never had a socket would not even say that it is closed.
 */
function ownTurn(response: ServerResponse): Promise<void> | undefined {
  if (response.socket !== null) return undefined;
  return new Promise((resolve) => response.once('socket', () => resolve()));
}

/** Why the route is not asked; undefined where it is, or where there is none. */
function refusalOf(
  request: IncomingMessage,
  route: Route | undefined,
  names: ReadonlySet<string>,
): readonly [status: number, sentence: string] | undefined {
  const allowed = methodsOf(route);
  const { method = '' } = request;
  const takesBody = withBody.includes(method) && allowed.includes(method);
  const bodyBytes = takesBody ? (route?.bodyBytes ?? 0) : 0;
  if (hasBody(request) && bodyBytes === 0) return [413, 'This path takes no request with a body.'];
  if (Number(request.headers['content-length'] ?? 0) > bodyBytes)
    return [413, `The body of the request is too long: at most ${bodyBytes} bytes.`];
  if (route === undefined) return undefined;
  if (!allowed.includes(method)) return [405, `Here only ${allowed.join(' and ')} can be used.`];
  if (route.hosts === 'trusted' && !isTrustedHost(request.headers.host, names))
    return [
      403,
      'This host name is not known here. Use the IP address, or add the name to `allowed_hosts`.',
    ];
  return undefined;
}

const reading = ['GET', 'HEAD'];
const withBody = ['POST', 'PUT'];

function methodsOf(route: Route | undefined): readonly string[] {
  if (route?.methods === undefined) return reading;
  return route.methods.flatMap((method) => (method === 'GET' ? reading : [method]));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** The connection is closed behind it: what else the client sends is not read. */
function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: 'close',
  });
  response.end(`${sentence}\n`);
}

function fail(response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else refuse(response, 500, 'unitwatch could not answer this; its log says why.');
}

function listenOn(server: Server, listen: Listen): Promise<Listen> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(listenError(error, listen));
    server.once('error', refused);
    server.listen({ host: listen.host, port: listen.port }, () => {
      server.off('error', refused);
      const { address, port } = server.address() as AddressInfo;
      resolve({ host: address, port });
    });
  });
}

/** What stands in `code` stays; the sentence says what to do. */
function listenError(cause: NodeJS.ErrnoException, { host, port }: Listen): Error {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const code = cause.code ?? 'ERR_LISTEN';
  const message = `${where} ${listenSentence(code, port, cause)}`;
  return Object.assign(new Error(message, { cause }), { code });
}

function listenSentence(code: string, port: number, cause: Error): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'is already in use (is another unitwatch running?); set `listen` to another port, or to `off`';
    case 'EACCES':
      return port < 1024
        ? 'may not be listened on: ports below 1024 need CAP_NET_BIND_SERVICE; set `listen` to a port above 1023'
        : 'may not be listened on: permission denied; set `listen` to another port, or to `off`';
    case 'EADDRNOTAVAIL':
      return 'is no address of this host; set `listen` to one that is, for example 127.0.0.1:9753';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'is no host name that can be looked up; set `listen` to an IP address and a port, for example 127.0.0.1:9753';
    default:
      return `cannot be listened on (${cause.message}); set \`listen\` to another address, or to \`off\``;
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), httpLimits.closeMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}
