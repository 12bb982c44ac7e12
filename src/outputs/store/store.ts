import { randomBytes } from 'node:crypto';
import type { Event } from '../../model/event.ts';
import type { ProbeResult } from '../../model/probe.ts';
import type { StoredKind, StoreNotice, StoreView } from '../../model/store.ts';
import type { Clock } from '../../model/time.ts';
import { Accounts } from './accounts.ts';
import { Collector } from './collector.ts';
import type { LocalSettings } from './contract.ts';
import { Exporter } from './exporter.ts';
import { LocalThread } from './local-thread.ts';
import { Partitions } from './partitions.ts';
import { Postgres } from './postgres.ts';
import type { PostgresSettings } from './postgres-target.ts';
import { Recorder } from './recorder.ts';
import { eventRow, resultRow } from './row.ts';
import { RowKeys } from './row-key.ts';

export const keepChoices = ['both', 'results', 'events'] as const;

export interface StoreSettings {
  readonly local: LocalSettings;
  /** Rows in one transaction, of either database. */
  readonly batch: number;
  /** What is stored at all. */
  readonly keep: (typeof keepChoices)[number];
  /** Undefined: rows stay in the local database until they are too old or too many. */
  readonly postgres: PostgresSettings | undefined;
  readonly exportIntervalMs: number;
}

export interface StoreDeps {
  readonly clock: Clock;
  /** From 0 to 1, for the spread of retries. */
  readonly random: () => number;
  /** Name of the host in the rows. */
  readonly host: string;
  /** May give the store an event about it. */
  readonly tell: (notice: StoreNotice) => void;
}

/** Results and events, kept on disk and forwarded to PostgreSQL. */
export interface Store {
  /** Neither waits, nor fails for what the databases do. */
  result(result: ProbeResult): void;
  event(event: Event): void;
  readonly view: StoreView;
  /** Whether all that was given to it is in the local database, at the latest after `deadlineMs`. */
  flush(deadlineMs: number): Promise<boolean>;
  /**
   * Ends the three workers. What waits is written to the local database; PostgreSQL gets the rest in
   * the next life. Resolves within about `deadlineMs`; calling it again is harmless.
   */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * Opens the local database and starts the three workers, which live without each other:
 *
 *     result(), event() ──► Recorder ──► SQLite ──► Exporter ──► PostgreSQL
 *                                          └──► Collector
 *
 * @throws StoreError `refused` with a sentence: another agent has it, no permission, a bad URL
 */
export async function openStore(settings: StoreSettings, deps: StoreDeps): Promise<Store> {
  const { clock, tell } = deps;
  const now = (): number => clock.realtimeUs();
  const postgres = settings.postgres && new Postgres(settings.postgres);
  const { local, figures } = await LocalThread.open(settings.local, now());
  const accounts = new Accounts({ figures, clock, tell, exports: postgres !== undefined });
  const onFigures = accounts.onFigures.bind(accounts);
  const recorder = new Recorder({
    local,
    batch: settings.batch,
    now,
    onFigures,
    onLost: accounts.onLost.bind(accounts),
    onTried: accounts.onLocalTried.bind(accounts),
  });
  const collector = new Collector({ local, now, onFigures });
  const exporter =
    postgres &&
    new Exporter({
      local,
      postgres,
      partitions: new Partitions({
        ...{ postgres, clock },
        onTried: accounts.onPartitionsTried.bind(accounts),
      }),
      batch: settings.batch,
      intervalMs: settings.exportIntervalMs,
      now,
      random: deps.random,
      onSettled: accounts.onSettled.bind(accounts),
      onTried: accounts.onPostgresTried.bind(accounts),
    });
  const keys = new RowKeys(randomBytes(16));
  const keeps = (kind: StoredKind): boolean =>
    settings.keep === 'both' || settings.keep === `${kind}s`;
  let stopped: Promise<void> | undefined;
  const stop = async (deadlineMs: number): Promise<void> => {
    // A third for each: rows to the local database, the answer of PostgreSQL, closing the file.
    const share = deadlineMs / 3;
    const collected = collector.stop();
    await Promise.all([recorder.stop(share), exporter?.stop(share)]);
    await local.close(share);
    await collected;
    await recorder.abandon();
  };
  for (const worker of [recorder, collector, exporter]) worker?.start();
  return {
    result: (result) => {
      if (!keeps('result')) return;
      accounts.accepted.result++;
      recorder.push(resultRow(result, keys.next(now()), deps.host, now()));
    },
    event: (event) => {
      if (!keeps('event')) return;
      accounts.accepted.event++;
      recorder.push(eventRow(event, keys.next(now()), now()));
    },
    view: accounts.view(
      () => recorder.queued,
      () => recorder.written,
    ),
    flush: (deadlineMs) => recorder.flush(deadlineMs),
    stop: (deadlineMs) => {
      stopped ??= stop(deadlineMs);
      return stopped;
    },
  };
}
