import { type Channel, type Message, ok, type Sent, unknownSetting } from './channel.ts';
import type { Settings } from './settings.ts';

/** From the first name server to the last byte. */
const limitMs = 10_000;
/** What is read of an answer, so that the connection ends well. */
const answerBytes = 16_384;
const headersMax = 16;

/** Posts JSON. A caller's headers may hold a token, its address too: neither is ever shown. */
export const webhookChannel: Channel = {
  secrets: ['url', 'headers'],
  fault,
  send: async (message, settings) => {
    const url = settings['url'];
    if (typeof url !== 'string') return { ok: false, reason: 'it has no url', again: false };
    return post(url, headersOf(settings), message);
  },
};

function fault(settings: Settings): string | undefined {
  const unknown = unknownSetting(settings, ['url', 'headers']);
  if (unknown) return unknown;
  const { url } = settings;
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.port === '0') {
    return 'A webhook needs a url such as https://example.org/hook.';
  }
  if (parsed.username !== '' || parsed.password !== '') {
    return 'A url must not hold a user or a password: write them into headers as Authorization.';
  }
  const headers: unknown = settings['headers'] ?? {};
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    return 'headers must be an object of names and texts.';
  }
  const entries: readonly (readonly [string, unknown])[] = Object.entries(headers);
  if (entries.length > headersMax) return `There may be ${headersMax} headers.`;
  // RFC 9110, section 5: a name is a token, a value has no control character.
  const isWrong = ([name, value]: readonly [string, unknown]): boolean =>
    !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) ||
    /^(host|content-length|transfer-encoding|connection|content-type)$/i.test(name) ||
    typeof value !== 'string' ||
    !/^[\t\x20-\x7e]*$/.test(value);
  return entries.some(isWrong) ? 'A header must have a usual name and a text of ASCII.' : undefined;
}

function headersOf(settings: Settings): Record<string, string> {
  const headers = Object.entries(settings['headers'] ?? {});
  return Object.fromEntries(headers.map(([name, value]) => [name, String(value)]));
}

/** Redirects are not followed: they would take the message to another address. */
async function post(url: string, headers: Record<string, string>, message: Message): Promise<Sent> {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({ connect: { timeout: limitMs }, connections: 1, pipelining: 0 });
  const signal = AbortSignal.timeout(limitMs);
  try {
    const { statusCode, body } = await request(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': message.id },
      body: JSON.stringify(message),
      dispatcher,
      signal,
    });
    await body.dump({ limit: answerBytes, signal });
    return answered(statusCode);
  } catch (error) {
    if (signal.aborted) {
      return { ok: false, reason: `no answer within ${limitMs / 1_000} s`, again: true };
    }
    // By code only: messages may name the address.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    return { ok: false, reason: code, again: true };
  } finally {
    await dispatcher.destroy();
  }
}

/** 410 says that nobody is there any more; RFC 9110, section 15.5.11. */
function answered(status: number): Sent {
  if (status >= 200 && status < 300) return ok;
  return { ok: false, reason: `status ${status}`, again: status !== 410 };
}
