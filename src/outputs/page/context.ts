import type { Event } from '../../model/event.ts';
import type { ServiceDetail, StatusView } from '../../model/status.ts';
import type { Clock } from '../../model/time.ts';

/** How an action ended: one sentence for whoever asked for it. */
export interface Acted {
  readonly ok: boolean;
  readonly sentence: string;
}

/**
 * What the page can have done. Names come from outside: an action that does not know one says so.
 * Each resolves within its own time limit, and rejects only for faults of ours.
 */
export interface Actions {
  start(name: string): Promise<Acted>;
  stop(name: string): Promise<Acted>;
  restart(name: string): Promise<Acted>;
  acknowledge(findingId: string): Promise<Acted>;
  /** Looks at every check and every unit now; resolves when all have been looked at. */
  refresh(): Promise<void>;
}

/** What the page needs of the agent. */
export interface PageContext {
  status(): StatusView;
  /** Of a unit or a check; undefined where neither is known. */
  service(name: string): ServiceDetail | undefined;
  /**
   * Every event from now on, until what it returns is called. The listener never throws and never
   * waits.
   */
  subscribe(listener: (event: Event) => void): () => void;
  readonly actions: Actions;
  /** Who holds it may act; undefined: nobody may. */
  readonly token: string | undefined;
  readonly clock: Clock;
}
