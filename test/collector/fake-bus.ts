import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageLength } from '../../src/collector/header.ts';
import { dbusNext, encode, type Message, systemd, types, type Value } from './encode.ts';

/** The far side of one connection to a bus that a test plays. */
export interface FakeBus {
  /** A target of SignalConnection. */
  readonly target: { readonly path: string };
  /** The connection, when it has signed in and asked for everything it asks for. */
  readonly ready: Promise<Socket>;
  /** Members of the calls that came. */
  readonly calls: readonly string[];
  /** Connections that are open. */
  connections(): number;
  /** Cuts all of them off. */
  cut(): void;
  close(): Promise<void>;
}

export type Call = Pick<Message, 'member' | 'path' | 'serial' | 'destination'> & {
  readonly body?: readonly unknown[];
};

export interface FakeBusOptions {
  /** What is said instead of `OK` and a GUID. */
  readonly signIn?: readonly (string | Buffer)[];
  /** What GetNameOwner answers with. */
  readonly owner?: string;
  /** What is said in one breath with that answer. */
  readonly next?: Buffer;
  /** What is answered to a call; undefined for what the bus itself answers. */
  readonly answer?: (call: Call) => Buffer | Promise<Buffer> | undefined;
}

/** A bus on a Unix socket of its own: it lets one client in and answers what ours asks. */
export async function fakeBus(options: FakeBusOptions = {}): Promise<FakeBus> {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-bus-'));
  const target = { path: join(folder, 'bus') };
  const calls: string[] = [];
  let tellReady: (socket: Socket) => void;
  const ready = new Promise<Socket>((resolve) => {
    tellReady = resolve;
  });
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    // The client may leave whenever it likes.
    socket.on('error', () => {});
    const say = (bytes: string | Buffer): void => {
      socket.write(bytes);
    };
    const client = new Client(say, calls, options, () => tellReady(socket));
    socket.on('data', (chunk) => client.take(chunk));
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(target.path, resolve));
  return {
    target,
    ready,
    calls,
    connections: () => sockets.filter((socket) => !socket.closed).length,
    cut,
    close: async () => {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true });
    },
  };
}

/** What is said to one client, by what it says. */
class Client {
  private readonly say: (bytes: string | Buffer) => void;
  private readonly calls: string[];
  private readonly options: FakeBusOptions;
  private readonly ready: () => void;
  private bytes: Buffer = Buffer.alloc(0);
  private signedIn = false;
  private isGreeted = false;

  constructor(
    say: (bytes: string | Buffer) => void,
    calls: string[],
    options: FakeBusOptions,
    ready: () => void,
  ) {
    this.say = say;
    this.calls = calls;
    this.options = options;
    this.ready = ready;
  }

  take(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (!this.signedIn) this.signIn();
    if (this.signedIn) this.answer();
  }

  private signIn(): void {
    const end = this.bytes.indexOf('BEGIN\r\n');
    if (end >= 0) {
      this.signedIn = true;
      this.bytes = this.bytes.subarray(end + 7);
    } else if (!this.isGreeted && this.bytes.includes('\r\n')) {
      this.isGreeted = true;
      this.calls.push('AUTH');
      for (const words of this.options.signIn ?? ['OK 0123456789abcdef\r\n']) this.say(words);
    }
  }

  private answer(): void {
    while (this.bytes.length >= 16 && messageLength(this.bytes, 0) <= this.bytes.length) {
      const length = messageLength(this.bytes, 0);
      const call = callIn(this.bytes.subarray(0, length));
      this.bytes = this.bytes.subarray(length);
      this.calls.push(call.member ?? '');
      const { owner = systemd, next = Buffer.alloc(0) } = this.options;
      const answer = this.options.answer?.(call) ?? encode(answerTo(call, owner));
      if (answer instanceof Promise) {
        void answer.then(this.say);
        continue;
      }
      const last = call.member === 'GetNameOwner';
      this.say(last ? Buffer.concat([answer, next]) : answer);
      if (last) this.ready();
    }
  }
}

/** Hello has no arguments, and dbus-next's unmarshaller cannot read that. */
function callIn(bytes: Buffer): Call {
  return bytes.readUInt32LE(4) === 0
    ? { member: 'Hello', serial: bytes.readUInt32LE(8) }
    : dbusNext.unmarshall(bytes);
}

function answerTo({ member, serial }: Pick<Message, 'member' | 'serial'>, owner: string): Message {
  const texts: Readonly<Record<string, string>> = {
    Hello: ':1.7',
    GetNameOwner: owner,
    GetId: 'id',
  };
  const text = texts[member ?? ''];
  const body: readonly Value[] = text === undefined ? [] : [text];
  return {
    type: types.return,
    serial: serial + 1_000,
    replySerial: serial,
    sender: 'org.freedesktop.DBus',
    signature: text === undefined ? '' : 's',
    body,
  };
}
