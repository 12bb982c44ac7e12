import { isDeepStrictEqual } from 'node:util';
import type { Raw } from './raw.ts';
import { segment } from './text.ts';
import { type Splice, spliced } from './text-lines.ts';
import { parseYaml } from './yaml.ts';
import { type Layout, layoutOf } from './yaml-layout.ts';
import { type Field, isSection, type Piece } from './yaml-piece.ts';
import { removeSplices } from './yaml-remove.ts';
import { setSplices } from './yaml-set.ts';

/** The text after an edit, or in one sentence why there is none. */
export type Edited = { readonly text: string } | { readonly fault: string };

/**
 * The text with these fields in the section at a path: what is there is replaced, what is not is put
 * behind it, and the section is made where there is none. Every other byte stays. The text must be
 * one that `parseYaml` reads without a fault.
 */
export function setFields(
  text: string,
  path: readonly string[],
  fields: readonly Field[],
): Promise<Edited> {
  const splice = (layout: Layout) => setSplices(text, layout, path, fields);
  return edited(text, path, splice, (before) => {
    const given = new Map(fields.map(([name, piece]) => [name, plainPiece(piece)]));
    const kept = isPairs(before) ? before : [];
    const names = new Set(kept.map(([name]) => name));
    const replaced = kept.map(([name, value]) => [name, given.get(name) ?? value]);
    return [...replaced, ...[...given].filter(([name]) => !names.has(name))];
  });
}

/** The text without the entry at a path, and without the sections that it leaves empty. */
export function removeEntry(text: string, path: readonly string[]): Promise<Edited> {
  const splice = (layout: Layout) => removeSplices(text, layout, path);
  return edited(text, path, splice, () => undefined);
}

/** Makes an edit, and reads the text again: it says what it said, but for what was to be changed. */
async function edited(
  text: string,
  path: readonly string[],
  splice: (layout: Layout) => readonly Splice[] | undefined,
  wanted: (before: unknown) => unknown,
): Promise<Edited> {
  const splices = splice(await layoutOf(text));
  const after = splices && spliced(text, splices);
  if (after !== undefined) {
    const [was, is] = [await parseYaml(text), await parseYaml(after)];
    const isMeant =
      is.faults.length === 0 &&
      isDeepStrictEqual(without(is.root, path), without(was.root, path)) &&
      isDeepStrictEqual(plainAt(is.root, path), wanted(plainAt(was.root, path)));
    if (isMeant) return { text: after };
  }
  const place = path.map((name, i) => (i === 0 ? name : segment(name))).join('');
  return { fault: `${place}: is written in a way that no command can edit; edit it by hand` };
}

/** A value without places and without the way in which it is written; a section as its pairs. */
function plain(raw: Raw | undefined): unknown {
  switch (raw?.kind) {
    case 'text':
      return raw.text;
    case 'number':
    case 'boolean':
      return raw.value;
    case 'section':
      return raw.entries.map(({ name, value }) => [name, plain(value)]);
    case 'list':
      return { items: raw.items.map(plain) };
    default:
      return null;
  }
}

function plainPiece(piece: Piece): unknown {
  return isSection(piece) ? piece.map(([name, one]) => [name, plainPiece(one)]) : piece;
}

function isPairs(value: unknown): value is readonly (readonly [string, unknown])[] {
  return Array.isArray(value);
}

function plainAt(raw: Raw | undefined, [name, ...below]: readonly string[]): unknown {
  if (name === undefined) return plain(raw);
  const entry = entriesOf(raw).find((one) => one.name === name);
  return entry && plainAt(entry.value, below);
}

/** Everything but what stands at a path; sections on the way that say nothing else are left out. */
function without(
  raw: Raw | undefined,
  [name, ...below]: readonly string[],
): readonly (readonly [string, unknown])[] {
  return entriesOf(raw).flatMap((entry): (readonly [string, unknown])[] => {
    if (entry.name !== name) return [[entry.name, plain(entry.value)]];
    const rest = below.length === 0 ? [] : without(entry.value, below);
    return rest.length === 0 ? [] : [[entry.name, rest]];
  });
}

function entriesOf(raw: Raw | undefined): Extract<Raw, { kind: 'section' }>['entries'] {
  return raw?.kind === 'section' ? raw.entries : [];
}
