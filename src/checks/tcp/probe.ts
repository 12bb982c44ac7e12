import type { Socket } from 'node:net';
import type { ProbeResult } from '../../model/probe.ts';
import type { EndpointBase, ProbeContext, Prober } from '../endpoints-contract.ts';
import { Course, ProbeFailure } from './course.ts';
import { dial } from './dial.ts';

/** A TCP service: up when a connection is established. */
export interface TcpEndpoint extends EndpointBase {
  readonly kind: 'tcp';
  /** Name, IPv4 or IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** How long the other side has to close too. */
const lingerMs = 500;
/** What it may say meanwhile: greetings are short. */
const greetingBytes = 65_536;

export function tcpProber(endpoint: TcpEndpoint, context: ProbeContext): Prober {
  const { name, host, port, timeoutMs } = endpoint;
  const { clock, resolver } = context;
  const leaving = new Set<Socket>();
  let course: Course | undefined;

  async function probe(): Promise<ProbeResult> {
    const timeUs = clock.realtimeUs();
    const now = new Course(clock, timeoutMs);
    course = now;
    const outcome = await connectOnce(now);
    now.close();
    course = undefined;
    return {
      name,
      kind: 'tcp',
      timeUs,
      durationSeconds: now.seconds,
      phaseSeconds: now.phaseSeconds,
      attempts: now.attempts,
      ...(now.address !== undefined && { address: now.address }),
      ...outcome,
    };
  }

  async function connectOnce(now: Course): Promise<Pick<ProbeResult, 'up' | 'reason' | 'fault'>> {
    try {
      const socket = await dial(now, resolver, host, port);
      leave(socket, leaving);
      return { up: true, reason: '' };
    } catch (error) {
      if (!(error instanceof ProbeFailure)) throw error;
      // It was established: whether the reset or the word of that is seen first is chance.
      if (error.fault === 'reset') return { up: true, reason: '' };
      // A connection has one phase: to name it says nothing, but for the look-up of its name.
      const isPlain = error.fault === 'timeout' && now.phase === 'connect';
      return { up: false, fault: error.fault, reason: isPlain ? 'timeout' : error.message };
    }
  }

  return {
    target: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    probe,
    close: () => {
      course?.end(new ProbeFailure('local', 'stopped'));
      for (const socket of leaving) socket.destroy();
    },
  };
}

/**
 * Ends a connection in the way that TCP means it: close(2) with a greeting unread would send a
 * reset, which servers write into their logs.
 */
function leave(socket: Socket, leaving: Set<Socket>): void {
  leaving.add(socket);
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > greetingBytes) socket.destroy();
  });
  socket.once('close', () => {
    clearTimeout(timer);
    leaving.delete(socket);
  });
  socket.end();
}
