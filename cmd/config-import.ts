import { open } from 'node:fs/promises';
import { importConfig } from '../src/config/import.ts';
import { shown } from '../src/config/shown.ts';
import type { CommandIo } from './io.ts';

/**
 * `unitwatch config import`: an old config.ini as YAML. A terminal is shown no password.
 * @returns the exit status
 */
export async function importFile(
  file: string,
  output: string | undefined,
  io: CommandIo,
): Promise<number> {
  const imported = await importConfig(file);
  if ('faults' in imported) {
    io.stderr.write(`${imported.faults.join('\n')}\n`);
    return 2;
  }
  if (output === undefined) {
    const isTerminal = 'isTTY' in io.stdout && io.stdout.isTTY === true;
    io.stdout.write(isTerminal ? imported.shown : imported.yaml);
    return 0;
  }
  const why = await create(output, imported.yaml);
  if (why !== undefined) {
    io.stderr.write(`unitwatch config: ${shown(output, 200)}: ${why}\n`);
    return 2;
  }
  for (const note of imported.notes) io.stderr.write(`${note}\n`);
  io.stdout.write(`${shown(output, 200)}: written\n`);
  return 0;
}

/** A file that nobody else may read, and that was not there before; why it cannot be. */
async function create(file: string, text: string): Promise<string | undefined> {
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    if (code === 'EEXIST') return 'is there already; name a file that is not';
    return `cannot be written (${code})`;
  }
}
