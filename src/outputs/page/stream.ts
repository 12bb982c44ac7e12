import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Event } from '../../model/event.ts';
import { lineOf } from '../../model/line.ts';
import { RateLimit } from '../../model/rate-limit.ts';
import type { PageContext } from './context.ts';
import { isOwnSite } from './guard.ts';
import { sentence } from './respond.ts';

const streamLimits = {
  /** Of the server's 64 connections: the others are for scrapers, probes and pages. */
  streams: 16,
  /** Written as comments: a proxy, and the server's limit of 10 s of silence, see a live stream. */
  heartbeatMs: 5_000,
  /** Bytes that wait for one reader; what comes beyond is dropped, and the reader is told. */
  waitingBytes: 262_144,
  /** A reader that takes nothing for so long is gone. */
  stalledMs: 10_000,
  /** Events to streams: a page cannot show more, and whoever needs all reads standard output. */
  perSecond: 1_000,
  /** Events of one moment go out in one write. */
  gatherMs: 20,
  /** Of such a moment: a second's worth of events as they usually are; one alone has up to 64 KiB. */
  gatherBytes: 1_048_576,
} as const;

type Format = 'sse' | 'ndjson';

interface Reader {
  readonly response: ServerResponse;
  readonly format: Format;
  dropped: number;
  /** Heartbeats since it last had taken all; undefined while it keeps up. */
  waits: number;
}

/** Live events for several readers: one subscription while there is at least one of them. */
export class Streams {
  readonly #context: Pick<PageContext, 'subscribe' | 'clock'>;
  readonly #readers = new Set<Reader>();
  readonly #rate = new RateLimit(streamLimits.perSecond);
  #unsubscribe: (() => void) | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #lines: string[] = [];
  #bytes = 0;
  #skipped = 0;

  constructor(context: Pick<PageContext, 'subscribe' | 'clock'>) {
    this.#context = context;
  }

  open(request: IncomingMessage, response: ServerResponse, query: string): void {
    if (response.destroyed) return;
    const format: Format = new URLSearchParams(query).get('format') === 'ndjson' ? 'ndjson' : 'sse';
    if (!isOwnSite(request)) {
      sentence(response, 403, 'Another site asks for this: refused.');
      return;
    }
    if (this.#readers.size >= streamLimits.streams) {
      response.setHeader('Retry-After', '15');
      sentence(response, 503, `At most ${streamLimits.streams} streams can be read at once.`);
      return;
    }
    const type = format === 'sse' ? 'text/event-stream' : 'application/x-ndjson';
    // Connection: close, since nothing can follow a stream that ends when its reader goes.
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, Connection: 'close' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const reader: Reader = { response, format, dropped: 0, waits: 0 };
    response.write(format === 'sse' ? 'retry: 3000\n\n' : '\n');
    this.#add(reader);
    response.once('close', () => this.#remove(reader));
  }

  #add(reader: Reader): void {
    this.#readers.add(reader);
    this.#unsubscribe ??= this.#context.subscribe((event) => this.#take(event));
    this.#heartbeat ??= setInterval(() => this.#beat(), streamLimits.heartbeatMs).unref();
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#forget();
  }

  #take(event: Event): void {
    const isOpen = this.#rate.isOpen(this.#context.clock.monotonicUs());
    if (!isOpen || this.#bytes > streamLimits.gatherBytes) this.#skipped += 1;
    else {
      this.#rate.spend();
      const line = lineOf(event);
      this.#lines.push(line);
      this.#bytes += line.length;
    }
    this.#gathering ??= setTimeout(() => this.#flush(), streamLimits.gatherMs).unref();
  }

  #flush(): void {
    this.#gathering = undefined;
    const texts = {
      sse: this.#lines.map((line) => `data: ${line}\n`).join(''),
      ndjson: this.#lines.join(''),
    };
    const count = this.#lines.length;
    for (const reader of this.#readers) {
      reader.dropped += this.#skipped;
      const text = gapText(reader) + texts[reader.format];
      const waiting = reader.response.writableLength;
      if (waiting > 0 && waiting + text.length > streamLimits.waitingBytes) reader.dropped += count;
      else if (text !== '') {
        reader.dropped = 0;
        reader.response.write(text);
      }
    }
    this.#forget();
  }

  #forget(): void {
    this.#lines = [];
    this.#bytes = 0;
    this.#skipped = 0;
  }

  #beat(): void {
    const patience = Math.ceil(streamLimits.stalledMs / streamLimits.heartbeatMs);
    for (const reader of this.#readers) {
      const { response, format } = reader;
      reader.waits = response.writableNeedDrain ? reader.waits + 1 : 0;
      if (reader.waits > patience) response.destroy();
      if (reader.waits > 0) continue;
      response.write(gapText(reader) || beats[format]);
      reader.dropped = 0;
    }
  }
}

const beats: Readonly<Record<Format, string>> = { sse: ':\n\n', ndjson: '\n' };

/** How many events the reader did not get before what follows; empty where it got all. */
function gapText({ dropped, format }: Reader): string {
  if (dropped === 0) return '';
  const data = JSON.stringify({ dropped });
  return format === 'sse' ? `event: gap\ndata: ${data}\n\n` : `${data}\n`;
}
