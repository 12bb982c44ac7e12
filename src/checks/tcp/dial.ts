import { connect, type Socket } from 'node:net';
import type { ProbeFault } from '../../model/probe.ts';
import { type Course, ProbeFailure } from './course.ts';
import type { NameResolver } from './resolver.ts';

/** When the next address is tried beside the one that has not answered yet, RFC 8305 section 5. */
const nextAddressMs = 250;

/**
 * Established, and whoever takes it has to close it.
 * @throws ProbeFailure where no address answers; the course has its time limit
 */
export async function dial(
  course: Course,
  resolver: NameResolver,
  host: string,
  port: number,
): Promise<Socket> {
  course.enter('resolve');
  const found = await course.wait(resolver.lookUp(host));
  if ('fault' in found) throw new ProbeFailure(found.fault, found.reason);
  course.enter('connect');
  return course.wait(race(course, found.addresses, port));
}

/**
 * The first address that answers wins; the others are let go of. What the kernel calls reset was
 * established, so that it wins too, and is how the race ends: a SYN that is answered with a reset is
 * refused.
 */
function race(course: Course, addresses: readonly string[], port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const failures: ProbeFailure[] = [];
    let tried = 0;
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      clearTimeout(timer);
      tried = addresses.length;
      for (const socket of open) socket.destroy();
      open.clear();
    };
    const forget = course.onEnd(stop);
    const fail = (failure: ProbeFailure): void => {
      failures.push(failure);
      if (tried < addresses.length) next();
      else if (open.size === 0) {
        forget();
        reject(worst(failures));
      }
    };
    const next = (): void => {
      clearTimeout(timer);
      const host = addresses[tried++];
      if (host === undefined) return;
      course.attempts += 1;
      course.address = host;
      const socket = connect({ host, port, noDelay: true });
      open.add(socket);
      socket.once('error', (error) => {
        if (!open.delete(socket)) return;
        const failure = failureOf(error);
        if (failure.fault !== 'reset') {
          fail(failure);
          return;
        }
        course.address = host;
        forget();
        stop();
        reject(failure);
      });
      socket.once('connect', () => {
        if (!open.delete(socket)) return;
        if (isOwnEcho(socket)) {
          socket.destroy();
          fail(new ProbeFailure('refused'));
          return;
        }
        course.address = socket.remoteAddress ?? host;
        forget();
        stop();
        socket.removeAllListeners('error');
        socket.on('error', () => {});
        course.onEnd(() => socket.destroy());
        resolve(socket);
      });
      if (tried < addresses.length) timer = setTimeout(next, nextAddressMs);
    };
    next();
  });
}

/**
 * A connection to a free port of this machine can be given that very port as its own: TCP then
 * connects it with itself (RFC 9293 section 3.5, simultaneous open), and nobody is there.
 */
function isOwnEcho(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}

const faults: Readonly<Record<string, ProbeFault>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
};

/** What the kernel said, in a word; what it says of this machine is `local`. */
export function failureOf(error: Error): ProbeFailure {
  const code = 'code' in error ? String(error.code) : '';
  const fault = faults[code];
  return fault ? new ProbeFailure(fault) : new ProbeFailure('local', `not tried (${code})`);
}

/** Somebody who refuses says more than silence, and anything says more than this machine's own faults. */
const telling: readonly ProbeFault[] = ['refused', 'timeout', 'unreachable'];

function worst(failures: readonly ProbeFailure[]): ProbeFailure {
  for (const fault of telling) {
    const failure = failures.find((one) => one.fault === fault);
    if (failure) return failure;
  }
  return failures[0] ?? new ProbeFailure('name', 'name not found');
}
