import type { LogEntry } from './log.ts';
import { absent, type Book } from './registry.ts';
import {
  aOrAn,
  type Collection,
  collections,
  joinKey,
  RequestError,
  readRecord,
  resourceTable,
} from './resources.ts';

export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

export interface ApiOptions {
  readonly book: Book;
  /** The last deliveries of a caller, the oldest first. */
  readonly logOf: (caller: string) => readonly LogEntry[];
  /** Names of settings that are not shown, of the kind of a caller or a service. */
  readonly secretsOf: (kind: string) => readonly string[];
  /** Whether a command may be entered: who may, may run anything as our user. */
  readonly allowCommands: boolean;
}

/** What stands in the place of a secret; sent back, it leaves the secret as it is. */
const hidden = '(hidden)';

/**
 * The API without its HTTP: `GET /services`, `POST /callers`, `PUT /subscriptions/anna/web`,
 * `DELETE /outages/sunday`, `GET /callers/anna/log`. What was asked wrongly is answered with `{"error": "one sentence"}`. A
 * PUT changes the fields that it names. That a caller may do this, the server has made sure of.
 *
 * @param path below the prefix under which it is mounted, percent-encoded
 * @param body parsed JSON; undefined for none
 */
export function handleApi(
  options: ApiOptions,
  method: string,
  path: string,
  body: unknown,
): Answer {
  try {
    const [name = '', ...parts] = path
      .replace(/^\/|\/$/g, '')
      .split('/')
      .map(decoded);
    const collection = collections.find((one) => one === name);
    if (!collection) {
      throw new RequestError(404, `There is no such path; there are ${collections.join(', ')}.`);
    }
    const [caller, page] = parts;
    if (collection === 'callers' && caller !== undefined && page === 'log' && parts.length === 2) {
      return log(options, method, caller);
    }
    const { key, singular } = resourceTable[collection];
    if (parts.length !== 0 && parts.length !== key.length) {
      throw new RequestError(404, `${aOrAn(singular)} is found by its ${key.join('/')}.`);
    }
    return answer(options, method, collection, parts, body);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { status: error.status, json: { error: error.message } };
  }
}

function answer(
  options: ApiOptions,
  method: string,
  collection: Collection,
  parts: readonly string[],
  body: unknown,
): Answer {
  const { book } = options;
  const key = joinKey(parts);
  const isOne = parts.length > 0;
  if (method === 'GET' && !isOne) {
    return { status: 200, json: book.list(collection).map((record) => shown(options, record)) };
  }
  if (method === 'POST' && !isOne) {
    refuseCommand(options, collection, body);
    const record = readRecord(collection, body);
    book.add(collection, record);
    return { status: 201, json: shown(options, record) };
  }
  if (method === 'GET' && isOne)
    return { status: 200, json: shown(options, present(book, collection, key)) };
  if (method === 'PUT' && isOne) {
    const record = readRecord(collection, merged(collection, present(book, collection, key), body));
    refuseCommand(options, collection, record);
    book.update(collection, record);
    return { status: 200, json: shown(options, record) };
  }
  if (method === 'DELETE' && isOne) {
    book.remove(collection, key);
    return { status: 200, json: { removed: parts.join(' ') } };
  }
  const allowed = isOne ? 'GET, PUT and DELETE' : 'GET and POST';
  return { status: 405, json: { error: `This path understands ${allowed}.` } };
}

function log({ book, logOf }: ApiOptions, method: string, caller: string): Answer {
  if (method !== 'GET') return { status: 405, json: { error: 'This path understands GET.' } };
  present(book, 'callers', joinKey([caller]));
  return { status: 200, json: logOf(caller) };
}

function present(book: Book, collection: Collection, key: string): object {
  const record = book.get(collection, key);
  if (record) return record;
  throw absent(collection, key);
}

function merged(collection: Collection, before: object, body: unknown): object {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestError(400, 'The body must be a JSON object of the fields that change.');
  }
  for (const field of resourceTable[collection].key) {
    const given: unknown = Reflect.get(body, field);
    if (given === undefined || given === Reflect.get(before, field)) continue;
    throw new RequestError(
      400,
      `${field} cannot be changed: remove the old one and add a new one.`,
    );
  }
  return { ...before, ...body, ...keptSecrets(before, body) };
}

/** Secrets that came back as they were shown. */
function keptSecrets(before: object, body: object): object {
  const [old, given]: unknown[] = [Reflect.get(before, 'settings'), Reflect.get(body, 'settings')];
  if (typeof old !== 'object' || !old || typeof given !== 'object' || !given) return {};
  const settings = Object.entries(given).map(([name, value]) => [
    name,
    value === hidden ? Reflect.get(old, name) : value,
  ]);
  return { settings: Object.fromEntries(settings) };
}

function shown({ secretsOf }: ApiOptions, record: object): object {
  if (!('kind' in record && 'settings' in record)) return record;
  const secrets = secretsOf(String(record.kind));
  const settings = Object.entries(record.settings ?? {}).map(([name, value]) => [
    name,
    secrets.includes(name) ? hidden : value,
  ]);
  return { ...record, settings: Object.fromEntries(settings) };
}

function refuseCommand(
  { allowCommands }: ApiOptions,
  collection: Collection,
  record: unknown,
): void {
  if (collection !== 'callers' || allowCommands) return;
  if (typeof record !== 'object' || !record || Reflect.get(record, 'kind') !== 'command') return;
  const sentence =
    'Commands cannot be entered over the API: stop the agent, and enter it with `unitwatch callers add`.';
  throw new RequestError(400, sentence);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RequestError(400, 'The path is not percent-encoded UTF-8.');
  }
}
