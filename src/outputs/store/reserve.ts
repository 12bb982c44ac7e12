import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';

/** Room for deleting a thousand rows, and for the log of it. */
const reserveBytes = 1_048_576;

/**
 * Room on the disk that is held for the day when it is full: SQLite needs room even for deleting, so
 * a disk that rows have filled would stay full for ever. Random bytes, which no file system compresses.
 */
export class Reserve {
  readonly #path: string;
  isHeld = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns whether there is room for it */
  hold(): boolean {
    if (this.isHeld) return true;
    try {
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
