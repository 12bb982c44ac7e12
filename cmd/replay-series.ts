import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { type ReplayedLine, replayHeader, SeriesReplay } from '../src/patterns/series-replay.ts';

/** Where the command writes; a test gives it streams of its own. */
export interface ReplayIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

const replayLimits = {
  /** Longest line that is read; a row of two columns is below 100 bytes. */
  lineBytes: 65_536,
  /** Bad lines that are named; the rest are counted. */
  namedLines: 20,
  /** Output is written in pieces of about this size. */
  writeBytes: 65_536,
} as const;

/**
 * `unitwatch replay --series FILE`: every row of a CSV with its anomaly score, on stdout as
 * `timestamp,value,anomaly_score`; bad lines are named on stderr and left out.
 * @returns the exit status: 0; 1 where no row could be read; 2 where it is no such table, or no file
 */
export async function replaySeries(file: string, io: ReplayIo): Promise<number> {
  const say = (text: string) => io.stderr.write(`unitwatch replay: ${text}\n`);
  if (file === '') {
    say('name the CSV file to read: unitwatch replay --series FILE.csv');
    return 2;
  }
  const output = new PatientWriter(io.stdout);
  try {
    const { rows, bad, isTable } = await replayRows(file, output, say);
    await output.flush();
    if (bad > replayLimits.namedLines) {
      say(`${file}: ${bad} bad lines in all, the first ${replayLimits.namedLines} named above`);
    }
    if (rows > 0 || output.isClosed) return 0;
    say(`${file} has no row that could be read; columns timestamp,value and a header are needed`);
    return isTable ? 1 : 2;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    say(`cannot replay ${file}: ${error.message}`);
    return ['ENOENT', 'EACCES', 'EISDIR'].includes(error.code ?? '') ? 2 : 1;
  }
}

async function replayRows(
  file: string,
  output: PatientWriter,
  say: (text: string) => void,
): Promise<{ readonly rows: number; readonly bad: number; readonly isTable: boolean }> {
  let replay: SeriesReplay | undefined;
  let line = 0;
  let rows = 0;
  let bad = 0;
  const sayBad = (reason: string) => {
    if (++bad <= replayLimits.namedLines) say(`${file}:${line}: ${reason}, line left out`);
  };
  for await (const text of linesOf(createReadStream(file, 'utf8'))) {
    line++;
    if (output.isClosed) break;
    if (replay === undefined) {
      replay = SeriesReplay.fromHeader(text ?? '');
      if (replay === undefined) break;
      await output.write(`${replayHeader}\n`);
      continue;
    }
    const result = replayed(replay, text);
    if (result?.kind === 'bad') sayBad(result.reason);
    if (result?.kind !== 'row') continue;
    rows++;
    await output.write(`${result.text}\n`);
  }
  return { rows, bad, isTable: replay !== undefined };
}

/** Empty lines are nothing, neither good nor bad. */
function replayed(replay: SeriesReplay, text: string | undefined): ReplayedLine | undefined {
  if (text === undefined) return { kind: 'bad', reason: 'longer than a row can be' };
  return text === '' ? undefined : replay.row(text);
}

/** Lines without their ends; undefined for one that is too long. */
async function* linesOf(input: Readable): AsyncGenerator<string | undefined> {
  let rest = '';
  let isTooLong = false;
  for await (const chunk of input) {
    const pieces = (rest + String(chunk)).split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      yield isTooLong || piece.length > replayLimits.lineBytes
        ? undefined
        : piece.replace(/\r$/, '');
      isTooLong = false;
    }
    if (rest.length > replayLimits.lineBytes) {
      rest = '';
      isTooLong = true;
    }
  }
  if (isTooLong) yield undefined;
  else if (rest !== '') yield rest.replace(/\r$/, '');
}

/** Writes in large pieces, waits while the reader is slow, and notices when it has gone. */
class PatientWriter {
  isClosed = false;
  readonly #out: Writable;
  #pending = '';

  constructor(out: Writable) {
    this.#out = out;
    // The callback of the write says the same; without a listener the event would end the process.
    out.on('error', () => undefined);
  }

  async write(text: string): Promise<void> {
    this.#pending += text;
    if (this.#pending.length >= replayLimits.writeBytes) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.isClosed) return;
    const error = await new Promise<Error | null | undefined>((done) => {
      this.#out.write(text, done);
    });
    if (error === null || error === undefined) return;
    if (!isSystemError(error) || error.code !== 'EPIPE') throw error;
    this.isClosed = true;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
