import { limitAnswer } from './answer-deadline.ts';
import type { Route } from './http-routes.ts';

/** What a page says to one question. */
export interface Answer {
  readonly status: 200 | 400 | 404 | 503;
  readonly contentType: string;
  readonly body: string;
}

/**
 * A row for a page that answers what stands behind the `?` of its address: a key that comes twice
 * has its first value.
 */
export function answeringRoute(title: string, answer: (asked: URLSearchParams) => Answer): Route {
  return {
    title,
    hosts: 'trusted',
    handle: (request, response) => {
      const [, query = ''] = (request.url ?? '').split('?', 2);
      const { status, contentType, body } = answer(new URLSearchParams(query));
      limitAnswer(response);
      response.writeHead(status, { 'Content-Type': contentType });
      response.end(request.method === 'HEAD' ? undefined : body);
    },
  };
}
