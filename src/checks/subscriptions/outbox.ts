import { type RealtimeUs, rfc3339 } from '../../model/time.ts';
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
  /** When it is to be tried again; Infinity while all is well. */
  retryUs: RealtimeUs = Number.POSITIVE_INFINITY;

  constructor(file: OwnSqlite, registry: Registry, deliveries: Deliveries, core: SubscriptionCore) {
    this.#file = file;
    this.#registry = registry;
    this.#deliveries = deliveries;
    this.#core = core;
  }

  /**
   * After a failure it is tried again when `retryUs` has come; until then everything is held.
   * @returns why it could not be written
   */
  commit(told: readonly Told[], nowUs: RealtimeUs): SqliteError | undefined {
    for (const [name, saved] of this.#core.takeUnsaved()) this.#saved.set(name, saved);
    this.#told.push(...told);
    if (this.#told.length === 0 && this.#saved.size === 0) return undefined;
    if (nowUs < this.retryUs && this.retryUs !== Number.POSITIVE_INFINITY) return undefined;
    try {
      this.#file.transaction(() => {
        for (const one of this.#told) this.#deliveries.add(messageOf(one));
        for (const [name, saved] of this.#saved) this.#registry.save(name, saved);
      });
      this.#told = [];
      this.#saved = new Map();
      this.retryUs = Number.POSITIVE_INFINITY;
      return undefined;
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error;
      this.#deliveries.recount();
      this.retryUs = nowUs + retryUs;
      const lost = this.#told.splice(0, Math.max(0, this.#told.length - heldMax)).length;
      if (lost === 0) return error;
      return new SqliteError(error.code, `${error.message} ${lost} messages are lost.`, error);
    }
  }
}

function messageOf({ caller, service, state, sinceUs, reason, toldUs, leftOut }: Told) {
  const times = { since: rfc3339(sinceUs), told: rfc3339(toldUs) };
  return { caller, service, state, ...times, reason, left_out: leftOut };
}
