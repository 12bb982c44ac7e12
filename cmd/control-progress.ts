import { fit, printable } from '../src/outputs/terminal-text.ts';
import type { CommandIo } from './io.ts';
import { terminalOf } from './status-table.ts';

/** The live line's seconds change that often. */
const redrawMs = 250;

/** Says what is being done: one line that lives on a terminal, a line for each step elsewhere. */
export class Progress {
  readonly #io: CommandIo;

  constructor(io: CommandIo) {
    this.#io = io;
  }

  line(text: string): void {
    this.#io.stdout.write(`${printable(text)}\n`);
  }

  /** Tells of the work while it lasts, and that it has begun where nothing can live. */
  async during<T>(text: string, work: Promise<T>): Promise<T> {
    const { stdout, env } = this.#io;
    if (!terminalOf(stdout, env).isTerminal) {
      this.line(`${text} ...`);
      return work;
    }
    const began = performance.now();
    const draw = (): void => {
      const seconds = Math.floor((performance.now() - began) / 1_000);
      const words = `${printable(text)} ...${seconds > 0 ? ` ${seconds} s` : ''}`;
      // The last column stays free: a terminal would begin a new line behind it.
      stdout.write(`\r${fit(words, terminalOf(stdout, env).columns - 1)}\x1b[K`);
    };
    draw();
    const timer = setInterval(draw, redrawMs);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      stdout.write('\r\x1b[K');
    }
  }
}
