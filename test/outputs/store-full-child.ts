/**
 * Run where FOLDER is a small file system of its own, fills it to the last byte, and says what the
 * local database does then: without a reserve (`store`), with rows that PostgreSQL refuses
 * (`thread`), or when its file is removed (`removed`).
 *
 *     node store-full-child.js store|thread|removed FOLDER
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Row, StoreError } from '../../src/outputs/store/contract.ts';
import { LocalStore } from '../../src/outputs/store/local-store.ts';
import { LocalThread } from '../../src/outputs/store/local-thread.ts';
import { openSqlite } from '../../src/outputs/store/sqlite.ts';
import { fillUp, freeBytes } from './small-disk.ts';

const [what, folder = ''] = process.argv.slice(2);
const path = join(folder, 'store.db');
const settings = { path, maxBytes: 1e9, maxAgeUs: 1e15 };

function rows(count: number, characters: number): readonly Row[] {
  const row = { kind: 'result', atUs: 1, body: JSON.stringify({ x: 'x'.repeat(characters) }) };
  return Array.from({ length: count }, () => ({ ...row, kind: 'result' as const }));
}

/** Appends until there is no more room, or what was appended is in the log alone. @returns rows */
function appendAll(store: LocalStore): number {
  let written = 0;
  try {
    while (!store.isStuck) {
      store.append(rows(100, 400), 1);
      written += 100;
    }
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'full')) throw error;
  }
  return written;
}

async function whole(): Promise<unknown> {
  const on = await openSqlite(path);
  const [row] = on.rows('PRAGMA integrity_check');
  on.close();
  return Object.values(row ?? {})[0];
}

async function alone(): Promise<unknown> {
  const store = await LocalStore.open(settings, 0);
  store.prepareForFull();
  for (let n = 0; n < 50; n++) store.append(rows(100, 400), 1);
  fillUp(join(folder, 'filler'));
  const free = freeBytes(folder);
  const written = appendAll(store);
  const stuck = store.isStuck;
  // PostgreSQL takes all of them, as often as it takes.
  for (let n = 0; n < 100 && store.isStuck; n++) {
    const last = store.next(500, 1e6).rows.at(-1);
    if (last === undefined) break;
    store.settle(last.seq, [], 1);
    store.relieve();
  }
  const relieved = !store.isStuck;
  const again = appendAll(store) > 100;
  store.close();
  return { free, written, stuck, relieved, again, whole: await whole() };
}

async function refused(): Promise<unknown> {
  const { local } = await LocalThread.open(settings, 1);
  for (let n = 0; n < 40; n++) await local.append(rows(2, 120_000), 1);
  fillUp(join(folder, 'filler'));
  const batch = await local.next(100, 1e8);
  const rejected = batch.rows.slice(10).map(({ seq }) => ({ seq, reason: 'it is too large' }));
  const { exported, rejected: refusals, figures } = await local.settle(80, rejected, 1);
  await local.close(10_000);
  const on = await openSqlite(path);
  const [kept] = on.rows(
    'SELECT count(reason) AS reasons, sum(length(body)) AS characters FROM rejected',
  );
  on.close();
  const settled = { exported, rejected: refusals, waiting: figures.waiting };
  return { settled, kept, whole: await whole() };
}

async function removed(): Promise<unknown> {
  const { local } = await LocalThread.open(settings, 1);
  const filler = join(folder, 'filler');
  const look = async () => {
    const { figures } = await local.collect(1);
    const { rewritten, displaced, vanished, waiting } = figures;
    return [existsSync(path), rewritten, /full/.test(displaced), vanished, waiting];
  };
  await local.append(rows(100, 400), 1);
  fillUp(filler);
  rmSync(path);
  const small = await look();

  rmSync(filler);
  await local.append(rows(60, 100_000), 1);
  for (const ending of ['', '-wal', '-shm', '.lock', '.reserve']) {
    rmSync(`${path}${ending}`, { force: true });
  }
  fillUp(filler);
  const large = [await look(), await look()];
  const { length } = (await local.next(1_000, 1e8)).rows;
  rmSync(filler);
  const free = await look();
  await local.append(rows(1, 400), 1);
  await local.close(10_000);
  return { small, large, length, free, whole: await whole() };
}

const modes: Readonly<Record<string, () => Promise<unknown>>> = {
  store: alone,
  thread: refused,
  removed,
};
process.stdout.write(JSON.stringify(await modes[what ?? '']?.()));
