/** Checks that follow each other at once find nothing new and cost what a check costs. */
const betweenMs = 1_000;

/**
 * Runs that many may ask for at any time: at most one at once, at most one a second, and whoever
 * asks gets the result of one that began after he asked.
 */
export class SharedRun {
  readonly #run: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(run: () => Promise<void>) {
    this.#run = run;
  }

  /** @throws what the run throws */
  ask(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(() => this.#begin());
    return this.#next;
  }

  /**
   * What is running now includes the wait after it, which those who asked do not wait for; it never
   * rejects.
   */
  #begin(): Promise<void> {
    this.#next = undefined;
    const done = this.#run();
    const rest = (): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, betweenMs).unref());
    const running = done.then(rest, rest).then(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return done;
  }
}
