import type { RealtimeUs } from '../../model/time.ts';
import { isOver } from '../outages.ts';
import type { SubscriptionCore } from './core.ts';
import type { Registry } from './registry.ts';
import type { OutageRecord } from './resources.ts';
import type { Trouble } from './trouble.ts';

export interface PlansOptions {
  readonly registry: Registry;
  readonly core: SubscriptionCore;
  readonly trouble: Trouble;
  /** One that was over has removed itself. */
  readonly onEnded: () => void;
}

/** Planned outages: the core hears of them, and those that are over remove themselves. */
export class Plans {
  readonly #options: PlansOptions;

  constructor(options: PlansOptions) {
    this.#options = options;
  }

  /** At the start, when everything else has been entered. */
  restore(now: RealtimeUs): void {
    this.endAll(now);
    const outages = this.#options.registry.list('outages');
    for (const service of new Set(outages.map((outage) => outage.service))) this.take(service, now);
  }

  /** A service's outages have changed. */
  take(service: string, now: RealtimeUs): void {
    this.#options.core.setOutages(service, this.#of(service), now);
    this.endOf(service, now);
  }

  endOf(service: string, now: RealtimeUs): void {
    this.#end(this.#of(service), now);
  }

  endAll(now: RealtimeUs): void {
    this.#end(this.#options.registry.list('outages'), now);
  }

  #of(service: string): readonly OutageRecord[] {
    return this.#options.registry.of('outages', 'service', service);
  }

  /** Where the file cannot be written, they end at the next start. */
  #end(outages: readonly OutageRecord[], now: RealtimeUs): void {
    const { registry, trouble, onEnded } = this.#options;
    try {
      for (const outage of outages.filter((one) => isOver(one, now))) {
        registry.remove('outages', encodeURIComponent(outage.id));
        onEnded();
      }
    } catch (error) {
      trouble.failed(error);
    }
  }
}
