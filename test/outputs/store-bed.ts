import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ProbeResult } from '../../src/model/probe.ts';
import type { StoreNotice, StoreView } from '../../src/model/store.ts';
import type { Clock } from '../../src/model/time.ts';
import { initPostgres, type Partitioning } from '../../src/outputs/store/init-postgres.ts';
import { Postgres } from '../../src/outputs/store/postgres.ts';
import type { PostgresSettings } from '../../src/outputs/store/postgres-target.ts';
import { openStore, type Store, type StoreSettings } from '../../src/outputs/store/store.ts';
import type { PostgresServer } from '../postgres.ts';

/** Longest that anything here may take: a machine under load, a server that recovers. */
const patienceMs = 60_000;

export const mebibyte = 1_048_576;

const folders = new WeakMap<TestContext, string[]>();

export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-store-'));
  folders.set(t, [...(folders.get(t) ?? []), folder]);
  t.after(() => removeFolders(t));
  return folder;
}

function removeFolders(t: TestContext): void {
  for (const folder of folders.get(t) ?? []) rmSync(folder, { recursive: true, force: true });
}

export function settingsFor(
  folder: string,
  postgres: PostgresSettings | undefined,
  more: Partial<Omit<StoreSettings, 'local'> & StoreSettings['local']> = {},
): StoreSettings {
  const { maxBytes = 64 * mebibyte, maxAgeUs = 86_400e6, ...rest } = more;
  return {
    local: { path: join(folder, 'store.db'), maxBytes, maxAgeUs },
    ...{ batch: 100, keep: 'both', postgres, exportIntervalMs: 100 },
    ...rest,
  };
}

export function reach(
  server: PostgresServer,
  more: Partial<PostgresSettings> = {},
): PostgresSettings {
  return {
    ...{ url: undefined, host: '127.0.0.1', port: server.port, user: server.user },
    ...{ password: server.password, database: server.database, tls: 'preferred', ca: undefined },
    ...{ connectTimeoutMs: 5_000, queryTimeoutMs: 20_000, lockTimeoutMs: 500 },
    ...more,
  };
}

/** As `unitwatch store init` does it. */
export async function init(
  server: PostgresServer,
  partition: Partitioning = 'none',
  grant?: string,
): Promise<Awaited<ReturnType<typeof initPostgres>>> {
  const postgres = new Postgres(reach(server, { lockTimeoutMs: 20_000 }));
  try {
    return await initPostgres(postgres, { partition, grant });
  } finally {
    await postgres.close();
  }
}

export interface OpenedStore {
  readonly store: Store;
  readonly notices: StoreNotice[];
  readonly path: string;
}

const clockHere: Clock = {
  realtimeUs: () => Date.now() * 1_000,
  monotonicUs: () => performance.now() * 1_000,
};

export async function open(
  t: TestContext,
  settings: StoreSettings,
  clock = clockHere,
): Promise<OpenedStore> {
  const notices: StoreNotice[] = [];
  const store = await openStore(settings, {
    clock,
    random: Math.random,
    host: 'web-1',
    tell: (notice) => notices.push(notice),
  });
  t.after(async () => {
    await store.stop(10_000);
    // It writes anew what was removed under it, and `after` calls the older ones first.
    removeFolders(t);
  });
  return { store, notices, path: settings.local.path };
}

/** Result number `n`, which stands in its details, as `attempts`. */
export function probe(n: number, more: Partial<ProbeResult> = {}): ProbeResult {
  return {
    ...{ name: `service-${n % 7}`, kind: 'http', up: n % 5 !== 0, attempts: n },
    ...{ timeUs: 1_790_000_000_000_000 + n * 1_000, reason: n % 5 === 0 ? 'timeout' : '' },
    ...{ status: 200, durationSeconds: (1_000 + n) / 1e6, phaseSeconds: {} },
    ...more,
  };
}

const childFile = fileURLToPath(new URL('./store-child.js', import.meta.url));

/** A store in a process of its own, and what it has said. */
export interface Child {
  readonly process: ChildProcess;
  readonly lines: string[];
  view(): StoreView | undefined;
  /** Asks it to `end` or to `stop`. @returns the last view */
  ask(what: 'end' | 'stop'): Promise<StoreView>;
}

/**
 * @param before what runs it: a command and its arguments
 * @param first number of its first result
 */
export function startChild(
  t: TestContext,
  settings: StoreSettings,
  before: readonly string[] = [],
  first = 0,
): Child {
  const [file = '', ...argv] = [
    ...[...before, process.execPath, childFile],
    ...[JSON.stringify(settings), `${first}`],
  ];
  const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  let view: StoreView | undefined;
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('view ')) view = JSON.parse(line.slice(5));
    else lines.push(line);
  });
  const ask = async (what: 'end' | 'stop'): Promise<StoreView> => {
    const closed = once(child, 'close');
    child.stdin.write(`${what}\n`);
    await closed;
    if (view === undefined) throw new Error('the store said nothing');
    return view;
  };
  return { process: child, lines, view: () => view, ask };
}

/** Waits until something is so; a condition that throws is not so yet. */
export async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await is()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`it never came to this: ${what}`, { cause: last });
}

/** What the view of a store promises at any time. */
export function missing(view: StoreView): number {
  const lost = Object.values(view.lost).reduce((sum, count) => sum + count, 0);
  const given = view.carried + view.accepted.result + view.accepted.event;
  return given - (view.queued + view.waiting + view.exported + lost);
}
