/** Who waits for a look at which service that begins after they asked. */
export class AskedLooks {
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Resolves when such a look has ended, or nobody looks any more. */
  add(service: string): Promise<void> {
    return new Promise((resolve) => {
      const others = this.#waiting.get(service);
      if (others) others.push(resolve);
      else this.#waiting.set(service, [resolve]);
    });
  }

  /** A look begins. @returns what is to be called when it has ended */
  begin(service: string): () => void {
    const waiting = this.#waiting.get(service) ?? [];
    this.#waiting.delete(service);
    return () => {
      for (const resolve of waiting) resolve();
    };
  }

  /** Lets go of those who wait for a look that will never be. */
  keep(isLookedAt: (service: string) => boolean): void {
    for (const service of [...this.#waiting.keys()])
      if (!isLookedAt(service)) this.begin(service)();
  }
}
