import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { StoreView } from '../../src/model/store.ts';
import { run } from '../debian.ts';
import { type PostgresServer, postgresServer } from '../postgres.ts';
import { cannotMount, freeBytes, type SmallDisk, smallDisk } from './small-disk.ts';
import {
  type Child,
  init,
  missing,
  reach,
  scratch,
  settingsFor,
  startChild,
  until,
} from './store-bed.ts';

const skip = cannotMount;

let server: PostgresServer;
before(async () => {
  server = await postgresServer();
});
after(() => server.close());
beforeEach(async () => {
  await server.start();
  await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
  await init(server);
});

interface World {
  readonly disk: SmallDisk;
  /** Of the local database, on that disk. */
  readonly path: string;
  /** Starts an agent on that disk. @param first number of its first result */
  agent(first?: number): Child;
}

async function world(t: TestContext): Promise<World> {
  const folder = scratch(t);
  const disk = await smallDisk(t, folder, 16);
  const settings = settingsFor(folder, reach(server), { batch: 500 });
  const { path } = settings.local;
  return {
    disk,
    path,
    agent: (first = 0) => startChild(t, settings, disk.before, first),
  };
}

/** It has filled memory, and counts. */
async function full(child: Child): Promise<StoreView> {
  await until('the disk is full', () => child.view()?.localUp === false);
  await until('rows are lost', () => (child.view()?.lost.disk_full ?? 0) > 0);
  const view = child.view();
  assert.ok(view && missing(view) === 0);
  assert.ok(child.lines.some((line) => /^trouble Store: .* the disk is full\.$/.test(line)));
  assert.ok(child.lines.some((line) => /^lost .* because the disk is full/.test(line)));
  return view;
}

/** It writes again: more than once, and more than what waited in memory. */
async function writesOn(child: Child, { written }: StoreView): Promise<void> {
  await until('it writes again', () => (child.view()?.written ?? 0) > written + 12_000);
  await until('it says so', () =>
    child.lines.some((line) => line.startsWith('back The local database')),
  );
}

/** What was written and what was lost is all that there was; each row is in PostgreSQL once. */
async function checkBooks(here: World, views: readonly StoreView[]): Promise<void> {
  let written = 0;
  for (const view of views) {
    assert.deepEqual([missing(view), view.queued], [0, 0]);
    const lost = Object.values(view.lost).reduce((sum, count) => sum + count, 0);
    assert.equal(view.written + lost, view.accepted.result);
    written += view.written;
  }
  const [sums] = await server.sql(
    `SELECT count(*)::int AS rows, count(DISTINCT id)::int AS keys,
      count(DISTINCT details ->> 'attempts')::int AS numbers FROM unitwatch.results`,
  );
  assert.deepEqual(sums, { rows: written, keys: written, numbers: written });
  await checkFile(here, written);
}

const checkChild = fileURLToPath(new URL('./store-check-child.js', import.meta.url));

async function checkFile({ disk, path }: World, written: number): Promise<void> {
  const [file = '', ...argv] = [...disk.before, process.execPath, checkChild, path];
  const { said, totals } = JSON.parse(await run(file, argv));
  assert.deepEqual([said, totals.written, totals.exported], [['ok'], written, written]);
}

test('its own rows have filled the disk: exporting them makes room', { skip }, async (t) => {
  await server.kill();
  const here = await world(t);
  const child = here.agent();
  const then = await full(child);
  assert.ok(then.waiting > 10_000, `${then.waiting}`);
  await server.start();
  await writesOn(child, then);
  await checkBooks(here, [await child.ask('end')]);
});

test('others have filled the disk, and free it again', { skip }, async (t) => {
  const here = await world(t);
  const child = here.agent();
  await until('it writes', () => (child.view()?.written ?? 0) > 2_000);
  here.disk.fill();
  const then = await full(child);
  here.disk.free();
  await writesOn(child, then);
  await checkBooks(here, [await child.ask('end')]);
});

test('the disk is full when it starts, and there is no database yet', { skip }, async (t) => {
  const here = await world(t);
  here.disk.fill();
  const child = here.agent();
  const then = await full(child);
  assert.equal(then.written, 0);
  here.disk.free();
  await writesOn(child, then);
  await checkBooks(here, [await child.ask('end')]);
});

test('it ends on a disk that its rows have filled, and starts there again', { skip }, async (t) => {
  await server.kill();
  const here = await world(t);
  const first = here.agent();
  await full(first);
  const before = await first.ask('stop');
  here.disk.fill();
  assert.equal(freeBytes(here.disk.seen), 0);
  const second = here.agent(1_000_000);
  const then = await full(second);
  assert.equal(then.carried, before.waiting);
  await server.start();
  await writesOn(second, then);
  here.disk.free();
  const last = await second.ask('end');
  assert.equal(missing(before), 0);
  assert.equal(last.exported, before.written + last.written);
  await checkBooks(here, [{ ...before, waiting: 0, exported: before.written }, last]);
});

test('others have taken what it gave up when its rows had filled the disk', {
  skip,
}, async (t) => {
  await server.kill();
  const here = await world(t);
  const child = here.agent();
  const then = await full(child);
  here.disk.fill();
  assert.equal(freeBytes(here.disk.seen), 0);
  await server.start();
  await until('all are exported', () => (child.view()?.exported ?? 0) >= then.waiting);
  await writesOn(child, then);
  here.disk.free();
  await checkBooks(here, [await child.ask('end')]);
});

test('it is killed on a full disk, others take every byte, and it is started again', {
  skip,
}, async (t) => {
  await server.kill();
  const here = await world(t);
  const first = here.agent();
  await full(first);
  first.process.kill('SIGKILL');
  await once(first.process, 'close');
  here.disk.fill();
  const second = here.agent(1_000_000);
  const then = await full(second);
  await server.start();
  await writesOn(second, then);
  here.disk.free();
  const last = await second.ask('end');
  assert.deepEqual([missing(last), last.queued, last.waiting], [0, 0, 0]);
  const all = then.carried + last.written;
  const [sums] = await server.sql(
    `SELECT count(*)::int AS rows, count(DISTINCT id)::int AS keys,
      count(DISTINCT details ->> 'attempts')::int AS numbers FROM unitwatch.results`,
  );
  assert.deepEqual(sums, { rows: all, keys: all, numbers: all });
  await checkFile(here, all);
});

const stuckChild = fileURLToPath(new URL('./store-full-child.js', import.meta.url));

test('not a byte is left, and no reserve: what is in the log alone comes out of it again', {
  skip,
}, async (t) => {
  const folder = scratch(t);
  const disk = await smallDisk(t, folder, 12);
  const [file = '', ...argv] = [...disk.before, process.execPath, stuckChild, 'store', folder];
  const said = JSON.parse(await run(file, argv));
  assert.equal(said.free, 0, 'others have all of it');
  assert.ok(said.written > 100, 'the log took some rows more');
  assert.deepEqual(
    [said.stuck, said.relieved, said.again, said.whole],
    [true, true, true, 'ok'],
    JSON.stringify(said),
  );
});

test('rows that PostgreSQL refuses are let go of where there is no room to keep them', {
  skip,
}, async (t) => {
  const folder = scratch(t);
  const disk = await smallDisk(t, folder, 24);
  const [file = '', ...argv] = [...disk.before, process.execPath, stuckChild, 'thread', folder];
  const { settled, kept, whole } = JSON.parse(await run(file, argv));
  assert.deepEqual([settled.exported, settled.rejected, settled.waiting, whole], [10, 70, 0, 'ok']);
  assert.deepEqual(kept, { reasons: 70, characters: 0 });
});

test('a file that is removed on a full disk is written anew when there is room, with all of it', {
  skip,
}, async (t) => {
  const folder = scratch(t);
  const disk = await smallDisk(t, folder, 32);
  const [file = '', ...argv] = [...disk.before, process.execPath, stuckChild, 'removed', folder];
  const { small, large, length, free, whole } = JSON.parse(await run(file, argv));
  assert.deepEqual(small, [true, 1, false, 0, 100], 'the reserve has room for a small one');
  const still = [false, 1, true, 0, 160];
  assert.deepEqual(large, [still, still]);
  assert.equal(length, 160, 'rows can be had meanwhile');
  assert.deepEqual([free, whole], [[true, 2, false, 0, 160], 'ok']);
});
