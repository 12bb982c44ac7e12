import type { ServiceRecord } from './resources.ts';
import type { Observed } from './service.ts';
import type { Settings } from './settings.ts';

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

/** What has settings of its own to judge. */
interface Judge {
  fault?(settings: Settings): string | undefined;
}

/** A table to which a program adds at run time. */
export class Table<T extends Judge> {
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

  /** What is wrong with the kind of a record, or with its settings; undefined where nothing is. */
  faultOf({ kind, settings }: { readonly kind: string; readonly settings: Settings }) {
    const row = this.#rows.get(kind);
    if (row) return row.fault?.(settings);
    return `There is no kind ${JSON.stringify(kind)}; there are ${this.names}.`;
  }

  /** For sentences. */
  get names(): string {
    return [...this.#rows.keys()].join(', ') || 'none';
  }
}
