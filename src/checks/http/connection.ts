import { isIP, type Socket } from 'node:net';
import { type SecureContext, connect as startTls, type TLSSocket } from 'node:tls';
import type Client from 'undici/lib/dispatcher/client.js';
import type { Clock, DurationUs } from '../../model/time.ts';
import { type Course, ProbeFailure } from '../tcp/course.ts';
import { dial, failureOf } from '../tcp/dial.ts';
import type { NameResolver } from '../tcp/resolver.ts';
import { type Certificate, certificateOf } from './certificate.ts';
import { type HttpRequest, hostOf, portOf, serverName } from './request.ts';
import { tlsFailureOf } from './tls-failure.ts';

/** Headers of an answer; servers and proxies themselves stop between 8 and 64 KiB. */
const headerBytes = 65_536;
/**
 * A connection is not kept for longer: a listener that is gone, a name that has moved and a new
 * certificate show on new connections only.
 */
export const keptUs: DurationUs = 60e6;

export interface ConnectContext {
  readonly clock: Clock;
  readonly resolver: NameResolver;
  /** Shared: to make one takes longer than a request. */
  readonly secureContext: SecureContext;
}

/** An established connection, and undici's client that speaks HTTP over it. */
export interface HttpConnection {
  readonly client: Client;
  readonly socket: Socket;
  /** Origin and server name: what else may be asked over it. */
  readonly key: string;
  readonly address: string;
  readonly certificate: Certificate | undefined;
  readonly bornUs: DurationUs;
}

export function keyOf(request: HttpRequest): string {
  return `${request.url.origin} ${serverName(request)}`;
}

/** @throws ProbeFailure */
export async function openConnection(
  course: Course,
  request: HttpRequest,
  context: ConnectContext,
): Promise<HttpConnection> {
  const { url } = request;
  const { default: ClientOf } = await import('undici/lib/dispatcher/client.js');
  const tcp = await dialled(course, context.resolver, url);
  const address = tcp.remoteAddress ?? '';
  const tls = url.protocol === 'https:' ? await secured(course, tcp, request, context) : undefined;
  course.leave();
  const socket = tls ?? tcp;
  let isTaken = false;
  const client = new ClientOf(url.origin, {
    connect: (_options, callback) => {
      // One client is one connection: what becomes of it shows in the answer.
      const isGone = isTaken || socket.destroyed;
      isTaken = true;
      queueMicrotask(() => callback(isGone ? new ProbeFailure('closed') : null, socket));
    },
    maxHeaderSize: headerBytes,
    // The course has its own limit over all phases.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keptUs / 1e3,
    keepAliveMaxTimeout: keptUs / 1e3,
    pipelining: 1,
  });
  const certificate = tls && certificateOf(tls);
  const bornUs = context.clock.monotonicUs();
  return { client, socket, key: keyOf(request), address, certificate, bornUs };
}

export function closeConnection({ client, socket }: HttpConnection): void {
  void client.destroy();
  socket.destroy();
}

async function dialled(course: Course, resolver: NameResolver, url: URL): Promise<Socket> {
  try {
    return await dial(course, resolver, hostOf(url), portOf(url));
  } catch (error) {
    if (error instanceof ProbeFailure && error.fault === 'reset') throw course.failure('reset');
    throw error;
  }
}

/**
 * The certificate is looked at afterwards: what is wrong with it, and when it ends, is known then even
 * where it is not valid.
 */
async function secured(
  course: Course,
  tcp: Socket,
  request: HttpRequest,
  { secureContext }: ConnectContext,
): Promise<TLSSocket> {
  course.enter('tls');
  const name = serverName(request);
  const handshake = new Promise<TLSSocket>((resolve, reject) => {
    const socket = startTls({
      socket: tcp,
      host: name,
      // RFC 6066 section 3: addresses are not sent as names.
      ...(isIP(name) === 0 && { servername: name }),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
      secureContext,
    });
    const forget = course.onEnd(() => socket.destroy());
    socket.once('secureConnect', () => {
      forget();
      resolve(socket);
    });
    socket.on('error', (error) => {
      forget();
      socket.destroy();
      reject(tlsFailure(course, error));
    });
  });
  return course.wait(handshake);
}

function tlsFailure(course: Course, error: Error): ProbeFailure {
  const code = 'code' in error ? String(error.code) : '';
  // Node's word for an end in mid-handshake, be it a FIN or a reset, is ECONNRESET too.
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return course.failure('syscall' in error ? 'reset' : 'closed');
  }
  const failure = failureOf(error);
  return failure.fault === 'local' ? tlsFailureOf(error) : course.failure(failure.fault);
}
