import { isAscii, isUtf8 } from 'node:buffer';

/** The arguments of one process, the program first. */
export interface ArgumentList {
  readonly texts: readonly string[];
  /** There are more than were read: what is counted from the end is not known. */
  readonly cut: boolean;
}

/**
 * Arguments that are looked at: class paths are one, and long lists of files are no server's. Without
 * it a list of 200,000 empty arguments would take a criterion with `any` that many searches.
 */
const argumentsMax = 10_000;

const nul = 0;

/**
 * Takes /proc/PID/cmdline apart. Each argument ends in a NUL, so `a "" ""` is `a\0\0\0`. A process
 * that rewrites its title leaves one text, often padded with NULs: one text and nothing but NULs
 * behind it is therefore one argument. (`a "" ""` cannot be told from it.)
 *
 * UTF-8 is decoded; an argument that is not valid UTF-8 is taken byte by byte as Latin-1, so that
 * nothing of it is lost and its ASCII part is found.
 *
 * @returns undefined where there is nothing: a kernel thread, or a process that has ended
 */
export function splitArguments(bytes: Buffer, cut = false): ArgumentList | undefined {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === nul) end--;
  if (end === 0) return undefined;
  const first = bytes.indexOf(nul);
  if (first < 0 || first >= end) return { texts: [textOf(bytes.subarray(0, end))], cut };
  const isEnded = !cut && bytes.at(-1) === nul;
  const all = isEnded ? bytes.subarray(0, -1) : bytes;
  const texts = isUtf8(all) ? textOf(all).split('\0', argumentsMax + 1) : splitBytes(all);
  return { texts: texts.slice(0, argumentsMax), cut: cut || texts.length > argumentsMax };
}

function splitBytes(bytes: Buffer): string[] {
  const texts: string[] = [];
  let from = 0;
  for (let at = bytes.indexOf(nul); at >= 0; at = bytes.indexOf(nul, from)) {
    if (texts.length === argumentsMax) break;
    texts.push(textOf(bytes.subarray(from, at)));
    from = at + 1;
  }
  texts.push(textOf(bytes.subarray(from)));
  return texts;
}

function textOf(bytes: Buffer): string {
  // Latin-1 is the faster decoder, and the same for ASCII.
  const encoding = !isAscii(bytes) && isUtf8(bytes) ? 'utf8' : 'latin1';
  return bytes.toString(encoding);
}
