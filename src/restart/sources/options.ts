import type { Clock } from '../../model/time.ts';
import type { AlarmSource } from '../contract.ts';
import type { Keeper } from './memory.ts';
import type { RowWarning } from './warnings.ts';

/**
 * Outlasts a database that is away, and the repair that goes on meanwhile: that ends within
 * `engineLimits.claimUs` since it was claimed, if the database stays away.
 */
export const defaultLeaseMs = 900_000;

export interface SourceOptions {
  readonly clock: Clock;
  /** The agent's own, in notes and claims. */
  readonly hostName: string;
  /** Where handled rows and repairs not yet written down outlive the agent. */
  readonly keeper?: Keeper | undefined;
  /** Whether this host has a unit or a process of that name; without it, it has them all. */
  readonly isLocal?: ((process: string) => Promise<boolean>) | undefined;
  /** How long a claim stands after the agent that took it has died. */
  readonly leaseMs?: number | undefined;
}

/** An alarm source whose alarms are rows of a database. */
export interface TableSource extends AlarmSource {
  /** Claims are kept in the database; false: each agent acts on what its own host has, and no other must have it. */
  readonly exclusive: boolean;
  /** Rows are cleared and get notes; false: what was repaired is remembered until its alarm goes. */
  readonly writable: boolean;
  /** What a person should see to, and what was found out at the start; each told once until it changes. */
  takeWarnings(): readonly RowWarning[];
}
