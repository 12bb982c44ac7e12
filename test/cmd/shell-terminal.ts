import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from '../debian.ts';

export const unitwatch = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));

/** Keys as a terminal sends them. */
export const keys = { tab: '\t', enter: '\r', up: '\x1b[A', ctrlC: '\x03', ctrlD: '\x04' } as const;

/** unitwatch at a pseudo-terminal, which script(1) makes. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly exited: Promise<number>;
  /** Everything that was written to the terminal. */
  output = '';
  #read = 0;

  static async open(
    argv: readonly string[],
    {
      env = {},
      columns = 100,
      rows = 30,
    }: { env?: Record<string, string>; columns?: number; rows?: number } = {},
  ): Promise<Terminal> {
    await ensureInstalled(['bsdutils']);
    return new Terminal(argv, env, columns, rows);
  }

  private constructor(
    argv: readonly string[],
    env: Record<string, string>,
    columns: number,
    rows: number,
  ) {
    // The shell of script(1) sets the size, and becomes unitwatch; the words come by the environment.
    const words = argv.map((_, i) => `"$WORD${i}"`).join(' ');
    const line = `stty cols ${columns} rows ${rows}; exec "$NODE" "$UNITWATCH" ${words}`;
    const given = Object.fromEntries(argv.map((word, i) => [`WORD${i}`, word]));
    this.#child = spawn('script', ['-qefc', line, '/dev/null'], {
      env: {
        ...{ PATH: process.env['PATH'], TERM: 'xterm-256color', SHELL: '/bin/sh', LANG: 'C.UTF-8' },
        ...{ NODE: process.execPath, UNITWATCH: unitwatch },
        ...given,
        ...env,
      },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.exited = once(this.#child, 'close').then(([code]) => Number(code));
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits for what has not been waited for before; returns it and what came with it. */
  async sees(what: RegExp | string, timeoutMs = 30_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const rest = this.output.slice(this.#read);
      const at = typeof what === 'string' ? rest.indexOf(what) : rest.search(what);
      if (at >= 0) {
        const length = typeof what === 'string' ? what.length : (what.exec(rest)?.[0].length ?? 0);
        this.#read += at + length;
        return rest.slice(0, at + length);
      }
      if (Date.now() > deadline)
        throw new Error(`never came: ${what}\n${JSON.stringify(rest.slice(-500))}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends it the hard way, if it has not ended. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    this.#child.stdin?.destroy();
    await this.exited;
  }
}

/** What stands on a line when all has been drawn: without colours and moves of the cursor. */
export function plain(text: string): string {
  const csi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');
  return text.replace(csi, '');
}

/** unitwatch without a terminal. */
export async function run(
  argv: readonly string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [unitwatch, ...argv], {
    env: { PATH: process.env['PATH'], ...env },
  });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.err += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { status: Number(code), ...texts };
}
