import type { ServiceRecord, Settings } from './resources.ts';
import type { Observed } from './service.ts';

/** What one look has seen. */
export interface Looked {
  readonly state: Observed;
  /** Why it is not up, in a word or two. */
  readonly reason?: string;
}

/** Looks at one service, one look at a time. */
export interface Looker {
  /** Has a time limit of its own. A rejection means that it could not be looked at. */
  look(): Promise<Looked>;
  close?(): void;
}

/** A kind of check. */
export interface Kind {
  /** Names of settings that are not shown. */
  readonly secrets?: readonly string[];
  /** One sentence on what is wrong with the settings of a service; undefined where nothing is. */
  fault?(settings: Settings): string | undefined;
  open(service: ServiceRecord): Looker;
}

/** A look that has not ended by then is given up: the service is not known. */
const limitMs = 300_000;

/** One look, whatever the kind does. @param looker undefined where its kind is not there */
export async function lookOnce(looker: Looker | undefined): Promise<Looked> {
  if (!looker) return { state: 'unknown', reason: 'its kind is not known' };
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<Looked>((resolve) => {
    timer = setTimeout(resolve, limitMs, { state: 'unknown', reason: 'the look hangs' });
    timer.unref();
  });
  try {
    return await Promise.race([looker.look(), limit]);
  } catch (error) {
    return { state: 'unknown', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** A table to which a program adds at run time. */
export class Table<T> {
  readonly #rows: Map<string, T>;
  readonly #what: string;

  constructor(what: string, rows: ReadonlyMap<string, T>) {
    this.#what = what;
    this.#rows = new Map(rows);
  }

  add(name: string, row: T): void {
    if (this.#rows.has(name)) throw new Error(`there is a ${this.#what} ${name} already`);
    this.#rows.set(name, row);
  }

  get(name: string): T | undefined {
    return this.#rows.get(name);
  }

  /** For sentences. */
  get names(): string {
    return [...this.#rows.keys()].join(', ') || 'none';
  }
}
