import { formatText, quoteText } from './format.ts';

/** What is written into a text of YAML: a value, or a section of them in this order. */
export type Piece = string | number | boolean | readonly Field[];
/** One of a section. */
export type Field = readonly [name: string, piece: Piece];

/** How a text of YAML writes what is new in it. */
export interface Style {
  /** Blanks by which a section stands further in. */
  readonly step: number;
  /** Every name and text has double quotes: it is JSON. */
  readonly isJson: boolean;
}

export function isSection(piece: Piece): piece is readonly Field[] {
  return typeof piece === 'object';
}

/** Nothing in it would have to be written as an escape. */
const visible = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;

/** A value, with the quotes of the one that it replaces as far as they can hold it. */
export function scalarText(value: string | number | boolean, quote = ''): string {
  if (typeof value !== 'string') return String(value);
  if (quote === '"') return quoteText(value);
  const single = `'${value.replaceAll("'", "''")}'`;
  if (quote === "'" && visible.test(value)) return single;
  const plain = formatText(value);
  return plain === value || !visible.test(value) ? plain : single;
}

function nameText(name: string, { isJson }: Style): string {
  return isJson ? quoteText(name) : scalarText(name);
}

/** `name: value` on one line, with a section in braces. */
export function flowEntry(name: string, piece: Piece, style: Style): string {
  return `${nameText(name, style)}: ${flowText(piece, style)}`;
}

function flowText(piece: Piece, style: Style): string {
  if (!isSection(piece)) return scalarText(piece, style.isJson ? '"' : '');
  return `{${piece.map(([name, one]) => flowEntry(name, one, style)).join(', ')}}`;
}

/** `name: value` with a section on lines of its own, without line ends. */
export function blockEntry(
  name: string,
  piece: Piece,
  style: Style,
  indent: string,
): readonly string[] {
  const start = `${indent}${nameText(name, style)}:`;
  if (!isSection(piece)) return [`${start} ${scalarText(piece)}`];
  const inner = `${indent}${' '.repeat(style.step)}`;
  return [start, ...piece.flatMap(([below, one]) => blockEntry(below, one, style, inner))];
}
