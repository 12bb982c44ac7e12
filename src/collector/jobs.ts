import { limits } from '../model/limits.ts';

/** A Map keeps the order in which its keys were set. */
export function forgetOldest<K>(map: Map<K, unknown>): void {
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** Ends of systemd's jobs, for whoever queued one and waits for its result. */
export class Jobs {
  /** Which connection's jobs these are: an answer from before a loss waits for nothing after it. */
  life = 0;
  /** One job may answer two calls: systemd merges jobs of one unit. */
  private readonly waiting: Map<number, ((result: string) => void)[]> = new Map();
  private readonly finished: Map<number, string> = new Map();

  removed(jobId: number, result: string): void {
    for (const resolve of this.waiting.get(jobId) ?? []) resolve(result);
    this.waiting.delete(jobId);
    // The answer to the call that queued the job may come later, over the other connection.
    this.finished.set(jobId, result);
    if (this.finished.size > limits.finishedJobs) forgetOldest(this.finished);
  }

  /** systemd's job result: `done`, `failed`, `timeout`, ...; `lost` with the connection. */
  async result(jobId: number): Promise<string> {
    const early = this.finished.get(jobId);
    if (early !== undefined) return early;
    return new Promise((resolve) => {
      const others = this.waiting.get(jobId);
      if (others) others.push(resolve);
      else this.waiting.set(jobId, [resolve]);
    });
  }

  /** The connection is gone: nobody will hear how a job ended. */
  forget(): void {
    this.life++;
    for (const resolve of [...this.waiting.values()].flat()) resolve('lost');
    this.waiting.clear();
    this.finished.clear();
  }
}
