import createConnection from 'dbus-next/lib/connection.js';
import { Message } from 'dbus-next/lib/message-type.js';
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

const hello: Call = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'Hello',
};

/**
 * Connects and says Hello. The one place that knows dbus-next, and adds what it leaves out: a
 * deadline and a place in a queue for each call, and notice of a bus that is gone.
 * @throws BusError `unreachable`
 */
export async function connectBus(target: BusTarget, counters: CallCounters): Promise<Bus> {
  const connection = createConnection({ busAddress: addressFor(target) });
  const { stream } = connection;
  const calls = new Calls(connection);
  let failure = '';
  const lost = new Promise<string>((resolve) => {
    connection.on('error', (error: unknown) => {
      failure ||= messageOf(error);
      stream.destroy();
    });
    stream.on('close', () => {
      failure ||= 'the bus closed the connection';
      calls.lose(failure);
      resolve(failure);
    });
  });
  try {
    await calls.make(hello);
  } catch (error) {
    stream.destroy();
    const reason = failure || messageOf(error).replace(/\.$/, '');
    throw new BusError('unreachable', `The bus did not let us in: ${reason}.`, error);
  }
  const gate = new Gate(limits.callsInFlight);
  return {
    lost,
    close: () => stream.destroy(),
    call: async (call) => {
      await gate.enter();
      try {
        return await calls.make(call);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asBusError(error: unknown, call: Call): BusError {
  if (error instanceof BusError) return error;
  return new BusError('unreachable', `${call.member} failed: ${messageOf(error)}`, error);
}

type Connection = ReturnType<typeof createConnection>;

/** A call that was sent. */
interface Waiting {
  readonly call: Call;
  readonly deadline: NodeJS.Timeout;
  readonly resolve: (body: readonly unknown[]) => void;
  readonly reject: (error: BusError) => void;
}

/**
 * The calls of one connection, by serial. Each is settled once, by its answer, its deadline or the
 * end of the connection, and forgotten then: nothing of it hangs on the connection's life.
 */
class Calls {
  private readonly connection: Connection;
  private readonly waiting: Map<number, Waiting> = new Map();
  private serial = 0;
  /** Why the connection is gone. */
  private gone: string | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.on('message', (message: Message) => this.hear(message));
  }

  make(call: Call): Promise<readonly unknown[]> {
    this.serial += 1;
    const { serial } = this;
    if (this.gone !== undefined) return Promise.reject(cutOff(call, this.gone));
    return new Promise((resolve, reject) => {
      this.connection.message(new Message({ ...call, serial }));
      const late = (): void =>
        this.settle(serial)?.reject(
          new BusError('timeout', `${call.member} got no answer in ${limits.callDeadlineMs} ms.`),
        );
      const deadline = setTimeout(late, limits.callDeadlineMs);
      this.waiting.set(serial, { call, deadline, resolve, reject });
    });
  }

  /** The connection is gone, and no answer comes any more. */
  lose(reason: string): void {
    this.gone = reason;
    for (const [serial, { call, reject }] of this.waiting) {
      this.settle(serial);
      reject(cutOff(call, reason));
    }
  }

  private hear({ type, replySerial, errorName, body }: Message): void {
    if (type !== answerType && type !== errorType) return;
    const waiting = this.settle(replySerial);
    if (type === answerType) waiting?.resolve(body);
    else waiting?.reject(refusal(waiting.call, errorName, body[0]));
  }

  private settle(serial: number | undefined): Waiting | undefined {
    if (serial === undefined) return undefined;
    const waiting = this.waiting.get(serial);
    clearTimeout(waiting?.deadline);
    this.waiting.delete(serial);
    return waiting;
  }
}

/** What stands in a message's type; D-Bus specification, "Message Format". */
const answerType = 2;
const errorType = 3;

function cutOff({ member }: Call, reason: string): BusError {
  return new BusError('lost', `${member} was cut off: ${reason}.`);
}

/** The error that was answered instead. */
function refusal(call: Call, name = 'unreachable', text: unknown = ''): BusError {
  return new BusError(name, `${call.member} failed: ${String(text)}`);
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
