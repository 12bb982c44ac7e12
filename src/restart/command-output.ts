import type { Readable } from 'node:stream';

/** Kept of what a command prints: its last lines say why it failed. */
const keptBytes = 4_096;
/** A reason is one sentence of an event. */
const shownChars = 200;

/** The end of a stream: all of it is read, so that nobody waits for a reader, and little is kept. */
export class Tail {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => this.add(chunk));
    // A pipe that breaks ends the output, not the command.
    stream.on('error', () => {});
  }

  private add(chunk: Buffer): void {
    this.parts.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes <= 4 * keptBytes) return;
    const kept = Buffer.from(Buffer.concat(this.parts).subarray(-keptBytes));
    this.parts = [kept];
    this.bytes = kept.length;
  }

  /** The last line that is not empty, fit to be shown; empty where there is none. */
  lastLine(): string {
    const text = Buffer.concat(this.parts).subarray(-keptBytes).toString('utf8');
    const lines = text.split(/[\r\n]+/).map(shown);
    return lines.findLast((line) => line !== '') ?? '';
  }
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
