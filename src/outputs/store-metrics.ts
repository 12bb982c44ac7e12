/** What /metrics says of the store: rows by what became of them, and what waits. */
import { lossReasons, type StoreView, storedKinds } from '../model/store.ts';
import type { Declared, Sample } from './metric.ts';

/** A family with a handful of lines; of none where there is nothing to say. */
export interface StoreMetric extends Declared {
  samples(store: StoreView): Sample[];
}

type Read = (store: StoreView) => number | undefined;

function one(type: 'counter' | 'gauge', name: string, help: string, read: Read): StoreMetric {
  const samples = (store: StoreView): Sample[] => {
    const value = read(store);
    return value === undefined ? [] : [{ labels: {}, value }];
  };
  return { name, type, help, labels: [], samples };
}

export const storeMetrics: readonly StoreMetric[] = [
  {
    name: 'unitwatch_store_rows_total',
    type: 'counter',
    help: 'Rows given to the store, by what they are: results of checks, or events.',
    labels: ['kind'],
    samples: ({ accepted }) =>
      storedKinds.map((kind) => ({ labels: { kind }, value: accepted[kind] })),
  },
  one(
    'counter',
    'unitwatch_store_written_total',
    'Rows written to the local database.',
    ({ written }) => written,
  ),
  one(
    'counter',
    'unitwatch_store_exported_total',
    'Rows that PostgreSQL has committed.',
    ({ exported }) => exported,
  ),
  one(
    'counter',
    'unitwatch_store_deleted_total',
    'Exported rows deleted from the local database.',
    ({ deleted }) => deleted,
  ),
  {
    name: 'unitwatch_store_lost_total',
    type: 'counter',
    help: 'Rows that are in no database, by the reason.',
    labels: ['reason'],
    samples: ({ lost }) =>
      lossReasons.map((reason) => ({ labels: { reason }, value: lost[reason] })),
  },
  one(
    'gauge',
    'unitwatch_store_queue_length',
    'Rows that wait in memory for the local database.',
    ({ queued }) => queued,
  ),
  one(
    'gauge',
    'unitwatch_store_backlog_rows',
    'Rows in the local database that are not exported.',
    ({ waiting }) => waiting,
  ),
  one(
    'gauge',
    'unitwatch_store_backlog_oldest_timestamp_seconds',
    'When the oldest of them was given to the store, seconds since 1970; nothing without one.',
    ({ oldestUs }) => (oldestUs === undefined ? undefined : oldestUs / 1e6),
  ),
  one(
    'gauge',
    'unitwatch_store_used_bytes',
    'Pages of the local database that are in use.',
    ({ usedBytes }) => usedBytes,
  ),
  one(
    'gauge',
    'unitwatch_store_file_bytes',
    'The file of the local database with its log.',
    ({ fileBytes }) => fileBytes,
  ),
  one(
    'gauge',
    'unitwatch_store_last_export_timestamp_seconds',
    'When rows were last committed in PostgreSQL, seconds since 1970; nothing before the first.',
    ({ lastExportUs }) => (lastExportUs === undefined ? undefined : lastExportUs / 1e6),
  ),
  {
    name: 'unitwatch_store_up',
    type: 'gauge',
    help: '1 where the last try to write to the database worked, 0 where it did not.',
    labels: ['database'],
    samples: ({ localUp, postgresUp }) => [
      { labels: { database: 'local' }, value: Number(localUp) },
      ...(postgresUp === undefined
        ? []
        : [{ labels: { database: 'postgres' }, value: Number(postgresUp) }]),
    ],
  },
];
