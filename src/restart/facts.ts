import type { Alarm } from '../model/repair.ts';
import type { RealtimeUs } from '../model/time.ts';
import type { AlarmSource } from './contract.ts';
import { engineLimits } from './engine-contract.ts';

/**
 * Alarms out of what the agent itself sees: a finding that is open, a check that is down, a unit that
 * failed. They stand for as long as that is so; nothing can be cleared from here.
 */
export class FactSource implements AlarmSource {
  readonly name: 'finding' | 'check' | 'unit';
  readonly clears = false;
  readonly #standing = new Map<string, Alarm>();
  #raised = 0;

  constructor(name: 'finding' | 'check' | 'unit') {
    this.name = name;
  }

  /** It is so from now on; false where that was known, or there is no room. */
  raise(fact: string, process: string, reason: string, nowUs: RealtimeUs): boolean {
    if (this.#standing.has(fact) || this.#standing.size >= engineLimits.alarms) return false;
    this.#raised += 1;
    // The time makes it another alarm than one of the run before, which the journal may know.
    const id = `${this.name}:${Math.trunc(nowUs).toString(36)}-${this.#raised.toString(36)}`;
    this.#standing.set(fact, { id, source: this.name, process, raisedUs: nowUs, reason });
    return true;
  }

  /** It is no longer so; false where it was not. */
  clear(fact: string): boolean {
    return this.#standing.delete(fact);
  }

  /** Of these only; false where that changes nothing. */
  keep(isThere: (fact: string) => boolean): boolean {
    const gone = [...this.#standing.keys()].filter((fact) => !isThere(fact));
    for (const fact of gone) this.#standing.delete(fact);
    return gone.length > 0;
  }

  poll(): Promise<readonly Alarm[]> {
    return Promise.resolve([...this.#standing.values()]);
  }

  claim(): Promise<boolean> {
    return Promise.resolve(true);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
