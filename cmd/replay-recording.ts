import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { shown } from '../src/config/shown.ts';
import type { Finding } from '../src/model/finding.ts';
import type { ResourceSample } from '../src/model/resource.ts';
import { AnomalyFindings } from '../src/patterns/anomaly-findings.ts';
import { advanced, Backtest } from '../src/patterns/backtest.ts';
import { detectors } from '../src/patterns/detectors.ts';
import { findingEvent } from '../src/patterns/finding-event.ts';
import { recordedRow } from '../src/patterns/recorded-row.ts';
import { PatternRunner } from '../src/patterns/runner.ts';
import type { PatternSettings } from '../src/patterns/settings.ts';
import { parseTimestamp } from '../src/patterns/timestamp.ts';
import { recordedLines } from './recorded-lines.ts';

/** Bad lines told one by one; the rest are only counted. */
const badLinesShown = 5;
/** Lines may be out of order by this much; a detector takes more for a clock that was set back. */
const disorderUs = 3600e6;
const isTooOld = 'is more than an hour older than one before it: sort the lines by their time';

export interface ReplayOptions {
  readonly settings: PatternSettings;
  /** Stands in each event as `host`. */
  readonly host: string;
  /** Whether `anomaly` is asked as well, as `anomaly_detection` says; it is by default. */
  readonly seeksAnomalies?: boolean;
  /** What the file is called in messages, where that is not its path. */
  readonly name?: string;
}

export interface ReplayStreams {
  readonly in: Readable;
  readonly out: Writable;
  readonly err: Writable;
}

/**
 * `replay events.ndjson`: the findings that the detectors make of recorded events, as NDJSON.
 * @returns exit status: 0; 1 where the file broke off or not one line was an event; 2 where there
 *   is no such file
 */
export function replayEvents(
  file: string,
  options: ReplayOptions,
  streams: ReplayStreams,
): Promise<number> {
  const runner = new PatternRunner({ settings: options.settings, detectors });
  const { settings, seeksAnomalies = true } = options;
  const backtest = new Backtest(runner, seeksAnomalies ? new AnomalyFindings(settings) : undefined);
  return replay(file, options, streams, {
    read: (line) => {
      const row = recordedRow(parseJson(line));
      return row === undefined
        ? 'is not an event: it needs `time`, `service` and `event_type`'
        : backtest.push(row);
    },
    end: () => backtest.end(),
  });
}

/**
 * `replay --memory FILE.csv`: the memory_leak findings of one service, out of the columns
 * `timestamp,bytes` in any order. `service` is the name the findings carry.
 * @returns exit status, as above; 2 also where the first line does not name those columns
 */
export async function replayMemory(
  file: string,
  options: ReplayOptions & { readonly service: string; readonly limitBytes?: number },
  streams: ReplayStreams,
): Promise<number> {
  const { memoryLeak } = detectors;
  const runner = new PatternRunner({ settings: options.settings, detectors: { memoryLeak } });
  let columns: { readonly timestamp: number; readonly bytes: number } | undefined;
  let latestUs = 0;
  const read = (line: string): Answer => {
    const cells = line.split(',').map(unquoted);
    if (columns === undefined) {
      const names = cells.map((cell) => cell.toLowerCase());
      columns = { timestamp: names.indexOf('timestamp'), bytes: names.indexOf('bytes') };
      if (Math.min(columns.timestamp, columns.bytes) >= 0) return [];
      throw Object.assign(new Error('no such columns'), { code: 'HEADER' });
    }
    const reading = readingOf(cells[columns.timestamp], cells[columns.bytes] ?? '');
    if (typeof reading === 'string') return reading;
    const { timeUs, anonBytes } = reading;
    if (timeUs < latestUs - disorderUs) return isTooOld;
    latestUs = Math.max(latestUs, timeUs);
    const { service, limitBytes } = options;
    const sample = { service, invocation: '', timeUs, anonBytes, source: 'file' as const };
    const limited = limitBytes === undefined ? sample : { ...sample, limitBytes };
    return [...advanced(runner, timeUs), ...runner.sample(limited)];
  };
  const status = await replay(file, options, streams, { read, end: () => [] });
  if (status !== 0 || columns !== undefined) return status;
  return tellFault(file, Object.assign(new Error('empty'), { code: 'HEADER' }), streams.err);
}

/** What one row says, or what is wrong with it. */
function readingOf(timestamp: string | undefined, text: string): Measured | string {
  const timeUs = parseTimestamp(timestamp);
  if (timeUs === undefined) return 'has no timestamp that can be read';
  const anonBytes = text === '' ? Number.NaN : Number(text);
  const isAmount = anonBytes >= 0 && anonBytes <= Number.MAX_SAFE_INTEGER;
  return isAmount ? { timeUs, anonBytes } : 'has no number of bytes';
}

type Measured = Pick<ResourceSample, 'timeUs' | 'anonBytes'>;

function unquoted(cell: string): string {
  const text = cell.trim();
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/** Findings, or what is wrong with the line. */
type Answer = readonly Finding[] | string;

interface Reading {
  readonly read: (line: string) => Answer;
  /** What is found when there are no more lines. */
  readonly end: () => readonly Finding[];
}

async function replay(
  file: string,
  { host, name = file }: ReplayOptions,
  { in: standardInput, out, err }: ReplayStreams,
  { read, end }: Reading,
): Promise<number> {
  const count = { seq: 0, good: 0, bad: 0 };
  try {
    for await (const { number, text } of recordedLines(file, standardInput)) {
      if (text === '') continue;
      const answer = text === undefined ? 'is longer than 1 MiB' : read(text);
      if (typeof answer === 'string') {
        count.bad += 1;
        if (count.bad <= badLinesShown)
          err.write(`${shown(name, 300)}:${number}: the line ${answer}\n`);
      } else {
        count.good += 1;
        count.seq = await writeFindings(out, host, answer, count.seq);
      }
    }
    await writeFindings(out, host, end(), count.seq);
  } catch (error) {
    return tellFault(name, error, err);
  }
  const { good, bad } = count;
  if (bad > 0) err.write(`${shown(name, 300)}: ${bad} of ${bad + good} lines could not be used\n`);
  return good === 0 && bad > 0 ? 1 : 0;
}

/** Writes events after number `seq`; returns the last number given. */
async function writeFindings(
  out: Writable,
  host: string,
  findings: readonly Finding[],
  seq: number,
): Promise<number> {
  let last = seq;
  for (const finding of findings) {
    last += 1;
    await write(out, `${JSON.stringify({ seq: last, host, ...findingEvent(finding) })}\n`);
  }
  return last;
}

/** Waits for a slow reader; one that has gone away ends the replay as `head` ends `yes`. */
async function write(out: Writable, line: string): Promise<void> {
  if (!out.write(line)) await once(out, 'drain');
}

function tellFault(file: string, error: unknown, err: Writable): number {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EPIPE') return 0;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a directory',
    EACCES: 'you may not read it',
    HEADER: 'its first line has to name the columns timestamp and bytes',
  };
  const reason = reasons[code];
  if (reason === undefined && code === '') throw error;
  err.write(`cannot replay ${shown(file, 300)}: ${reason ?? code}\n`);
  return reason === undefined ? 1 : 2;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
