import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../model/time.ts';
import { readBody } from './http-body.ts';
import type { Route } from './http-routes.ts';
import { isOwnSite, TokenCheck } from './page/guard.ts';

/** What is said to one request. */
export interface ApiAnswer {
  readonly status: number;
  readonly json: unknown;
}

export interface GuardedApiOptions {
  /** Who knows it may change something; undefined: nobody may. */
  readonly token: string | undefined;
  readonly clock: Pick<Clock, 'monotonicUs'>;
  /** @param path below the row's own, percent-encoded. @param body parsed JSON; undefined for none */
  readonly answer: (method: string, path: string, body: unknown) => ApiAnswer;
}

/** A record with its settings has 8 KiB at the most. */
const bodyBytes = 16_384;

/**
 * A row for an API over JSON: whoever may see the status page may read, and whoever has its token may
 * change something. Browsers of other sites may do neither.
 */
export function guardedApi({ token, clock, answer }: GuardedApiOptions): Route {
  const check = token ? new TokenCheck(token) : undefined;
  return {
    title: '',
    hosts: 'trusted',
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    bodyBytes,
    handle: async (request, response, { below }) => {
      const { method = '' } = request;
      const refusal = refusalOf(request, check, clock.monotonicUs());
      if (refusal) {
        if (refusal[0] === 401) response.setHeader('WWW-Authenticate', 'Bearer');
        if (refusal[0] === 429) response.setHeader('Retry-After', '60');
        send(request, response, { status: refusal[0], json: { error: refusal[1] } });
        return;
      }
      const body = takesBody(method) ? await jsonOf(request) : undefined;
      const isBad = takesBody(method) && body === undefined;
      const error = 'The body of the request must be JSON.';
      const asked = method === 'HEAD' ? 'GET' : method;
      const said = isBad ? { status: 400, json: { error } } : answer(asked, below, body);
      send(request, response, said);
    },
  };
}

const takesBody = (method: string): boolean => method === 'POST' || method === 'PUT';

/** In the order in which it tells least: another site is not told whether a token fits. */
function refusalOf(
  request: IncomingMessage,
  check: TokenCheck | undefined,
  nowUs: number,
): readonly [status: number, sentence: string] | undefined {
  const { method = '', headers, socket } = request;
  if (!isOwnSite(request)) return [403, 'Another site asks for this: refused.'];
  if (method === 'GET' || method === 'HEAD') return undefined;
  if (check === undefined) return [403, 'Nothing can be changed here: page.token is not set.'];
  const type = String(headers['content-type'] ?? '');
  if (takesBody(method) && !/^application\/json *(;|$)/i.test(type))
    return [415, 'The request must have Content-Type: application/json.'];
  switch (check.verdict(headers.authorization, socket.remoteAddress ?? '', nowUs)) {
    case 'wrong':
      return [401, 'The token is missing or wrong: send it as Authorization: Bearer TOKEN.'];
    case 'wait':
      return [429, 'Too many wrong tokens came from this address. Wait a minute.'];
    case 'right':
      return undefined;
  }
}

/** Undefined where it is none. */
async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const text = await readBody(request, bodyBytes).catch(() => undefined);
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

function send(request: IncomingMessage, response: ServerResponse, said: ApiAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(said.status, {
    'Content-Type': 'application/json; charset=utf-8',
    // What is left of a refused body is not read.
    ...(said.status >= 400 && { Connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(said.json)}\n`);
}
