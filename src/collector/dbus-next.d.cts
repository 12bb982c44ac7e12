/**
 * The two files of dbus-next that are loaded. Its index brings proxies and services along, and with
 * them an XML parser and an XML writer, which nothing here needs. The types that come with the package
 * describe the index, so what is used is declared here.
 */
declare module 'dbus-next/lib/message-type.js' {
  interface Fields {
    readonly serial: number;
    readonly destination: string;
    readonly path: string;
    readonly interface: string;
    readonly member: string;
    readonly signature?: string;
    readonly body?: readonly unknown[];
  }

  export class Message {
    /** A method call. @throws Error where a field is not what D-Bus allows */
    constructor(fields: Fields);
    /** 2: the answer; 3: an error in its place; D-Bus specification, "Message Types". */
    readonly type: number;
    /** Of answers and errors: the serial of their call. */
    readonly replySerial?: number;
    readonly errorName?: string;
    readonly body: readonly unknown[];
  }
}

declare module 'dbus-next/lib/connection.js' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { Message } from 'dbus-next/lib/message-type.js';

  /** Emits `message` for each message that comes, and `error`. */
  interface Connection extends EventEmitter {
    readonly stream: Socket;
    /** Sends it, after the handshake at the earliest. @throws Error where the stream is closed */
    message(message: Message): void;
  }

  function createConnection(options: { readonly busAddress: string }): Connection;
  export = createConnection;
}
