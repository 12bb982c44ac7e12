import { request as httpRequest } from 'node:http';
import type { Config } from '../src/config/keys.ts';

/** Where an agent listens. */
export type Listening = Exclude<Config['listen'], 'off'>;

export interface Question {
  readonly path: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** From the first byte sent to the last one read. */
  readonly limitMs: number;
  /** The longest answer that is read. */
  readonly bytes: number;
}

/** What came back, or why nothing did. */
export type Answer =
  | { readonly status: number; readonly body: string }
  | { readonly fault: Fault; readonly reason: string };

/**
 * `late`: nothing within the limit; `cut`: the connection was taken and closed without an answer;
 * `long`: the answer is longer than any of ours; `closed`: nobody is reached there.
 */
type Fault = 'late' | 'cut' | 'long' | 'closed';

/** Asks an agent one question, over a connection of its own. Never rejects. */
export function ask(
  { host, port }: Listening,
  { path, method = 'GET', headers = {}, body, limitMs, bytes }: Question,
): Promise<Answer> {
  const limit = AbortSignal.timeout(limitMs);
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => resolve(faultOf(error, limit));
    const place = { host: reachable(host), port, agent: false, signal: limit };
    const request = httpRequest({ ...place, path, method, headers }, (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on('data', (part: Buffer) => {
        parts.push(part);
        length += part.length;
        if (length <= bytes) return;
        resolve({ fault: 'long', reason: `the answer is longer than ${bytes} bytes` });
        request.destroy();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
      );
      response.on('error', failed);
    });
    request.on('error', failed);
    request.end(body);
  });
}

function faultOf(error: NodeJS.ErrnoException, limit: AbortSignal): Answer {
  if (limit.aborted) return { fault: 'late', reason: 'there was no answer in time' };
  const reason = error.code ?? error.message;
  return { fault: error.code === 'ECONNRESET' ? 'cut' : 'closed', reason };
}

/** Who listens on every address is asked on the host's own. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
