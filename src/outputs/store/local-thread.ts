import { Worker } from 'node:worker_threads';
import { assert } from '../../model/assert.ts';
import type { RealtimeUs } from '../../model/time.ts';
import {
  type Batch,
  type Local,
  type LocalFigures,
  type LocalSettings,
  type Rejected,
  type Row,
  type Settled,
  StoreError,
} from './contract.ts';
import type { Answer, LocalStart, Request } from './local-messages.ts';
import { Reserve } from './reserve.ts';

/** Heap of the thread, MiB: a batch of 8 MiB comes to it, and is copied twice on its way. */
const heapMb = 96;
const youngHeapMb = 2;

/**
 * The local database, in a thread of its own. Requests are answered in order; each of the three
 * workers has at most one under way.
 */
export class LocalThread implements Local {
  readonly #worker: Worker;
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #closed = false;

  private constructor(start: LocalStart) {
    this.#worker = new Worker(new URL('./local-worker.js', import.meta.url), {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngHeapMb },
    });
    this.#worker.on('message', (answer: Answer) => this.#waiting.shift()?.(answer));
    // An error in the thread is ours: it has no listener, and the process ends.
    this.#worker.on('exit', () => {
      this.#closed = true;
      for (const settle of this.#waiting.splice(0)) settle(gone);
    });
  }

  /** @throws StoreError `refused` where it cannot be opened, or another agent has it */
  static async open(settings: LocalSettings, nowUs: RealtimeUs) {
    const thread = new LocalThread({ settings, nowUs });
    const answer = await thread.#answer();
    if (answer.op === 'failed') throw new StoreError(answer.kind, answer.message);
    assert(answer.op === 'figures', 'the local database does not say what it holds');
    return { local: thread, figures: answer.figures };
  }

  async append(rows: readonly Row[], nowUs: RealtimeUs): Promise<LocalFigures> {
    const answer = await this.#ask({ op: 'append', rows, nowUs });
    assert(answer.op === 'append', `append was answered with ${answer.op}`);
    return answer.figures;
  }

  async next(rows: number, bytes: number): Promise<Batch> {
    const answer = await this.#ask({ op: 'next', rows, bytes });
    assert(answer.op === 'next', `next was answered with ${answer.op}`);
    return answer.batch;
  }

  async settle(seq: number, rejected: readonly Rejected[], nowUs: RealtimeUs): Promise<Settled> {
    const answer = await this.#ask({ op: 'settle', seq, rejected, nowUs });
    assert(answer.op === 'settle', `settle was answered with ${answer.op}`);
    return answer.settled;
  }

  async collect(nowUs: RealtimeUs) {
    const answer = await this.#ask({ op: 'collect', nowUs });
    assert(answer.op === 'collect', `collect was answered with ${answer.op}`);
    return { more: answer.more, figures: answer.figures };
  }

  async figures(): Promise<LocalFigures> {
    const answer = await this.#ask({ op: 'figures' });
    assert(answer.op === 'figures', `figures was answered with ${answer.op}`);
    return answer.figures;
  }

  /**
   * Closes the file, and after `deadlineMs` lets go of a disk that hangs. When the thread has ended,
   * SQLite has removed its log: the next life begins with the reserve.
   */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    const answered = this.#answer();
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    const timer = setTimeout(() => void this.#worker.terminate(), deadlineMs);
    this.#worker.postMessage({ op: 'close' } satisfies Request);
    this.#closed = true;
    await exited;
    clearTimeout(timer);
    const answer = await answered;
    if (answer.op === 'close' && answer.path !== undefined) new Reserve(answer.path).hold();
  }

  async #ask(request: Request): Promise<Exclude<Answer, { op: 'failed' }>> {
    if (this.#closed) throw new StoreError('down', gone.message);
    this.#worker.postMessage(request);
    const answer = await this.#answer();
    if (answer.op === 'failed') throw new StoreError(answer.kind, answer.message);
    return answer;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const gone = {
  op: 'failed',
  kind: 'down',
  message: 'The local database is closed.',
} as const satisfies Answer;
