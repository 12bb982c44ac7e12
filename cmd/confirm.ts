import { createInterface } from 'node:readline/promises';

/** Asks on the terminal. Its end is a no. */
export async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  const answer = await Promise.race([lines.question(question), closed]);
  lines.close();
  return isYes(answer);
}

/** Whether somebody can be asked. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

export function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer.trim());
}
