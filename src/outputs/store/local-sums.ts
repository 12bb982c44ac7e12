import type { LocalFigures, PlaceFigures } from './contract.ts';

/** What one open file says of itself. */
type FileFigures = Omit<LocalFigures, keyof PlaceFigures>;

const nothing: FileFigures = {
  ...{ waiting: 0, usedBytes: 0, fileBytes: 0, oldestUs: undefined },
  ...{ lostSize: 0, lostAge: 0, deleted: 0 },
};

/** The figures of the local database over all files that were in its place. */
export class LocalSums {
  /** Rows that waited when a file was opened; undefined before the first was. */
  #carried: number | undefined;
  /** Sums of the files before this one. */
  #before = { lostSize: 0, lostAge: 0, deleted: 0 };
  /** As of the last answer: what a damaged database cannot tell any more. */
  #known = nothing;
  #lostDamaged = 0;
  #rewritten = 0;
  #displaced = '';
  #vanished = 0;
  #isOther = false;
  readonly #setAside: string[] = [];

  /** A file was opened. */
  opened(figures: FileFigures): void {
    const before = this.#isOther ? (this.#carried ?? 0) + figures.waiting : this.#carried;
    this.#carried = before ?? figures.waiting;
    this.#isOther = false;
    this.#known = figures;
  }

  take(figures: FileFigures): void {
    this.#known = figures;
  }

  /** A damaged one was put there; what waited in it is lost, as far as its number is known. */
  damaged(path: string): void {
    this.#setAside.push(path);
    this.#lostDamaged += this.#known.waiting;
    this.#next(0);
  }

  /** It was removed, and is there again with all that was in it. */
  rewritten(): void {
    this.#rewritten++;
    this.reopened();
  }

  /** It was removed, and cannot be written anew yet. */
  displaced(reason: string): void {
    this.#displaced = reason;
  }

  /** It is closed, and will be opened again. */
  reopened(): void {
    this.#next(this.#known.waiting);
  }

  /** Another one is in its place; what waited in it is lost. */
  vanished(): void {
    this.#vanished++;
    this.#isOther = true;
    this.#lostDamaged += this.#known.waiting;
    this.#next(0);
  }

  get figures(): LocalFigures {
    const { lostSize, lostAge, deleted } = this.#before;
    return {
      ...this.#known,
      carried: this.#carried ?? 0,
      lostSize: this.#known.lostSize + lostSize,
      lostAge: this.#known.lostAge + lostAge,
      deleted: this.#known.deleted + deleted,
      lostDamaged: this.#lostDamaged,
      setAside: this.#setAside,
      rewritten: this.#rewritten,
      displaced: this.#displaced,
      vanished: this.#vanished,
    };
  }

  #next(waiting: number): void {
    this.#displaced = '';
    this.#before.lostSize += this.#known.lostSize;
    this.#before.lostAge += this.#known.lostAge;
    this.#before.deleted += this.#known.deleted;
    this.#known = { ...nothing, waiting };
  }
}
