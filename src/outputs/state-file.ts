import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Larger than any state that is written; a longer file is not ours. */
const stateBytes = 33_554_432;
/** Pieces are gathered up to this before they are written: about a millisecond of making them. */
const gatheredChars = 65_536;

/**
 * What outlives the agent: one small JSON file, written whole beside the old one and then put in its
 * place, so that a crash leaves the old or the new one, never half of it.
 */
export interface StateFile {
  /** What was written last; undefined where there is none or it cannot be read as JSON. */
  read(): Promise<unknown>;
  /**
   * Takes the text piece by piece, with everything else that waits having its turn in between.
   * Answers why it could not be written; undefined when it was.
   */
  write(pieces: Iterable<string>): Promise<string | undefined>;
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
    write: async (pieces) => {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o750 });
        await writePieces(`${path}.new`, pieces);
        await rename(`${path}.new`, path);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
}

/** On disk when it resolves: a file put in the place of another must be whole. */
async function writePieces(path: string, pieces: Iterable<string>): Promise<void> {
  const file = await open(path, 'w', 0o640);
  try {
    let gathered = '';
    for (const piece of pieces) {
      gathered += piece;
      if (gathered.length < gatheredChars) continue;
      await file.writeFile(gathered);
      gathered = '';
    }
    await file.writeFile(gathered);
    await file.datasync();
  } finally {
    await file.close();
  }
}
