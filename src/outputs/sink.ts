import { constants, fstatSync, openSync, write as writeFile, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty, WriteStream } from 'node:tty';

/** Called once for each write: without an error when all bytes are out. */
export type Written = (error: NodeJS.ErrnoException | undefined, bytes: number) => void;

/** Where the bytes of one output go. At most one write is under way at a time. */
export interface Sink {
  readonly kind: 'stream' | 'terminal' | 'file';
  /** Never blocks. `bytes` in the answer: how many are out, also when there is an error. */
  write(bytes: Uint8Array, written: Written): void;
  /** Columns of a terminal. */
  columns?(): number;
  /** Lets go at once, also of a write that is stuck. */
  destroy(): void;
}

/**
 * Standard output, or another descriptor, as something that never blocks the event loop.
 *
 * - A pipe is opened anew through /proc/self/fd, so that O_NONBLOCK is ours alone: the flag belongs
 *   to the open file description, which a shell, `2>&1` and child processes share. Where that is
 *   not allowed (a pipe of another user), and for a socket, which cannot be opened anew, the shared
 *   one becomes non-blocking: others that write to it may meet EAGAIN, as with every program that
 *   uses libuv. Under systemd that is our own journal socket, shared only with our standard error.
 * - A terminal is opened anew by libuv itself (uv_tty_init); Node then makes it blocking, which is
 *   undone here.
 * - A file is written by libuv's threads, /dev/null at once.
 * @throws the error of fstat(2) where `fd` is not open
 */
export function openSink(fd: number): Sink {
  if (isatty(fd)) return terminalSink(fd);
  const stat = fstatSync(fd);
  if (stat.isFIFO()) return streamSink(openPipeAnew(fd) ?? fd);
  if (stat.isSocket()) return streamSink(fd);
  if (stat.isCharacterDevice() && stat.rdev === nullDevice) return nullSink(fd);
  return fileSink(fd);
}

/** /dev/null, 1:3 on every Linux (Documentation/admin-guide/devices.txt). */
const nullDevice = (1 << 8) | 3;

/** Writing to /dev/null never waits, so it need not go through a thread that has to be woken. */
function nullSink(fd: number): Sink {
  return {
    kind: 'file',
    write: (bytes, written) => written(undefined, writeSync(fd, bytes)),
    destroy: () => undefined,
  };
}

function openPipeAnew(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // ENXIO: no reader is left, and the first write will say so. EACCES, ENOENT: see above.
    return undefined;
  }
}

function streamSink(fd: number): Sink {
  let socket: Socket;
  try {
    socket = new Socket({ fd, readable: false, writable: true });
  } catch {
    return fileSink(fd); // a datagram socket, or one that libuv does not take
  }
  return { kind: 'stream', ...socketMethods(socket) };
}

function terminalSink(fd: number): Sink {
  const terminal = new WriteStream(fd);
  const handle: unknown = Reflect.get(terminal, '_handle');
  if (canSetBlocking(handle)) handle.setBlocking(false);
  return {
    kind: 'terminal',
    ...socketMethods(terminal),
    columns: () => (terminal.destroyed ? 80 : terminal.getWindowSize()[0] || 80),
  };
}

function canSetBlocking(handle: unknown): handle is { setBlocking(on: boolean): void } {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'setBlocking' in handle &&
    typeof handle.setBlocking === 'function'
  );
}

function socketMethods(socket: Socket): Pick<Sink, 'write' | 'destroy'> {
  // Each write's callback gets the error; without a listener it would also end the process.
  socket.on('error', () => undefined);
  return {
    write(bytes, written) {
      socket.write(bytes, (error) => {
        if (error) written(error, 0);
        else written(undefined, bytes.length);
      });
    },
    // libuv closes what was opened anew, and never descriptors 0 to 2.
    destroy: () => socket.destroy(),
  };
}

function fileSink(fd: number): Sink {
  return {
    kind: 'file',
    write: (bytes, written) => writeAll(fd, bytes, 0, written),
    // A write(2) that is under way ends by itself; the descriptor is its owner's to close.
    destroy: () => undefined,
  };
}

function writeAll(fd: number, bytes: Uint8Array, from: number, written: Written): void {
  writeFile(fd, bytes, from, bytes.length - from, null, (error, count) => {
    const done = from + (error ? 0 : count);
    if (error) written(error, done);
    else if (done < bytes.length) writeAll(fd, bytes, done, written);
    else written(undefined, done);
  });
}
