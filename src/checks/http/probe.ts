import { createSecureContext, type SecureContext } from 'node:tls';
import type { ProbeResult } from '../../model/probe.ts';
import type { StatusSpan } from '../../model/status-codes.ts';
import type { DurationUs } from '../../model/time.ts';
import type { EndpointBase, ProbeContext, Prober } from '../endpoints-contract.ts';
import { compileRegex } from '../regex.ts';
import { Course, ProbeFailure } from '../tcp/course.ts';
import {
  closeConnection,
  type HttpConnection,
  keptUs,
  keyOf,
  openConnection,
} from './connection.ts';
import { type Answer, BrokenAnswer, exchange, type PartOfAnswer } from './exchange.ts';
import { type Expected, judgeAnswer, judgeCertificate } from './judge.ts';
import { type HttpRequest, isRedirect, redirected, shownUrl } from './request.ts';

/** An HTTP service: up when it answers as expected. */
export interface HttpEndpoint extends EndpointBase {
  readonly kind: 'http';
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Headers whose values are secret: not sent to another origin. */
  readonly secretHeaders: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** With which it is up. */
  readonly expectedStatus: readonly StatusSpan[];
  /** Searched in the body; undefined where the body does not count. */
  readonly regex: string | undefined;
  /** Redirects that are followed; 0 takes a redirect as the answer. */
  readonly maxRedirects: number;
  /** Whether the certificate must be valid. */
  readonly verifyTls: boolean;
}

/**
 * How long no connection is kept after one was, and nobody answered over it: what drops connections
 * that are idle, a firewall or a balancer, would else make every second probe fail.
 */
const distrustUs: DurationUs = 600e6;
/** The safe methods, RFC 9110 section 9.2.1. */
const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Origins of an endpoint whose connections are kept: more than two redirects are rare. */
const connectionsMax = 4;
/**
 * Characters of a body that a regex searches. The worst of them takes some 40 ms for 128 KiB, and
 * nothing else happens meanwhile.
 */
const searchedBytes = 262_144;

/** What is found out on the way, whatever the end is. */
type Findings = { -readonly [K in keyof ProbeResult]?: ProbeResult[K] };

const secureContexts = new WeakMap<ProbeContext, SecureContext>();

export function httpProber(endpoint: HttpEndpoint, context: ProbeContext): Prober {
  return new HttpProber(endpoint, context);
}

class HttpProber implements Prober {
  readonly target: string;
  readonly #endpoint: HttpEndpoint;
  readonly #context: ProbeContext;
  readonly #first: HttpRequest;
  readonly #secrets: ReadonlySet<string>;
  /** Without a request, by what may be asked over them. */
  readonly #kept = new Map<string, HttpConnection>();
  #expected: Promise<Expected> | undefined;
  #course: Course | undefined;
  #isClosed = false;
  /** From when on connections are kept, on the monotonic clock. */
  #keepFromUs: DurationUs = 0;

  constructor(endpoint: HttpEndpoint, context: ProbeContext) {
    this.#endpoint = endpoint;
    this.#context = context;
    const url = new URL(endpoint.url);
    this.target = shownUrl(url);
    const headers = { ...endpoint.headers, ...endpoint.secretHeaders };
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    this.#first = {
      url,
      method: endpoint.method,
      headers: { accept: '*/*', 'user-agent': 'unitwatch', ...Object.fromEntries(lower) },
      body: endpoint.body,
    };
    const secrets = Object.keys(endpoint.secretHeaders).map((name) => name.toLowerCase());
    this.#secrets = new Set(secrets);
  }

  async probe(): Promise<ProbeResult> {
    const { clock } = this.#context;
    const { name, kind, timeoutMs } = this.#endpoint;
    const timeUs = clock.realtimeUs();
    const course = new Course(clock, timeoutMs);
    this.#course = course;
    const findings: Findings = { up: false, reason: '' };
    try {
      await this.#follow(course, findings);
    } catch (error) {
      if (!(error instanceof ProbeFailure)) throw error;
      findings.fault = error.fault;
      findings.reason = error.message;
    } finally {
      course.close();
      this.#course = undefined;
    }
    return {
      up: findings.fault === undefined,
      reason: '',
      ...findings,
      name,
      kind,
      timeUs,
      ...(course.address !== undefined && { address: course.address }),
      attempts: course.attempts,
      durationSeconds: course.seconds,
      phaseSeconds: course.phaseSeconds,
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#course?.end(new ProbeFailure('local', 'stopped'));
    for (const connection of this.#kept.values()) closeConnection(connection);
    this.#kept.clear();
  }

  async #follow(course: Course, findings: Findings): Promise<void> {
    this.#expected ??= expectedOf(this.#endpoint);
    const expected = await this.#expected;
    const { maxRedirects } = this.#endpoint;
    let request = this.#first;
    for (let redirects = 0; ; redirects++) {
      findings.redirects = redirects;
      const answer = await this.#ask(course, request, findings);
      if (maxRedirects === 0 || !isRedirect(answer.status)) {
        const isLonger = answer.bodyBytes > searchedBytes;
        const verdict = judgeAnswer(
          {
            status: answer.status,
            body: answer.body,
            searchedKiB: isLonger ? searchedBytes / 1_024 : undefined,
            encoding: answer.headers['content-encoding'],
          },
          expected,
        );
        if (verdict) throw new ProbeFailure(verdict.fault, verdict.reason);
        findings.up = true;
        return;
      }
      if (redirects === maxRedirects) {
        throw new ProbeFailure('redirect', `more than ${maxRedirects} redirects`);
      }
      const { location } = answer.headers;
      const next = redirected(request, answer.status, location, this.#secrets);
      if (typeof next === 'string') throw new ProbeFailure('redirect', next);
      request = next;
    }
  }

  /**
   * Over the connection that was kept, else over a new one. A server may close a connection just when
   * it is used again, which says nothing about it: it is asked once more over a new one.
   */
  async #ask(course: Course, request: HttpRequest, findings: Findings): Promise<Answer> {
    const kept = this.#take(request);
    if (kept) {
      try {
        return await this.#askOver(kept, course, request, findings);
      } catch (error) {
        if (!(error instanceof BrokenAnswer) || !error.isSilent) throw error;
        if (error.fault === 'timeout') {
          this.#keepFromUs = this.#context.clock.monotonicUs() + distrustUs;
        }
        if (error.fault !== 'closed' && error.fault !== 'reset') throw error;
      }
    }
    const connection = await openConnection(course, request, {
      clock: this.#context.clock,
      resolver: this.#context.resolver,
      secureContext: secureContextOf(this.#context),
    });
    connection.socket.once('close', () => this.#forget(connection));
    return this.#askOver(connection, course, request, findings);
  }

  async #askOver(
    connection: HttpConnection,
    course: Course,
    request: HttpRequest,
    findings: Findings,
  ): Promise<Answer> {
    course.address = connection.address;
    findings.tls = connection.certificate !== undefined;
    let isGood = false;
    try {
      this.#look(connection, findings);
      const keep = safe.has(request.method);
      const wantedBytes = this.#endpoint.regex === undefined ? 0 : searchedBytes;
      const answer = await exchange(course, connection, request, { wantedBytes, keep });
      isGood = keep && !answer.isCut;
      noteAnswer(findings, answer);
      return answer;
    } catch (error) {
      if (error instanceof BrokenAnswer && error.part) noteAnswer(findings, error.part);
      throw error;
    } finally {
      if (isGood) this.#keep(connection);
      else closeConnection(connection);
    }
  }

  #look({ certificate }: HttpConnection, findings: Findings): void {
    if (certificate === undefined) return;
    if (certificate.endUs !== undefined) {
      findings.certificateEndUs = Math.min(
        certificate.endUs,
        findings.certificateEndUs ?? Infinity,
      );
    }
    if (!this.#endpoint.verifyTls) return;
    const verdict = judgeCertificate(certificate, this.#context.clock.realtimeUs());
    if (verdict) throw new ProbeFailure(verdict.fault, verdict.reason);
  }

  /** Only what may be asked twice without harm goes over a connection that may be dead. */
  #take(request: HttpRequest): HttpConnection | undefined {
    if (!safe.has(request.method)) return undefined;
    const key = keyOf(request);
    const connection = this.#kept.get(key);
    if (connection === undefined) return undefined;
    this.#kept.delete(key);
    const ageUs = this.#context.clock.monotonicUs() - connection.bornUs;
    if (!connection.socket.destroyed && ageUs < keptUs) return connection;
    closeConnection(connection);
    return undefined;
  }

  #keep(connection: HttpConnection): void {
    const nowUs = this.#context.clock.monotonicUs();
    const ageUs = nowUs - connection.bornUs;
    // Not where it would be too old by the next time anyway.
    const isUseful = ageUs + this.#endpoint.intervalMs * 1e3 < keptUs && nowUs >= this.#keepFromUs;
    if (this.#isClosed || !isUseful || this.#kept.size >= connectionsMax) {
      closeConnection(connection);
      return;
    }
    this.#kept.set(connection.key, connection);
  }

  #forget(connection: HttpConnection): void {
    if (this.#kept.get(connection.key) === connection) this.#kept.delete(connection.key);
  }
}

function noteAnswer(findings: Findings, { status, bodyBytes, isCut, headers }: PartOfAnswer): void {
  findings.status = status;
  findings.bodyBytes = bodyBytes;
  findings.bodyCut = isCut;
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (Number.isSafeInteger(length) && length >= 0) findings.contentLength = length;
  else delete findings.contentLength;
}

async function expectedOf({ expectedStatus, regex }: HttpEndpoint): Promise<Expected> {
  return {
    status: expectedStatus,
    regex: regex === undefined ? undefined : await compileRegex(regex),
  };
}

function secureContextOf(context: ProbeContext): SecureContext {
  const known = secureContexts.get(context);
  if (known) return known;
  const made = createSecureContext(context.ca === undefined ? {} : { ca: context.ca });
  secureContexts.set(context, made);
  return made;
}
