import type { ServerResponse } from 'node:http';
import { limitAnswer } from '../answer-deadline.ts';

/** Whole pages in memory at once: 16 of half a megabyte, and as many readers that are slow. */
const textsMax = 16;

/** Our own script, style, icon and stream; no script or style in the markup, nothing from elsewhere. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Sends texts, and holds no more of them than it may. One for the whole page. */
export class Responder {
  #texts = 0;

  /** @param type media type without its charset */
  send(response: ServerResponse, type: string, text: string, status = 200): void {
    // Its client may have gone while the text was made; then nothing is told any more.
    if (response.destroyed) return;
    if (this.#texts >= textsMax) {
      response.setHeader('Retry-After', '2');
      sentence(response, 503, 'Too many pages are being read at once. Try again in a moment.');
      return;
    }
    this.#texts += 1;
    limitAnswer(response, () => {
      this.#texts -= 1;
    });
    response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` });
    response.end(text);
  }

  page(response: ServerResponse, text: string, status = 200): void {
    response.setHeader('Content-Security-Policy', pagePolicy);
    // Without it a browser calls the origin of our own forms `null`, and they would be refused.
    response.setHeader('Referrer-Policy', 'same-origin');
    this.send(response, 'text/html', text, status);
  }

  json(response: ServerResponse, value: unknown, status = 200): void {
    this.send(response, 'application/json', `${JSON.stringify(value)}\n`, status);
  }
}

/** A short plain answer. What the client has not sent yet is not read. */
export function sentence(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end(`${text}\n`);
}
