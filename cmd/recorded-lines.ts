import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A longer line is no event of ours (64 KiB) nor a row of a table; it is counted and passed over. */
const lineCharactersMax = 1_048_576;

export interface RecordedLine {
  /** From 1. */
  readonly number: number;
  /** Without its end; undefined where it was too long to be kept. */
  readonly text: string | undefined;
}

/** The lines of a file, or of standard input for `-`, one in memory at a time. */
export async function* recordedLines(
  file: string,
  standardInput: Readable = process.stdin,
): AsyncGenerator<RecordedLine> {
  const source = file === '-' ? standardInput : createReadStream(file, { highWaterMark: 262_144 });
  const decoder = new StringDecoder('utf8');
  const cutter = new LineCutter();
  for await (const chunk of source) {
    yield* cutter.cut(typeof chunk === 'string' ? chunk : decoder.write(chunk));
  }
  // The last line may have no end.
  yield* cutter.cut(`${decoder.end()}\n`, true);
}

class LineCutter {
  #rest = '';
  #isTooLong = false;
  #number = 0;

  *cut(text: string, isEnd = false): Generator<RecordedLine> {
    const pieces = (this.#rest + text).split('\n');
    this.#rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      if (isEnd && piece === '' && !this.#isTooLong) return;
      yield this.#line(piece);
    }
    if (this.#rest.length > lineCharactersMax) {
      this.#rest = '';
      this.#isTooLong = true;
    }
  }

  #line(piece: string): RecordedLine {
    this.#number += 1;
    const keep = !this.#isTooLong && piece.length <= lineCharactersMax;
    this.#isTooLong = false;
    const start = this.#number === 1 && piece.startsWith('\ufeff') ? 1 : 0;
    const end = piece.endsWith('\r') ? piece.length - 1 : piece.length;
    return { number: this.#number, text: keep ? piece.slice(start, end) : undefined };
  }
}
