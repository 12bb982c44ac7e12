import { resultCode, type Sqlite, type SqlRow } from '../../sqlite.ts';
import { SourceError } from '../contract.ts';
import { prepend } from './note.ts';
import type { SourceOptions, TableSource } from './options.ts';
import { TableAlarms } from './source.ts';
import { SqliteFile, type SqliteOptions } from './sqlite-file.ts';
import {
  type Access,
  type AlarmRow,
  type AlarmTables,
  alarmsMax,
  type Finish,
  type OddRow,
  oddMax,
} from './table.ts';

/** Times are UTC, as text that sorts. */
const claimTable = `CREATE TABLE IF NOT EXISTS UNITWATCH_CLAIM (
  process_id INTEGER NOT NULL PRIMARY KEY,
  agent TEXT NOT NULL,
  claimed_at TEXT NOT NULL,
  lease_until TEXT NOT NULL
)`;

const now = `strftime('%Y-%m-%d %H:%M:%f', 'now')`;
const later = `strftime('%Y-%m-%d %H:%M:%f', 'now', ? || ' seconds')`;
const inAlarm = 's.alarma = 1 AND s.sound = 0';

const odd: Readonly<Record<OddRow['kind'], string>> = {
  value:
    'SELECT process_id AS id FROM STATUS_PROCESS WHERE alarma IS NULL OR sound IS NULL OR alarma NOT IN (0, 1) OR sound NOT IN (0, 1)',
  no_process:
    'SELECT s.process_id AS id FROM STATUS_PROCESS s LEFT JOIN PROCESE p ON p.process_id = s.process_id WHERE p.process_id IS NULL',
  no_status:
    'SELECT p.process_id AS id FROM PROCESE p LEFT JOIN STATUS_PROCESS s ON p.process_id = s.process_id WHERE s.process_id IS NULL',
  no_name: "SELECT process_id AS id FROM PROCESE WHERE process_name IS NULL OR process_name = ''",
  duplicate:
    "SELECT MIN(process_id) AS id FROM PROCESE WHERE process_name <> '' GROUP BY process_name HAVING COUNT(*) > 1",
};
const oddKinds = ['value', 'no_process', 'no_status', 'no_name', 'duplicate'] as const;

/** Alarms out of a SQLite file. */
export function sqliteSource(options: SqliteOptions & SourceOptions): TableSource {
  return new TableAlarms('sqlite', new SqliteTables(options), options);
}

class SqliteTables implements AlarmTables {
  readonly #file: SqliteFile;

  constructor(options: SqliteOptions) {
    this.#file = new SqliteFile(options);
  }

  async access(): Promise<Access> {
    try {
      await this.#file.transaction((on) => {
        on.change(claimTable);
        on.change(`DELETE FROM UNITWATCH_CLAIM WHERE lease_until < datetime('now', '-1 day')`);
      });
      return { clear: true, note: true, claim: true };
    } catch (error) {
      if (!(error instanceof SourceError) || resultCode(error.cause) !== 8) throw error;
      return { clear: false, note: false, claim: false };
    }
  }

  alarms(): Promise<readonly AlarmRow[]> {
    const sql = `SELECT CAST(s.process_id AS TEXT) AS id, CAST(p.process_name AS BLOB) AS name, p.process_id IS NOT NULL AS known
      FROM STATUS_PROCESS s LEFT JOIN PROCESE p ON p.process_id = s.process_id
      WHERE ${inAlarm} ORDER BY s.process_id LIMIT ${alarmsMax + 1}`;
    return this.#file.use((on) =>
      on.rows(sql).map((row) => ({
        id: textOf(row, 'id'),
        name: bytesOf(row, 'name'),
        known: row['known'] === 1,
      })),
    );
  }

  odd(): Promise<readonly OddRow[]> {
    const sql = (kind: OddRow['kind']): string =>
      `SELECT CAST(id AS TEXT) AS id FROM (${odd[kind]} ORDER BY 1 LIMIT ${oddMax + 1})`;
    return this.#file.use((on) =>
      oddKinds.flatMap((kind) =>
        on.rows(sql(kind)).map((row) => ({ kind, id: textOf(row, 'id') })),
      ),
    );
  }

  standing(ids: readonly number[]): Promise<readonly number[]> {
    return this.#file.use((on) => ids.filter((id) => isStanding(on, id)));
  }

  take(ids: readonly number[], agent: string, leaseMs: number): Promise<boolean> {
    return this.#file.transaction((on) => {
      const isFree = ids.every((id) => !isElsewhere(on, id, agent));
      if (!isFree || !ids.some((id) => isStanding(on, id))) return false;
      for (const id of ids) {
        on.change(
          `INSERT OR REPLACE INTO UNITWATCH_CLAIM VALUES (?, ?, ${now}, ${later})`,
          id,
          agent,
          leaseMs / 1000,
        );
      }
      return true;
    });
  }

  renew(ids: readonly number[], agent: string, leaseMs: number): Promise<readonly number[]> {
    const sql = `UPDATE UNITWATCH_CLAIM SET lease_until = ${later} WHERE process_id = ? AND agent = ?`;
    return this.#file.transaction((on) =>
      ids.filter((id) => on.change(sql, leaseMs / 1000, id, agent) === 1),
    );
  }

  finish(finish: Finish, agent: string, access: Access): Promise<void> {
    return this.#file.transaction((on) => {
      const holder = 'SELECT 1 FROM UNITWATCH_CLAIM WHERE process_id = ? AND agent <> ?';
      if (access.claim && finish.ids.some((id) => on.rows(holder, id, agent).length > 0)) return;
      for (const id of finish.ids) {
        writeDown(on, id, finish);
        if (access.claim) {
          on.change('DELETE FROM UNITWATCH_CLAIM WHERE process_id = ? AND agent = ?', id, agent);
        }
      }
    });
  }

  async close(): Promise<void> {
    this.#file.close();
  }
}

function isElsewhere(on: Sqlite, id: number, agent: string): boolean {
  const sql = `SELECT 1 FROM UNITWATCH_CLAIM WHERE process_id = ? AND agent <> ? AND lease_until >= ${now}`;
  return on.rows(sql, id, agent).length > 0;
}

function isStanding(on: Sqlite, id: number): boolean {
  const sql = `SELECT 1 FROM STATUS_PROCESS s WHERE s.process_id = ? AND ${inAlarm}`;
  return on.rows(sql, id).length > 0;
}

/** Only a row that is in alarm is cleared, and only where this has not been done already. */
function writeDown(on: Sqlite, id: number, { clear, note, mark }: Finish): void {
  if (note === '') return;
  const [row] = on.rows(
    `SELECT CAST(s.notes AS BLOB) AS notes, ${inAlarm} AS standing FROM STATUS_PROCESS s WHERE s.process_id = ?`,
    id,
  );
  if (row === undefined || (clear && row['standing'] !== 1)) return;
  const before = bytesOf(row, 'notes') ?? new Uint8Array();
  if (Buffer.from(before).includes(mark)) return;
  // Through a BLOB, so that notes that are no UTF-8 stay as they are.
  on.change(
    `UPDATE STATUS_PROCESS SET notes = CAST(? AS TEXT)${clear ? ', alarma = 0' : ''} WHERE process_id = ?`,
    prepend(note, before),
    id,
  );
}

function bytesOf(row: SqlRow, column: string): Uint8Array | undefined {
  const value = row[column];
  return value instanceof Uint8Array ? value : undefined;
}

function textOf(row: SqlRow, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : '';
}
