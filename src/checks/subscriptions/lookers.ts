import type { Looked, Looker } from './kinds.ts';
import { within, wordsOf } from './own-code.ts';

/** A look that has not ended by then is given up: the service is not known. */
const limitMs = 300_000;

const states = ['up', 'down', 'unknown'] as const;

/** Who looks at which service. Kinds may be of a program's own, and throw, hang or answer nonsense. */
export class Lookers {
  readonly #open: (service: string) => Looker | undefined;
  readonly #lookers = new Map<string, Looker>();

  /** @param open answers undefined where the service's kind is not there */
  constructor(open: (service: string) => Looker | undefined) {
    this.#open = open;
  }

  /** One look, whatever the kind does. It never rejects. */
  async look(service: string): Promise<Required<Looked>> {
    try {
      const looker = this.#lookers.get(service) ?? this.#open(service);
      if (!looker) return unknown('its kind is not known');
      this.#lookers.set(service, looker);
      const seen = await within(limitMs, looker.look());
      // What a looker saw that is closed by now is about other settings.
      if (this.#lookers.get(service) !== looker) return unknown('');
      return seen ? lookedOf(seen.value) : unknown('the look hangs');
    } catch (error) {
      return unknown(wordsOf(error));
    }
  }

  /** It is gone, whatever it says. */
  close(service: string): void {
    const looker = this.#lookers.get(service);
    this.#lookers.delete(service);
    try {
      looker?.close?.();
    } catch {
      // Nobody looks with it any more.
    }
  }

  closeAll(): void {
    for (const service of [...this.#lookers.keys()]) this.close(service);
  }
}

const unknown = (reason: string): Required<Looked> => ({ state: 'unknown', reason });

function lookedOf(value: unknown): Required<Looked> {
  const given = Object(value);
  const state = states.find((one) => one === given.state);
  if (state === undefined) return unknown('the look told no state');
  return { state, reason: wordsOf(given.reason ?? '') };
}
