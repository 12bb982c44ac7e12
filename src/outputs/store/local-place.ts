import { rmSync } from 'node:fs';
import type { Sqlite } from '../../sqlite.ts';
import { StoreError } from './contract.ts';
import type { LocalStore } from './local-store.ts';
import { fileAt, lockFor, lockPath, makeFile } from './open-local.ts';
import { hasFree, Reserve } from './reserve.ts';

/** Where the local database is, when it can be reached, and it is ours. */
export class LocalPlace {
  readonly path: string;
  /** Held by the open file until the process ends. */
  #lock: Sqlite;
  #lockFile: string | undefined;
  #reserve: Reserve;

  private constructor(path: string, lock: Sqlite) {
    this.path = path;
    this.#lock = lock;
    this.#lockFile = fileAt(lockPath(path));
    this.#reserve = new Reserve(path);
  }

  /** Makes the file where it is not there. @throws StoreError */
  static async reach(path: string): Promise<LocalPlace> {
    const real = await makeFile(path);
    return new LocalPlace(real, await lockFor(real));
  }

  /** Given up while the disk is full: then only what makes room is done. */
  get reserve(): Reserve {
    return this.#reserve;
  }

  /** The lock that others find is the one that is held. */
  get isLocked(): boolean {
    return fileAt(lockPath(this.path)) === this.#lockFile;
  }

  /**
   * Writes all that was in a removed database to its place; on a full disk into that of the reserve.
   * @throws StoreError, and then there is no file
   */
  async writeAnew(store: LocalStore): Promise<void> {
    await this.#lockAnew();
    try {
      await this.#copy(store);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#reserve.release();
      await this.#copy(store);
    }
    // It may have been removed, too.
    this.#reserve = new Reserve(this.path);
  }

  leave(): void {
    this.#lock.close();
  }

  async #lockAnew(): Promise<void> {
    if (this.isLocked) return;
    const lock = await lockFor(this.path);
    this.#lock.close();
    this.#lock = lock;
    this.#lockFile = fileAt(lockPath(this.path));
  }

  async #copy(store: LocalStore): Promise<void> {
    // A part of it would take from others what they have left, at each try.
    if (!hasFree(this.path, store.figures().usedBytes)) throw fullError(this.path);
    try {
      await makeFile(this.path);
      store.copyTo(this.path);
    } catch (error) {
      if (error instanceof StoreError) rmSync(this.path, { force: true });
      throw error;
    }
  }
}

/** The disk is full. */
export function isFull(error: unknown): boolean {
  return error instanceof StoreError && error.kind === 'full';
}

/** No byte can be added to the database there. */
export function fullError(path: string): StoreError {
  return new StoreError('full', `${JSON.stringify(path)} cannot grow: the disk is full.`);
}
