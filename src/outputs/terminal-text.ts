/** Terminals draw these in two columns: CJK, Hangul, full-width forms, emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
/** They combine with the letter before them, and take no column. */
const combining = /\p{Mn}|\p{Me}/u;
/**
 * What steers a terminal (C0, DEL, C1), turns the direction of text (bidi controls), is not there
 * for the eye (zero width, soft hyphen, tags) or is half a character: all can make one name look
 * like another, or a name like a line of ours.
 */
const unprintable = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}|\p{Co}|\p{Cn}/gu;
const ascii = /^[\x20-\x7e]*$/;

/** Text from outside, safe to show: what is not printable is written as `\x1b` or `\u{202e}`. */
export function printable(text: string): string {
  if (ascii.test(text)) return text;
  return text.replace(unprintable, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Columns that printable text takes. */
export function columnsOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let columns = 0;
  for (const char of text) columns += columnsOfChar(char);
  return columns;
}

function columnsOfChar(char: string): number {
  if (combining.test(char)) return 0;
  return wide.test(char) ? 2 : 1;
}

/** Printable text cut to at most `columns`, with `…` where something is missing. */
export function fit(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (columnsOf(text) <= columns) return text;
  let shown = '';
  let used = 1;
  for (const char of text) {
    used += columnsOfChar(char);
    if (used > columns) break;
    shown += char;
  }
  return `${shown}…`;
}

/** Cut or filled up with spaces to exactly `columns`. */
export function pad(text: string, columns: number): string {
  const shown = fit(text, columns);
  return shown + ' '.repeat(Math.max(0, columns - columnsOf(shown)));
}
