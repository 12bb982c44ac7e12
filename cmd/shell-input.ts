import { Transform, type TransformCallback } from 'node:stream';
import type { ReadStream } from 'node:tty';

/**
 * Keys as they were typed, with every Tab the end of its piece. readline completes only at the end
 * of one: of keys that arrive together, typed ahead or sent by a program, it would take each Tab but
 * the last as text.
 */
export class TypedKeys extends Transform {
  readonly #terminal: ReadStream;

  constructor(terminal: ReadStream) {
    super();
    this.#terminal = terminal;
    terminal.pipe(this);
  }

  /** Asked for by readline, as of a terminal. */
  setRawMode(isRaw: boolean): this {
    this.#terminal.setRawMode(isRaw);
    return this;
  }

  override _transform(keys: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let from = 0;
    for (let at = keys.indexOf(tab); at >= 0; at = keys.indexOf(tab, from)) {
      this.push(keys.subarray(from, at + 1));
      from = at + 1;
    }
    if (from < keys.length) this.push(keys.subarray(from));
    done();
  }

  /** Lets go of the terminal, so that the process can end. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#terminal.unpipe(this);
    this.#terminal.pause();
    done(error);
  }
}

const tab = 0x09;
