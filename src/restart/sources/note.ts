import type { Ending } from '../contract.ts';

/** Bytes of MySQL's TEXT. */
const notesBytes = 65_535;
/** Longest sentence taken over into a note. */
const sentenceMax = 1_000;
const controls = /[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** The note of a repair: one line, and what it begins with, which is in no other note. */
export function noteOf(
  ending: Ending,
  host: string,
): { readonly note: string; readonly mark: string } {
  const mark = `${plain(ending.time)} unitwatch@${plain(host)}`;
  const outcome = ending.worked ? 'repaired' : 'given up';
  const tries = `${ending.attempts} ${ending.attempts === 1 ? 'attempt' : 'attempts'}`;
  const why = ending.note === '' ? '' : `: ${plain(ending.note)}`;
  return { mark, note: `${mark}: ${outcome} after ${tries}${why}\n` };
}

function plain(text: string): string {
  const cut = text.length > sentenceMax ? `${text.slice(0, sentenceMax - 1)}…` : text;
  return cut
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(controls, ' ')
    .trim();
}

/** The note put before the older notes, cut at the end to `notesBytes`, between two characters. */
export function prepend(note: string, before: Uint8Array): Uint8Array {
  const all = Buffer.concat([Buffer.from(note), before]);
  if (all.length <= notesBytes) return all;
  let end = notesBytes;
  // A byte 10xxxxxx goes on with the character before it. Four at most, where it is UTF-8 at all.
  for (let back = 0; back < 3 && ((all[end] ?? 0) & 0xc0) === 0x80; back++) end--;
  return all.subarray(0, end);
}
