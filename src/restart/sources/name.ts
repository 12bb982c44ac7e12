import { isUtf8 } from 'node:buffer';

/** Longest name of a unit, and the width of the column. */
const nameBytes = 255;
const controls = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A name out of a database: any bytes. */
export interface ReadName {
  /** One text for each sequence of bytes: what is no UTF-8 stands as `\xff`. */
  readonly text: string;
  /** Why nothing is repaired under this name; undefined where it can be. */
  readonly fault: string | undefined;
}

/** Decodes a name and says what is wrong with it. Never throws. */
export function readName(bytes: Uint8Array): ReadName {
  if (!isUtf8(bytes)) {
    return { text: escaped(bytes), fault: 'its name holds bytes that are no UTF-8' };
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return { text, fault: faultOf(text, bytes.length) };
}

function faultOf(text: string, length: number): string | undefined {
  if (text.trim() === '') return 'its name is empty';
  if (length > nameBytes) return `its name is longer than ${nameBytes} bytes`;
  return controls.test(text) ? 'its name holds control characters' : undefined;
}

/** Backslashes are doubled, so that no two names become one. */
function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    if (byte === 0x5c) return '\\\\';
    if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
    return `\\x${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** A text from outside inside a sentence: in quotes, escaped, at most 80 characters. */
export function quoted(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return JSON.stringify(cut.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** A whole number as a `process_id` is one; undefined for anything else. */
export function readId(text: string): number | undefined {
  const id = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}
