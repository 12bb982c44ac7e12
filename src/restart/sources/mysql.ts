import { SourceError } from '../contract.ts';
import { MysqlConnections, type Row, type Session } from './mysql-connections.ts';
import { codeOf, isDenied, type MysqlOptions, mysqlError } from './mysql-errors.ts';
import type { SourceOptions, TableSource } from './options.ts';
import { TableAlarms } from './source.ts';
import {
  type Access,
  type AlarmRow,
  type AlarmTables,
  alarmsMax,
  type Finish,
  type OddRow,
  oddMax,
} from './table.ts';

/** Created where the user may. Times are UTC by the database's clock. */
const claimTable = `CREATE TABLE IF NOT EXISTS UNITWATCH_CLAIM (
  process_id BIGINT NOT NULL PRIMARY KEY,
  agent VARBINARY(255) NOT NULL,
  claimed_at DATETIME(3) NOT NULL,
  lease_until DATETIME(3) NOT NULL
)`;

/** Statements that need the privilege and change nothing, since no row is theirs. */
const probes: Readonly<Record<keyof Access, readonly string[]>> = {
  clear: ['UPDATE STATUS_PROCESS SET alarma = 0 WHERE 1 = 0'],
  note: ['UPDATE STATUS_PROCESS SET notes = NULL WHERE 1 = 0'],
  claim: [
    'INSERT INTO UNITWATCH_CLAIM (process_id, agent, claimed_at, lease_until) SELECT process_id, agent, claimed_at, lease_until FROM UNITWATCH_CLAIM WHERE 1 = 0',
    'UPDATE UNITWATCH_CLAIM SET agent = agent, claimed_at = claimed_at, lease_until = lease_until WHERE 1 = 0',
    // What agents have left that are no more.
    'DELETE FROM UNITWATCH_CLAIM WHERE lease_until < UTC_TIMESTAMP(3) - INTERVAL 1 DAY',
  ],
};

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

/** Alarms out of MySQL or MariaDB. */
export function mysqlSource(options: MysqlOptions & SourceOptions): TableSource {
  return new TableAlarms('mysql', new MysqlTables(options), options);
}

class MysqlTables implements AlarmTables {
  readonly #options: MysqlOptions;
  readonly #connections: MysqlConnections;

  constructor(options: MysqlOptions) {
    this.#options = options;
    this.#connections = new MysqlConnections(options);
  }

  access(): Promise<Access> {
    return this.#do(async () => {
      const clear = await this.#may('clear');
      const note = await this.#may('note');
      if (!clear) return { clear, note, claim: false };
      await this.#createClaims();
      return { clear, note, claim: await this.#may('claim') };
    });
  }

  async #may(what: keyof Access): Promise<boolean> {
    try {
      for (const sql of probes[what]) await this.#connections.use((on) => on.change(sql));
      return true;
    } catch (error) {
      const isNone = ['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR'].includes(codeOf(error));
      if (isDenied(error) || (isNone && what === 'claim')) return false;
      throw error;
    }
  }

  /** The privilege is needed even where the table is there: so it is made only where it is not. */
  async #createClaims(): Promise<void> {
    try {
      await this.#connections.use((on) => on.rows('SELECT 1 FROM UNITWATCH_CLAIM LIMIT 1'));
    } catch (error) {
      if (isDenied(error)) return;
      if (codeOf(error) !== 'ER_NO_SUCH_TABLE') throw error;
      await this.#connections
        .use((on) => on.change(claimTable))
        .catch((cause: unknown) => {
          if (!isDenied(cause)) throw cause;
        });
    }
  }

  alarms(): Promise<readonly AlarmRow[]> {
    const sql = `SELECT s.process_id AS id, p.process_name AS name, p.process_id AS known
      FROM STATUS_PROCESS s LEFT JOIN PROCESE p ON p.process_id = s.process_id
      WHERE ${inAlarm} ORDER BY s.process_id LIMIT ${alarmsMax + 1}`;
    return this.#do(async () => {
      const rows = await this.#connections.use((on) => on.rows(sql));
      return rows.map((row) => ({
        id: text(row, 'id'),
        name: bytes(row, 'name'),
        known: bytes(row, 'known') !== undefined,
      }));
    });
  }

  odd(): Promise<readonly OddRow[]> {
    return this.#do(async () => {
      const found: OddRow[] = [];
      for (const kind of oddKinds) {
        const sql = `${odd[kind]} ORDER BY 1 LIMIT ${oddMax + 1}`;
        const rows = await this.#connections.use((on) => on.rows(sql));
        found.push(...rows.map((row) => ({ kind, id: text(row, 'id') })));
      }
      return found;
    });
  }

  standing(ids: readonly number[]): Promise<readonly number[]> {
    return this.#do(() => this.#connections.use((on) => standing(on, ids)));
  }

  take(ids: readonly number[], agent: string, leaseMs: number): Promise<boolean> {
    return this.#do(() =>
      this.#connections.again(() =>
        this.#connections.use(async (on) => {
          for (const id of ids) await takeOne(on, id, agent, leaseMs);
          const isMine = (await mine(on, ids, agent)).length === ids.length;
          // Looked at only now: whoever cleared it has given its claim back in the same transaction.
          if (isMine && (await standing(on, ids)).length > 0) return true;
          await give(on, ids, agent);
          return false;
        }),
      ),
    );
  }

  renew(ids: readonly number[], agent: string, leaseMs: number): Promise<readonly number[]> {
    return this.#do(() =>
      this.#connections.again(() =>
        this.#connections.use(async (on) => {
          for (const id of ids) {
            await on.change(
              `UPDATE UNITWATCH_CLAIM SET lease_until = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND
                WHERE process_id = ? AND agent = ?`,
              [leaseMs * 1000, id, agent],
            );
          }
          return mine(on, ids, agent);
        }),
      ),
    );
  }

  finish(finish: Finish, agent: string, access: Access): Promise<void> {
    return this.#do(() =>
      this.#connections.transaction(async (on) => {
        // Always the claim before the row: two that go the same way do not wait for each other.
        const claims = access.claim ? await holders(on, finish.ids) : [];
        if (claims.some((holder) => holder !== agent)) return;
        for (const id of finish.ids) await writeDown(on, id, finish, access);
        if (access.claim) await give(on, finish.ids, agent);
      }),
    );
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw mysqlError(error, this.#options);
    }
  }
}

/** One statement decides: free, mine, or its lease has run out. The agent is set last, since the others look at it. */
async function takeOne(on: Session, id: number, agent: string, leaseMs: number): Promise<void> {
  const isFree = 'agent = VALUES(agent) OR lease_until < UTC_TIMESTAMP(3)';
  await on.change(
    `INSERT INTO UNITWATCH_CLAIM (process_id, agent, claimed_at, lease_until)
      VALUES (?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)
      ON DUPLICATE KEY UPDATE
        claimed_at = IF(${isFree}, VALUES(claimed_at), claimed_at),
        agent = IF(${isFree}, VALUES(agent), agent),
        lease_until = IF(agent = VALUES(agent), VALUES(lease_until), lease_until)`,
    [id, agent, leaseMs * 1000],
  );
}

async function mine(on: Session, ids: readonly number[], agent: string): Promise<number[]> {
  const sql = `SELECT process_id AS id FROM UNITWATCH_CLAIM WHERE process_id IN (${marks(ids)}) AND agent = ?`;
  return (await on.rows(sql, [...ids, agent])).map((row) => Number(text(row, 'id')));
}

async function holders(on: Session, ids: readonly number[]): Promise<readonly string[]> {
  const sql = `SELECT agent FROM UNITWATCH_CLAIM WHERE process_id IN (${marks(ids)}) ORDER BY process_id FOR UPDATE`;
  return (await on.rows(sql, ids)).map((row) => text(row, 'agent'));
}

async function standing(on: Session, ids: readonly number[]): Promise<number[]> {
  const sql = `SELECT s.process_id AS id FROM STATUS_PROCESS s WHERE s.process_id IN (${marks(ids)}) AND ${inAlarm}`;
  return (await on.rows(sql, ids)).map((row) => Number(text(row, 'id')));
}

async function give(on: Session, ids: readonly number[], agent: string): Promise<void> {
  await on.change(`DELETE FROM UNITWATCH_CLAIM WHERE process_id IN (${marks(ids)}) AND agent = ?`, [
    ...ids,
    agent,
  ]);
}

/** Only a row that is in alarm is cleared, and only where this has not been done already. */
async function writeDown(on: Session, id: number, finish: Finish, access: Access): Promise<void> {
  if (finish.note === '') return;
  const clears = finish.clear && access.clear;
  const sets = [
    ...(clears ? ['alarma = 0'] : []),
    ...(access.note ? ["notes = CONCAT(?, COALESCE(notes, ''))"] : []),
  ];
  if (sets.length === 0) return;
  await on.change(
    `UPDATE STATUS_PROCESS SET ${sets.join(', ')} WHERE process_id = ?
      ${clears ? 'AND alarma = 1 AND sound = 0' : ''}
      ${access.note ? "AND LOCATE(?, COALESCE(notes, '')) = 0" : ''}`,
    [...(access.note ? [finish.note] : []), id, ...(access.note ? [finish.mark] : [])],
  );
}

function marks(ids: readonly number[]): string {
  if (ids.length === 0) throw new SourceError('refused', 'The alarm names no row.');
  return ids.map(() => '?').join(', ');
}

function bytes(row: Row, column: string): Uint8Array | undefined {
  const value = row[column];
  if (value === null || value === undefined) return undefined;
  return typeof value === 'object' ? value : Buffer.from(String(value));
}

function text(row: Row, column: string): string {
  const value = bytes(row, column);
  return value === undefined ? '' : Buffer.from(value).toString();
}
