import type { Done } from './contract.ts';

/** A webhook of the configuration. Its address may hold a secret, and is never shown. */
export interface Webhook {
  readonly url: string;
  /** More headers: `Authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** How one POST went, and whether another may go better. */
export interface Posted extends Done {
  readonly again: boolean;
}

/** What is read of an answer, so that the connection ends well. */
const answerBytes = 16_384;

/** Posts JSON, once. Redirects are not followed: they would take the event to another address. */
export async function post({ url, headers, timeoutMs }: Webhook, body: string): Promise<Posted> {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({ connect: { timeout: timeoutMs }, connections: 1, pipelining: 0 });
  try {
    const { statusCode, body: answer } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      dispatcher,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.dump({ limit: answerBytes, signal: AbortSignal.timeout(timeoutMs) });
    return answered(statusCode);
  } catch (error) {
    return unanswered(error, timeoutMs);
  } finally {
    await dispatcher.destroy();
  }
}

function answered(status: number): Posted {
  if (status >= 200 && status < 300) return { outcome: 'ok', reason: '', again: false };
  if (status >= 300 && status < 400)
    return {
      outcome: 'failed',
      reason: `The webhook answers with a redirect (${status}), which is not followed: name its target.`,
      again: false,
    };
  const again = status >= 500 || status === 408 || status === 429;
  return { outcome: 'failed', reason: `The webhook answers with ${status}.`, again };
}

/** By code only: messages may name the address. */
function unanswered(error: unknown, timeoutMs: number): Posted {
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (
    name === 'TimeoutError' ||
    (String(code).startsWith('UND_ERR_') && String(code).endsWith('_TIMEOUT'))
  )
    return {
      outcome: 'timeout',
      reason: `The webhook did not answer within ${timeoutMs / 1_000} s.`,
      again: true,
    };
  const why = typeof code === 'string' ? code : String(name);
  const again = code !== 'UND_ERR_INVALID_ARG' && code !== 'ERR_INVALID_URL';
  return { outcome: 'failed', reason: `The webhook cannot be reached: ${why}.`, again };
}
