import { shown } from '../src/config/shown.ts';

/** Settings that are a text, whatever it looks like: `regex=200`, `body={"a": 1}`. */
const texts: ReadonlySet<string> = new Set(['url', 'method', 'host', 'body', 'regex', 'to']);

/** `--set port=5432`, `--set 'headers={"Authorization": "..."}'`, or in one sentence what is wrong. */
export function settingsOf(words: readonly string[]): Record<string, unknown> | string {
  const wrong = words.find((word) => !/^[^=]+=/.test(word));
  if (wrong !== undefined) return `--set takes NAME=VALUE (got ${shown(wrong)})`;
  return Object.fromEntries(words.map(settingOf));
}

/** JSON, or else text. */
function settingOf(word: string): readonly [string, unknown] {
  const at = word.indexOf('=');
  const [name, text] = [word.slice(0, at), word.slice(at + 1)];
  if (texts.has(name)) return [name, text];
  try {
    return [name, JSON.parse(text)];
  } catch {
    return [name, text];
  }
}

/**
 * What an update changes: settings that it does not name stay, empty ones are taken out. Those of
 * another kind have nothing in common with those before.
 * @param before the record as it is
 * @param change what was asked for, with `settings`
 */
export function settingsAfter(before: unknown, change: object | undefined): object {
  const [old, wanted] = [Object(before), Object(change)];
  const isSame = wanted.kind === undefined || wanted.kind === old.kind;
  const all = { ...(isSame && old.settings), ...wanted.settings };
  const settings = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
  return { ...wanted, settings };
}
