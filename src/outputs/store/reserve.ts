import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Room for the log and its index, as far as deleting some hundred rows needs them. */
const reserveBytes = 1_048_576;

/**
 * Room on the disk that is held for the day when it is full: SQLite needs room even for deleting, so
 * a disk that rows have filled would stay full for ever. The log that is there already serves for that
 * (`local-log.ts`), but SQLite removes it when the database is closed, and a file system that copies
 * on write wants new room for it. Random bytes, which no file system compresses.
 */
export class Reserve {
  readonly #path: string;
  isHeld: boolean;

  /** @param path of the database; it lies beside it */
  constructor(path: string) {
    this.#path = `${path}.reserve`;
    // One that was being written when the agent was killed is written again.
    this.isHeld = statSync(this.#path, { throwIfNoEntry: false })?.size === reserveBytes;
  }

  /** @returns whether there is room for it */
  hold(): boolean {
    if (this.isHeld) return true;
    try {
      // Others would be without room for a moment, each time that it is tried.
      if (!hasFree(this.#path, 2 * reserveBytes)) return false;
      writeFileSync(this.#path, randomBytes(reserveBytes), { mode: 0o640 });
      this.isHeld = true;
    } catch {
      this.release();
    }
    return this.isHeld;
  }

  release(): void {
    this.isHeld = false;
    rmSync(this.#path, { force: true });
  }
}

/** Whether the file system of a file has so many bytes left, those that are kept for root included. */
export function hasFree(path: string, bytes: number): boolean {
  const { bfree, bsize } = statfsSync(dirname(path));
  return bfree * bsize >= bytes;
}
