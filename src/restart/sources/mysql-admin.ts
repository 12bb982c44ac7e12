import { SourceError } from '../contract.ts';
import { MysqlConnections, type Row, type Session } from './mysql-connections.ts';
import { codeOf, type MysqlOptions, mysqlError } from './mysql-errors.ts';
import { readName } from './name.ts';
import { type AlarmAdmin, alarmsMax, type ListedRow } from './table.ts';

const tables = [
  `CREATE TABLE IF NOT EXISTS STATUS_PROCESS (
    process_id INT PRIMARY KEY, alarma TINYINT, sound TINYINT, notes TEXT)`,
  `CREATE TABLE IF NOT EXISTS PROCESE (process_id INT PRIMARY KEY, process_name VARCHAR(255))`,
];
/** Two that enter a process at the same time choose the same free id. */
const entryTries = 5;

/** `unitwatch alarms` on MySQL or MariaDB. */
export function mysqlAdmin(options: MysqlOptions): AlarmAdmin {
  const connections = new MysqlConnections(options);
  const does = async <T>(work: (on: Session) => Promise<T>): Promise<T> => {
    try {
      return await connections.transaction(work);
    } catch (error) {
      throw mysqlError(error, options);
    }
  };
  return {
    init: () =>
      does(async (on) => {
        for (const sql of tables) await on.change(sql);
      }),
    list: () => does(list),
    raise: (name) => does((on) => raise(on, name)),
    clear: (name) => does((on) => clear(on, name)),
    close: () => connections.close(),
  };
}

async function list(on: Session): Promise<readonly ListedRow[]> {
  const rows = await on.rows(
    `SELECT s.process_id, p.process_name, s.alarma, s.sound, s.notes
      FROM STATUS_PROCESS s LEFT JOIN PROCESE p ON p.process_id = s.process_id
      WHERE s.alarma = 1 ORDER BY s.process_id LIMIT ${alarmsMax}`,
  );
  return rows.map((row) => ({
    process_id: text(row['process_id']),
    process: readName(bytes(row['process_name'])).text,
    in_alarm: row['alarma'] === 1 && row['sound'] === 0,
    alarma: text(row['alarma']),
    sound: text(row['sound']),
    notes: text(row['notes']),
  }));
}

/** The database may take Web for web; the agent does not. */
async function idsOf(on: Session, name: string): Promise<number[]> {
  const rows = await on.rows(
    `SELECT process_id, process_name FROM PROCESE WHERE process_name = ?
      ORDER BY process_id LIMIT ${alarmsMax}`,
    [name],
  );
  const wanted = Buffer.from(name);
  return rows
    .filter((row) => wanted.equals(bytes(row['process_name'])))
    .map((row) => Number(row['process_id']));
}

async function raise(on: Session, name: string): Promise<readonly number[]> {
  const known = await idsOf(on, name);
  const ids = known.length > 0 ? known : [await enter(on, name)];
  for (const id of ids) {
    await on.change(
      `INSERT INTO STATUS_PROCESS (process_id, alarma, sound) VALUES (?, 1, 0)
        ON DUPLICATE KEY UPDATE alarma = 1, sound = 0`,
      [id],
    );
  }
  return ids;
}

async function enter(on: Session, name: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const [row] = await on.rows(
      `SELECT GREATEST(COALESCE((SELECT MAX(process_id) FROM PROCESE), 0),
        COALESCE((SELECT MAX(process_id) FROM STATUS_PROCESS), 0)) + ? AS id`,
      [attempt],
    );
    const id = Number(text(row?.['id']));
    if (!Number.isSafeInteger(id)) throw new SourceError('refused', 'There is no free process_id.');
    try {
      await on.change('INSERT INTO PROCESE (process_id, process_name) VALUES (?, ?)', [id, name]);
      return id;
    } catch (error) {
      if (codeOf(error) !== 'ER_DUP_ENTRY' || attempt >= entryTries) throw error;
    }
  }
}

async function clear(
  on: Session,
  name: string,
): Promise<{ readonly ids: readonly number[]; readonly cleared: number }> {
  const ids = await idsOf(on, name);
  let cleared = 0;
  for (const id of ids) {
    const sql = 'UPDATE STATUS_PROCESS SET alarma = 0 WHERE process_id = ? AND alarma = 1';
    cleared += await on.change(sql, [id]);
  }
  return { ids, cleared };
}

function bytes(value: Row[string] | undefined): Uint8Array {
  if (value === null || value === undefined) return new Uint8Array();
  return typeof value === 'object' ? value : Buffer.from(String(value));
}

function text(value: Row[string] | undefined): string {
  return Buffer.from(bytes(value)).toString();
}
