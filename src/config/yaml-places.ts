import { afterLine, lineStart } from './text-lines.ts';
import type { Layout, Place, PlacedEntry } from './yaml-layout.ts';
import type { Style } from './yaml-piece.ts';

/** Blanks before a name that stands first on its line; undefined where it does not. */
export function indentOf(text: string, entry: PlacedEntry): string | undefined {
  const before = text.slice(lineStart(text, entry.keyStart), entry.keyStart);
  return /^ *$/.test(before) ? before : undefined;
}

/** Behind the colon of an entry; undefined where none stands right behind the name. */
export function afterColon(text: string, { keyEnd }: PlacedEntry): number | undefined {
  const colon = /^[ \t]*:/.exec(text.slice(keyEnd, keyEnd + 80));
  return colon ? keyEnd + colon[0].length : undefined;
}

/** Where its own lines end, without the comments below. */
function contentEnd(text: string, entry: PlacedEntry): number {
  return afterLine(text, Math.max(entry.value.end, afterColon(text, entry) ?? entry.keyEnd));
}

/** The same with the comments below that stand further in than its name: they are about it. */
export function blockEnd(
  text: string,
  entry: PlacedEntry,
  indent: string,
  documentEnd: number,
): number {
  let last = contentEnd(text, entry);
  let at = last;
  while (at < documentEnd) {
    const next = text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at) + 1;
    const line = text.slice(at, next);
    const bare = line.trim();
    const isDeeper = line.length - line.trimStart().length > indent.length;
    if (bare !== '' && !(bare.startsWith('#') && isDeeper)) break;
    at = next;
    if (bare !== '') last = at;
  }
  return last;
}

/** `{}` with nothing in it, not even a blank. */
export function isBareEmpty(text: string, { shape, start, end }: Place): boolean {
  return shape === 'flow' && text.slice(start, end) === '{}';
}

/** As the text does it itself. */
export function styleOf(text: string, { root }: Layout): Style {
  const first = text[root.entries[0]?.keyStart ?? -1];
  return { step: stepOf(text, root) ?? 2, isJson: root.shape === 'flow' && first === '"' };
}

/** How far the first section of the text stands in from its name. */
function stepOf(text: string, root: Place): number | undefined {
  if (root.shape !== 'block') return undefined;
  for (const entry of root.entries) {
    const outer = indentOf(text, entry);
    const child = entry.value.shape === 'block' ? entry.value.entries[0] : undefined;
    const inner = child && indentOf(text, child);
    if (outer !== undefined && inner !== undefined) return inner.length - outer.length;
  }
  return undefined;
}
