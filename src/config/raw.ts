import type { Key } from './key.ts';
import { quoted, shown } from './shown.ts';

/** A value as a source wrote it, before anything is known about what it should be. */
export type Raw =
  | { readonly kind: 'text'; readonly text: string; readonly offset?: number }
  | {
      readonly kind: 'number';
      readonly value: number;
      readonly text: string;
      readonly offset?: number;
    }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly offset?: number }
  | { readonly kind: 'nothing'; readonly offset?: number }
  | { readonly kind: 'section'; readonly entries: readonly Entry[]; readonly offset?: number }
  | { readonly kind: 'list'; readonly items: readonly Raw[]; readonly offset?: number };

/** One `name: value` of a section. */
export interface Entry {
  readonly name: string;
  readonly nameOffset: number;
  readonly value: Raw;
}

/** The value in words, for messages. */
export function describe(raw: Raw): string {
  switch (raw.kind) {
    case 'text':
      return quoted(raw.text);
    case 'number':
      return shown(raw.text);
    case 'boolean':
      return String(raw.value);
    case 'nothing':
      return 'nothing';
    case 'section':
      return 'a section';
    case 'list':
      return 'a list';
  }
}

/**
 * A value out of the environment or the command line, where everything is text: read as what the
 * key wants, and left as text where that fails, so that the message shows what was written.
 */
export function rawOfText(key: Key, text: string): Raw {
  switch (key.type) {
    case 'boolean':
      return text === 'true' || text === 'false'
        ? { kind: 'boolean', value: text === 'true' }
        : { kind: 'text', text };
    case 'integer':
    case 'number':
    case 'duration':
      return /^[+-]?\d+(?:\.\d+)?$/.test(text)
        ? { kind: 'number', value: Number(text), text }
        : { kind: 'text', text };
    case 'texts':
    case 'some-of':
      return listOf(text.split(','));
    case 'patterns':
      return listOf(splitPatterns(text));
    default:
      return { kind: 'text', text };
  }
}

function listOf(parts: readonly string[]): Raw {
  const trimmed = parts.map((part) => part.trim());
  const items = trimmed.length === 1 && trimmed[0] === '' ? [] : trimmed;
  return { kind: 'list', items: items.map((text) => ({ kind: 'text', text })) };
}

/** At commas, but not at those of a regular expression: it runs to a slash before a comma or the end. */
function splitPatterns(text: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  while (from <= text.length) {
    const start = from + (text.slice(from).match(/^\s*/)?.[0].length ?? 0);
    const closing = text[start] === '/' ? closingSlash(text, start) : -1;
    const comma = text.indexOf(',', closing < 0 ? from : closing);
    const end = comma < 0 ? text.length : comma;
    parts.push(text.slice(from, end));
    from = end + 1;
  }
  return parts;
}

function closingSlash(text: string, opening: number): number {
  const rest = /(?<!\\)\/\s*(?:,|$)/g;
  rest.lastIndex = opening + 1;
  return rest.exec(text)?.index ?? -1;
}
