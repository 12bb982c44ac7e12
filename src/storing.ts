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
   * Opens the local database. Undefined where the world is to blame (a full disk): that is told, and
   * the agent does its work without.
   * @throws Error with `code` and a sentence for the user: another agent has the database, say
   */
  static async begin(options: StoringOptions): Promise<Storing | undefined> {
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
      if (error.kind === 'refused') {
        throw Object.assign(new Error(error.message, { cause: error }), { code: 'STORE' });
      }
      onDraft(agentDraft('store_trouble', 'error', `Nothing is stored: ${error.message}`, clock));
      return undefined;
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
    const { name, kind, timeUs, up, reason, durationSeconds, phaseSeconds, status } = result;
    const { fault, address, attempts, redirects } = result;
    this.store.result({
      ...{ name, kind, timeUs, up, reason, durationUs: Math.round(durationSeconds * 1e6) },
      phasesUs: Object.fromEntries(
        Object.entries(phaseSeconds).map(([phase, seconds]) => [phase, Math.round(seconds * 1e6)]),
      ),
      ...(status !== undefined && { status }),
      details: { fault, address, attempts, redirects },
    });
  }

  stop(deadlineMs: number): Promise<void> {
    return this.store.stop(deadlineMs);
  }
}
