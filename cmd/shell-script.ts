import { createInterface } from 'node:readline';
import { runCommand, type ShellContext } from './shell-commands.ts';
import { wordsOf } from './shell-words.ts';

/**
 * Runs the commands that come from standard input, one a line.
 * @param errexit end at the first that fails
 * @returns the exit status of the last one
 */
export async function runScript(
  shared: Omit<ShellContext, 'signal' | 'confirm'>,
  errexit: boolean,
): Promise<number> {
  const { signal } = new AbortController();
  let status = 0;
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const words = wordsOf(line);
    if ('wrong' in words) {
      shared.io.stderr.write(`${words.wrong}\n`);
      status = 2;
    } else if (words.length > 0) {
      const ended = await runCommand(words, { ...shared, signal, confirm: undefined });
      if (ended === 'exit') break;
      status = ended;
    }
    if (errexit && status !== 0) break;
  }
  lines.close();
  return status;
}
