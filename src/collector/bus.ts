import type { Socket } from 'node:net';
import dbus from 'dbus-next';
import { limits } from '../model/limits.ts';
import type { BusTarget } from './address.ts';

/**
 * Why talking to the bus did not succeed. `code` is `unreachable`, `timeout`, `lost` (the bus went
 * away), or the D-Bus error name of the answer (`org.freedesktop.DBus.Error.AccessDenied`).
 */
export class BusError extends Error {
  override readonly name = 'BusError';
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface Call {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: unknown[];
}

export interface CallCounters {
  callsTimedOut: number;
  callsFailed: number;
}

/** A bus connection for calls. */
export interface Bus {
  /** Body of the answer. Rejects with a BusError, after `limits.callDeadlineMs` at the latest. */
  call(call: Call): Promise<readonly unknown[]>;
  /** Settles, with the reason, when the connection is gone; never rejects. */
  readonly lost: Promise<string>;
  close(): void;
}

/** dbus-next keeps its connection to itself; this is the part of it that is needed. */
interface WithConnection {
  readonly _connection: { readonly stream: Socket };
}

/**
 * Connects and says Hello. The one place that knows dbus-next, and adds what it leaves out: a
 * deadline and a place in a queue for each call, and notice of a bus that is gone.
 * @throws BusError `unreachable`
 */
export async function connectBus(target: BusTarget, counters: CallCounters): Promise<Bus> {
  const bus = dbus.sessionBus({ busAddress: addressFor(target) });
  const { stream } = (bus as unknown as WithConnection)._connection;
  let failure = '';
  const lost = new Promise<string>((resolve) => {
    bus.on('error', (error: unknown) => {
      failure ||= error instanceof Error ? error.message : String(error);
      stream.destroy();
    });
    stream.on('close', () => resolve(failure || 'the bus closed the connection'));
  });
  const hello = new Promise<string>((resolve) => bus.once('connect', () => resolve('')));
  const refused = await Promise.race([hello, lost, after(limits.callDeadlineMs, 'no answer')]);
  if (refused !== '') {
    stream.destroy();
    throw new BusError('unreachable', `The bus did not let us in: ${refused}.`);
  }
  const gate = new Gate(limits.callsInFlight);
  return {
    lost,
    close: () => stream.destroy(),
    call: async (call) => {
      await gate.enter();
      try {
        return await answered(bus.call(new dbus.Message(call)), lost, call);
      } catch (error) {
        const fault = asBusError(error, call);
        if (fault.code === 'timeout') counters.callsTimedOut++;
        else counters.callsFailed++;
        throw fault;
      } finally {
        gate.leave();
      }
    },
  };
}

/** `unix:socket=` makes dbus-next use node:net; `unix:path=` would try a native module first. */
function addressFor(target: BusTarget): string {
  if ('path' in target) {
    if (/[,;=:]/.test(target.path))
      throw new BusError(
        'unreachable',
        `The bus socket's path may not hold , ; = or : (${target.path}).`,
      );
    return `unix:socket=${target.path}`;
  }
  return `tcp:host=${target.host},port=${target.port}`;
}

async function answered(
  reply: Promise<{ body: unknown[] } | null>,
  lost: Promise<string>,
  call: Call,
): Promise<readonly unknown[]> {
  const gone = lost.then((reason): never => {
    throw new BusError('lost', `${call.member} was cut off: ${reason}.`);
  });
  const late = new Deadline(limits.callDeadlineMs);
  const timedOut = late.passed.then((): never => {
    throw new BusError('timeout', `${call.member} got no answer in ${limits.callDeadlineMs} ms.`);
  });
  try {
    return (await Promise.race([reply, gone, timedOut]))?.body ?? [];
  } finally {
    late.cancel();
  }
}

function asBusError(error: unknown, call: Call): BusError {
  if (error instanceof BusError) return error;
  const { type, message } = error as { type?: unknown; message?: unknown };
  return new BusError(
    typeof type === 'string' ? type : 'unreachable',
    `${call.member} failed: ${String(message ?? error)}`,
    error,
  );
}

/** A timer that can be called off, so that none is left behind by an answer in time. */
class Deadline {
  readonly passed: Promise<void>;
  private timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.passed = new Promise((resolve) => {
      this.timer = setTimeout(resolve, ms);
    });
  }

  cancel(): void {
    clearTimeout(this.timer);
  }
}

async function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(value), ms).unref();
  });
}

/** Lets so many through at a time; the others wait in line. */
class Gate {
  private free: number;
  private readonly line: (() => void)[] = [];

  constructor(places: number) {
    this.free = places;
  }

  async enter(): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.line.push(resolve));
  }

  leave(): void {
    const next = this.line.shift();
    if (next) next();
    else this.free++;
  }
}
