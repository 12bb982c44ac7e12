import type { Raw } from './raw.ts';

/** `line:column`, from 1. */
export function place(text: string, offset: number): string {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return `${line}:${offset - start + 1}`;
}

/** Where the names lead to in a value, as far as they are there. */
export function offsetAt(raw: Raw, names: readonly string[], from: number): number {
  const [name, ...rest] = names;
  const entry =
    raw.kind === 'section' ? raw.entries.find((candidate) => candidate.name === name) : undefined;
  return entry ? offsetAt(entry.value, rest, entry.nameOffset) : from;
}
