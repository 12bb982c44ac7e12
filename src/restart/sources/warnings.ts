/** Something about the database that a person should see to. */
export interface RowWarning {
  /** Undefined where it is not about one row. */
  readonly processId: number | undefined;
  /** One sentence, escaped; the same as long as nothing changes. */
  readonly sentence: string;
}

/** Each kind of look (poll, claims, ...) has its own warnings; this many of one are told. */
const warningsMax = 1_000;

/** Tells each warning once, until it goes and comes back. */
export class Warnings {
  readonly #standing = new Map<string, Set<string>>();
  #untold: RowWarning[] = [];

  /** Everything that one look has found; what it no longer finds may be told again. */
  found(look: string, warnings: readonly RowWarning[]): void {
    const before = this.#standing.get(look);
    const now = new Set<string>();
    for (const warning of warnings.slice(0, warningsMax)) {
      const key = `${warning.processId ?? ''} ${warning.sentence}`;
      if (!now.has(key) && !before?.has(key)) this.#tell(warning);
      now.add(key);
    }
    this.#standing.set(look, now);
  }

  #tell(warning: RowWarning): void {
    // Nobody takes them: the newest are worth no more than the first.
    if (this.#untold.length < warningsMax) this.#untold.push(warning);
  }

  /** Those not taken yet. */
  take(): readonly RowWarning[] {
    const taken = this.#untold;
    this.#untold = [];
    return taken;
  }
}
