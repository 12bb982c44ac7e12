/** What is done later, or again and again, until it is all called off. */
export class Chores {
  private readonly pending: Set<NodeJS.Timeout> = new Set();
  private readonly guard: (work: Promise<void>) => void;
  private ended = false;

  /** @param guard takes what is under way, to see how it ends */
  constructor(guard: (work: Promise<void>) => void) {
    this.guard = guard;
  }

  /** Each time counts from the end of the one before. */
  every(ms: number, work: () => Promise<void>): void {
    this.later(ms, async () => {
      await work();
      this.every(ms, work);
    });
  }

  later(ms: number, work: () => Promise<void>): void {
    if (this.ended) return;
    const timer = setTimeout(() => {
      this.pending.delete(timer);
      this.guard(work());
    }, ms);
    this.pending.add(timer);
  }

  end(): void {
    this.ended = true;
    for (const timer of this.pending) clearTimeout(timer);
    this.pending.clear();
  }
}
