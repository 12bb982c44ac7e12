import { afterLine, deleteLines, lineStart, type Splice } from './text-lines.ts';
import type { Layout, Place, PlacedEntry } from './yaml-layout.ts';
import { afterColon, blockEnd, indentOf } from './yaml-places.ts';

interface Step {
  readonly place: Place;
  readonly entry: PlacedEntry;
}

/**
 * What takes the entry at a path out of a text, with the comments in it; what stands above it stays.
 * A section in which nothing is left goes too, unless something shows that it was there before: a
 * comment, or the blank behind its colon that `{}` has left. Nothing where there is no such entry,
 * undefined where the text is written too strangely.
 */
export function removeSplices(
  text: string,
  layout: Layout,
  path: readonly string[],
): readonly Splice[] | undefined {
  const steps: Step[] = [];
  let place = layout.root;
  for (const name of path) {
    const entry = place.entries.find((one) => one.name === name);
    if (!entry) return [];
    steps.push({ place, entry });
    place = entry.value;
  }
  return removeLast(text, layout, steps);
}

function removeLast(
  text: string,
  layout: Layout,
  steps: readonly Step[],
): readonly Splice[] | undefined {
  const [owner, last] = [steps.at(-2), steps.at(-1)];
  if (!last) return undefined;
  const isOnly = last.place.entries.length === 1;
  if (last.place.shape === 'flow') {
    const isOwnerInFlow = owner?.place.shape === 'flow';
    return isOnly && isOwnerInFlow
      ? removeLast(text, layout, steps.slice(0, -1))
      : removeFromFlow(text, last);
  }
  const indent = indentOf(text, last.entry);
  if (indent === undefined) return undefined;
  const from = lineStart(text, last.entry.keyStart);
  const to = blockEnd(text, last.entry, indent, layout.end);
  const lines = deleteLines(text, from, to);
  if (!isOnly || !owner) return [lines];
  const close = closing(text, layout, owner.entry, { from, to }, steps.length === 2);
  if (close === undefined) return undefined;
  return close === 'goes' ? removeLast(text, layout, steps.slice(0, -1)) : [lines, ...close];
}

/** What an owner has behind its colon when its last entry is gone, or that it goes as well. */
function closing(
  text: string,
  layout: Layout,
  owner: PlacedEntry,
  gone: { readonly from: number; readonly to: number },
  isOutermost: boolean,
): readonly Splice[] | 'goes' | undefined {
  const colon = afterColon(text, owner);
  const indent = indentOf(text, owner);
  if (colon === undefined || indent === undefined) return undefined;
  const below = afterLine(text, colon);
  const behind = text.slice(colon, below).replace(/\r?\n$/, '');
  const end = blockEnd(text, owner, indent, layout.end);
  const around = text.slice(below, gone.from) + text.slice(gone.to, end);
  const hasComments = around.trim() !== '';
  if (behind === '' && !hasComments) return 'goes';
  // An outermost section may be without anything, but for its comments; a map may not.
  if (isOutermost && (behind === '' || behind.trim() !== '')) return [];
  const isBlank = behind !== '';
  const space = /^[ \t]#/.test(behind) ? ' ' : '';
  const at = isBlank ? colon + 1 : colon;
  return [{ from: at, to: at, text: isBlank ? `{}${space}` : ' {}' }];
}

function removeFromFlow(text: string, { place, entry }: Step): readonly Splice[] {
  const { entries } = place;
  const at = entries.indexOf(entry);
  const [before, next] = [entries[at - 1], entries[at + 1]];
  const end = entry.value.end;
  if (!next && before) {
    const between = text.slice(before.value.end, entry.keyStart);
    const from = /^\s*,\s*$/.test(between) ? before.value.end : entry.keyStart;
    return [{ from, to: end, text: '' }];
  }
  const comma = commaAfter(text, end, place.end);
  return [{ from: entry.keyStart, to: end, text: '' }, ...(comma ? [comma] : [])];
}

/** The comma that follows, with the blanks behind it; comments before it stay. */
function commaAfter(text: string, from: number, to: number): Splice | undefined {
  const found = /^((?:\s|(?<=\s)#[^\n]*\n)*),[ \t]*/.exec(text.slice(from, to));
  if (!found) return undefined;
  const [whole, before = ''] = found;
  return { from: from + before.length, to: from + whole.length, text: '' };
}
