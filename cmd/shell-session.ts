import { createInterface, type Interface } from 'node:readline';
import { isYes } from './confirm.ts';
import { completed, runCommand, type ShellContext } from './shell-commands.ts';
import { History, historyMax } from './shell-history.ts';
import { TypedKeys } from './shell-input.ts';
import { completions, wordsOf } from './shell-words.ts';

/** Lines typed ahead while a command runs; more is a pasted file, which belongs into a pipe. */
const aheadMax = 100;

/** A shell at a terminal. Resolves with the exit status when it is left. */
export function runSession(
  shared: Omit<ShellContext, 'signal' | 'confirm'>,
  prompt: string,
): Promise<number> {
  return new Session(shared, prompt).ended;
}

class Session {
  readonly ended: Promise<number>;
  readonly #shared: Omit<ShellContext, 'signal' | 'confirm'>;
  readonly #keys = new TypedKeys(process.stdin);
  readonly #lines: Interface;
  readonly #history: History;
  readonly #ahead: string[] = [];
  /** The command under way. */
  #running: AbortController | undefined;
  /** Who waits for the answer to a question. */
  #asked: ((answer: string) => void) | undefined;
  #closed = false;
  #end: (status: number) => void = () => {};

  constructor(shared: Omit<ShellContext, 'signal' | 'confirm'>, prompt: string) {
    this.#shared = shared;
    this.#history = new History(shared.io.env);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#lines = createInterface({
      input: this.#keys,
      output: process.stdout,
      terminal: true,
      prompt,
      history: this.#history.load(),
      historySize: historyMax,
      removeHistoryDuplicates: true,
      completer: (line: string) => this.#complete(line),
    });
    this.#lines.on('line', (line) => this.#take(line));
    this.#lines.on('SIGINT', () => this.#interrupt());
    this.#lines.on('close', () => this.#close());
    // An answer is no command: it does not belong into the history.
    this.#lines.on('history', (history: string[]) => {
      if (this.#asked !== undefined) history.shift();
    });
    // Names for Tab; commands that need them wait for them, and say why there are none.
    void shared.site.units();
    this.#lines.prompt();
  }

  #complete(line: string): [string[], string] {
    if (this.#asked !== undefined || this.#running !== undefined) return [[], line];
    const { components, unitNames } = this.#shared.site;
    return completions(line, completed, () => [
      ...components.map(({ name }) => name),
      ...unitNames,
    ]);
  }

  #take(line: string): void {
    if (this.#asked !== undefined) {
      this.#asked(line);
      return;
    }
    if (this.#ahead.length < aheadMax) this.#ahead.push(line);
    if (this.#running === undefined) void this.#work();
  }

  async #work(): Promise<void> {
    for (let line = this.#ahead.shift(); line !== undefined; line = this.#ahead.shift()) {
      this.#history.add(line);
      const words = wordsOf(line);
      if ('wrong' in words) this.#shared.io.stderr.write(`${words.wrong}\n`);
      else if (words.length > 0 && (await this.#run(words)) === 'exit') this.#leave();
      if (this.#closed) return this.#end(0);
    }
    this.#lines.prompt();
  }

  async #run(words: readonly string[]): Promise<number | 'exit'> {
    const running = new AbortController();
    this.#running = running;
    try {
      return await runCommand(words, {
        ...this.#shared,
        signal: running.signal,
        confirm: (question) => this.#confirm(question, running.signal),
      });
    } finally {
      this.#running = undefined;
    }
  }

  /** What was typed ahead answers nothing: only a line that comes after the question does. */
  async #confirm(question: string, signal: AbortSignal): Promise<boolean> {
    if (this.#closed || signal.aborted) return false;
    this.#ahead.length = 0;
    const answer = new Promise<string>((resolve) => {
      this.#asked = resolve;
      this.#lines.once('close', () => resolve(''));
    });
    const before = this.#lines.getPrompt();
    this.#lines.setPrompt(question);
    this.#lines.prompt();
    try {
      return isYes(await answer);
    } finally {
      this.#asked = undefined;
      this.#lines.setPrompt(before);
    }
  }

  /** Ctrl-C: it ends a question with no, or the waiting, or clears the line; never the shell. */
  #interrupt(): void {
    this.#shared.io.stdout.write('^C\n');
    this.#ahead.length = 0;
    const asked = this.#asked;
    if (this.#running !== undefined) this.#running.abort();
    if (asked !== undefined) asked('');
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    if (this.#running === undefined) this.#lines.prompt();
  }

  #leave(): void {
    this.#closed = true;
    this.#lines.close();
  }

  /** Ctrl-D, or the terminal is gone; a command under way is not waited for. */
  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#shared.io.stdout.write('\n');
    if (this.#running === undefined) this.#end(0);
    else this.#running.abort();
  }
}
