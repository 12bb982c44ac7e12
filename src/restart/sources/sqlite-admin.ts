import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Sqlite } from '../../sqlite.ts';
import { SourceError } from '../contract.ts';
import { quoted, readName } from './name.ts';
import { SqliteFile, type SqliteOptions } from './sqlite-file.ts';
import { type AlarmAdmin, alarmsMax, type ListedRow } from './table.ts';

const tables = [
  `CREATE TABLE IF NOT EXISTS STATUS_PROCESS (
    process_id INTEGER PRIMARY KEY, alarma TINYINT, sound TINYINT, notes TEXT)`,
  `CREATE TABLE IF NOT EXISTS PROCESE (process_id INTEGER PRIMARY KEY, process_name VARCHAR(255))`,
];

/** `unitwatch alarms` on an SQLite file. */
export function sqliteAdmin(options: SqliteOptions): AlarmAdmin {
  const file = new SqliteFile(options);
  return {
    init: async () => {
      await makeFile(options.path);
      // A reader and a writer do not wait for each other then. It is kept in the file.
      await file.use((on) => on.rows('PRAGMA journal_mode = WAL'));
      await file.transaction((on) => {
        for (const sql of tables) on.change(sql);
      });
    },
    list: () => file.use(list),
    raise: (name) => file.transaction((on) => raise(on, name)),
    clear: (name) => file.transaction((on) => clear(on, name)),
    close: async () => file.close(),
  };
}

/** Its owner may write, its group may read; a file that is there is left as it is. */
async function makeFile(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o750 });
    const file = await open(path, 'a', 0o640);
    await file.close();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new SourceError('refused', `${quoted(path)} cannot be made${code}.`, error);
  }
}

function list(on: Sqlite): readonly ListedRow[] {
  const rows = on.rows(
    `SELECT CAST(s.process_id AS TEXT) AS id, CAST(p.process_name AS BLOB) AS name,
      CAST(s.alarma AS TEXT) AS alarma, CAST(s.sound AS TEXT) AS sound, CAST(s.notes AS BLOB) AS notes
      FROM STATUS_PROCESS s LEFT JOIN PROCESE p ON p.process_id = s.process_id
      WHERE s.alarma = 1 ORDER BY s.process_id LIMIT ${alarmsMax}`,
  );
  return rows.map(({ id, name, alarma, sound, notes }) => ({
    process_id: text(id),
    process: readName(name instanceof Uint8Array ? name : new Uint8Array()).text,
    in_alarm: alarma === '1' && sound === '0',
    alarma: text(alarma),
    sound: text(sound),
    notes: notes instanceof Uint8Array ? Buffer.from(notes).toString() : '',
  }));
}

function idsOf(on: Sqlite, name: string): number[] {
  const sql = `SELECT process_id AS id FROM PROCESE WHERE process_name = ? ORDER BY process_id LIMIT ${alarmsMax}`;
  return on.rows(sql, name).map(({ id }) => Number(id));
}

function raise(on: Sqlite, name: string): readonly number[] {
  const known = idsOf(on, name);
  const ids = known.length > 0 ? known : [enter(on, name)];
  for (const id of ids) {
    on.change(
      `INSERT INTO STATUS_PROCESS (process_id, alarma, sound) VALUES (?, 1, 0)
        ON CONFLICT (process_id) DO UPDATE SET alarma = 1, sound = 0`,
      id,
    );
  }
  return ids;
}

function enter(on: Sqlite, name: string): number {
  const [row] = on.rows(
    `SELECT MAX(COALESCE((SELECT MAX(process_id) FROM PROCESE), 0),
      COALESCE((SELECT MAX(process_id) FROM STATUS_PROCESS), 0)) + 1 AS id`,
  );
  const id = Number(row?.['id']);
  if (!Number.isSafeInteger(id)) throw new SourceError('refused', 'There is no free process_id.');
  on.change('INSERT INTO PROCESE (process_id, process_name) VALUES (?, ?)', id, name);
  return id;
}

function clear(
  on: Sqlite,
  name: string,
): { readonly ids: readonly number[]; readonly cleared: number } {
  const ids = idsOf(on, name);
  const sql = 'UPDATE STATUS_PROCESS SET alarma = 0 WHERE process_id = ? AND alarma = 1';
  const cleared = ids.reduce((sum, id) => sum + on.change(sql, id), 0);
  return { ids, cleared };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
