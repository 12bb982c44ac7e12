import type { Sqlite } from '../../sqlite.ts';

/** "unwt", in the header of the file: nobody else's database is ever written or set aside. */
export const applicationId = 0x756e7774;
const formatVersion = 1;

/** Length of the write-ahead log: it is cut to this, and never below it (`local-log.ts`). */
export const logBytes = 4_194_304;

/**
 * `rows` is a queue: what was exported stands up to `exported_to`, the rest waits. The views are for
 * people who look at the file with another program.
 */
const tables = `
  CREATE TABLE rows (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at_us INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE rejected (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at_us INTEGER NOT NULL, body TEXT NOT NULL,
    reason TEXT NOT NULL, rejected_us INTEGER NOT NULL);
  CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO totals VALUES ('exported_to', 0), ('written', 0), ('exported', 0),
    ('lost_size', 0), ('lost_age', 0), ('rejected', 0);
  CREATE VIEW results AS SELECT body ->> 'time' AS time, body ->> 'name' AS name,
    body ->> 'kind' AS kind, body ->> 'up' AS up, body ->> 'reason' AS reason,
    body ->> 'duration_s' AS duration_s, body ->> 'status' AS status, body -> 'phases' AS phases,
    body -> 'details' AS details FROM rows WHERE kind = 'result';
  CREATE VIEW events AS SELECT body ->> 'time' AS time, body ->> 'event_type' AS event_type,
    body ->> 'service' AS service, body ->> 'severity' AS severity, body ->> 'message' AS message,
    body -> 'event' AS event FROM rows WHERE kind = 'event';`;

/** Prepares a file that is open for writing. @throws StoreError, DamagedError */
export function prepare(on: Sqlite): void {
  // Only an empty file takes auto_vacuum, and it must come before the first table.
  on.exec('PRAGMA auto_vacuum = INCREMENTAL');
  on.rows('PRAGMA journal_mode = WAL');
  // In WAL mode this loses nothing when a process dies, and keeps the file whole when power is cut.
  on.exec(`PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${logBytes}`);
  // It is carried over by `local-log.ts`, which hears of it when that fails.
  on.rows('PRAGMA wal_autocheckpoint = 0');
  // 2 MiB of pages: rows are appended at one end and deleted at the other.
  on.exec('PRAGMA cache_size = -2048');
  if (on.number('PRAGMA user_version') !== 0) return;
  on.transaction(() => {
    on.exec(tables);
    on.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}`);
  });
}
