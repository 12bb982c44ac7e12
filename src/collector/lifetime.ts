/**
 * A time that ends once, with a reason: the life of a connection. `Promise.race` with a promise that
 * lasts as long as a connection keeps what was raced, and what came out of it, as long as that; here
 * nothing stays of work that has ended.
 */
export class Lifetime<Reason> {
  /** Settles when it is over; never rejects. For who waits for nothing else. */
  readonly over: Promise<Reason>;
  private readonly endings: Set<(reason: Reason) => void> = new Set();
  private reason: { readonly value: Reason } | undefined;

  constructor() {
    this.over = new Promise((resolve) => this.endings.add(resolve));
  }

  /** The first reason counts. */
  end(value: Reason): void {
    if (this.reason) return;
    this.reason = { value };
    for (const ending of this.endings) ending(value);
    this.endings.clear();
  }

  /** What the work brings, or the reason where the end comes first. */
  during<T>(work: Promise<T>): Promise<T | Reason> {
    const { reason } = this;
    if (reason) return Promise.race([work, reason.value]);
    return new Promise((resolve, reject) => {
      this.endings.add(resolve);
      work.then(resolve, reject).finally(() => this.endings.delete(resolve));
    });
  }
}
