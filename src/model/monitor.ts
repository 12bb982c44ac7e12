import type { RealtimeUs } from './time.ts';

/** What the monitor keeps, in the order of the documentation. */
export const monitoredCollections = ['services', 'callers', 'subscriptions', 'outages'] as const;
export type MonitoredCollection = (typeof monitoredCollections)[number];

/** How an attempt to tell a caller ended. */
export const deliveryPhases = ['sent', 'retrying', 'given_up'] as const;
export type DeliveryPhase = (typeof deliveryPhases)[number];

/** The monitor as metrics see it. Counters count from the start of the agent. */
export interface MonitorFigures {
  /** How many there are of each. */
  readonly records: Readonly<Record<MonitoredCollection, number>>;
  /** Messages that wait in the file. */
  readonly waiting: number;
  /** When the oldest of them was put into the queue; undefined without one. */
  readonly oldestUs: RealtimeUs | undefined;
  /** Attempts to deliver a message that ended, by how they ended. */
  readonly attempts: Readonly<Record<DeliveryPhase, number>>;
  /** Messages held in memory because the file cannot be written. */
  readonly held: number;
  /** Messages that were too many to be held, and are lost. */
  readonly lost: number;
  /** Whether the file could be written the last time. */
  readonly isWritten: boolean;
}
