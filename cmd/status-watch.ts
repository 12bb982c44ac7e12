import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandIo } from './io.ts';
import { type Terminal, terminalOf } from './status-table.ts';

/** What one look gives. */
interface Drawn {
  readonly lines: readonly string[];
  readonly status: number;
}

/**
 * Draws again and again until SIGINT, SIGTERM, `q` or a reader that is gone ends it. On a terminal in
 * place: each line over the old one and then the rest of the screen cleared, so that nothing flickers;
 * elsewhere one table after the other, with an empty line between (`dense`: without).
 * @returns the exit status of the last look
 */
export async function redraw(
  draw: (terminal: Terminal) => Promise<Drawn>,
  intervalMs: number,
  io: CommandIo,
  dense: boolean,
): Promise<number> {
  const end = new AbortController();
  const ended = (): void => end.abort();
  const { isTerminal } = terminalOf(io.stdout, io.env);
  const inPlace = isTerminal && !dense;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, ended);
  io.stdout.once('error', ended).once('close', ended);
  const keys = inPlace ? readKeys(ended) : undefined;
  // The other screen, so that what stood on this one is there again in the end; no cursor.
  if (inPlace) io.stdout.write('\x1b[?1049h\x1b[?25l');
  try {
    return await repeat(draw, intervalMs, io, { end: end.signal, inPlace, dense });
  } finally {
    if (inPlace) io.stdout.write('\x1b[?25h\x1b[?1049l');
    keys?.();
    // Who ends it does not wait for a reader that stalls.
    if (io.stdout.writableNeedDrain) io.stdout.destroy();
  }
}

async function repeat(
  draw: (terminal: Terminal) => Promise<Drawn>,
  intervalMs: number,
  io: CommandIo,
  how: { readonly end: AbortSignal; readonly inPlace: boolean; readonly dense: boolean },
): Promise<number> {
  const between = how.dense ? '' : '\n';
  for (let gap = ''; ; gap = between) {
    const terminal = terminalOf(io.stdout, io.env);
    const { lines, status } = await draw(terminal);
    if (how.end.aborted) return status;
    const text = how.inPlace ? screen(lines, terminal) : `${gap}${lines.join('\n')}\n`;
    // A reader that stalls gets no further table until it has taken this one.
    if (!io.stdout.write(text)) await drained(io, how.end);
    await sleep(intervalMs, undefined, { signal: how.end }).catch(() => {});
    if (how.end.aborted) return status;
  }
}

function drained({ stdout }: CommandIo, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    stdout.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What fits on the screen, in one write. */
function screen(lines: readonly string[], { rows }: Terminal): string {
  const cut = lines.length > rows;
  const shown = cut ? lines.slice(0, rows - 1) : lines;
  const left = cut ? [`... ${lines.length - shown.length} more lines`] : [];
  return `\x1b[H${[...shown, ...left].map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`;
}

/** Calls `ended` on `q` and on Ctrl-C, which a raw terminal sends as a byte. */
function readKeys(ended: () => void): (() => void) | undefined {
  const { stdin } = process;
  if (!stdin.isTTY) return undefined;
  const pressed = (bytes: Buffer): void => {
    if (bytes.includes('q') || bytes.includes('Q') || bytes.includes(3)) ended();
  };
  stdin.setRawMode(true);
  stdin.on('data', pressed).resume();
  return () => {
    stdin.setRawMode(false);
    stdin.off('data', pressed).pause();
  };
}
