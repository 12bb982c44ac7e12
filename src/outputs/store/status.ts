import { access, stat } from 'node:fs/promises';
import type { RealtimeUs } from '../../model/time.ts';
import { type LocalTotals, StoreError } from './contract.ts';
import { versionOf } from './init-postgres.ts';
import { backlogOf, totalsOf } from './local-rows.ts';
import { applicationId } from './local-schema.ts';
import { migrations } from './migrations.ts';
import { Postgres } from './postgres.ts';
import { PoisonError } from './postgres-errors.ts';
import { DamagedError, openSqlite } from './sqlite.ts';
import type { StoreSettings } from './store.ts';

/** Both databases as they are now, for people; an agent may be running meanwhile. */
export interface StoreStatus {
  readonly local: LocalStatus | { readonly error: string };
  /** Undefined where none is configured. */
  readonly postgres: PostgresStatus | { readonly error: string } | undefined;
}

export interface LocalStatus {
  readonly path: string;
  readonly fileBytes: number;
  readonly waiting: number;
  readonly oldestUs: RealtimeUs | undefined;
  /** Since the database was begun, over all agents. */
  readonly totals: LocalTotals;
  /** The last row that PostgreSQL refused, and why. */
  readonly lastRejected: { readonly body: string; readonly reason: string } | undefined;
}

export interface PostgresStatus {
  readonly name: string;
  /** Of the schema; 0 where there is none. */
  readonly version: number;
  readonly wantedVersion: number;
  /** As the statistics of the server estimate it: counting takes long. */
  readonly rowsEstimated: number;
}

/** @throws StoreError where PostgreSQL is configured in a way that cannot be */
export async function storeStatus(settings: StoreSettings): Promise<StoreStatus> {
  const postgres = settings.postgres && new Postgres(settings.postgres);
  const local = await orError(localStatus(settings.local.path));
  if (postgres === undefined) return { local, postgres: undefined };
  try {
    return { local, postgres: await orError(postgresStatus(postgres)) };
  } finally {
    await postgres.close();
  }
}

async function orError<T>(status: Promise<T>): Promise<T | { readonly error: string }> {
  try {
    return await status;
  } catch (error) {
    if (error instanceof DamagedError) return { error: 'The local database is damaged.' };
    if (error instanceof StoreError || error instanceof PoisonError)
      return { error: error.message };
    throw error;
  }
}

async function localStatus(path: string): Promise<LocalStatus> {
  const shown = JSON.stringify(path);
  await requireLocal(path);
  const on = await openSqlite(path, { readOnly: true });
  try {
    if (on.number('PRAGMA application_id') !== applicationId) {
      throw new StoreError('refused', `${shown} is no database of unitwatch's store.`);
    }
    const { waiting, oldestUs } = backlogOf(on);
    const [last] = on.rows('SELECT body, reason FROM rejected ORDER BY seq DESC LIMIT 1');
    return {
      ...{ path, waiting, oldestUs, totals: totalsOf(on) },
      fileBytes: (await stat(path)).size,
      lastRejected: last && { body: String(last['body']), reason: String(last['reason']) },
    };
  } finally {
    on.close();
  }
}

/** @throws StoreError where no agent has made it */
export async function requireLocal(path: string): Promise<void> {
  try {
    await access(path);
  } catch (cause) {
    const message = `There is no local database at ${JSON.stringify(path)}: an agent with store.enabled makes it.`;
    throw new StoreError('refused', message, cause);
  }
}

function postgresStatus(postgres: Postgres): Promise<PostgresStatus> {
  return postgres.transaction(async (on) => {
    const [row] = await on.query(
      `SELECT coalesce(sum(n_live_tup), 0)::float8 AS count FROM pg_stat_user_tables
        WHERE schemaname = 'unitwatch' AND relname ~ '^(results|events)'`,
    );
    return {
      name: postgres.name,
      version: await versionOf(on),
      wantedVersion: migrations.length,
      rowsEstimated: Number(row?.['count']),
    };
  });
}
