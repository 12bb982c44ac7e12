import type { Severity } from './event.ts';
import type { RealtimeUs } from './time.ts';

export const storedKinds = ['result', 'event'] as const;
export type StoredKind = (typeof storedKinds)[number];

/**
 * Why a row that was given to the store is in no database:
 * - `memory_full`: too many waited in memory, because the disk was too slow
 * - `disk_full`: the same, while the disk was full
 * - `write_failed`: the same, while the local database could not be written for another reason
 * - `size`, `age`: it was the oldest when the local database was over `max_size` or `max_age`
 * - `rejected`: PostgreSQL refuses it; the last ones are kept in the local database to be looked at
 * - `damaged`: the local database was damaged and set aside with what was in it, or another file was
 *   put in its place
 * - `closed`: it could not be written before the agent ended
 */
export const lossReasons = [
  'memory_full',
  'disk_full',
  'write_failed',
  'size',
  'age',
  'rejected',
  'damaged',
  'closed',
] as const;
export type LossReason = (typeof lossReasons)[number];

/**
 * The store as metrics, pages and commands see it. At any time
 *
 *     carried + accepted = queued + waiting + exported + the sum of lost
 */
export interface StoreView {
  /** Rows that waited in the local database when the agent opened it. */
  readonly carried: number;
  /** Rows given to the store, by kind. */
  readonly accepted: Readonly<Record<StoredKind, number>>;
  /** Rows that wait in memory for the local database. */
  readonly queued: number;
  /** Rows written to the local database. */
  readonly written: number;
  /** Rows in the local database that are not exported. */
  readonly waiting: number;
  /** Rows that are in PostgreSQL. */
  readonly exported: number;
  /** Exported rows deleted from the local database. */
  readonly deleted: number;
  readonly lost: Readonly<Record<LossReason, number>>;
  /** Pages of the local database that are in use, in bytes. */
  readonly usedBytes: number;
  /** The local database's file with its write-ahead log. */
  readonly fileBytes: number;
  /** When the oldest row that waits was given to the store; undefined without one. */
  readonly oldestUs: RealtimeUs | undefined;
  /** When rows were last committed in PostgreSQL; undefined for never. */
  readonly lastExportUs: RealtimeUs | undefined;
  /** Whether the last try to write to the local database worked. */
  readonly localUp: boolean;
  /** The same of PostgreSQL; undefined where there is none, or it was not tried yet. */
  readonly postgresUp: boolean | undefined;
}

/** Something that a person should know of the store; the agent makes an event of it. */
export interface StoreNotice {
  /** `trouble`: it began; `back`: it is over; `lost`: rows are gone, told at most once a minute. */
  readonly phase: 'trouble' | 'back' | 'lost';
  readonly severity: Severity;
  /** One sentence. */
  readonly message: string;
}
