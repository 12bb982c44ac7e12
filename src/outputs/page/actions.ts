import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../http-body.ts';
import type { Acted, Actions, PageContext } from './context.ts';
import { isOwnSite, TokenCheck } from './guard.ts';
import { actionBytes } from './paths.ts';
import { sentence } from './respond.ts';

/** The server closes what is silent for 10 s. */
const answerMs = 8_000;
/** Actions under way: more is nobody's hand. */
const underWayMax = 8;

const verbs = ['start', 'stop', 'restart', 'acknowledge'] as const;
type Verb = (typeof verbs)[number];

interface Wish {
  readonly action: Verb;
  readonly name: string;
}

/**
 * The answer to a POST of `{"action": "restart", "name": "web.service"}` with a token.
 * @param ended called before an action's end is told: who asks then has to see what it did
 */
export function actionHandler(
  { actions, token, clock }: Pick<PageContext, 'actions' | 'token' | 'clock'>,
  ended: () => void,
) {
  const check = token ? new TokenCheck(token) : undefined;
  let underWay = 0;

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refusal =
      refusalOf(request, check, clock.monotonicUs()) ??
      (underWay >= underWayMax
        ? ([503, 'Too many actions are under way. Try again in a moment.'] as const)
        : undefined);
    if (refusal) {
      if (refusal[0] === 401) response.setHeader('WWW-Authenticate', 'Bearer');
      if (refusal[0] === 429) response.setHeader('Retry-After', '60');
      answer(response, refusal[0], { ok: false, sentence: refusal[1] });
      return;
    }
    underWay += 1;
    try {
      const wish = wishOf(await readBody(request, actionBytes).catch(() => undefined));
      if (typeof wish === 'string') {
        answer(response, 400, { ok: false, sentence: wish });
        return;
      }
      await act(actions, wish, response, ended);
    } finally {
      underWay -= 1;
    }
  };
}

/** In the order in which it tells least: who is not of this site is not told whether a token fits. */
function refusalOf(
  request: IncomingMessage,
  check: TokenCheck | undefined,
  nowUs: number,
): readonly [status: number, sentence: string] | undefined {
  if (!isOwnSite(request)) return [403, 'Another site asks for this: refused.'];
  if (check === undefined)
    return [403, 'Actions are off: no token is configured for the status page.'];
  const type = String(request.headers['content-type'] ?? '');
  if (!/^application\/json *(;|$)/i.test(type))
    return [415, 'The request must have Content-Type: application/json.'];
  const address = request.socket.remoteAddress ?? '';
  switch (check.verdict(request.headers.authorization, address, nowUs)) {
    case 'wrong':
      return [401, 'The token is missing or wrong: send it as Authorization: Bearer TOKEN.'];
    case 'wait':
      return [429, 'Too many wrong tokens came from this address. Wait a minute.'];
    case 'right':
      return undefined;
  }
}

/** Or a sentence that says what is wrong with it. */
function wishOf(body: string | undefined): Wish | string {
  const form = 'The body must be {"action": "start|stop|restart|acknowledge", "name": "..."}.';
  let value: unknown;
  try {
    value = JSON.parse(body ?? '');
  } catch {
    return form;
  }
  if (typeof value !== 'object' || value === null) return form;
  if (!('action' in value) || !('name' in value)) return form;
  const { action, name } = value;
  const verb = verbs.find((one) => one === action);
  if (verb === undefined || typeof name !== 'string' || name === '') return form;
  return { action: verb, name };
}

/** What takes longer is answered before its end, and counts as under way until then. */
async function act(
  actions: Actions,
  { action, name }: Wish,
  response: ServerResponse,
  ended: () => void,
): Promise<void> {
  const slow = {
    ok: true,
    sentence: 'It is still under way; the page and the events tell its end.',
  };
  const timer = setTimeout(() => answer(response, 202, slow), answerMs);
  try {
    const acted = await actions[action](name).finally(ended);
    answer(response, acted.ok ? 200 : 409, acted);
  } finally {
    clearTimeout(timer);
  }
}

function answer(response: ServerResponse, status: number, { ok, sentence: text }: Acted): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    // What is left of a refused body is not read.
    ...(status >= 400 && { Connection: 'close' }),
  });
  response.end(`${JSON.stringify({ ok, sentence: text })}\n`);
}

/** Looks at everything, and sends the reader back to the page: a form needs no script for it. */
export function refreshHandler(ask: () => Promise<void>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!isOwnSite(request)) {
      sentence(response, 403, 'Another site asks for this: refused.');
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const slow = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, answerMs);
    });
    await Promise.race([ask(), slow]).finally(() => clearTimeout(timer));
    if (response.destroyed) return;
    response.writeHead(303, { Location: '/' });
    response.end();
  };
}
