import { type DurationUs, type RealtimeUs, rfc3339 } from '../../model/time.ts';
import { type OwnSqlite, SqliteError } from '../sqlite.ts';
import type { SavedService, SubscriptionCore } from './core.ts';
import type { Deliveries } from './deliveries.ts';
import type { Registry } from './registry.ts';
import type { Told } from './service.ts';

/** How long after a failure the file is tried again. */
const retryUs = 5e6;
/** Messages held in memory while the file cannot be written; more are lost, and told to be. */
const heldMax = 10_000;

/**
 * Writes what callers are to hear together with what is known of that, in one transaction: whenever
 * the process ends, a change is either still to be told or in the queue, never both and never neither.
 */
export class Outbox {
  readonly #file: OwnSqlite;
  readonly #registry: Registry;
  readonly #deliveries: Deliveries;
  readonly #core: SubscriptionCore;
  #told: Told[] = [];
  #saved = new Map<string, SavedService>();
  #lost = 0;
  /** What the deliveries have counted was rolled back. */
  #isStale = false;
  /** When it is to be tried again; Infinity while all is well. */
  retryUs: RealtimeUs = Number.POSITIVE_INFINITY;

  constructor(file: OwnSqlite, registry: Registry, deliveries: Deliveries, core: SubscriptionCore) {
    this.#file = file;
    this.#registry = registry;
    this.#deliveries = deliveries;
    this.#core = core;
  }

  /** The wall clock was set. */
  step(byUs: DurationUs): void {
    this.retryUs += byUs;
  }

  /** Messages held in memory, because the file cannot be written. */
  get held(): number {
    return this.#told.length;
  }

  /** Messages that were too many to be held. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * After a failure it is tried again when `retryUs` has come; until then everything is held.
   * @returns why it could not be written, or whether something was
   */
  commit(told: readonly Told[], nowUs: RealtimeUs): SqliteError | boolean {
    for (const [name, saved] of this.#core.takeUnsaved()) this.#saved.set(name, saved);
    for (const one of told) this.#told.push(one);
    if (this.#told.length === 0 && this.#saved.size === 0) return false;
    if (nowUs < this.retryUs && this.retryUs !== Number.POSITIVE_INFINITY) return this.#hold();
    try {
      this.#recount();
      this.#file.transaction(() => {
        for (const one of this.#told) this.#deliveries.add(messageOf(one));
        for (const [name, saved] of this.#saved) this.#registry.save(name, saved);
      });
      this.#told = [];
      this.#saved = new Map();
      this.retryUs = Number.POSITIVE_INFINITY;
      this.#deliveries.committed();
      return true;
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error;
      this.retryUs = nowUs + retryUs;
      this.#isStale = true;
      this.#hold();
      this.#tryToRecount();
      return error;
    }
  }

  #recount(): void {
    if (this.#isStale) this.#deliveries.recount();
    this.#isStale = false;
  }

  /** A file that cannot even be read is counted when it can. */
  #tryToRecount(): void {
    try {
      this.#recount();
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error;
    }
  }

  /** The oldest are lost where there are too many. */
  #hold(): false {
    this.#lost += this.#told.splice(0, Math.max(0, this.#told.length - heldMax)).length;
    return false;
  }
}

function messageOf({ caller, service, state, sinceUs, reason, toldUs, leftOut }: Told) {
  const times = { since: rfc3339(sinceUs), told: rfc3339(toldUs) };
  return { caller, service, state, ...times, reason, left_out: leftOut };
}
