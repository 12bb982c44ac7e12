import { insertLines, type Splice } from './text-lines.ts';
import type { Layout, Place, PlacedEntry } from './yaml-layout.ts';
import { blockEntry, type Field, flowEntry, isSection, scalarText } from './yaml-piece.ts';
import { afterColon, blockEnd, indentOf, isBareEmpty, styleOf } from './yaml-places.ts';

/** A section and where it belongs. */
interface Container {
  readonly place: Place;
  /** Undefined for the outermost one. */
  readonly owner: PlacedEntry | undefined;
  /** The owner stands within braces. */
  readonly isInFlow: boolean;
}

/**
 * What makes a text say these fields in the section at a path, which is made where there is none.
 * Undefined where the text is written too strangely for that.
 */
export function setSplices(
  text: string,
  layout: Layout,
  path: readonly string[],
  fields: readonly Field[],
): readonly Splice[] | undefined {
  let container: Container = { place: layout.root, owner: undefined, isInFlow: false };
  for (const [i, name] of path.entries()) {
    const entry = container.place.entries.find((one) => one.name === name);
    if (!entry) return insertFields(text, layout, container, [nested(path.slice(i), fields)]);
    container = {
      place: entry.value,
      owner: entry,
      isInFlow: container.place.shape === 'flow',
    };
  }
  const { entries } = container.place;
  const known = new Map(entries.map((entry) => [entry.name, entry]));
  const isJson = styleOf(text, layout).isJson;
  const replaced = fields.map(([name, piece]) => {
    const entry = known.get(name);
    return entry === undefined ? [] : replaceSplices(text, entry, piece, isJson);
  });
  const missing = fields.filter(([name]) => !known.has(name));
  const inserted = missing.length > 0 ? insertFields(text, layout, container, missing) : [];
  const all = [...replaced, inserted];
  return all.some((one) => one === undefined) ? undefined : all.flatMap((one) => one ?? []);
}

function nested([name = '', ...below]: readonly string[], fields: readonly Field[]): Field {
  return [name, below.length === 0 ? fields : [nested(below, fields)]];
}

function insertFields(
  text: string,
  layout: Layout,
  { place, owner, isInFlow }: Container,
  fields: readonly Field[],
): readonly Splice[] | undefined {
  const last = place.entries.at(-1);
  const isEmpty = place.shape === 'nothing' || isBareEmpty(text, place);
  if (place.shape === 'block' && last) {
    const indent = indentOf(text, last);
    if (indent === undefined) return undefined;
    const at = owner ? blockEnd(text, last, indent, layout.end) : layout.end;
    return [linesAt(text, layout, at, fields, indent)];
  }
  if (owner && isEmpty && !isInFlow) return openBlock(text, layout, owner, fields);
  if (place.shape === 'flow') return [intoFlow(text, layout, place, fields)];
  if (owner || place.shape !== 'nothing') return undefined;
  return [linesAt(text, layout, layout.end, fields, '')];
}

function intoFlow(
  text: string,
  layout: Layout,
  { entries, start }: Place,
  fields: readonly Field[],
): Splice {
  const style = styleOf(text, layout);
  const written = fields.map(([name, piece]) => flowEntry(name, piece, style)).join(', ');
  const last = entries.at(-1);
  const at = last ? last.value.end : start + 1;
  return { from: at, to: at, text: last ? `, ${written}` : written };
}

/**
 * Lines below a name that has nothing, or `{}`. Of that the blank before it stays: by it
 * `removeSplices` knows to write it again.
 */
function openBlock(
  text: string,
  layout: Layout,
  owner: PlacedEntry,
  fields: readonly Field[],
): readonly Splice[] | undefined {
  const outer = indentOf(text, owner);
  if (outer === undefined || afterColon(text, owner) === undefined) return undefined;
  const indent = outer + ' '.repeat(styleOf(text, layout).step);
  const at = blockEnd(text, owner, outer, layout.end);
  const { start, end } = owner.value;
  return [{ from: start, to: end, text: '' }, linesAt(text, layout, at, fields, indent)];
}

function linesAt(
  text: string,
  layout: Layout,
  at: number,
  fields: readonly Field[],
  indent: string,
): Splice {
  const style = styleOf(text, layout);
  const lines = fields.flatMap(([name, piece]) => blockEntry(name, piece, style, indent));
  return insertLines(text, at, lines);
}

function replaceSplices(
  text: string,
  entry: PlacedEntry,
  piece: Field[1],
  isJson: boolean,
): readonly Splice[] | undefined {
  if (isSection(piece)) return undefined;
  const { shape, start, end } = entry.value;
  const before = text[start] ?? '';
  const quote = isJson ? '"' : /["']/.test(before) && shape === 'scalar' ? before : '';
  const written = scalarText(piece, quote);
  if (shape === 'scalar') return [{ from: start, to: end, text: written }];
  if (shape === 'folded') {
    const lineEnd = /(?:\r?\n)?$/.exec(text.slice(start, end))?.[0] ?? '';
    return [{ from: start, to: end, text: written + lineEnd }];
  }
  const colon = afterColon(text, entry);
  if (shape !== 'nothing' || colon === undefined) return undefined;
  return [{ from: colon, to: colon, text: ` ${written}` }];
}
