import { readSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { BusTarget } from './address.ts';

/** libuv's handle of a socket: Node has no public way to its descriptor or to stop its reader. */
interface Handle {
  readonly fd: number;
  readStart(): number;
  readStop(): number;
}

/** Takes bytes `[start, end)`; answers where the first byte stands that it cannot use yet. */
export type Take = (bytes: Buffer, start: number, end: number) => number;

export interface ReaderOptions {
  readonly target: BusTarget;
  /** Size of the one buffer that everything is read into. */
  readonly bufferBytes: number;
  readonly onConnect: () => void;
  readonly take: Take;
  /** Called once, with the reason, when the connection has ended. */
  readonly onClosed: (reason: string, code: string) => void;
}

/** More wake-ups than this within one millisecond-window of `stormWindowMs` are a storm. */
const stormWakes = 24;
const stormWindowMs = 16;
/** How often the socket is drained in a storm: a wake-up costs more than the signals it brings. */
const drainEveryMs = 8;
/**
 * The storm is over when so many drains together find less than this: 3.4 MB/s, half of what the
 * signals of the smallest storm take. A restart now and then (some 60 KB) does not keep it up, or each
 * event of a busy hour would wait for its drain.
 */
const calmDrains = 6;
const calmBytes = 163_840;
/**
 * A drain that found this much found the socket full: the kernel keeps some 200 KB for a sender, who
 * then waits for us. The next drain follows at once, or 8 ms would be a limit of 26 MB/s.
 */
const fullBytes = 131_072;
/** A drain yields to the event loop after this much, so that writing goes on beside reading. */
const drainBytes = 2_097_152;

/**
 * Reads a socket into one fixed buffer. When it is quiet, libuv wakes us and the bytes are taken at
 * once. In a storm, where waking up costs far more than decoding, libuv's reader is stopped and the
 * descriptor is read until it is empty, every `drainEveryMs`.
 */
export class Reader {
  private readonly socket: Socket;
  private readonly options: ReaderOptions;
  private readonly work: Buffer;
  private from = 0;
  private to = 0;
  private wakes = 0;
  private windowStart = 0;
  private drains = 0;
  private drained = 0;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private failure: NodeJS.ErrnoException | undefined;

  constructor(options: ReaderOptions) {
    this.options = options;
    this.work = Buffer.allocUnsafeSlow(options.bufferBytes);
    const intake = Buffer.allocUnsafeSlow(Math.min(options.bufferBytes, 65_536));
    this.socket = connect({
      ...options.target,
      onread: { buffer: intake, callback: (count) => this.woken(intake, count) },
    });
    this.socket.on('connect', options.onConnect);
    this.socket.on('error', (error) => {
      this.failure ??= error;
    });
    this.socket.on('close', () =>
      this.end(this.failure?.message ?? 'the bus closed the connection', this.failure?.code ?? ''),
    );
  }

  /** Room that a message may take at the most; a longer one never becomes complete. */
  get capacity(): number {
    return this.work.length;
  }

  write(bytes: Uint8Array | string): void {
    if (!this.closed) this.socket.write(bytes);
  }

  /** Ends the connection; `onClosed` is told the reason. */
  close(reason: string): void {
    this.end(reason, '');
  }

  private end(reason: string, code: string): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.destroy();
    this.options.onClosed(reason, code);
  }

  private woken(intake: Buffer, count: number): boolean {
    for (let done = 0; done < count && !this.closed; ) {
      const space = this.makeRoom();
      const part = Math.min(space, count - done);
      intake.copy(this.work, this.to, done, done + part);
      this.to += part;
      done += part;
      this.pass();
    }
    if (!this.closed && this.isStorm()) this.stopWaking();
    return true;
  }

  private isStorm(): boolean {
    const now = performance.now();
    if (now - this.windowStart > stormWindowMs) {
      this.windowStart = now;
      this.wakes = 0;
    }
    this.wakes++;
    return this.wakes > stormWakes;
  }

  private stopWaking(): void {
    const handle = this.handle();
    if (handle === undefined) return;
    handle.readStop();
    this.drains = 0;
    this.drained = 0;
    this.timer = setTimeout(() => this.drain(handle), drainEveryMs);
  }

  /** The handle where it has a descriptor to read; without one, libuv goes on waking us. */
  private handle(): Handle | undefined {
    const { _handle } = this.socket as unknown as { _handle?: Partial<Handle> | null };
    return _handle && typeof _handle.fd === 'number' && _handle.fd >= 0
      ? (_handle as Handle)
      : undefined;
  }

  private drain(handle: Handle): void {
    const total = this.empty(handle);
    if (this.closed) return;
    this.drains++;
    this.drained += total;
    const isMeasured = this.drains === calmDrains;
    if (isMeasured && this.drained < calmBytes) {
      this.wakes = 0;
      handle.readStart();
      return;
    }
    if (isMeasured) this.drains = this.drained = 0;
    this.timer = setTimeout(() => this.drain(handle), total >= fullBytes ? 0 : drainEveryMs);
  }

  /** Reads until there is nothing more, or enough for one turn; answers how much it was. */
  private empty(handle: Handle): number {
    let total = 0;
    for (;;) {
      const space = this.makeRoom();
      const count = this.readInto(handle.fd, space);
      if (count <= 0) return total;
      this.to += count;
      total += count;
      this.pass();
      if (this.closed || count < space || total >= drainBytes) return total;
    }
  }

  /** Bytes read; 0 when there are none now or the connection has ended. */
  private readInto(fd: number, space: number): number {
    try {
      const count = readSync(fd, this.work, this.to, space, null);
      if (count === 0) this.end('the bus closed the connection', '');
      return count;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN' && code !== 'EINTR') this.end(message, code ?? '');
      return 0;
    }
  }

  /** Free bytes after `to`, after moving what is left over to the front where that is needed. */
  private makeRoom(): number {
    if (this.from > 0 && (this.from === this.to || this.work.length - this.to < this.from)) {
      this.work.copyWithin(0, this.from, this.to);
      this.to -= this.from;
      this.from = 0;
    }
    return this.work.length - this.to;
  }

  private pass(): void {
    this.from = this.options.take(this.work, this.from, this.to);
    if (this.from === this.to) {
      this.from = 0;
      this.to = 0;
    }
  }
}
