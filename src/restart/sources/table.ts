/**
 * What an alarm source needs of a database. One file each for MySQL and SQLite; what follows from
 * the rows stands in `source.ts`, once for both.
 */

/** Rows looked at in one poll; a host runs at most some hundred services. */
export const alarmsMax = 10_000;
/** Odd rows told of one kind; the rest are seen when these are mended. */
export const oddMax = 100;
/** A time of repair after which a claim is no longer renewed: longer than any backoff. */
export const claimHoursMax = 24;

/** One row in alarm, as it was read. */
export interface AlarmRow {
  /** As text: SQLite lets anything be a key, and a BIGINT does not fit a number. */
  readonly id: string;
  /** The bytes of `process_name`; undefined where it is NULL. */
  readonly name: Uint8Array | undefined;
  /** The row of PROCESE is there. */
  readonly known: boolean;
}

/** A row that is not as it should be, in or out of alarm. */
export interface OddRow {
  readonly kind: 'value' | 'no_process' | 'no_status' | 'no_name' | 'duplicate';
  /** As text; empty where it is NULL. */
  readonly id: string;
}

/** What the database user may do. Found out by trying, without changing anything. */
export interface Access {
  readonly clear: boolean;
  readonly note: boolean;
  /** Claims can be kept in UNITWATCH_CLAIM. */
  readonly claim: boolean;
}

/** How a repair is written down. */
export interface Finish {
  readonly ids: readonly number[];
  readonly clear: boolean;
  /** One line, newline included; put before what the notes hold. Empty: only the claim is given back. */
  readonly note: string;
  /** Begins the note and is no other one's: where the notes hold it, this has been done. */
  readonly mark: string;
}

/** The two tables and the claims. Every method throws `SourceError` where it cannot be done. */
export interface AlarmTables {
  /** Finds out what is allowed, creates the table of claims where that is. */
  access(): Promise<Access>;
  /** Rows in alarm by rising `process_id`, at most `alarmsMax` and one. */
  alarms(): Promise<readonly AlarmRow[]>;
  /** At most `oddMax` and one of each kind. */
  odd(): Promise<readonly OddRow[]>;
  /** Which of them are in alarm now. */
  standing(ids: readonly number[]): Promise<readonly number[]>;
  /** Takes all or none, for `leaseMs` from now by the database's clock. */
  take(ids: readonly number[], agent: string, leaseMs: number): Promise<boolean>;
  /** Answers which are still this agent's. */
  renew(ids: readonly number[], agent: string, leaseMs: number): Promise<readonly number[]>;
  /** In one transaction: clears, notes, releases. Leaves what another agent has claimed. */
  finish(finish: Finish, agent: string, access: Access): Promise<void>;
  close(): Promise<void>;
}

/** Rows for people and scripts. */
export interface ListedRow {
  readonly process_id: string;
  readonly process: string;
  readonly in_alarm: boolean;
  readonly alarma: string;
  readonly sound: string;
  readonly notes: string;
}

/** What `unitwatch alarms` does. Errors as above. */
export interface AlarmAdmin {
  /** Creates what is missing; alters nothing. */
  init(): Promise<void>;
  /** Rows with `alarma = 1`, at most `alarmsMax`. */
  list(): Promise<readonly ListedRow[]>;
  /** Ids of the rows it raised; a process that is not known is entered. */
  raise(name: string): Promise<readonly number[]>;
  /** Ids of the rows of that name, and how many were in alarm; none where there is no such process. */
  clear(name: string): Promise<{ readonly ids: readonly number[]; readonly cleared: number }>;
  close(): Promise<void>;
}
