import type { Answer as Reply } from '../src/checks/subscriptions/api.ts';
import { formatAddress } from '../src/config/address.ts';
import type { Config } from '../src/config/keys.ts';
import { ask } from './api-client.ts';

/** One request to the API under /api/monitor. */
export interface Asked {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below it, percent-encoded. */
  readonly path: string;
  readonly body: object | undefined;
}

/** How long the running agent may take to answer. */
const answerMs = 10_000;
/** All that a full monitor lists is below that. */
const answerBytes = 67_108_864;

/** Over the API of the agent that runs; undefined where nobody listens. It never rejects. */
export async function askAgent(
  { method, path, body }: Asked,
  { listen, page }: Config,
): Promise<Reply | undefined> {
  if (listen === 'off') return undefined;
  const place = formatAddress(listen);
  const token = page.token?.reveal();
  const answer = await ask(listen, {
    ...{ method, path: `/api/monitor${path}`, body: body && JSON.stringify(body) },
    headers: {
      'Content-Type': 'application/json',
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    ...{ limitMs: answerMs, bytes: answerBytes },
  });
  if ('fault' in answer) {
    if (answer.reason === 'ECONNREFUSED') return undefined;
    const why =
      answer.fault === 'late' ? `nothing came within ${answerMs / 1_000} s` : answer.reason;
    return refused(502, `The agent at ${place} did not answer: ${why}.`);
  }
  const { status } = answer;
  const json = parsed(answer.body);
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
}

const refused = (status: number, error: string): Reply => ({ status, json: { error } });

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
