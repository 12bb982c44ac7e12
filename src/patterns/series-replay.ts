import type { SeriesOptions } from './series/options.ts';
import { SeriesScorer } from './series-score.ts';
import { parseTimestamp } from './timestamp.ts';

/** What becomes of one line: a line of output, or what is wrong with it. */
export type ReplayedLine =
  | { readonly kind: 'row'; readonly text: string }
  | { readonly kind: 'bad'; readonly reason: string };

export const replayHeader = 'timestamp,value,anomaly_score';

/** Scores the rows of a CSV, one by one; what comes out has the timestamp and value as given. */
export class SeriesReplay {
  readonly #scorer: SeriesScorer;
  readonly #timestampAt: number;
  readonly #valueAt: number;

  private constructor(timestampAt: number, valueAt: number, options: Partial<SeriesOptions>) {
    this.#timestampAt = timestampAt;
    this.#valueAt = valueAt;
    this.#scorer = new SeriesScorer(options);
  }

  /** @returns undefined where the header names no columns `timestamp` and `value` */
  static fromHeader(
    header: string,
    options: Partial<SeriesOptions> = {},
  ): SeriesReplay | undefined {
    const names = splitCsv(header.replace(/^\uFEFF/, '')).map((name) =>
      unquoted(name.trim()).toLowerCase(),
    );
    const timestampAt = names.indexOf('timestamp');
    const valueAt = names.indexOf('value');
    if (timestampAt < 0 || valueAt < 0) return undefined;
    return new SeriesReplay(timestampAt, valueAt, options);
  }

  row(line: string): ReplayedLine {
    const fields = splitCsv(line);
    const timestamp = fields[this.#timestampAt];
    const value = fields[this.#valueAt];
    if (timestamp === undefined || value === undefined) {
      return { kind: 'bad', reason: 'too few columns' };
    }
    const timeUs = parseTimestamp(unquoted(timestamp).trim());
    if (timeUs === undefined) {
      return { kind: 'bad', reason: `timestamp ${shown(timestamp)} is none that is known` };
    }
    const number = parseValue(unquoted(value).trim());
    if (number === undefined) {
      return { kind: 'bad', reason: `value ${shown(value)} is no number` };
    }
    const score = Math.round(this.#scorer.score(timeUs, number) * 1e6) / 1e6;
    return { kind: 'row', text: `${timestamp},${value},${score}` };
  }
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** NaN and infinities are values that are not there: they are kept and score 0. */
function parseValue(text: string): number | undefined {
  if (/^(?:nan|[+-]?inf(?:inity)?)$/i.test(text)) return Number.NaN;
  return decimal.test(text) ? Number(text) : undefined;
}

/** The fields of one line as they stand, quotes included (RFC 4180, no line breaks in fields). */
function splitCsv(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '"') isQuoted = !isQuoted;
    else if (line[i] === ',' && !isQuoted) {
      fields.push(line.slice(from, i));
      from = i + 1;
    }
  }
  fields.push(line.slice(from));
  return fields;
}

function unquoted(field: string): string {
  const isQuoted = field.length > 1 && field.startsWith('"') && field.endsWith('"');
  return isQuoted ? field.slice(1, -1).replaceAll('""', '"') : field;
}

/** For a message: short, and with nothing in it that a terminal would obey. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
