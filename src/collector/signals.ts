import { limits } from '../model/limits.ts';
import type { BusTarget } from './address.ts';
import { BusError } from './bus.ts';
import { encodeCall, type StringCall } from './call.ts';
import { Decoder, type DecoderSink, type Followed, type Reply } from './decode.ts';
import { fixedHeaderBytes, messageLength } from './header.ts';
import { Lifetime } from './lifetime.ts';
import { Reader } from './reader.ts';

const busName = 'org.freedesktop.DBus';
const systemdName = 'org.freedesktop.systemd1';

/**
 * All that is asked of the bus. A rule cannot say "*.service", so the properties of every unit come
 * in, and those nobody follows cost a header each.
 */
export const matchRules: readonly string[] = [
  `type='signal',sender='${busName}',path='/org/freedesktop/DBus',interface='${busName}',member='NameOwnerChanged',arg0='${systemdName}'`,
  `type='signal',sender='${systemdName}',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',path_namespace='/org/freedesktop/systemd1/unit'`,
  `type='signal',sender='${systemdName}',interface='org.freedesktop.systemd1.Manager',path='/org/freedesktop/systemd1'`,
];

/** What a signal connection tells, beside what its decoder tells. */
export interface SignalSink<U extends Followed> extends Omit<DecoderSink<U>, 'reply'> {
  /** A message was too long for the buffer and was passed over: something may have been missed. */
  overflow(): void;
}

export interface SignalOptions<U extends Followed> {
  readonly target: BusTarget;
  readonly uid: number;
  readonly bufferBytes: number;
  readonly sink: SignalSink<U>;
}

type Waiting = (reply: Reply) => void;

/** The longest answer of the sign-in that is read ("OK" and a GUID); a bus has no longer one. */
const signInBytes = 1_024;

/**
 * The connection that signals come over. It signs in, says Hello, adds three match rules, and reads.
 * The only calls it makes after that are GetAll: an answer on this connection stands in one order
 * with the signals, so that a snapshot can never overwrite what is newer than itself.
 */
export class SignalConnection<U extends Followed> {
  readonly decoder: Decoder<U>;
  /** Until the connection has ended, and why it did. */
  readonly lost: Lifetime<BusError> = new Lifetime();
  bytesReceived = 0;
  /** Unique bus name of systemd; empty while it is not on the bus. */
  owner = '';
  private readonly reader: Reader;
  private readonly sink: SignalSink<U>;
  private readonly waiting: Map<number, Waiting> = new Map();
  /** Calls that wait for others to be answered. One unit is asked for once or twice at a time. */
  private readonly queued: (() => void)[] = [];
  private signedIn = false;
  private serial = 0;
  private skipBytes = 0;

  /**
   * Resolves when signals flow; systemd itself may not be on the bus yet.
   * @throws BusError `unreachable`, with a sentence that says what to do
   */
  static async open<U extends Followed>(options: SignalOptions<U>): Promise<SignalConnection<U>> {
    const connection = new SignalConnection(options);
    const timer = setTimeout(() => connection.close('it did not answer'), limits.callDeadlineMs);
    const ended = await connection.lost.during(connection.begin());
    clearTimeout(timer);
    if (ended instanceof BusError) throw ended;
    return connection;
  }

  private constructor(options: SignalOptions<U>) {
    const { sink, target } = options;
    this.sink = sink;
    this.decoder = new Decoder<U>({
      find: (bytes, at, length) => sink.find(bytes, at, length),
      changed: (unit, next) => sink.changed(unit, next),
      timer: (label, facts) => sink.timer?.(label, facts),
      unitNew: (name) => sink.unitNew(name),
      unitRemoved: (name) => sink.unitRemoved(name),
      jobRemoved: (id, unit, result) => sink.jobRemoved(id, unit, result),
      reloading: (active) => sink.reloading(active),
      ownerChanged: (owner) => {
        this.own(owner);
        sink.ownerChanged(owner);
      },
      reply: (serial, reply) => this.answered(serial, reply),
    });
    this.reader = new Reader({
      target,
      bufferBytes: options.bufferBytes,
      onConnect: () => this.reader.write(`\0AUTH EXTERNAL ${hex(String(options.uid))}\r\n`),
      take: (bytes, start, end) => this.take(bytes, start, end),
      onClosed: (reason, code) =>
        this.lost.end(new BusError('unreachable', sentence(target, reason, code))),
    });
  }

  /**
   * Asks for the properties of all of a unit's interfaces: an empty interface name means all, so
   * that one answer holds one consistent view. It is read inside `onReply`, or never.
   */
  getAll(path: string, onReply: (reply: Reply) => void): void {
    if (this.waiting.size >= limits.callsInFlight) {
      this.queued.push(() => this.getAll(path, onReply));
      return;
    }
    this.send(
      {
        destination: systemdName,
        path,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'GetAll',
        args: [''],
      },
      onReply,
    );
  }

  /** Resolves when the bus has answered; without an answer the connection is closed. */
  async ping(): Promise<void> {
    const timer = setTimeout(() => this.close('it did not answer'), limits.callDeadlineMs);
    await this.lost.during(this.ask('GetId'));
    clearTimeout(timer);
  }

  close(reason: string): void {
    this.reader.close(reason);
  }

  private begun: (() => void) | undefined;

  private async begin(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.begun = resolve;
    });
    await this.ask('Hello');
    for (const rule of matchRules) await this.ask('AddMatch', [rule]);
    await this.ask('GetNameOwner', [systemdName], (owner) => this.own(owner));
  }

  /**
   * A call of the bus itself; resolves when it is answered. `heard` takes the answer's text (empty for
   * an error or none) in its place among the signals: the next one may already be of newer things.
   */
  private ask(
    member: string,
    args: readonly string[] = [],
    heard?: (text: string) => void,
  ): Promise<void> {
    return new Promise((resolve) => {
      this.send(
        {
          destination: busName,
          path: '/org/freedesktop/DBus',
          interface: busName,
          member,
          args,
        },
        (reply) => {
          heard?.(reply.kind === 'text' ? reply.text : '');
          resolve();
        },
      );
    });
  }

  private own(owner: string): void {
    this.owner = owner;
    this.decoder.trust(owner);
  }

  private send(call: StringCall, onReply: Waiting): void {
    this.serial++;
    this.waiting.set(this.serial, onReply);
    this.reader.write(encodeCall(this.serial, call));
  }

  private answered(serial: number, reply: Reply): void {
    const waiting = this.waiting.get(serial);
    this.waiting.delete(serial);
    waiting?.(reply);
    this.queued.shift()?.();
  }

  private take(bytes: Buffer, start: number, end: number): number {
    if (!this.signedIn) return this.takeSignIn(bytes, start, end);
    const skipped = Math.min(this.skipBytes, end - start);
    this.skipBytes -= skipped;
    this.bytesReceived += skipped;
    const at = this.decoder.take(bytes, start + skipped, end);
    if (Number.isNaN(at)) {
      this.close('what came over it was no D-Bus');
      return end;
    }
    this.bytesReceived += at - start - skipped;
    if (end - at < fixedHeaderBytes || messageLength(bytes, at) <= this.reader.capacity) return at;
    this.bytesReceived += end - at;
    this.skipBytes = messageLength(bytes, at) - (end - at);
    this.sink.overflow();
    return end;
  }

  /** The bus answers `OK` and its GUID, or `REJECTED`. "Authentication Protocol". */
  private takeSignIn(bytes: Buffer, start: number, end: number): number {
    const line = bytes.indexOf('\r\n', start);
    const complete = line >= 0 && line < end;
    if (!complete) {
      if (end - start > signInBytes) this.close('its sign-in made no sense');
      return start;
    }
    if (bytes.toString('latin1', start, start + 3) === 'OK ') {
      this.signedIn = true;
      this.reader.write('BEGIN\r\n');
      this.begun?.();
    } else {
      this.close('it rejected this user');
    }
    return line + 2;
  }
}

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

/** What to do about a bus that is not there or does not let us in. */
function sentence(target: BusTarget, reason: string, code: string): string {
  const where = 'path' in target ? target.path.replace('\0', '@') : `${target.host}:${target.port}`;
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return `No bus at ${where}: is dbus running? Start it, name another with --bus, or watch processes and endpoints alone with --bus off.`;
  if (code === 'EACCES' || code === 'EPERM')
    return `Permission denied at the bus socket ${where}: run as a user who may open it, or name another with --bus.`;
  return `The bus at ${where} is of no use: ${reason}.`;
}
