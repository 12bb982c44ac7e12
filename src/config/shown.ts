/** Characters of a wrong value that a message repeats. */
const MAX_SHOWN = 60;

/**
 * Text from outside as it may stand in a message on a terminal: control characters, and the
 * invisible ones that turn or break a line, as `\u{...}`; long text cut.
 */
export function shown(text: string, limit = MAX_SHOWN): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The same between quotes, for values. */
export function quoted(text: string): string {
  return `"${shown(text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))}"`;
}

/** A control character has no place in a name, a path or a pattern. */
export function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}
