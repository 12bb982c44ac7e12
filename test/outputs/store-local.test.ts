import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StoreError } from '../../src/outputs/store/contract.ts';
import { openSqlite } from '../../src/outputs/store/sqlite.ts';
import type { StoreSettings } from '../../src/outputs/store/store.ts';
import {
  mebibyte,
  missing,
  open,
  probe,
  scratch,
  settingsFor,
  startChild,
  until,
} from './store-bed.ts';

async function refusal(settings: StoreSettings, t: TestContext): Promise<string> {
  try {
    await open(t, settings);
  } catch (error) {
    assert.ok(error instanceof StoreError);
    assert.equal(error.kind, 'refused');
    return error.message;
  }
  throw new Error('it was not refused');
}

/** Bodies of all rows that stand in the file. */
async function rowsIn(path: string): Promise<ReadonlySet<unknown>> {
  const on = await openSqlite(path, { readOnly: true });
  const bodies = on.rows('SELECT body FROM rows').map(({ body }) => body);
  on.close();
  return new Set(bodies);
}

test('a second agent is refused, in this process and in another, until the first one has ended', async (t) => {
  const folder = scratch(t);
  const settings = settingsFor(folder, undefined);
  const first = startChild(t, settings);
  await until('the first agent has it', () => first.lines.includes('open'));
  const said = await refusal(settings, t);
  assert.match(said, /is in use by another agent/);
  assert.match(said, new RegExp(`process ${first.process.pid}\\b`));
  symlinkSync(join(folder, 'store.db'), join(folder, 'other.db'));
  const other = { ...settings, local: { ...settings.local, path: join(folder, 'other.db') } };
  assert.match(await refusal(other, t), /in use/, 'under another name it is the same file');

  first.process.kill('SIGKILL');
  await once(first.process, 'exit');
  const { store } = await open(t, settings);
  assert.ok(store.view.carried > 0);
  assert.match(await refusal(settings, t), /in use/);
  await store.stop(10_000);
  await store.stop(10_000);
  const again = await open(t, settings);
  assert.ok(again.store.view.carried > 0);
});

test('what is no database of the store is refused, and left as it is', async (t) => {
  const folder = scratch(t);
  const settings = settingsFor(folder, undefined);
  writeFileSync(settings.local.path, 'root:x:0:0\n'.repeat(1_000));
  assert.match(await refusal(settings, t), /is no database of unitwatch's store/);
  assert.deepEqual(readdirSync(folder), ['store.db']);
  assert.equal(statSync(settings.local.path).size, 11_000);

  const strange = settingsFor(scratch(t), undefined);
  const sqlite = await openSqlite(strange.local.path);
  sqlite.exec('CREATE TABLE addresses (name TEXT)');
  sqlite.close();
  assert.match(await refusal(strange, t), /is no database of unitwatch's store/);
  const nowhere = settingsFor('/dev/null/nowhere', undefined);
  assert.match(await refusal(nowhere, t), /cannot be made \(E\w+\): check the owner/);
});

test('a damaged database is set aside when it is opened, with a message', async (t) => {
  const folder = scratch(t);
  const settings = settingsFor(folder, undefined);
  const before = await open(t, settings);
  for (let n = 0; n < 500; n++) before.store.result(probe(n));
  await before.store.stop(10_000);
  for (const damage of [
    (path: string) => writeSync(openSync(path, 'r+'), Buffer.alloc(100, 7), 0, 100, 0),
    (path: string) => truncateSync(path, 10_000),
  ]) {
    damage(settings.local.path);
    const { store, notices } = await open(t, settings);
    assert.equal(store.view.carried, 0);
    assert.match(notices[0]?.message ?? '', /was damaged: it lies at ".*store\.db\.damaged" now/);
    assert.ok(existsSync(`${settings.local.path}.damaged`));
    for (let n = 0; n < 300; n++) store.result(probe(n));
    assert.ok(await store.flush(10_000));
    assert.equal(store.view.waiting, 300);
    await store.stop(10_000);
  }
});

test('a database that is damaged while it is used is set aside; its rows are counted as lost', async (t) => {
  // At its bound it reads its oldest pages, which it does not remember, in order to delete them.
  const settings = settingsFor(scratch(t), undefined, { batch: 500, maxBytes: 4 * mebibyte });
  const { store, notices } = await open(t, settings);
  let n = 0;
  const write = async (): Promise<void> => {
    for (let i = 0; i < 500; i++) store.result(probe(n++));
    await store.flush(5_000);
  };
  while (store.view.lost.size === 0) await write();
  for (const ending of ['', '-wal']) {
    const path = `${settings.local.path}${ending}`;
    const { size } = statSync(path);
    writeSync(openSync(path, 'r+'), Buffer.alloc(size, 0xa5), 0, size, 0);
  }
  for (let i = 0; i < 40 && store.view.lost.damaged === 0; i++) await write();
  await until('it is set aside', () => store.view.lost.damaged > 0);
  assert.ok(await store.flush(20_000));
  assert.equal(missing(store.view), 0);
  assert.ok(notices.some(({ phase, message }) => phase === 'trouble' && /damaged/.test(message)));
  assert.ok(notices.some(({ phase, message }) => phase === 'lost' && /damaged/.test(message)));
});

test('a database that is removed while it is used is written anew; its lock too', async (t) => {
  const settings = settingsFor(scratch(t), undefined);
  const { path } = settings.local;
  const { store, notices } = await open(t, settings);
  for (let n = 0; n < 50; n++) store.result(probe(n));
  await store.flush(5_000);
  for (const ending of ['', '-wal', '-shm', '.lock', '.reserve']) {
    rmSync(`${path}${ending}`, { force: true });
  }
  for (let n = 50; n < 60; n++) store.result(probe(n));
  await until('it is told', () => notices.length === 1);
  assert.match(notices[0]?.message ?? '', /was removed while .* written anew, with all/);
  for (let n = 60; n < 70; n++) store.result(probe(n));
  await store.flush(5_000);
  assert.equal((await rowsIn(path)).size, 70);
  assert.equal(missing(store.view), 0);
  assert.match(await refusal(settings, t), /in use by another agent/);

  rmSync(`${path}.lock`);
  await until('it is locked again', () => existsSync(`${path}.lock`));
  await store.stop(10_000);
  assert.deepEqual(store.view.lost.damaged, 0);
  assert.equal(notices.length, 1);
});

test('one that is removed with its folder, which cannot be made again, is written anew as soon as it can', async (t) => {
  const folder = join(scratch(t), 'data');
  const settings = settingsFor(folder, undefined);
  const { path } = settings.local;
  const { store, notices } = await open(t, settings);
  for (let n = 0; n < 50; n++) store.result(probe(n));
  await store.flush(5_000);
  rmSync(folder, { recursive: true });
  symlinkSync('nowhere/at/all', folder);
  await until('it is told', () => notices.length === 1);
  assert.match(
    notices[0]?.message ?? '',
    /cannot be written anew yet; .* check the owner and mode/,
  );
  for (let n = 50; n < 60; n++) store.result(probe(n));
  assert.ok(await store.flush(5_000));
  rmSync(folder);
  await until('it is told', () => notices.length === 2);
  assert.match(notices[1]?.message ?? '', /written anew, with all/);
  assert.equal((await rowsIn(path)).size, 60);
  assert.deepEqual([missing(store.view), store.view.lost.damaged], [0, 0]);
});

test('another database in its place is used from then on; what waited in the old one is counted', async (t) => {
  const settings = settingsFor(scratch(t), undefined);
  const { path } = settings.local;
  const other = settingsFor(scratch(t), undefined);
  const theirs = await open(t, other);
  for (let n = 1_000; n < 1_005; n++) theirs.store.result(probe(n));
  await theirs.store.stop(10_000);

  const { store, notices } = await open(t, settings);
  for (let n = 0; n < 50; n++) store.result(probe(n));
  await store.flush(5_000);
  for (const ending of ['-wal', '-shm']) rmSync(`${path}${ending}`);
  renameSync(other.local.path, path);
  await until('it is told', () => store.view.lost.damaged === 50);
  for (let n = 50; n < 60; n++) store.result(probe(n));
  await store.flush(5_000);
  assert.match(notices[0]?.message ?? '', /removed or replaced .* what waited in it is lost/);
  assert.equal((await rowsIn(path)).size, 15);
  assert.equal(missing(store.view), 0);
});

test('the bound on its size holds; the oldest go first and are counted; the file shrinks', async (t) => {
  const settings = settingsFor(scratch(t), undefined, { maxBytes: 2 * mebibyte, batch: 500 });
  const { store } = await open(t, settings);
  for (let n = 0; n < 20_000; n++) {
    store.result(probe(n));
    if (n % 500 === 499) {
      assert.ok(await store.flush(10_000));
      // One batch comes on top of what is looked at before it.
      assert.ok(store.view.usedBytes < 2.4 * mebibyte, `${store.view.usedBytes}`);
      assert.equal(missing(store.view), 0);
    }
  }
  const { waiting, lost } = store.view;
  assert.ok(lost.size > 0);
  assert.equal(waiting + lost.size, 20_000);
  await store.stop(10_000);
  const on = await openSqlite(settings.local.path, { readOnly: true });
  assert.equal(on.number(`SELECT min(details ->> 'attempts') FROM results`), lost.size);
  assert.equal(on.number(`SELECT max(details ->> 'attempts') FROM results`), 19_999);
  on.close();
});

test('what is too old is deleted and counted, and the file gives its space back', async (t) => {
  const settings = settingsFor(scratch(t), undefined, { maxAgeUs: 1_500_000, batch: 500 });
  const { store } = await open(t, settings);
  for (let n = 0; n < 9_000; n++) store.result(probe(n, { reason: 'x'.repeat(800) }));
  assert.ok(await store.flush(20_000));
  const full = statSync(settings.local.path).size;
  await until(
    'all of it is too old',
    () => store.view.lost.age + store.view.lost.memory_full === 9_000,
  );
  await until('the file is smaller', () => statSync(settings.local.path).size < full / 3);
  assert.equal(missing(store.view), 0);
});

test('a database that another program has locked holds nobody up', async (t) => {
  const settings = settingsFor(scratch(t), undefined);
  const { store } = await open(t, settings);
  const other = await openSqlite(settings.local.path);
  other.exec('BEGIN IMMEDIATE');
  for (let n = 0; n < 150; n++) store.result(probe(n));
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await until('it says so', () => !store.view.localUp);
  clearInterval(timer);
  assert.ok(turns > 10, `the event loop turned ${turns} times meanwhile`);
  assert.equal(store.view.queued, 150);
  other.exec('ROLLBACK');
  other.close();
  assert.ok(await store.flush(30_000));
  assert.equal(store.view.waiting, 150);
});

test('a server that takes the connection and says nothing does not hold up the end', async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const silent = {
    ...{ url: undefined, host: '127.0.0.1', port, user: 'agent', password: 'x', database: 'db' },
    ...({ tls: 'preferred', ca: undefined, connectTimeoutMs: 15_000 } as const),
    ...{ queryTimeoutMs: 20_000, lockTimeoutMs: 500 },
  };
  const { store, path } = await open(t, settingsFor(scratch(t), silent));
  const connected = once(server, 'connection');
  store.result(probe(1));
  await connected;
  const from = performance.now();
  await store.stop(1_500);
  const tookMs = performance.now() - from;
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  assert.equal((await rowsIn(path)).size, 1, 'what was not forwarded is kept');
});
