import type { ProbeFault } from '../../model/probe.ts';
import { type Course, ProbeFailure } from '../tcp/course.ts';
import { failureOf } from '../tcp/dial.ts';
import { bodyText } from './body-text.ts';
import type { HttpConnection } from './connection.ts';
import { InterimAnswers } from './interim.ts';
import type { HttpRequest } from './request.ts';
import { tlsFailureOf } from './tls-failure.ts';

/**
 * Bytes of a body that are read: pages for health checks have some KB. A longer one is cut, and what
 * was read is judged.
 */
const bodyBytesMax = 1_048_576;
/** Of an answer as it comes: a body in chunks of one byte each is six times as long. */
const answerBytesMax = 8 * bodyBytesMax;

/** By their names in lower case. */
type Headers = Readonly<Record<string, string | undefined>>;

/** What came back, at least its headers. */
export interface PartOfAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bodyBytes: number;
  /** There was more of the body. */
  readonly isCut: boolean;
}

/** What came back, to its end. */
export interface Answer extends PartOfAnswer {
  /** What was wanted of it. */
  readonly body: string;
}

export interface ExchangeOptions {
  /** Bytes of the body that somebody wants to see. */
  readonly wantedBytes: number;
  /** The server may be asked to close behind its answer. */
  readonly keep: boolean;
}

/** The answer did not end well, and how far it had come. */
export class BrokenAnswer extends ProbeFailure {
  /** Undefined where its headers did not come. */
  readonly part: PartOfAnswer | undefined;
  /** Not one byte of an answer had come. */
  readonly isSilent: boolean;

  constructor(failure: ProbeFailure, part: PartOfAnswer | undefined, isSilent: boolean) {
    super(failure.fault, failure.message);
    this.part = part;
    this.isSilent = isSilent;
  }
}

/** The body was long enough. */
class Enough extends Error {}

/**
 * One request and its answer.
 * @throws BrokenAnswer for all that goes wrong, the time limit too
 */
export async function exchange(
  course: Course,
  { client, socket }: HttpConnection,
  request: HttpRequest,
  { wantedBytes, keep }: ExchangeOptions,
): Promise<Answer> {
  const { url, method, headers, body } = request;
  const chunks: Buffer[] = [];
  let status: number | undefined;
  let answerHeaders: Headers = {};
  let bodyBytes = 0;
  let kept = 0;
  let isSilent = true;
  const begin = (): void => {
    if (!isSilent) return;
    isSilent = false;
    course.enter('transfer');
  };
  course.enter('first_byte');
  const fromBytes = socket.bytesRead;
  let interim: InterimAnswers | undefined = new InterimAnswers();
  let fail: (failure: ProbeFailure) => void = () => {};
  const look = (): void => {
    // The end of a stream makes it readable too.
    if (socket.readableLength === 0) return;
    begin();
    if (socket.bytesRead - fromBytes > answerBytesMax) {
      fail(new ProbeFailure('garbage', 'no end of the answer within 8 MiB'));
    }
    const chunk: Buffer | null = interim ? socket.read() : null;
    if (!interim || !chunk) return;
    const beginning = interim.take(chunk);
    if (beginning === 'flood')
      fail(new ProbeFailure('garbage', 'interim answers (1xx) without end'));
    if (typeof beginning === 'string') return;
    interim = undefined;
    socket.unshift(beginning.rest);
  };
  // Before undici's own, which reads and parses.
  socket.prependListener('readable', look);
  const done = new Promise<Answer>((resolve, reject) => {
    fail = reject;
    const finish = (isCut: boolean): void =>
      resolve({
        status: status ?? 0,
        headers: answerHeaders,
        bodyBytes,
        isCut,
        body: bodyText(Buffer.concat(chunks), answerHeaders['content-type']),
      });
    client.dispatch(
      { path: `${url.pathname}${url.search}`, method, headers, body: body ?? null, reset: !keep },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, code, received) => {
          begin();
          // llhttp takes it, and undici's own assertion fails behind this.
          if (code < 100) {
            fail(new ProbeFailure('garbage', 'not HTTP (Invalid status code)'));
            return;
          }
          status = code;
          answerHeaders = joined(received);
        },
        onResponseData: (controller, chunk) => {
          bodyBytes += chunk.length;
          if (kept < wantedBytes) chunks.push(chunk.subarray(0, wantedBytes - kept));
          kept += chunk.length;
          if (bodyBytes >= bodyBytesMax) controller.abort(new Enough());
        },
        onResponseEnd: () => finish(false),
        onResponseError: (_controller, error) => {
          if (error instanceof Enough) finish(true);
          else reject(error);
        },
      },
    );
  });
  try {
    return await course.wait(done);
  } catch (error) {
    const part = status === undefined ? undefined : { status, headers: answerHeaders, bodyBytes };
    throw new BrokenAnswer(failureIn(course, error), part && { ...part, isCut: true }, isSilent);
  } finally {
    socket.off('readable', look);
  }
}

/** One that is sent several times is one list, RFC 9110 section 5.3; undici gives an array of it. */
function joined(received: Readonly<Record<string, string | string[] | undefined>>): Headers {
  return Object.fromEntries(
    Object.entries(received).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}

function failureIn(course: Course, error: unknown): ProbeFailure {
  if (error instanceof ProbeFailure) {
    return error.fault === 'closed' ? course.failure('closed') : error;
  }
  if (!(error instanceof Error)) throw error;
  const code = 'code' in error ? String(error.code) : '';
  const known = faults[code];
  if (known) return new ProbeFailure(...known);
  if (code === 'UND_ERR_SOCKET') {
    const words = unasked[error.message];
    return words === undefined ? course.failure('closed') : new ProbeFailure('garbage', words);
  }
  if (error.name === 'HTTPParserError') return new ProbeFailure('garbage', notHttp(error));
  if (code.startsWith('ERR_SSL_')) return tlsFailureOf(error);
  const failure = failureOf(error);
  return failure.fault === 'local' ? failure : course.failure(failure.fault);
}

/** llhttp says what it stumbled over in words of its own, none of them the server's. */
function notHttp(error: Error): string {
  const why = /\(([^()]{1,100})\)$/.exec(error.message)?.[1];
  return why === undefined ? 'not HTTP' : `not HTTP (${why})`;
}

/** By undici's messages: it ends the connection then, not the server. */
const unasked: Readonly<Record<string, string>> = {
  'bad response': 'an answer that was not asked for',
  'bad upgrade': 'a change of protocol (101) that was not asked for',
};

/** undici's errors that say what the server did, or what cannot be asked for. */
const faults: Readonly<Record<string, readonly [ProbeFault, string]>> = {
  UND_ERR_HEADERS_OVERFLOW: ['garbage', 'headers of more than 64 KiB'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['garbage', 'the body is not as long as announced'],
  UND_ERR_INVALID_ARG: ['local', 'the request has a header that is not valid'],
};
