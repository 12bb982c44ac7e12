import { createReadStream } from 'node:fs';
import { hostname } from 'node:os';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { loadConfig } from '../src/config/load.ts';
import { patternSettings } from '../src/config/pattern-settings.ts';
import { shown } from '../src/config/shown.ts';
import { lineOf } from '../src/model/line.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions } from './options.ts';
import { DamagedRecording, formats, type ReplayContext } from './replay-formats.ts';
import { replayMemory } from './replay-recording.ts';
import { replaySeries } from './replay-series.ts';

const help = `Usage: unitwatch replay FILE [--host NAME] [--config FILE]
       unitwatch replay --memory FILE.csv [--service NAME]
       unitwatch replay --series FILE.csv

Runs a recording through the agent and writes what comes of it, as NDJSON, to
standard output: the events of recorded bus messages, the findings of recorded
events. It takes its time from the recording: the same file, the same lines.

FILE may be gzipped, or - for standard input. It can hold:
${formats.map(({ name }) => `  - ${name}`).join('\n')}

  --memory FILE   columns timestamp,bytes of one service: its memory_leak findings
  --series FILE   columns timestamp,value: each row again, with its anomaly score
  --service NAME  the name that those findings carry
  --host NAME     the host it was recorded on; this one's name by default
  --config FILE   settings of the detectors
  --help          print this text

Exit status: 0, also where single lines were left out; 1 where the recording is
damaged (what stands before the damage has been replayed) or not one line of it
could be used; 2 where it was asked wrongly or FILE is no recording.
`;

/** Bytes read at a time. */
const chunkBytes = 65_536;
/** Bytes that a format is recognised by. */
const startBytes = 256;
/** RFC 1952, "ID1" and "ID2". */
const gzipMagic = Buffer.from([0x1f, 0x8b]);

/** `unitwatch replay`. @returns the exit status */
export async function replay(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) return askedWrongly('replay', asked.wrong, io);
  if (asked.file === undefined) {
    io.stdout.write(help);
    return 0;
  }
  if (asked.column === 'series') return replaySeries(asked.file, io);
  const loaded = await loadConfig({ env: io.env, file: asked.config });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const settings = patternSettings(loaded.config, timeZone);
  if (asked.column === 'memory') {
    const { host, service } = asked;
    const streams = { in: process.stdin, out: io.stdout, err: io.stderr };
    return replayMemory(asked.file, { settings, host, service }, streams);
  }
  const lines = new Lines(io.stdout);
  try {
    const seeksAnomalies = loaded.config.anomaly_detection;
    return await replayFile(asked, { host: asked.host, io, settings, seeksAnomalies }, lines);
  } catch (error) {
    if (error instanceof NobodyReads) return 0;
    const told = sentenceOf(error);
    if (told === undefined) throw error;
    await lines.flush();
    io.stderr.write(`unitwatch replay: ${shown(asked.file, 300)}: ${told.message}.\n`);
    return told.status;
  } finally {
    lines.release();
  }
}

async function replayFile(
  { file = '', config }: Asked,
  base: Pick<ReplayContext, 'host' | 'io' | 'settings' | 'seeksAnomalies'>,
  lines: Lines,
): Promise<number> {
  const { start, chunks } = await opened(file);
  const format = formats.find((one) => one.recognises(start));
  if (format === undefined) {
    const names = formats.map(({ name }) => name).join(', ');
    base.io.stderr.write(
      `unitwatch replay: ${shown(file, 300)} is no recording that is known: ${names}.\n`,
    );
    return 2;
  }
  if (config !== undefined && !format.takesConfig) {
    return askedWrongly('replay', `--config says nothing to ${format.name}`, base.io);
  }
  const context: ReplayContext = {
    ...base,
    file,
    event: (event) => lines.push(lineOf(event)),
    room: () => lines.room(),
  };
  const status = await format.replay(chunks, context);
  await lines.flush();
  return status;
}

/** The file's bytes, unpacked, and its first ones. */
async function opened(file: string): Promise<Peeked> {
  const raw = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: chunkBytes });
  const packed = await peeked(raw);
  if (!packed.start.subarray(0, 2).equals(gzipMagic)) return packed;
  // Errors of each part destroy the last one, whose reader gets them.
  const unpacked = pipeline(
    Readable.from(packed.chunks, { objectMode: false }),
    createGunzip({ chunkSize: chunkBytes }),
    () => {},
  );
  return peeked(unpacked);
}

interface Peeked {
  readonly start: Buffer;
  /** All of it, `start` included. */
  readonly chunks: AsyncIterable<Buffer>;
}

async function peeked(source: AsyncIterable<Buffer>): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  while (start.length < startBytes) {
    const { value, done } = await iterator.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  const chunks = async function* (): AsyncGenerator<Buffer> {
    if (start.length > 0) yield start;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  return { start: start.subarray(0, startBytes), chunks: chunks() };
}

/** `| head` has enough, which is no error. */
class NobodyReads extends Error {}

/** Writes lines in batches, no faster than they are read. */
class Lines {
  private readonly out: NodeJS.WritableStream;
  private batch = '';
  private closed = false;
  private wake: () => void = () => {};
  private readonly failed = (): void => {
    this.closed = true;
    this.wake();
  };

  constructor(out: NodeJS.WritableStream) {
    this.out = out;
    out.on('error', this.failed);
  }

  push(line: string): void {
    this.batch += line;
  }

  /** @throws NobodyReads */
  async room(): Promise<void> {
    if (this.batch.length >= chunkBytes) await this.flush();
    if (this.closed) throw new NobodyReads();
  }

  async flush(): Promise<void> {
    const text = this.batch;
    this.batch = '';
    if (text === '' || this.closed) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      this.out.write(text, () => resolve());
    });
  }

  release(): void {
    this.out.off('error', this.failed);
  }
}

function sentenceOf(error: unknown): { message: string; status: 1 | 2 } | undefined {
  if (error instanceof DamagedRecording) return { message: error.message, status: 1 };
  if (!(error instanceof Error && 'code' in error)) return undefined;
  const code = String(error.code);
  if (code.startsWith('Z_')) return { message: `it cannot be unpacked (${code})`, status: 1 };
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
  };
  return { message: words[code] ?? error.message, status: code in words ? 2 : 1 };
}

interface Asked {
  /** Undefined where help was asked for. */
  readonly file: string | undefined;
  /** FILE is a table of one service's memory, or of any series; undefined for a recording. */
  readonly column: 'memory' | 'series' | undefined;
  readonly service: string;
  readonly host: string;
  readonly config?: string | undefined;
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  const said = parseOptions(argv, {
    host: { type: 'string' },
    memory: { type: 'string' },
    series: { type: 'string' },
    service: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  if (!said.values.help) return choose(said.values, said.positionals);
  return { file: undefined, column: undefined, service: '', host: '' };
}

interface Options {
  readonly host?: string | undefined;
  readonly service?: string | undefined;
  readonly config?: string | undefined;
  readonly memory?: string | undefined;
  readonly series?: string | undefined;
}

function choose(
  options: Options,
  positionals: readonly string[],
): Asked | { readonly wrong: string } {
  const { memory, series, host, service, config } = options;
  if (memory !== undefined && series !== undefined)
    return { wrong: '--memory or --series, not both' };
  const named = memory ?? series;
  const [file, ...more] = named === undefined ? positionals : [named, ...positionals];
  if (file === undefined) return { wrong: 'which FILE?' };
  if (more.length > 0) return { wrong: 'one file at a time' };
  if (host === '') return { wrong: '--host needs a name' };
  const column = memory !== undefined ? 'memory' : series !== undefined ? 'series' : undefined;
  const useless = uselessOption(options, column);
  if (useless !== undefined) return { wrong: useless };
  return {
    ...{ file, column, config },
    host: host ?? hostname(),
    service: service ?? 'recorded.service',
  };
}

/** An option that says nothing to what is asked for. */
function uselessOption(options: Options, column: Asked['column']): string | undefined {
  if (options.service !== undefined && column !== 'memory') return '--service belongs to --memory';
  if (column !== 'series') return undefined;
  if (options.host !== undefined) return '--host says nothing to --series';
  return options.config === undefined ? undefined : '--config says nothing to --series';
}
