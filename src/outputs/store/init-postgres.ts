import { StoreError } from './contract.ts';
import { migrations } from './migrations.ts';
import type { Postgres, Transaction } from './postgres.ts';
import { PoisonError } from './postgres-errors.ts';

/** "unitwatc" as a number: two that migrate at once wait for each other. */
const advisoryLock = '8461810890486543459';
/** Partitions made ahead of now. */
const partitionsAhead = 3;

export const partitionings = ['none', 'day', 'month'] as const;
export type Partitioning = (typeof partitionings)[number];

export interface InitOptions {
  /** How new tables are partitioned; tables that are there stay as they are. */
  readonly partition: Partitioning;
  /** A role that may then write, read, and have the next partitions made; nothing else. */
  readonly grant: string | undefined;
}

export interface Initialised {
  /** Versions of the schema before and now. */
  readonly from: number;
  readonly to: number;
  /** How the tables are partitioned. */
  readonly partitioned: string;
  /** Partitions that were made. */
  readonly partitions: readonly string[];
}

/**
 * Creates the schema or brings it up to date, and makes the next partitions where there are any. All
 * in one transaction; run twice it changes nothing.
 * @throws StoreError
 */
export function initPostgres(postgres: Postgres, options: InitOptions): Promise<Initialised> {
  return withoutRows(postgres, async (on) => {
    await on.query(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
    await requireUtf8(on);
    const from = await versionOf(on);
    if (from > migrations.length) {
      const message = `The schema in PostgreSQL has version ${from}, this unitwatch knows ${migrations.length}: use a newer unitwatch.`;
      throw new StoreError('refused', message);
    }
    await migrate(on, from, options.partition);
    const partitions = await makePartitions(on);
    if (options.grant !== undefined) await grant(on, options.grant);
    return { from, to: migrations.length, partitioned: await periodOf(on), partitions };
  });
}

/** What else would be a row's fault is the database's here: a trigger of its owner, say. */
async function withoutRows<T>(
  postgres: Postgres,
  work: (on: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await postgres.transaction(work);
  } catch (error) {
    if (!(error instanceof PoisonError)) throw error;
    throw new StoreError('refused', `PostgreSQL refuses it: ${error.message}`, error);
  }
}

async function migrate(
  on: Transaction,
  from: number,
  partition: InitOptions['partition'],
): Promise<void> {
  if (from === 0) await createFrame(on);
  const clause = partition === 'none' ? '' : 'PARTITION BY RANGE (time)';
  for (const [i, sql] of migrations.entries()) {
    if (i < from) continue;
    await on.query(sql.replaceAll('{{PARTITION}}', clause));
    await on.query('INSERT INTO unitwatch.migrations (version) VALUES ($1)', [i + 1]);
  }
  if (from === 0) {
    await on.query('INSERT INTO unitwatch.partitioning (period) VALUES ($1)', [partition]);
  }
}

/** Version of the schema; 0 where there is none. */
export async function versionOf(on: Transaction): Promise<number> {
  const [known] = await on.query(`SELECT to_regclass('unitwatch.migrations') IS NOT NULL AS known`);
  if (known?.['known'] !== true) return 0;
  const [row] = await on.query(
    'SELECT coalesce(max(version), 0)::int AS version FROM unitwatch.migrations',
  );
  return Number(row?.['version']);
}

/** How the tables are partitioned. */
async function periodOf(on: Transaction): Promise<string> {
  const [row] = await on.query('SELECT period FROM unitwatch.partitioning');
  return String(row?.['period'] ?? 'none');
}

/** In another encoding most of the world's names could not be stored. */
async function requireUtf8(on: Transaction): Promise<void> {
  const [row] = await on.query('SHOW server_encoding');
  if (row?.['server_encoding'] === 'UTF8') return;
  const message = `The database has the encoding ${String(row?.['server_encoding'])}: create one with ENCODING 'UTF8'.`;
  throw new StoreError('refused', message);
}

async function createFrame(on: Transaction): Promise<void> {
  await on.query('CREATE SCHEMA IF NOT EXISTS unitwatch');
  await on.query(
    `CREATE TABLE unitwatch.migrations (
      version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())`,
  );
  await on.query('CREATE TABLE unitwatch.partitioning (period text NOT NULL)');
}

/**
 * Makes the partitions of now and the next periods, where the tables have any.
 * @returns their names
 * @throws StoreError where this user may not, or the schema is older
 */
async function makePartitions(on: Transaction): Promise<readonly string[]> {
  const rows = await on.query(`SELECT unitwatch.make_partitions(${partitionsAhead}) AS name`);
  return rows.map(({ name }) => String(name));
}

/**
 * The same for an agent, while others do it, too: one does, the others leave it to him.
 * @throws StoreError
 */
export function keepPartitions(postgres: Postgres): Promise<readonly string[]> {
  return withoutRows(postgres, async (on) => {
    if ((await periodOf(on)) === 'none') return [];
    const [lock] = await on.query(`SELECT pg_try_advisory_xact_lock(${advisoryLock}) AS mine`);
    return lock?.['mine'] === true ? makePartitions(on) : [];
  });
}

async function grant(on: Transaction, role: string): Promise<void> {
  const [row] = await on.query('SELECT quote_ident($1) AS role', [role]);
  const name = String(row?.['role']);
  await on.query(`GRANT USAGE ON SCHEMA unitwatch TO ${name}`);
  await on.query(`GRANT SELECT ON ALL TABLES IN SCHEMA unitwatch TO ${name}`);
  await on.query(`GRANT INSERT ON unitwatch.results, unitwatch.events TO ${name}`);
  await on.query(`GRANT EXECUTE ON FUNCTION unitwatch.make_partitions(integer) TO ${name}`);
}
