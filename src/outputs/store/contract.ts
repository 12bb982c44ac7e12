import type { StoredKind } from '../../model/store.ts';
import type { DurationUs, RealtimeUs } from '../../model/time.ts';

/**
 * A row as it travels: what PostgreSQL will store stands in `body`, made once, with the key in it.
 * So a retry, at any stage and in any later life of the agent, brings the same key again.
 */
export interface Row {
  readonly kind: StoredKind;
  /** When it was given to the store. */
  readonly atUs: RealtimeUs;
  /** A JSON object: the columns of the table. */
  readonly body: string;
}

/** A row of the local database; `seq` is its place in the queue. */
export interface StoredRow extends Row {
  readonly seq: number;
}

/** Why a row was set aside, in PostgreSQL's words. */
export interface Rejected {
  readonly seq: number;
  readonly reason: string;
}

/** Where the local database is, and how large and how old it may grow. */
export interface LocalSettings {
  readonly path: string;
  readonly maxBytes: number;
  readonly maxAgeUs: DurationUs;
}

/** What the local database says of itself. */
export interface LocalFigures {
  /** Rows that waited in it when the agent opened it; 0 before it could. */
  readonly carried: number;
  readonly waiting: number;
  readonly usedBytes: number;
  readonly fileBytes: number;
  readonly oldestUs: RealtimeUs | undefined;
  /** Rows over a bound that were deleted since the database was opened, not being exported. */
  readonly lostSize: number;
  readonly lostAge: number;
  readonly lostDamaged: number;
  readonly deleted: number;
  /** Where damaged databases were put, since it was opened. */
  readonly setAside: readonly string[];
  /** How often its file was removed while it was in use, and written anew with all that was in it. */
  readonly rewritten: number;
  /** Why a removed one cannot be written anew yet; empty where it is in its place. */
  readonly displaced: string;
  /** How often it was replaced, and what waited in it is lost. */
  readonly vanished: number;
}

/** Figures of the place where the database is, whichever file is there. */
export type PlaceFigures = Pick<
  LocalFigures,
  'carried' | 'lostDamaged' | 'setAside' | 'rewritten' | 'displaced' | 'vanished'
>;

/** What a whole life of the database has seen, over all agents that used it. */
export interface LocalTotals {
  readonly written: number;
  readonly exported: number;
  readonly lost_size: number;
  readonly lost_age: number;
  readonly rejected: number;
}

/** The next rows to export. */
export interface Batch {
  readonly rows: readonly StoredRow[];
  /** There may be others behind them. */
  readonly more: boolean;
}

/** How exported rows were settled. */
export interface Settled {
  readonly exported: number;
  readonly rejected: number;
  readonly figures: LocalFigures;
}

/** The local database, as the three workers use it. Every method may throw a `StoreError`. */
export interface Local {
  /** Appends all or none. */
  append(rows: readonly Row[], nowUs: RealtimeUs): Promise<LocalFigures>;
  /** The oldest rows that are not exported; they stay until `settle`, whatever the bounds say. */
  next(rows: number, bytes: number): Promise<Batch>;
  /** Everything up to `seq` is in PostgreSQL, but for what it refused. */
  settle(seq: number, rejected: readonly Rejected[], nowUs: RealtimeUs): Promise<Settled>;
  /** One small step of deleting and shrinking. @returns whether there is more to do */
  collect(nowUs: RealtimeUs): Promise<{ readonly more: boolean; readonly figures: LocalFigures }>;
  figures(): Promise<LocalFigures>;
  close(deadlineMs: number): Promise<void>;
}

/**
 * What kind of trouble it is:
 * - `refused`: the user has to do something; the message says what
 * - `full`: the disk is full
 * - `down`: it may pass by itself
 */
export type Trouble = 'refused' | 'full' | 'down';

/** Either database cannot be used; the message is a sentence for the user. */
export class StoreError extends Error {
  readonly kind: Trouble;

  constructor(kind: Trouble, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}
