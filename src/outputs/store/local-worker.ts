/** The thread of the local database: what SQLite waits for (a slow disk, a lock) nobody else does. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../model/assert.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { type LocalFigures, type LocalSettings, StoreError } from './contract.ts';
import type { Answer, LocalStart, Request } from './local-messages.ts';
import { LocalStore } from './local-store.ts';
import { lockFor, makeFile, openLocal, putAside } from './open-local.ts';
import { Reserve } from './reserve.ts';
import { DamagedError } from './sqlite.ts';

const damagedMessage = 'The local database is damaged: it is set aside and begun anew.';

/** Free pages of the file with which rows are written again on a full disk: some batches. */
const enoughBytes = 262_144;

class LocalWorker {
  readonly #settings: LocalSettings;
  /** Undefined while a damaged one could not be replaced yet. */
  #store: LocalStore | undefined;
  /** Sums of the databases before this one, which were damaged. */
  #before = { lostSize: 0, lostAge: 0, deleted: 0, lostDamaged: 0 };
  /** As of the last answer: what a damaged database cannot tell any more. */
  #known = nothing;
  #last = 0;
  readonly #setAside: string[] = [];
  /** Given up while the disk is full: then only what makes room is done. */
  readonly #reserve: Reserve;

  constructor(settings: LocalSettings) {
    this.#settings = settings;
    this.#reserve = new Reserve(`${settings.path}.reserve`);
  }

  /** @throws StoreError */
  async open(nowUs: RealtimeUs): Promise<void> {
    try {
      await this.#openOnce(nowUs);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#reserve.release();
      await this.#openOnce(nowUs);
      return;
    }
    this.#reserve.hold();
  }

  async answer(request: Request, nowUs: RealtimeUs): Promise<Answer> {
    try {
      if (this.#store === undefined) await this.#beginAnew(nowUs);
      if (request.op === 'append' && !this.#hasRoom()) return fullAnswer(this.#settings.path);
      const answer = this.#do(request);
      if (!this.#reserve.isHeld) this.#store?.relieve();
      return answer;
    } catch (error) {
      if (isFull(error)) {
        this.#reserve.release();
        this.#store?.relieve();
      }
      if (!(error instanceof DamagedError)) return failure(error);
      this.#store?.close();
      this.#store = undefined;
      return { op: 'failed', kind: 'down', message: damagedMessage };
    }
  }

  async #openOnce(nowUs: RealtimeUs): Promise<void> {
    try {
      this.#store = await openLocal(this.#settings);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      await this.#beginAnew(nowUs);
    }
  }

  /** On a full disk: what was deleted has made as much room as the reserve, or others have. */
  #hasRoom(): boolean {
    return this.#reserve.isHeld || this.#open().freeBytes >= enoughBytes || this.#reserve.hold();
  }

  #do(request: Request): Answer {
    switch (request.op) {
      case 'append':
        this.#open().append(request.rows, request.nowUs);
        return { op: 'append', figures: this.#figures() };
      case 'next':
        return { op: 'next', batch: this.#open().next(request.rows, request.chars) };
      case 'settle': {
        const counts = this.#open().settle(request.seq, request.rejected, request.nowUs);
        return { op: 'settle', settled: { ...counts, figures: this.#figures() } };
      }
      case 'collect': {
        const more = this.#open().collect(request.nowUs);
        return { op: 'collect', more, figures: this.#figures() };
      }
      case 'figures':
        return { op: 'figures', figures: this.#figures() };
      case 'close':
        this.#open().close();
        return { op: 'close' };
    }
  }

  #open(): LocalStore {
    assert(this.#store !== undefined, 'the local database is not open');
    return this.#store;
  }

  #figures(): LocalFigures {
    this.#known = this.#open().figures();
    this.#last = this.#open().last;
    const { lostSize, lostAge, deleted, lostDamaged } = this.#before;
    return {
      ...this.#known,
      lostSize: this.#known.lostSize + lostSize,
      lostAge: this.#known.lostAge + lostAge,
      deleted: this.#known.deleted + deleted,
      lostDamaged,
      setAside: this.#setAside,
    };
  }

  /** What waited in the damaged one is lost, as far as its number is known. */
  async #beginAnew(nowUs: RealtimeUs): Promise<void> {
    const { path } = this.#settings;
    this.#setAside.push(await putAside(path, nowUs));
    const { waiting, lostSize, lostAge, deleted } = this.#known;
    this.#known = nothing;
    this.#before.lostDamaged += waiting;
    this.#before.lostSize += lostSize;
    this.#before.lostAge += lostAge;
    this.#before.deleted += deleted;
    this.#store = await LocalStore.open(this.#settings, this.#last);
  }
}

const nothing: ReturnType<LocalStore['figures']> = {
  ...{ waiting: 0, usedBytes: 0, fileBytes: 0, oldestUs: undefined },
  ...{ lostSize: 0, lostAge: 0, deleted: 0 },
};

function isFull(error: unknown): boolean {
  return error instanceof StoreError && error.kind === 'full';
}

function fullAnswer(path: string): Answer {
  const message = `${JSON.stringify(path)} cannot grow: the disk is full.`;
  return { op: 'failed', kind: 'full', message };
}

/** What the world did wrong, as an answer; what we did wrong ends the thread, and the process. */
function failure(error: unknown): Answer {
  if (!(error instanceof StoreError)) throw error;
  return { op: 'failed', kind: error.kind, message: error.message };
}

async function main(port: MessagePort, { settings, nowUs }: LocalStart): Promise<void> {
  let worker: LocalWorker;
  try {
    const path = await makeFile(settings.path);
    // Held by the open file until the process ends.
    const lock = await lockFor(path);
    port.once('close', () => lock.close());
    worker = new LocalWorker({ ...settings, path });
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
