/** A part of a text, and what stands in its place. */
export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** The text with its parts replaced; what is put in at one place comes in the order given. */
export function spliced(text: string, splices: readonly Splice[]): string {
  let at = 0;
  const parts: string[] = [];
  for (const { from, to, text: piece } of splices.toSorted(
    (a, b) => a.from - b.from || a.to - b.to,
  )) {
    parts.push(text.slice(at, from), piece);
    at = to;
  }
  return parts.join('') + text.slice(at);
}

/** Where the line begins in which an offset is. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Where the next line begins; an offset at the begin of a line is the next one's already. */
export function afterLine(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === '\n') return offset;
  const at = text.indexOf('\n', offset);
  return at < 0 ? text.length : at + 1;
}

/** New lines before the line that begins at an offset, or behind a last one without an end. */
export function insertLines(text: string, at: number, lines: readonly string[]): Splice {
  const end = lineEnd(text, at);
  const block = lines.join(end);
  const hangs = at > 0 && text[at - 1] !== '\n';
  return { from: at, to: at, text: hangs ? end + block : block + end };
}

/** The line end of the line above, or else of the first one. */
function lineEnd(text: string, at: number): string {
  const above = text.lastIndexOf('\n', at - 1);
  const nearest = above < 0 ? text.indexOf('\n') : above;
  return text[nearest - 1] === '\r' ? '\r\n' : '\n';
}

/** Lines from one begin to another; the text ends afterwards with a line end as it did before. */
export function deleteLines(text: string, from: number, to: number): Splice {
  const hangs = to === text.length && to > 0 && text[to - 1] !== '\n';
  const end = hangs && from > 0 ? (text[from - 2] === '\r' ? 2 : 1) : 0;
  return { from: from - end, to, text: '' };
}
