/** A line is shown as a part of one sentence. */
const shownChars = 200;

/** The last lines of a command's output that are not empty, oldest first, fit to be shown anywhere. */
export function lastLines(text: string, most: number): readonly string[] {
  const lines = text.split(/[\r\n]+/).map(shown);
  return lines.filter((line) => line !== '').slice(-most);
}

/** What steers a terminal or ends a line, and what the Unicode standard calls format characters. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]+/gu;
/** Escape sequences of a terminal as a whole: colours would leave `[31m`. ECMA-48. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const escapes = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])/g;
/** `password=x`, `--token x`, `Authorization: Bearer x`, `scheme://user:x@host`. */
const secrets: readonly (readonly [RegExp, string])[] = [
  [
    /((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|authorization|credential)s?["']?\s*[=: ]\s*)(?:bearer\s+|basic\s+)?\S+/gi,
    '$1…',
  ],
  [/(:\/\/[^\s:/@]*:)[^\s@]+@/g, '$1…@'],
];

function shown(line: string): string {
  let text = line.replace(escapes, '').replace(unprintable, ' ').replace(/\s+/g, ' ').trim();
  for (const [pattern, instead] of secrets) text = text.replace(pattern, instead);
  return text.length > shownChars ? `${text.slice(0, shownChars)}…` : text;
}
