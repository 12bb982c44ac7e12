import type { Answer } from '../src/checks/subscriptions/api.ts';
import type { Config } from '../src/config/keys.ts';

/** One request to the API under /api/monitor. */
export interface Asked {
  readonly method: string;
  /** Below it, percent-encoded. */
  readonly path: string;
  readonly body: object | undefined;
}

/** How long the running agent may take to answer. */
const answerMs = 10_000;

/** Over the API of the agent that runs; undefined where nobody listens. It never rejects. */
export async function askAgent(
  { method, path, body }: Asked,
  { listen, page }: Config,
): Promise<Answer | undefined> {
  if (listen === 'off') return undefined;
  const any: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const host = any[listen.host] ?? listen.host;
  const place = `${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
  const token = page.token?.reveal();
  try {
    const response = await fetch(`http://${place}/api/monitor${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    });
    const { status } = response;
    const json = parsed(await response.text());
    if (status === 401) return refused(status, tokenSentence(token));
    if (json.isJson) return { status, json: json.value };
    if (status === 404) {
      return refused(
        status,
        `Who listens at ${place} runs no monitor: set monitor.enabled, and start it again.`,
      );
    }
    return refused(
      status < 400 ? 502 : status,
      `${place} answers with status ${status}, ${json.line}`,
    );
  } catch (error) {
    if (isRefused(error)) return undefined;
    return refused(502, `The agent at ${place} did not answer: ${whyOf(error)}.`);
  }
}

const refused = (status: number, error: string): Answer => ({ status, json: { error } });

function tokenSentence(token: string | undefined): string {
  return token
    ? 'The agent has another token: page.token of this configuration is not the one that it runs with.'
    : 'The agent wants a token: set page.token, or page.token_file, in the configuration that this command reads.';
}

type Parsed =
  | { readonly isJson: true; readonly value: unknown }
  | { readonly isJson: false; readonly line: string };

/** Who listens there may be somebody else, and say anything. */
function parsed(text: string): Parsed {
  try {
    return { isJson: true, value: JSON.parse(text) };
  } catch {
    const line = text.trim().split('\n')[0] ?? '';
    const isSentence = line !== '' && !line.startsWith('<');
    const other = 'and not as an agent with monitor.enabled does.';
    return { isJson: false, line: isSentence ? line : other };
  }
}

/** fetch wraps what happened: one error for each address of a name. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && error.code === 'ECONNREFUSED') return true;
  return isRefused(error.cause);
}

/** The innermost says what happened. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing came within ${answerMs / 1_000} s`;
  return error.cause === undefined ? error.message : whyOf(error.cause);
}
