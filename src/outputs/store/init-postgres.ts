import { StoreError } from './contract.ts';
import { migrations, timedTables } from './migrations.ts';
import type { Postgres, Transaction } from './postgres.ts';

/** "unitwatc" as a number: two that migrate at once wait for each other. */
const advisoryLock = '8461810890486543459';
/** Partitions made ahead of now. */
const partitionsAhead = 3;

export const partitionings = ['none', 'day', 'month'] as const;
export type Partitioning = (typeof partitionings)[number];

export interface InitOptions {
  /** How new tables are partitioned; tables that are there stay as they are. */
  readonly partition: Partitioning;
  /** A role that may then write and read, and nothing else. */
  readonly grant: string | undefined;
}

export interface Initialised {
  /** Versions of the schema before and now. */
  readonly from: number;
  readonly to: number;
  /** Partitions that were made. */
  readonly partitions: readonly string[];
}

/**
 * Creates the schema or brings it up to date, and makes the next partitions where there are any. All
 * in one transaction; run twice it changes nothing.
 * @throws StoreError
 */
export function initPostgres(postgres: Postgres, options: InitOptions): Promise<Initialised> {
  return postgres.transaction(async (on) => {
    await on.query(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
    await requireUtf8(on);
    const from = await versionOf(on);
    if (from > migrations.length) {
      const message = `The schema in PostgreSQL has version ${from}, this unitwatch knows ${migrations.length}: use a newer unitwatch.`;
      throw new StoreError('refused', message);
    }
    if (from === 0) await createFrame(on);
    const clause = options.partition === 'none' ? '' : 'PARTITION BY RANGE (time)';
    for (const [i, sql] of migrations.entries()) {
      if (i < from) continue;
      await on.query(sql.replaceAll('{{PARTITION}}', clause));
      await on.query('INSERT INTO unitwatch.migrations (version) VALUES ($1)', [i + 1]);
    }
    if (from === 0) {
      await on.query('INSERT INTO unitwatch.partitioning (period) VALUES ($1)', [
        options.partition,
      ]);
    }
    const partitions = await makePartitions(on);
    if (options.grant !== undefined) await grant(on, options.grant);
    return { from, to: migrations.length, partitions };
  });
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
 * The partition of now, the next ones, and one for everything else: no row is ever refused for want of
 * a partition. A period that already has rows in the one for everything else keeps them there.
 */
async function makePartitions(on: Transaction): Promise<string[]> {
  const [row] = await on.query('SELECT period FROM unitwatch.partitioning');
  const period = row?.['period'];
  if (period !== 'day' && period !== 'month') return [];
  const made: string[] = [];
  for (const table of timedTables) {
    const rest = `${table}_rest`;
    if (await isMissing(on, rest)) {
      await on.query(`CREATE TABLE unitwatch.${rest} PARTITION OF unitwatch.${table} DEFAULT`);
      made.push(rest);
    }
    for (const { name, low, high } of await periodsFrom(on, period)) {
      const partition = `${table}_${name}`;
      const bounds = [low, high];
      const inRest = `SELECT 1 FROM unitwatch.${rest} WHERE time >= $1 AND time < $2 LIMIT 1`;
      if (!(await isMissing(on, partition)) || (await on.query(inRest, bounds)).length > 0)
        continue;
      await on.query(
        `CREATE TABLE unitwatch.${partition} PARTITION OF unitwatch.${table}
          FOR VALUES FROM ('${low}') TO ('${high}')`,
      );
      made.push(partition);
    }
  }
  return made;
}

/** Names and bounds that PostgreSQL itself has made of its clock: digits, `-`, `:` and spaces. */
async function periodsFrom(on: Transaction, period: 'day' | 'month') {
  const name = period === 'day' ? 'YYYYMMDD' : 'YYYYMM';
  const rows = await on.query(
    `SELECT to_char(low, '${name}') AS name, to_char(low, 'YYYY-MM-DD') AS low,
        to_char(low + interval '1 ${period}', 'YYYY-MM-DD') AS high
      FROM (SELECT date_trunc('${period}', now()) + n * interval '1 ${period}' AS low
        FROM generate_series(0, ${partitionsAhead}) AS n) AS periods`,
  );
  return rows.map((row) => ({
    name: String(row['name']),
    low: String(row['low']),
    high: String(row['high']),
  }));
}

async function isMissing(on: Transaction, table: string): Promise<boolean> {
  const [row] = await on.query('SELECT to_regclass($1) IS NULL AS missing', [`unitwatch.${table}`]);
  return row?.['missing'] === true;
}

async function grant(on: Transaction, role: string): Promise<void> {
  const [row] = await on.query('SELECT quote_ident($1) AS role', [role]);
  const name = String(row?.['role']);
  await on.query(`GRANT USAGE ON SCHEMA unitwatch TO ${name}`);
  await on.query(`GRANT SELECT ON ALL TABLES IN SCHEMA unitwatch TO ${name}`);
  await on.query(`GRANT INSERT ON unitwatch.results, unitwatch.events TO ${name}`);
}
