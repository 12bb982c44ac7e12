/** The thread of the local database: what SQLite waits for (a slow disk, a lock) nobody else does. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../model/assert.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { type LocalFigures, type LocalSettings, StoreError } from './contract.ts';
import type { Answer, LocalStart, Request } from './local-messages.ts';
import { fullError, isFull, LocalPlace } from './local-place.ts';
import { logBytes } from './local-schema.ts';
import type { LocalStore } from './local-store.ts';
import { LocalSums } from './local-sums.ts';
import { fileAt, openLocal, putAside } from './open-local.ts';
import { hasFree } from './reserve.ts';
import { DamagedError } from './sqlite.ts';

const damagedMessage = 'The local database is damaged: it is set aside and begun anew.';

/** Free pages of the file with which rows are written again on a full disk: some batches. */
const enoughBytes = 524_288;
/** What is left on a full disk, at most: less than a file that is opened needs beside it. */
const roomBytes = 65_536;
/** The log is made long where others have this left, too. */
const longBytes = 2 * logBytes;

class LocalWorker {
  readonly #settings: LocalSettings;
  #place: LocalPlace | undefined;
  /** Undefined while it could not be opened, or a damaged one could not be replaced yet. */
  #store: LocalStore | undefined;
  #isDamaged = false;
  readonly #sums = new LocalSums();
  #last = 0;
  /** Which file the open one is. */
  #file: string | undefined;

  constructor(settings: LocalSettings) {
    this.#settings = settings;
  }

  /**
   * Opens it. What may pass by itself, such as a full disk, is waited for: each request tries again.
   * @throws StoreError `refused`
   */
  async open(nowUs: RealtimeUs): Promise<void> {
    try {
      await this.#ready(nowUs);
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind === 'refused') throw error;
    }
  }

  async answer(request: Request, nowUs: RealtimeUs): Promise<Answer> {
    if (request.op === 'close') return this.#close();
    try {
      if (request.op === 'collect') await this.#keepPlace();
      await this.#ready(nowUs);
      if (request.op === 'append' && !this.#hasRoom()) {
        return failure(fullError(this.#settings.path));
      }
      const answer = this.#do(request);
      if (this.#isTight()) this.#relieve();
      return answer;
    } catch (error) {
      if (isFull(error)) this.#relieve();
      if (request.op === 'figures') return { op: 'figures', figures: this.#figures() };
      if (!(error instanceof DamagedError)) return failure(error);
      this.#store?.close();
      this.#store = undefined;
      this.#isDamaged = true;
      return { op: 'failed', kind: 'down', message: damagedMessage };
    }
  }

  /** Opens what is not open. @throws StoreError */
  async #ready(nowUs: RealtimeUs): Promise<void> {
    if (this.#store) return;
    const { reserve } = await this.#reach();
    try {
      await this.#openOnce(nowUs);
    } catch (error) {
      if (!isFull(error) && hasFree(this.#settings.path, roomBytes)) throw error;
      reserve.release();
      await this.#openOnce(nowUs);
    }
    this.#file = fileAt(this.#placed().path);
    this.#sums.opened(this.#opened().figures());
    this.#makeRoom();
  }

  async #reach(): Promise<LocalPlace> {
    this.#place ??= await LocalPlace.reach(this.#settings.path);
    return this.#place;
  }

  async #openOnce(nowUs: RealtimeUs): Promise<void> {
    const { path } = await this.#reach();
    const settings = { ...this.#settings, path };
    try {
      if (!this.#isDamaged) {
        this.#store = await openLocal(settings, this.#last);
        return;
      }
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
    }
    await this.#putAside(path, nowUs);
    this.#store = await openLocal(settings, this.#last);
  }

  /** What is held for a full disk, while there is room. @returns whether the reserve is held */
  #makeRoom(): boolean {
    const { path, reserve } = this.#placed();
    const isHeld = reserve.hold();
    if (isHeld && hasFree(path, longBytes)) this.#opened().prepareForFull();
    return isHeld;
  }

  /** On a full disk: others have made room, or what was deleted has. */
  #hasRoom(): boolean {
    const store = this.#opened();
    if (store.isStuck && !store.relieve()) return false;
    if (this.#placed().reserve.isHeld || this.#makeRoom()) return true;
    return store.freeBytes >= enoughBytes;
  }

  #isTight(): boolean {
    return !this.#placed().reserve.isHeld || this.#opened().isStuck;
  }

  /** The disk is full. What is in the log alone may go on into the place of the reserve. */
  #relieve(): void {
    if (!this.#store || !this.#place) return;
    this.#place.reserve.release();
    this.#store.relieve();
  }

  #close(): Answer {
    this.#store?.close();
    this.#place?.leave();
    return { op: 'close', path: this.#place?.path };
  }

  #do(request: Exclude<Request, { op: 'close' }>): Answer {
    switch (request.op) {
      case 'append':
        this.#opened().append(request.rows, request.nowUs);
        return { op: 'append', figures: this.#figures() };
      case 'next':
        return { op: 'next', batch: this.#opened().next(request.rows, request.bytes) };
      case 'settle': {
        const counts = this.#settle(request);
        return { op: 'settle', settled: { ...counts, figures: this.#figures() } };
      }
      case 'collect': {
        const more = this.#opened().collect(request.nowUs);
        return { op: 'collect', more, figures: this.#figures() };
      }
      case 'figures':
        return { op: 'figures', figures: this.#figures() };
    }
  }

  /** Refused rows are not worth that all others wait for room. */
  #settle({ seq, rejected, nowUs }: Extract<Request, { op: 'settle' }>) {
    try {
      return this.#opened().settle(seq, rejected, nowUs);
    } catch (error) {
      if (!isFull(error) || rejected.length === 0) throw error;
      this.#relieve();
      return this.#opened().settle(seq, rejected, nowUs, false);
    }
  }

  #opened(): LocalStore {
    assert(this.#store !== undefined, 'the local database is not open');
    return this.#store;
  }

  #placed(): LocalPlace {
    assert(this.#place !== undefined, 'the local database has no place');
    return this.#place;
  }

  #figures(): LocalFigures {
    if (this.#store) {
      this.#sums.take(this.#store.figures());
      this.#last = this.#store.last;
    }
    return this.#sums.figures;
  }

  async #putAside(path: string, nowUs: RealtimeUs): Promise<void> {
    this.#sums.damaged(await putAside(path, nowUs));
    this.#isDamaged = false;
  }

  /**
   * SQLite goes on in a file that was removed or replaced, where nobody finds it again. All that was
   * in a removed one can still be read, and is written to its place; where that cannot be, as on a
   * full disk, the removed one serves on until it can.
   */
  async #keepPlace(): Promise<void> {
    const [store, place] = [this.#store, this.#place];
    if (!store || !place) return;
    const file = fileAt(place.path);
    if (file === this.#file && place.isLocked) return;
    this.#figures();
    if (file !== undefined) {
      this.#place = undefined;
      place.leave();
      this.#leave(store);
      if (file === this.#file) this.#sums.reopened();
      else this.#sums.vanished();
      return;
    }
    try {
      await place.writeAnew(store);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#sums.displaced(error.message);
      return;
    }
    this.#leave(store);
    this.#sums.rewritten();
  }

  #leave(store: LocalStore): void {
    store.close();
    this.#store = undefined;
    // The file that is there now knows best what was exported from it.
    this.#last = 0;
  }
}

/** What the world did wrong, as an answer; what we did wrong ends the thread, and the process. */
function failure(error: unknown): Answer {
  if (!(error instanceof StoreError)) throw error;
  return { op: 'failed', kind: error.kind, message: error.message };
}

async function main(port: MessagePort, { settings, nowUs }: LocalStart): Promise<void> {
  const worker = new LocalWorker(settings);
  try {
    await worker.open(nowUs);
  } catch (error) {
    port.postMessage(failure(error));
    port.close();
    return;
  }
  let latestUs = nowUs;
  let last = Promise.resolve();
  const answer = (request: Request): void => {
    last = last.then(async () => {
      if ('nowUs' in request) latestUs = request.nowUs;
      port.postMessage(await worker.answer(request, latestUs));
      if (request.op === 'close') port.close();
    });
  };
  answer({ op: 'figures' });
  port.on('message', answer);
}

assert(parentPort !== null, 'the local database runs in the main thread');
const start: LocalStart = workerData;
await main(parentPort, start);
