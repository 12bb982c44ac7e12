import { type OwnSqlite, SqliteError } from '../sqlite.ts';
import type { Trouble } from './trouble.ts';

/** How often the file is looked for: what is entered meanwhile can be lost by a SIGKILL. */
const everyMs = 5_000;

/** Sees to it that the file is where it was opened. */
export class FileGuard {
  readonly #file: OwnSqlite;
  readonly #trouble: Trouble;
  readonly #lost: () => number;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> = Promise.resolve();
  #isAway = false;

  /** @param lost messages that are lost by now, for the one who is told that it is over */
  constructor(file: OwnSqlite, trouble: Trouble, lost: () => number) {
    this.#file = file;
    this.#trouble = trouble;
    this.#lost = lost;
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, everyMs);
    this.#timer.unref();
  }

  /** Resolves when the file can be closed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const isNew = await this.#file.keep();
      if (isNew) {
        const reason = 'Its file was removed while it was in use, and is written anew.';
        this.#trouble.failed(new SqliteError('unusable', reason));
      }
      if (isNew || this.#isAway) this.#trouble.written(this.#lost());
      this.#isAway = false;
    } catch (error) {
      this.#isAway = true;
      this.#trouble.failed(error);
    }
  }
}
