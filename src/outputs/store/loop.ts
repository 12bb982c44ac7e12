/** Does one thing again and again, never twice at a time, with a wait that can be cut short. */
export class Loop {
  readonly #step: () => Promise<number>;
  #running = false;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;
  #woken = false;
  #ended: Promise<void> = Promise.resolve();

  /** @param step answers after how many milliseconds it wants to be called again */
  constructor(step: () => Promise<number>) {
    this.#step = step;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#ended = this.#run();
  }

  /** The next step comes at once; if one is under way, right behind it. */
  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Resolves when the step that is under way has ended. */
  async stop(): Promise<void> {
    this.#running = false;
    this.wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.#woken = false;
      const waitMs = await this.#step();
      if (this.#running && !this.#woken) await this.#wait(waitMs);
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = () => {
        clearTimeout(this.#timer);
        this.#resume = undefined;
        resolve();
      };
      this.#timer = setTimeout(this.#resume, ms);
    });
  }
}
