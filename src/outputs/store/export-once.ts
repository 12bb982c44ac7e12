import { StoreError } from './contract.ts';
import { Exporter } from './exporter.ts';
import { LocalThread } from './local-thread.ts';
import { Postgres } from './postgres.ts';
import { requireLocal } from './status.ts';
import type { StoreDeps, StoreSettings } from './store.ts';

/** Time for the local database to close, milliseconds. */
const closeMs = 2_000;

/** What `exportOnce` has done. */
export interface ExportedOnce {
  readonly exported: number;
  /** Rows that PostgreSQL refused. */
  readonly rejected: number;
  /** Undefined: nothing waits any more. */
  readonly error: StoreError | undefined;
}

/**
 * Moves everything that waits to PostgreSQL, without an agent.
 * @throws StoreError where the local database cannot be had: an agent that runs has it, or none made it
 * @throws TypeError where no PostgreSQL is configured
 */
export async function exportOnce(
  settings: StoreSettings,
  { clock, random }: Pick<StoreDeps, 'clock' | 'random'>,
): Promise<ExportedOnce> {
  if (settings.postgres === undefined) throw noPostgres();
  await requireLocal(settings.local.path);
  const postgres = new Postgres(settings.postgres);
  const now = (): number => clock.realtimeUs();
  const { local } = await LocalThread.open(settings.local, now());
  const done = { exported: 0, rejected: 0 };
  const exporter = new Exporter({
    ...{
      local,
      postgres,
      partitions: undefined,
      batch: settings.batch,
      intervalMs: 0,
      now,
      random,
    },
    onSettled: ({ exported, rejected }) => {
      done.exported += exported;
      done.rejected += rejected;
    },
    onTried: () => {},
  });
  try {
    while (await exporter.moveBatch());
    while ((await local.collect(now())).more);
    return { ...done, error: undefined };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { ...done, error };
  } finally {
    await postgres.close();
    await local.close(closeMs);
  }
}

/** There is nothing to export to. */
export function noPostgres(): TypeError {
  return new TypeError('No PostgreSQL is configured: set store.postgres.url or .host.');
}
