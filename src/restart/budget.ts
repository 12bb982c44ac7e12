import type { DurationUs } from '../model/time.ts';

const hourUs: DurationUs = 3600e6;

export interface BudgetLimits {
  /** Restarts that begin within any hour. */
  readonly perHour: number;
  /** Attempts, and looks before them, under way at the same time. */
  readonly atOnce: number;
}

/**
 * How much the whole host may be restarted, so that a broken database cannot restart the world. An
 * attempt reserves its restart when it begins, and spends it when the restart does: a reserved one
 * counts against the hour too.
 */
export class Budget {
  limits: BudgetLimits;
  #active = 0;
  #reserved = 0;
  /** When the restarts of the last hour began, ascending. */
  #spentUs: DurationUs[] = [];

  constructor(limits: BudgetLimits) {
    this.limits = limits;
  }

  get active(): number {
    return this.#active;
  }

  /** Restarts that may begin within this hour. */
  left(nowUs: DurationUs): number {
    this.#forget(nowUs);
    return Math.max(0, this.limits.perHour - this.#spentUs.length - this.#reserved);
  }

  /** When an attempt may begin: 0 for now, Infinity when another one must end first. */
  opensAtUs(nowUs: DurationUs): DurationUs {
    if (this.#active >= this.limits.atOnce) return Number.POSITIVE_INFINITY;
    if (this.left(nowUs) > 0) return 0;
    const excess = this.#spentUs.length + this.#reserved - this.limits.perHour;
    const frees = this.#spentUs[Math.max(0, excess)];
    return frees === undefined ? Number.POSITIVE_INFINITY : frees + hourUs;
  }

  /** An attempt begins; only when `opensAtUs` has passed. */
  begin(): void {
    this.#active += 1;
    this.#reserved += 1;
  }

  /** What reserves no restart begins: a look, or an attempt of the journal that has spent its own. */
  occupy(): void {
    this.#active += 1;
  }

  /** Its restart begins. */
  spend(nowUs: DurationUs): void {
    this.#reserved -= 1;
    this.#spentUs.push(nowUs);
  }

  /** It has ended. @param spent whether its restart had begun */
  end(spent: boolean): void {
    this.leave();
    if (!spent) this.#reserved -= 1;
  }

  /** A look has ended. */
  leave(): void {
    this.#active -= 1;
  }

  /** When the restarts of the last hour began. */
  save(): readonly DurationUs[] {
    return this.#spentUs;
  }

  /** Takes up times that were checked: ascending, of this run's monotonic clock. */
  restore(spentUs: readonly DurationUs[]): void {
    this.#spentUs = [...spentUs];
  }

  #forget(nowUs: DurationUs): void {
    const kept = this.#spentUs.findIndex((spentUs) => spentUs + hourUs > nowUs);
    if (kept !== 0) this.#spentUs = kept < 0 ? [] : this.#spentUs.slice(kept);
  }
}
