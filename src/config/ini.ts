import { hasControl, shown } from './shown.ts';
import type { Located } from './yaml.ts';

/** Sections and keys of one file: more are no configuration that people wrote. */
const MAX_LINES = 50_000;

/** One `key = value`. */
export interface IniEntry {
  /** In small letters. */
  readonly key: string;
  /** Without quotes around it and without a comment behind it; may be empty. */
  readonly value: string;
  readonly offset: number;
  readonly valueOffset: number;
  /** Lines of comment above it and behind it, without their marks. */
  readonly comments: readonly string[];
}
export interface IniSection {
  readonly name: string;
  readonly offset: number;
  readonly comments: readonly string[];
  readonly entries: readonly IniEntry[];
}
export interface Ini {
  readonly sections: readonly IniSection[];
  readonly faults: readonly Located[];
  /** Comments below everything else. */
  readonly comments: readonly string[];
}

interface Line {
  readonly text: string;
  readonly offset: number;
}

/**
 * It is an INI file: by its name, or where the name does not say, because its first line that is no
 * comment is a `[section]`.
 */
export function isIni(name: string, text: string): boolean {
  if (/\.ini$/i.test(name)) return true;
  if (/\.(?:ya?ml|json)$/i.test(name)) return false;
  const first = /^\ufeff?(?:[ \t]*(?:[#;].*)?\r?\n)*[ \t]*(.*)/.exec(text)?.[1] ?? '';
  return /^\[[^\][]+\]\s*(?:[#;].*)?$/.test(first.trim());
}

/**
 * Reads `[section]`, `key = value` (or `key: value`) and comments, which begin with `#` or `;` at the
 * start of a line or after white space. Quotes around a whole value are taken off. `isCommand` says
 * for which keys a `;` is the shell's.
 */
export function parseIni(text: string, isCommand: (key: string) => boolean): Ini {
  const sections: Building[] = [];
  const faults: Located[] = [];
  let comments: string[] = [];
  for (const { text: line, offset } of linesOf(text)) {
    const bare = line.trim();
    if (bare === '') continue;
    if (/^[#;]/.test(bare)) {
      comments.push(commentText(bare));
      continue;
    }
    const at = offset + line.indexOf(bare);
    const found = bare.startsWith('[')
      ? takeSection(sections, bare, at, comments)
      : takeEntry(sections.at(-1), bare, at, comments, isCommand);
    if (found !== undefined) faults.push({ offset: at, text: found });
    comments = [];
  }
  return { sections, faults, comments };
}

interface Building extends IniSection {
  readonly entries: IniEntry[];
}

function* linesOf(text: string): Generator<Line> {
  let offset = text.startsWith('\ufeff') ? 1 : 0;
  for (let count = 0; offset < text.length && count < MAX_LINES; count++) {
    const next = text.indexOf('\n', offset);
    const end = next < 0 ? text.length : next;
    yield { text: text.slice(offset, end).replace(/\r$/, ''), offset };
    offset = end + 1;
  }
}

function commentText(bare: string): string {
  const text = bare.replace(/^[#;]+\s*/, '');
  return hasControl(text) ? shown(text, 500) : text;
}

/** Puts the section where it belongs; what is wrong with it. */
function takeSection(
  sections: Building[],
  bare: string,
  offset: number,
  comments: readonly string[],
): string | undefined {
  const [, inside = '', behind = ''] = /^\[(.*?)\]\s*((?:[#;].*)?)$/.exec(bare) ?? [];
  const name = inside.trim();
  if (name === '') return `${shown(bare)}: is no section; write [name]`;
  if (hasControl(name)) return `[${shown(name)}]: has control characters in its name`;
  const again = sections.some((section) => section.name === name);
  const all = behind === '' ? comments : [...comments, commentText(behind)];
  sections.push({ name, offset, comments: all, entries: [] });
  return again ? `[${shown(name)}]: stands here for the second time` : undefined;
}

function takeEntry(
  section: Building | undefined,
  bare: string,
  offset: number,
  comments: readonly string[],
  isCommand: (key: string) => boolean,
): string | undefined {
  const split = bare.search(/[=:]/);
  // What stands there may be a password: it is not repeated.
  if (split < 1) return 'is neither a [section] nor a line of the form key = value';
  const key = bare.slice(0, split).trim().toLowerCase();
  if (!section) return `${shown(key)}: stands before the first [section]`;
  const rest = bare.slice(split + 1);
  const { value, comment } = withoutComment(rest.trim(), isCommand(key));
  const all = comment === undefined ? comments : [...comments, commentText(comment)];
  const valueOffset = offset + split + 1 + (rest.length - rest.trimStart().length);
  const again = section.entries.some((entry) => entry.key === key);
  section.entries.push({ key, value, offset, valueOffset, comments: all });
  return again
    ? `[${shown(section.name)}] ${shown(key)}: stands here for the second time`
    : undefined;
}

/** A mark within quotes begins no comment. */
function withoutComment(
  text: string,
  isCommand: boolean,
): { readonly value: string; readonly comment: string | undefined } {
  const start = commentStart(text, isCommand ? '#' : '#;');
  const value = text.slice(0, start).trim();
  const comment = start < text.length ? text.slice(start) : undefined;
  const whole = /^(["'])(.*)\1$/s.exec(value);
  const isWhole = whole !== null && !whole[2]?.includes(whole[1] ?? '');
  return { value: isWhole ? (whole[2] ?? '') : value, comment };
}

/** A mark counts after white space, and at the start where white space follows it: `#1!` is a password. */
function commentStart(text: string, marks: string): number {
  for (const { 0: part, index } of text.matchAll(/"[^"]*"|'[^']*'|./gs)) {
    if (!marks.includes(part)) continue;
    const beside = index === 0 ? text[1] : text[index - 1];
    if (/^\s?$/.test(beside ?? '')) return index;
  }
  return text.length;
}
