import { printable } from '../src/outputs/terminal-text.ts';

/** A line that a person typed; a script may have longer ones, but no command has. */
const lineMax = 4_096;

export type Words = readonly string[] | { readonly wrong: string };

/**
 * The words of a line: separated by white space, in single or double quotes, with a backslash before
 * what is to stand for itself (outside single quotes). A `#` at the start of a word begins a comment.
 */
export function wordsOf(line: string): Words {
  if (line.length > lineMax) return { wrong: `a line has at most ${lineMax} characters` };
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  while (at < line.length && !(word === undefined && line[at] === '#')) {
    part.lastIndex = at;
    const found = part.exec(line);
    if (found === null) return { wrong: unfinished(line.slice(at)) };
    at = part.lastIndex;
    const text = partOf(found);
    if (text !== undefined) {
      word = (word ?? '') + text;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

/** White space, or a part of a word: in single quotes, in double quotes, escaped, plain. */
const part = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/suy;

/** What the part stands for; undefined for white space. */
function partOf([, single, double, escaped, plain]: RegExpExecArray): string | undefined {
  return single ?? double?.replace(/\\(.)/gsu, '$1') ?? escaped ?? plain;
}

function unfinished(rest: string): string {
  return rest.startsWith('\\')
    ? 'nothing stands behind the backslash'
    : `a ${rest.slice(0, 1)} is not closed`;
}

/**
 * What Tab offers for a line up to the cursor, as readline takes it: the whole of what can stand
 * there, and the part of the line that it stands for.
 * @param commands each with whether a name follows it
 */
export function completions(
  line: string,
  commands: ReadonlyMap<string, boolean>,
  names: () => readonly string[],
): [hits: string[], part: string] {
  const typed = line.trimStart();
  const [, command = '', rest] = /^(\S+)\s+(?:-\S+\s+)*(.*)$/s.exec(typed) ?? [];
  if (rest === undefined) {
    const hits = [...commands].map(([name, takesName]) => (takesName ? `${name} ` : name));
    return [hits.filter((hit) => hit.startsWith(typed)), typed];
  }
  if (commands.get(command) !== true) return [[], rest];
  const quote = /^["']/.exec(rest)?.[0] ?? '';
  // readline writes hits to the terminal as they are: a name that could steer it is left out.
  const safe = names().filter((name) => printable(name) === name && !/["'\\]/.test(name));
  const hits = safe.map((name) => quote + name + quote).filter((name) => name.startsWith(rest));
  return [hits, rest];
}
