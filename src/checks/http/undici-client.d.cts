/**
 * The one file of undici that is loaded. Its index costs 5 MB of private memory more (fetch, WebSocket,
 * caches, proxies). The types that come with the package describe the index, so what is used of the
 * client is declared here.
 */
declare module 'undici/lib/dispatcher/client.js' {
  import type { IncomingHttpHeaders } from 'node:http';
  import type { Socket } from 'node:net';

  interface Controller {
    /** The connection is destroyed, and `onResponseError` gets the reason. */
    abort(reason: Error): void;
  }

  interface Handler {
    onRequestStart(controller: Controller): void;
    /** Of the final answer; those from 100 to 199 are not told. */
    onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders): void;
    onResponseData(controller: Controller, chunk: Buffer): void;
    onResponseEnd(controller: Controller): void;
    onResponseError(controller: Controller, error: Error): void;
  }

  interface Options {
    /** Called when there is a request and no connection. */
    connect(options: object, callback: (error: Error | null, socket: Socket) => void): void;
    maxHeaderSize: number;
    /** Milliseconds; 0 for no limit. */
    headersTimeout: number;
    bodyTimeout: number;
    /** How long a connection without a request is kept, milliseconds. */
    keepAliveTimeout: number;
    keepAliveMaxTimeout: number;
    pipelining: number;
  }

  interface Request {
    readonly path: string;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | null;
    /** The server is told to close the connection behind its answer. */
    readonly reset: boolean;
  }

  class Client {
    constructor(origin: string, options: Options);
    dispatch(request: Request, handler: Handler): boolean;
    destroy(): Promise<void>;
  }

  export = Client;
}
