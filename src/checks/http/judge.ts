import type { ProbeFault } from '../../model/probe.ts';
import type { StatusSpan } from '../../model/status-codes.ts';
import type { RealtimeUs } from '../../model/time.ts';
import type { RegexFault, TextTest } from '../regex.ts';
import type { Certificate } from './certificate.ts';

/** What an answer has to be like. */
export interface Expected {
  readonly status: readonly StatusSpan[];
  /** Undefined where the body does not count. */
  readonly regex: TextTest | RegexFault | undefined;
}

/** Undefined where it is as expected. */
export type Verdict = { readonly fault: ProbeFault; readonly reason: string } | undefined;

/** What is judged of an answer. */
export interface Judged {
  readonly status: number;
  /** What is searched of the body. */
  readonly body: string;
  /** KiB at its beginning that are searched, where it is longer. */
  readonly searchedKiB: number | undefined;
  /** The header `Content-Encoding`, as it came. */
  readonly encoding: string | undefined;
}

export function judgeAnswer(
  { status, body, searchedKiB, encoding }: Judged,
  expected: Expected,
): Verdict {
  if (!expected.status.some(({ min, max }) => status >= min && status <= max)) {
    return { fault: 'status', reason: `status ${status}` };
  }
  if (expected.regex === undefined) return undefined;
  if ('fault' in expected.regex) return { fault: 'local', reason: expected.regex.fault };
  if (expected.regex.test(body)) return undefined;
  return { fault: 'regex', reason: `the regex is not found in ${searched(searchedKiB, encoding)}` };
}

function searched(searchedKiB: number | undefined, encoding: string | undefined): string {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const name = /^[a-z]{1,10}$/i.test(encoding) ? ` (${encoding})` : '';
    return `the body, which is compressed${name}`;
  }
  return searchedKiB === undefined ? 'the body' : `the first ${searchedKiB} KiB of the body`;
}

/** One that was good when the connection was made can have ended since. */
export function judgeCertificate({ endUs, fault }: Certificate, nowUs: RealtimeUs): Verdict {
  if (fault !== '') return { fault: 'certificate', reason: fault };
  if (endUs !== undefined && endUs <= nowUs) {
    return { fault: 'certificate', reason: 'the certificate has expired' };
  }
  return undefined;
}
