import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';

/** Lines kept; more than anybody leafs through. */
export const historyMax = 1_000;
/** 1,000 lines and those of some sessions without a tidying-up between; more is some other file. */
const bytesMax = 8_388_608;

/**
 * The lines of earlier sessions, in a file that only its owner can read. Each line is appended by
 * itself, so that sessions at the same time lose none of each other's; the file is cut to the limit
 * when a session begins. Where it cannot be read or written, the shell works without it.
 */
export class History {
  readonly #file: string;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const xdg = env['XDG_STATE_HOME'];
    const home = env['HOME']?.startsWith('/') ? env['HOME'] : homedir();
    const folder = xdg?.startsWith('/') ? xdg : `${home}/.local/state`;
    this.#file = `${folder}/unitwatch/shell_history`;
  }

  /** Newest first, as readline takes them. */
  load(): string[] {
    const lines = this.#read().slice(-historyMax);
    return lines.reverse();
  }

  /** A line that readline took; without effect where the file cannot be written. */
  add(line: string): void {
    if (line.trim() === '' || /\p{Cc}/u.test(line)) return;
    quietly(() => {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
      const descriptor = openSync(this.#file, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
      try {
        writeSync(descriptor, `${line}\n`);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  #read(): string[] {
    const text = quietly(() => readOwn(this.#file)) ?? '';
    const lines = text.split('\n').filter((line) => line !== '' && !/\p{Cc}/u.test(line));
    if (lines.length > historyMax) this.#cut(lines.slice(-historyMax));
    return lines;
  }

  /** By another file in its place: a session that reads meanwhile sees the old one or the new one. */
  #cut(lines: readonly string[]): void {
    quietly(() => {
      const other = `${this.#file}.${process.pid}`;
      writeFileSync(other, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
      renameSync(other, this.#file);
    });
  }
}

/** Text of a regular file; a link, a pipe or a huge file is none of ours. */
function readOwn(file: string): string {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const descriptor = openSync(file, flags);
  try {
    const stat = fstatSync(descriptor);
    return stat.isFile() && stat.size <= bytesMax ? readFileSync(descriptor, 'utf8') : '';
  } finally {
    closeSync(descriptor);
  }
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
