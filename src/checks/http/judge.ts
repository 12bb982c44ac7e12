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

export function judgeAnswer(status: number, body: string, expected: Expected): Verdict {
  if (!expected.status.some(({ min, max }) => status >= min && status <= max)) {
    return { fault: 'status', reason: `status ${status}` };
  }
  if (expected.regex === undefined) return undefined;
  if ('fault' in expected.regex) return { fault: 'local', reason: expected.regex.fault };
  return expected.regex.test(body)
    ? undefined
    : { fault: 'regex', reason: 'the regex is not found in the body' };
}

/** One that was good when the connection was made can have ended since. */
export function judgeCertificate({ endUs, fault }: Certificate, nowUs: RealtimeUs): Verdict {
  if (fault !== '') return { fault: 'certificate', reason: fault };
  if (endUs !== undefined && endUs <= nowUs) {
    return { fault: 'certificate', reason: 'the certificate has expired' };
  }
  return undefined;
}
