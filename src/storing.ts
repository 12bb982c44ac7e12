import { homedir } from 'node:os';
import { agentDraft } from './collector/tell.ts';
import { storeSettings } from './config/store-settings.ts';
import type { Draft, Event } from './model/event.ts';
import type { ProbeResult } from './model/probe.ts';
import type { StoreView } from './model/store.ts';
import { StoreError } from './outputs/store/contract.ts';
import { openStore, type Store } from './outputs/store/store.ts';
import type { AgentOptions } from './surroundings.ts';

export interface StoringOptions extends AgentOptions {
  readonly onDraft: (draft: Draft) => void;
}

/** The store at work: results and events go to disk, and from there to PostgreSQL. */
export class Storing {
  private readonly store: Store;

  /**
   * Opens the local database. Where a full disk is in the way, that is told, and waited for.
   * @throws Error with `code` and a sentence for the user: another agent has the database, say
   */
  static async begin(options: StoringOptions): Promise<Storing> {
    const { config, clock, random, env, uid, host, onDraft } = options;
    const settings = await storeSettings(config, { env, uid, home: env['HOME'] || homedir() });
    try {
      const store = await openStore(settings, {
        ...{ clock, random, host },
        tell: ({ phase, severity, message }) =>
          onDraft(agentDraft(`store_${phase}`, severity, message, clock)),
      });
      return new Storing(store);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw Object.assign(new Error(error.message, { cause: error }), { code: 'STORE' });
    }
  }

  private constructor(store: Store) {
    this.store = store;
  }

  get view(): StoreView {
    return this.store.view;
  }

  event(event: Event): void {
    this.store.event(event);
  }

  result(result: ProbeResult): void {
    this.store.result(result);
  }

  stop(deadlineMs: number): Promise<void> {
    return this.store.stop(deadlineMs);
  }
}
