import type { Key } from './key.ts';
import { nearestName } from './nearest.ts';
import { describe, type Raw } from './raw.ts';
import { hasControl, quoted, shown } from './shown.ts';

/** Longest text of one value; a path of Linux ends at 4,096 bytes (PATH_MAX), and nothing is longer. */
const MAX_TEXT = 4_096;

/** What is wrong with a value. */
export interface Wrong {
  readonly what: string;
  readonly raw: Raw;
  readonly meant?: string | undefined;
  /** The place in a list or a record: `[2]`, `.nginx.max_attempts`. */
  readonly path?: string;
  /** The key that stands there, where it is another than that of the whole value. */
  readonly key?: Key;
}
export type Report = (wrong: Wrong) => void;

/** Text, also where YAML reads it as a number: a host may be called 007. */
export function toText(raw: Raw, report: Report): string | undefined {
  const text = plainText(raw, report);
  if (text === undefined) return undefined;
  if (text !== '' && text.length <= MAX_TEXT && !hasControl(text)) return text;
  report({ what: textFault(text), raw });
  return undefined;
}

/** The same with nothing said about its length and its characters. */
export function plainText(raw: Raw, report: Report): string | undefined {
  if (raw.kind === 'text' || raw.kind === 'number') return raw.text;
  if (raw.kind === 'nothing') {
    report({ what: 'must not be empty', raw });
    return undefined;
  }
  const meant = raw.kind === 'boolean' ? `"${raw.value}"` : undefined;
  report({ what: 'must be text', raw, meant });
  return undefined;
}

function textFault(text: string): string {
  if (text === '') return 'must not be empty';
  if (text.length > MAX_TEXT) return `must have at most ${MAX_TEXT} characters`;
  return 'must not contain control characters';
}

/** One of the values of a key. */
export function toChosen(
  values: readonly string[],
  text: string,
  raw: Raw,
  report: Report,
): string | undefined {
  if (values.includes(text)) return text;
  report({ what: `must be one of ${values.join(', ')}`, raw, meant: nearestName(text, values) });
  return undefined;
}

/** The value, or a report of why there is none. */
export function orReport<V>(
  parsed: { readonly value: V } | { readonly what: string; readonly meant?: string | undefined },
  raw: Raw,
  report: Report,
): V | undefined {
  if ('value' in parsed) return parsed.value;
  report({ what: parsed.what, raw, meant: parsed.meant });
  return undefined;
}

/** A section's or a list's name in a path; `["a.b"]` where it would be read as something else. */
export function segment(name: string | number): string {
  if (typeof name === 'number') return `[${name}]`;
  return /^[\p{L}\p{N}_@:/ -]+$/u.test(name) ? `.${shown(name)}` : `[${quoted(name)}]`;
}

/** `what (got X); did you mean 'Y'?`, without the value where it may be a secret. */
export function wording(key: Key | undefined, wrong: Wrong): string {
  const isSecret = (wrong.key ?? key)?.type === 'secret';
  const got = isSecret || wrong.raw.kind === 'nothing' ? '' : ` (got ${describe(wrong.raw)})`;
  const meant = wrong.meant === undefined ? '' : `; did you mean ${asMeant(wrong.meant)}?`;
  return `${wrong.what}${got}${isSecret ? '' : meant}`;
}

function asMeant(meant: string): string {
  return meant.startsWith('"') ? quoted(meant.slice(1, -1)) : `'${shown(meant)}'`;
}
