import type { StoredKind } from '../../model/store.ts';
import type { Rejected, StoredRow } from './contract.ts';
import type { Postgres, Transaction } from './postgres.ts';
import { PoisonError } from './postgres-errors.ts';

/** Columns with their types: the rows come as one JSON text, and the server takes them apart. */
const columns: Readonly<Record<StoredKind, string>> = {
  result: `id uuid, time timestamptz, host text, name text, kind text, up boolean, reason text,
    duration_s double precision, phases jsonb, status smallint, outage boolean, details jsonb`,
  event: `id uuid, time timestamptz, host text, seq bigint, event_type text, service text,
    severity text, message text, event jsonb`,
};
const tables: Readonly<Record<StoredKind, string>> = { result: 'results', event: 'events' };
const values: Readonly<Record<StoredKind, string>> = {
  result: `id, time, host, name, kind, up, reason, duration_s, phases, status,
    coalesce(outage, false), details`,
  event: 'id, time, host, seq, event_type, service, severity, message, event',
};

/** A row that is there already, because an earlier try did reach the server, stays as it is. */
function insertOf(kind: StoredKind): string {
  return `INSERT INTO unitwatch.${tables[kind]} SELECT ${values[kind]}
    FROM jsonb_to_recordset($1::jsonb) AS given (${columns[kind]}) ON CONFLICT DO NOTHING`;
}
const inserts: Readonly<Record<StoredKind, string>> = {
  result: insertOf('result'),
  event: insertOf('event'),
};

/**
 * Brings rows into PostgreSQL, each once, whatever was tried before. Where the server refuses one,
 * the batch is halved until that one is found; the others are in.
 * @returns the rows that it refuses
 * @throws StoreError where it is not known whether all of them are in: the same again later
 */
export async function insertRows(
  postgres: Postgres,
  rows: readonly StoredRow[],
): Promise<readonly Rejected[]> {
  try {
    await postgres.transaction((on) => insertAll(on, rows));
    return [];
  } catch (error) {
    if (!(error instanceof PoisonError)) throw error;
    const [only] = rows;
    if (rows.length === 1 && only) return [{ seq: only.seq, reason: error.message }];
  }
  const half = rows.length >> 1;
  const first = await insertRows(postgres, rows.slice(0, half));
  return [...first, ...(await insertRows(postgres, rows.slice(half)))];
}

async function insertAll(on: Transaction, rows: readonly StoredRow[]): Promise<void> {
  for (const kind of ['result', 'event'] as const) {
    const some = rows.filter((row) => row.kind === kind);
    if (some.length === 0) continue;
    await on.query(inserts[kind], [`[${some.map(({ body }) => body).join(',')}]`]);
  }
}
