import { matcher } from '../model/pattern.ts';
import { parseAddress, parseBus } from './address.ts';
import { formatDuration, likelyDuration, meantDuration, parseDuration } from './duration.ts';
import type { Value, ValueKey } from './key.ts';
import { nearestName } from './nearest.ts';
import type { Raw } from './raw.ts';
import { makeSecret } from './secret.ts';
import { hasControl, shown } from './shown.ts';
import { toAction, toCommand, toIndex, toRegex, toSpan, toStatusCodes, toUrl } from './special.ts';
import { orReport, type Report, segment, toChosen, toText } from './text.ts';

/** Entries of one list: each is compared with every unit name once. */
const MAX_ITEMS = 10_000;

/** Takes the source of a regular expression, to be compiled when all has been read. */
export type Compile = (source: string) => void;

/** The value that `raw` stands for, or undefined and a report. */
export function convert(key: ValueKey, raw: Raw, report: Report, compile: Compile): Value {
  if (raw.kind === 'nothing') {
    report({ what: nothingGiven(key), raw });
    return undefined;
  }
  switch (key.type) {
    case 'boolean':
      return toBoolean(raw, report);
    case 'integer':
    case 'number':
      return toNumber(key, raw, report);
    case 'duration':
      return toDuration(key, raw, report);
    case 'texts':
    case 'patterns':
    case 'some-of':
      return toList(key, raw, report);
    case 'command':
      return toCommand(raw, report);
    case 'action':
      return toAction(raw, report);
    case 'regex':
      return toRegex(key.variables === true, raw, report, compile);
    case 'argument-index':
      return toIndex(raw, report);
    case 'span':
      return toSpan(key.max, raw, report);
    case 'status-codes':
      return toStatusCodes(raw, report);
    case 'url':
      return toUrl(raw, report);
    default:
      return toScalar(key, raw, report);
  }
}

function nothingGiven(key: ValueKey): string {
  const isList = key.type === 'texts' || key.type === 'patterns' || key.type === 'some-of';
  return isList
    ? 'has no value; write [] for an empty list, or remove the key to keep the default'
    : 'has no value; write one, or remove the key to keep the default';
}

const booleanWords: Readonly<Record<string, string>> = {
  yes: 'true',
  on: 'true',
  y: 'true',
  '1': 'true',
  no: 'false',
  off: 'false',
  n: 'false',
  '0': 'false',
};

function toBoolean(raw: Raw, report: Report): boolean | undefined {
  if (raw.kind === 'boolean') return raw.value;
  const word = raw.kind === 'text' || raw.kind === 'number' ? raw.text.toLowerCase() : '';
  const known = Object.hasOwn(booleanWords, word) ? booleanWords[word] : undefined;
  const meant = known ?? nearestName(word, ['true', 'false']);
  report({ what: 'must be true or false', raw, meant });
  return undefined;
}

function toNumber(
  key: Extract<ValueKey, { type: 'integer' | 'number' }>,
  raw: Raw,
  report: Report,
): number | undefined {
  const kind = key.type === 'integer' ? 'a whole number' : 'a number';
  const what = `must be ${kind} from ${key.min} to ${key.max}`;
  if (raw.kind === 'number') {
    const fits = key.type === 'integer' ? Number.isSafeInteger(raw.value) : true;
    if (fits && raw.value >= key.min && raw.value <= key.max) return raw.value;
    report({ what, raw });
    return undefined;
  }
  const isNumeral = raw.kind === 'text' && /^\s*[+-]?\d[\d_ ,']*$/.test(raw.text);
  const meant = isNumeral ? String(Number(raw.text.replace(/[^\d+-]/g, ''))) : undefined;
  report({ what, raw, meant });
  return undefined;
}

function toDuration(
  key: Extract<ValueKey, { type: 'duration' }>,
  raw: Raw,
  report: Report,
): number | undefined {
  const range = `from ${formatDuration(key.min)} to ${formatDuration(key.max)}`;
  if (raw.kind === 'number') {
    const usual = typeof key.default === 'number' ? key.default : key.min;
    const meant = likelyDuration(raw.value, Math.max(usual, 1));
    report({ what: `must be a duration with its unit (ms, s, m, h, d), ${range}`, raw, meant });
    return undefined;
  }
  const ms = raw.kind === 'text' ? parseDuration(raw.text) : undefined;
  if (ms !== undefined && ms >= key.min && ms <= key.max) return ms;
  const what = ms === undefined ? `must be a duration such as 300ms, 5m, 1h30m` : 'must be';
  const meant = ms === undefined && raw.kind === 'text' ? meantDuration(raw.text) : undefined;
  report({ what: `${what}${ms === undefined ? ',' : ''} ${range}`, raw, meant });
  return undefined;
}

/** What is said of a list or a map with more entries than it may have. */
export function listTooLong(most: number, length: number): string {
  return `must have at most ${most} entries, not ${length}`;
}

type ListKey = Extract<ValueKey, { type: 'texts' | 'patterns' | 'some-of' }>;

function toList(key: ListKey, raw: Raw, report: Report): readonly string[] | undefined {
  if (raw.kind !== 'list') {
    const meant = raw.kind === 'text' && !hasControl(raw.text) ? `[${raw.text}]` : undefined;
    report({ what: 'must be a list', raw, meant: meant && meant.length <= 80 ? meant : undefined });
    return undefined;
  }
  if (raw.items.length > MAX_ITEMS) {
    report({ what: listTooLong(MAX_ITEMS, raw.items.length), raw });
    return undefined;
  }
  const values = raw.items.map((item, index) =>
    toItem(key, item, (wrong) => report({ ...wrong, path: segment(index) })),
  );
  const good = values.filter((value) => value !== undefined);
  return good.length === values.length ? Object.freeze(good) : undefined;
}

function toItem(key: ListKey, raw: Raw, report: Report): string | undefined {
  const text = toText(raw, report);
  if (text === undefined) return undefined;
  if (key.type === 'some-of') return toChosen(key.values, text, raw, report);
  return key.type === 'patterns' ? toPattern(text, raw, report) : text;
}

function toPattern(text: string, raw: Raw, report: Report): string | undefined {
  try {
    matcher(text);
    return text;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const reason = error.message.replace(/^.*\/u?: /, '');
    report({ what: `is not a valid regular expression: ${shown(reason)}`, raw });
    return undefined;
  }
}

type ScalarKey = Extract<
  ValueKey,
  { type: 'text' | 'one-of' | 'address' | 'bus' | 'path' | 'secret' }
>;

function toScalar(key: ScalarKey, raw: Raw, report: Report): Value {
  if (key.type === 'address' && raw.kind === 'boolean' && !raw.value) {
    report({ what: 'must be host:port or off', raw, meant: 'off' });
    return undefined;
  }
  const text = toText(raw, report);
  if (text === undefined) return undefined;
  switch (key.type) {
    case 'one-of':
      return toChosen(key.values, text, raw, report);
    case 'address':
      return orReport(parseAddress(text), raw, report);
    case 'bus':
      return orReport(parseBus(text), raw, report);
    case 'path':
      return toPath(text, raw, report);
    case 'secret':
      return makeSecret(text);
    case 'text':
      return text;
  }
}

function toPath(text: string, raw: Raw, report: Report): string | undefined {
  if (text.startsWith('/')) return text;
  const what = text.startsWith('~')
    ? 'must be an absolute path; ~ is known to shells only'
    : 'must be an absolute path';
  report({ what, raw });
  return undefined;
}
