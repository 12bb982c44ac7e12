import type { IncomingHttpHeaders } from 'node:http';
import type { ProbeFault } from '../../model/probe.ts';
import { type Course, ProbeFailure } from '../tcp/course.ts';
import { failureOf } from '../tcp/dial.ts';
import type { HttpConnection } from './connection.ts';
import type { HttpRequest } from './request.ts';

/**
 * Bytes of a body that are read: pages for health checks have some KB. A longer one is cut, and what
 * was read is judged.
 */
const bodyBytesMax = 1_048_576;

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
  readonly isCut: boolean;
  /** Empty unless it was wanted. */
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
  /** Undefined where nothing of it came. */
  readonly status: number | undefined;
  /** Not one byte of an answer had come. */
  readonly isSilent: boolean;

  constructor(failure: ProbeFailure, status: number | undefined, isSilent: boolean) {
    super(failure.fault, failure.message);
    this.status = status;
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
  let answerHeaders: IncomingHttpHeaders = {};
  let bodyBytes = 0;
  let kept = 0;
  let isSilent = true;
  const begin = (): void => {
    if (!isSilent) return;
    isSilent = false;
    course.enter('transfer');
  };
  course.enter('first_byte');
  // The end of a stream makes it readable too.
  const look = (): void => {
    if (socket.readableLength > 0) begin();
  };
  // Before undici's own, which reads and parses.
  socket.prependListener('readable', look);
  const done = new Promise<Answer>((resolve, reject) => {
    const finish = (isCut: boolean): void =>
      resolve({
        status: status ?? 0,
        headers: answerHeaders,
        bodyBytes,
        isCut,
        body: Buffer.concat(chunks).toString(),
      });
    client.dispatch(
      { path: `${url.pathname}${url.search}`, method, headers, body: body ?? null, reset: !keep },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, code, received) => {
          begin();
          status = code;
          answerHeaders = received;
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
    throw new BrokenAnswer(failureIn(course, error), status, isSilent);
  } finally {
    socket.off('readable', look);
  }
}

function failureIn(course: Course, error: unknown): ProbeFailure {
  if (error instanceof ProbeFailure) {
    return error.fault === 'closed' ? course.failure('closed') : error;
  }
  if (!(error instanceof Error)) throw error;
  const code = 'code' in error ? String(error.code) : '';
  const known = faults[code];
  if (known) return new ProbeFailure(...known);
  if (code === 'UND_ERR_SOCKET') return course.failure('closed');
  if (error.name === 'HTTPParserError') return new ProbeFailure('garbage', 'not HTTP');
  const failure = failureOf(error);
  return failure.fault === 'local' ? failure : course.failure(failure.fault);
}

/** undici's errors that say what the server did, or what cannot be asked for. */
const faults: Readonly<Record<string, readonly [ProbeFault, string]>> = {
  UND_ERR_HEADERS_OVERFLOW: ['garbage', 'headers of more than 64 KiB'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['garbage', 'the body is not as long as announced'],
  UND_ERR_INVALID_ARG: ['local', 'the request has a header that is not valid'],
};
