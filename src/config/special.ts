import type { Command } from '../model/command.ts';
import { readStatusCodes, type StatusSpan, statusCodesWanted } from '../model/status-codes.ts';
import type { Action, Span } from './key.ts';
import type { Raw } from './raw.ts';
import { plainText, type Report, segment, toText } from './text.ts';

/** A script of some pages; what is longer belongs into a file of its own. */
const MAX_COMMAND = 16_384;
/** Arguments of one command. */
const MAX_ARGUMENTS = 256;
/** Longest regular expression: people who write more have another tool. */
const MAX_REGEX = 1_000;
/** Longest URL: what servers commonly take. */
const MAX_URL = 2_048;

/** A list runs without a shell, one text by `/bin/sh -c`. */
export function toCommand(raw: Raw, report: Report): Command | undefined {
  if (raw.kind !== 'list') {
    const text = commandText(raw, report);
    if (text === undefined || text.trim() !== '') return text;
    report({ what: 'must not be empty', raw });
    return undefined;
  }
  if (raw.items.length > MAX_ARGUMENTS) {
    const what = `must have at most ${MAX_ARGUMENTS} arguments, not ${raw.items.length}`;
    report({ what, raw });
    return undefined;
  }
  const words = raw.items.map((item, i) =>
    commandText(item, (wrong) => report({ ...wrong, path: `[${i}]` })),
  );
  const [program, ...rest] = words;
  if (words.length === 0 || program === '') {
    report({ what: 'must begin with the program to run', raw });
    return undefined;
  }
  const known = rest.filter((word) => word !== undefined);
  if (program === undefined || known.length < rest.length) return undefined;
  return Object.freeze([program, ...known] as const);
}

/** Lines and tabs are a shell's own; the kernel ends an argument at NUL. */
function commandText(raw: Raw, report: Report): string | undefined {
  const text = plainText(raw, report);
  if (text === undefined) return undefined;
  if (text.length > MAX_COMMAND) {
    report({ what: `must have at most ${MAX_COMMAND} characters; call a script`, raw });
    return undefined;
  }
  if (!/[^\P{Cc}\n\t]|\p{Cs}/u.test(text)) return text;
  report({ what: 'must not contain control characters', raw });
  return undefined;
}

/** A text that begins like a URL is a webhook. */
export function toAction(raw: Raw, report: Report): Action | undefined {
  if (raw.kind === 'text' && /^https?:/i.test(raw.text)) {
    const url = toUrl(raw, report);
    return url === undefined ? undefined : Object.freeze({ url });
  }
  const command = toCommand(raw, report);
  return command === undefined ? undefined : Object.freeze({ command });
}

/** http or https, with a host and without a password: that belongs into a header. */
export function toUrl(raw: Raw, report: Report): string | undefined {
  const text = toText(raw, report);
  if (text === undefined) return undefined;
  if (text.length > MAX_URL) {
    report({ what: `must have at most ${MAX_URL} characters`, raw });
    return undefined;
  }
  const isHttp = /^https?:\/\/[^/\s]/i.test(text) && !/\s/.test(text);
  const url = isHttp && URL.canParse(text) ? new URL(text) : undefined;
  // What is written before an @ may be a password: it is not repeated.
  const hidden: Raw = { kind: 'nothing', ...(raw.offset !== undefined && { offset: raw.offset }) };
  const told = text.includes('@') ? hidden : raw;
  if (url && (url.username !== '' || url.password !== '')) {
    report({ what: 'must not hold a user or a password: send them in a header', raw: hidden });
    return undefined;
  }
  if (url && url.port !== '0') return text;
  const meant = /^[\w.-]+\.[\w.:-]+(?:\/\S*)?$/.test(text) ? `http://${text}` : undefined;
  report({ what: isHttp ? unreadable(text) : httpWanted, raw: told, meant });
  return undefined;
}

const httpWanted = 'must be a URL that begins with http:// or https://';

/** Why an http URL without blanks cannot be used. */
function unreadable(text: string): string {
  const host = text.replace(/^https?:\/\//i, '').replace(/[/?#].*$/, '');
  if (/^\[[^\]]*%/.test(host)) return 'must be a URL without a zone (%): no URL can have one';
  if (/:\d+$/.test(host))
    return 'must be a URL with a host name or address, and a port from 1 to 65535';
  return 'must be a URL with a host name or address; this one cannot be read';
}

/** A variable of the host: `${host.ip}`. */
const variable = /\$\{[A-Za-z_][A-Za-z0-9_.-]*\}/g;

/**
 * The source of a regular expression; whether it can be used is found out later by the code that
 * will use it, for which `compile` is told what to compile.
 */
export function toRegex(
  variables: boolean,
  raw: Raw,
  report: Report,
  compile: (source: string) => void,
): string | undefined {
  const text = toText(raw, report);
  if (text === undefined) return undefined;
  if (text.length > MAX_REGEX) {
    report({ what: `must have at most ${MAX_REGEX} characters`, raw });
    return undefined;
  }
  compile(variables ? text.replace(variable, 'x') : text);
  return text;
}

/** Farther than any argument list reaches. */
const MAX_INDEX = 100_000;

/** A place in an argument list. */
export function toIndex(raw: Raw, report: Report): number | 'any' | undefined {
  if (raw.kind === 'text' && raw.text === 'any') return 'any';
  const value = raw.kind === 'number' ? raw.value : Number.NaN;
  if (Number.isSafeInteger(value) && Math.abs(value) <= MAX_INDEX) return value;
  const what = `must be a whole number (from 0; below 0 from the end: -1 is the last) or any`;
  const isNumeral = raw.kind === 'text' && /^-?\d+$/.test(raw.text);
  report({ what, raw, meant: isNumeral ? raw.text : undefined });
  return undefined;
}

/** `3`, `2-4`, `1+` (or `>=1`), `<=2`. */
export function toSpan(most: number, raw: Raw, report: Report): Span | undefined {
  const text = raw.kind === 'text' || raw.kind === 'number' ? raw.text.replace(/\s+/g, '') : '';
  const span = spanOf(text);
  const top = span?.max ?? span?.min ?? 0;
  if (span && top <= most && span.min <= top) return Object.freeze(span);
  const what = `must be a number or a span such as 2-4 or 1+, up to ${most}`;
  report({ what, raw });
  return undefined;
}

function spanOf(text: string): Span | undefined {
  const whole = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (whole !== undefined) return { min: whole, max: whole };
  const [, from, to] = /^(\d{1,9})(?:-|\.\.)(\d{1,9})$/.exec(text) ?? [];
  if (from !== undefined) return { min: Number(from), max: Number(to) };
  const least = /^(?:(\d{1,9})\+|>=(\d{1,9}))$/.exec(text);
  if (least) return { min: Number(least[1] ?? least[2]), max: undefined };
  const most = /^<=(\d{1,9})$/.exec(text);
  return most ? { min: 0, max: Number(most[1]) } : undefined;
}

/** One, a class, a span, several between commas, or a list of all that. */
export function toStatusCodes(raw: Raw, report: Report): readonly StatusSpan[] | undefined {
  const items = raw.kind === 'list' ? raw.items : [raw];
  const texts = items.map((item) =>
    item.kind === 'text' || item.kind === 'number' ? item.text : undefined,
  );
  const spans = readStatusCodes(texts);
  if (spans) return Object.freeze(spans);
  const wrong = texts.findIndex((text) => readStatusCodes(text) === undefined);
  const path = raw.kind === 'list' && wrong >= 0 ? { path: segment(wrong) } : {};
  report({ what: statusCodesWanted, raw: items[wrong] ?? raw, ...path });
  return undefined;
}
