import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Larger than any state that is written; a longer file is not ours. */
const stateBytes = 33_554_432;

/**
 * What outlives the agent: one small JSON file, written whole beside the old one and then put in its
 * place, so that a crash leaves the old or the new one, never half of it.
 */
export interface StateFile {
  /** What was written last; undefined where there is none or it cannot be read as JSON. */
  read(): Promise<unknown>;
  /** Answers why it could not be written; undefined when it was. */
  write(text: string): Promise<string | undefined>;
}

export function stateFile(path: string): StateFile {
  return {
    read: async () => {
      try {
        const text = await readFile(path, 'utf8');
        return text.length > stateBytes ? undefined : (JSON.parse(text) as unknown);
      } catch {
        return undefined;
      }
    },
    write: async (text) => {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o750 });
        await writeFile(`${path}.new`, text, { mode: 0o640 });
        await rename(`${path}.new`, path);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
}
