import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSqlite } from '../../src/outputs/store/sqlite.ts';
import type { Store } from '../../src/outputs/store/store.ts';
import { type PostgresServer, postgresServer } from '../postgres.ts';
import { cuttingProxy } from './cutting-proxy.ts';
import {
  init,
  mebibyte,
  missing,
  open,
  probe,
  reach,
  scratch,
  settingsFor,
  until,
} from './store-bed.ts';

let server: PostgresServer;
before(async () => {
  server = await postgresServer();
});
after(() => server.close());
beforeEach(async () => {
  await server.start();
  await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
});

/** The numbers of all results, in order; each row has a key of its own. */
async function numbers(): Promise<number[]> {
  const rows = await server.sql(
    `SELECT (details ->> 'attempts')::int AS n, id FROM unitwatch.results ORDER BY 1`,
  );
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, 'by key');
  return rows.map(({ n }) => Number(n));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

test('the server is killed in mid-export, again and again: each result is there once', async (t) => {
  await init(server);
  const { store, notices } = await open(t, settingsFor(scratch(t), reach(server)));
  let n = 0;
  const feed = setInterval(() => {
    for (let i = 0; i < 50; i++) store.result(probe(n++));
  }, 10);
  t.after(() => clearInterval(feed));
  for (let round = 0; round < 4; round++) {
    const exported = store.view.exported;
    await until('some are exported', () => store.view.exported > exported);
    await sleep(Math.random() * 100);
    await server.kill();
    await until('it is noticed', () => store.view.postgresUp === false);
    assert.equal(missing(store.view), 0);
    await sleep(500);
    await server.start();
  }
  clearInterval(feed);
  assert.ok(await store.flush(30_000));
  await until('all are exported', () => store.view.waiting === 0);
  assert.equal(missing(store.view), 0);
  assert.equal(store.view.exported, n);
  assert.deepEqual(await numbers(), upTo(n));
  assert.ok(notices.some(({ phase }) => phase === 'trouble'));
  assert.equal(notices.at(-1)?.message, 'PostgreSQL takes rows again.');
});

/** Gives it numbers from one up to another, as fast as it writes them. */
async function feed(store: Store, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    store.result(probe(n));
    if (n % 5_000 === 4_999) assert.ok(await store.flush(30_000));
  }
  assert.ok(await store.flush(30_000));
}

test('the server is away for long: all is kept up to the bound, the oldest beyond it counted; then all is moved, and what is new is kept', async (t) => {
  await init(server);
  await server.kill();
  const settings = settingsFor(scratch(t), reach(server), {
    ...{ maxBytes: 12 * mebibyte, batch: 500, exportIntervalMs: 200 },
  });
  const { store, notices } = await open(t, settings);
  await feed(store, 0, 25_000);
  assert.equal(store.view.waiting, 25_000, 'nothing is lost below the bound');
  await feed(store, 25_000, 60_000);
  const { size } = store.view.lost;
  assert.ok(size > 0 && store.view.waiting === 60_000 - size);
  assert.ok(store.view.usedBytes < 12.5 * mebibyte);
  await server.start();
  await until('PostgreSQL is back', () => store.view.postgresUp === true);
  // Meanwhile there are new ones.
  let n = 60_000;
  const began = performance.now();
  while (store.view.waiting > 0) {
    for (let i = 0; i < 10; i++) store.result(probe(n++));
    assert.ok(store.view.queued < 1_000, `${store.view.queued} wait in memory`);
    await sleep(50);
    assert.ok(performance.now() - began < 60_000, 'it does not end');
  }
  assert.ok(await store.flush(30_000));
  await until('all are exported', () => store.view.waiting === 0);
  assert.deepEqual([missing(store.view), store.view.lost.size], [0, size]);
  // The oldest are lost, but for the batch that was on its way: it may have arrived.
  assert.deepEqual(await numbers(), [...upTo(500), ...upTo(n).slice(500 + size)]);
  const told = notices.filter(({ phase }) => phase === 'lost').map(({ message }) => message);
  assert.match(told.join(), /because the local database reached store\.max_size/);
});

test('the server is away for longer than rows may wait: the oldest are counted', async (t) => {
  await init(server);
  await server.kill();
  const settings = settingsFor(scratch(t), reach(server), { maxAgeUs: 3_000_000 });
  const { store } = await open(t, settings);
  await feed(store, 0, 500);
  await until('all but the first batch are too old', () => store.view.lost.age === 400);
  await feed(store, 500, 600);
  await server.start();
  await until('the others are exported', () => store.view.exported + store.view.lost.age === 600);
  const { age } = store.view.lost;
  assert.deepEqual(await numbers(), [...upTo(100), ...upTo(600).slice(100 + age)]);
  assert.equal(missing(store.view), 0);
});

test('the connection is cut before a COMMIT and behind it: each result is there once', async (t) => {
  await init(server);
  const proxy = await cuttingProxy(server.port);
  t.after(() => proxy.close());
  // The proxy reads what is said, so there is no TLS.
  const postgres = reach(server, { port: proxy.port, tls: 'off' });
  const { store } = await open(t, settingsFor(scratch(t), postgres));
  let n = 0;
  for (const when of ['after', 'before', 'after'] as const) {
    const cuts = proxy.cuts;
    proxy.cut(when, 2);
    for (let i = 0; i < 250; i++) store.result(probe(n++));
    await until('it was cut twice', () => proxy.cuts === cuts + 2);
    const there = await numbers();
    // What is unknown to the agent is in the database all the same.
    if (when === 'after') assert.ok(there.length > store.view.exported, `${there.length}`);
    await until('all are exported', () => store.view.exported === n);
    assert.deepEqual(await numbers(), upTo(n));
    assert.equal(missing(store.view), 0);
  }
  assert.equal(proxy.cuts, 6);
});

test('locked rows and tables are waited for, a moment at a time', async (t) => {
  await init(server);
  const { store, notices } = await open(t, settingsFor(scratch(t), reach(server)));
  const other = await server.connect();
  t.after(() => other.end());
  await other.query('BEGIN; LOCK TABLE unitwatch.results IN ACCESS EXCLUSIVE MODE');
  for (let n = 0; n < 300; n++) store.result(probe(n));
  await until('it says so', () => store.view.postgresUp === false);
  assert.match(notices[0]?.message ?? '', /somebody has locked the table/);
  assert.equal(store.view.exported, 0);
  await other.query('COMMIT');
  await until('all are exported', () => store.view.exported === 300);
});

test('a row that somebody else is inserting is waited for, and stored once', async (t) => {
  await init(server);
  const folder = scratch(t);
  const before = await open(t, settingsFor(folder, undefined));
  for (let n = 0; n < 30; n++) before.store.result(probe(n));
  await before.store.stop(10_000);
  const local = await openSqlite(before.path, { readOnly: true });
  const [row] = local.rows('SELECT body FROM rows WHERE seq = 20');
  local.close();
  const other = await server.connect();
  t.after(() => other.end());
  const insert = `INSERT INTO unitwatch.results
    SELECT * FROM jsonb_populate_record(NULL::unitwatch.results, $1::jsonb || '{"outage":false}')`;
  for (const ending of ['ROLLBACK', 'COMMIT']) {
    await server.sql('DELETE FROM unitwatch.results');
    await other.query('BEGIN');
    await other.query(insert, [row?.['body']]);
    const { store, notices } = await open(t, settingsFor(folder, reach(server)));
    for (let n = 30; n < 40 && ending === 'COMMIT'; n++) store.result(probe(n));
    if (ending === 'ROLLBACK') {
      await until('it says so', () => store.view.postgresUp === false);
      assert.match(notices[0]?.message ?? '', /locked/);
    }
    await other.query(ending);
    await until('all are exported', () => store.view.waiting + store.view.queued === 0);
    const want = ending === 'ROLLBACK' ? upTo(30) : [19, ...upTo(40).slice(30)];
    assert.deepEqual(await numbers(), want);
    await store.stop(10_000);
  }
});

test('a row that PostgreSQL refuses is set aside, and holds nobody up', async (t) => {
  await init(server);
  await server.sql(`ALTER TABLE unitwatch.results ADD CONSTRAINT polite CHECK (name <> 'poison')`);
  const folder = scratch(t);
  const settings = settingsFor(folder, reach(server), { exportIntervalMs: 3_600_000 });
  const { store, notices } = await open(t, settings);
  for (let n = 0; n < 300; n++) {
    const nasty = { name: 'nul\0 and half \ud800', reason: '\u0000', address: '\udfff' };
    store.result(probe(n, n % 100 === 50 ? { name: 'poison' } : n % 100 === 51 ? nasty : {}));
  }
  store.result(probe(300, { attempts: Number.NaN, redirects: -0 }));
  store.result(probe(301, { address: 'ä'.repeat(100_000) }));
  store.result(probe(302, { name: 'n'.repeat(100_000), reason: 'r'.repeat(100_000) }));
  store.result(probe(303, { timeUs: Number.NaN, durationSeconds: Number.NaN, status: 1e9 }));
  assert.ok(await store.flush(10_000));
  // What no store of ours writes, but a bad disk or a person might.
  const other = await openSqlite(settings.local.path);
  other.change(`UPDATE rows SET body = '{"broken' WHERE seq = 7`);
  other.change(`UPDATE rows SET body = '{"id":"no uuid"}' WHERE seq = 8`);
  other.change(`UPDATE rows SET body = replace(body, 'service', 'ser\\u0000vice') WHERE seq = 9`);
  other.close();
  await store.stop(10_000);
  const again = await open(t, settingsFor(folder, reach(server)));
  await until('nothing waits', () => again.store.view.waiting === 0);
  assert.equal(again.store.view.lost.rejected, 6);
  assert.equal(again.store.view.exported, 298);
  assert.equal(missing(again.store.view), 0);
  assert.match(again.notices[0]?.message ?? '', /lost: \d+ because PostgreSQL refuses them/);
  const [sum] = await server.sql('SELECT count(*)::int AS rows FROM unitwatch.results');
  assert.equal(sum?.['rows'], 298);
  const [clean] = await server.sql(
    `SELECT name, reason, details FROM unitwatch.results WHERE name LIKE 'nul%' LIMIT 1`,
  );
  assert.equal(clean?.['name'], 'nul\ufffd and half \ufffd');
  const local = await openSqlite(settings.local.path, { readOnly: true });
  t.after(() => local.close());
  const reasons = local.rows('SELECT reason FROM rejected ORDER BY seq').map((r) => r['reason']);
  assert.equal(reasons.length, 6);
  assert.ok(reasons.some((reason) => String(reason).includes('polite')));
  assert.deepEqual(notices, []);
});

test('what the user has to mend is said once, in a sentence; nothing is lost meanwhile', async (t) => {
  const wrong = reach(server, { password: 'wrong' });
  for (const [postgres, want] of [
    [wrong, /the user or the password is wrong: check store\.postgres\.user and \.password/],
    [reach(server, { password: '' }), /asks for a password: set store\.postgres\.password/],
    [reach(server, { database: 'nowhere' }), /there is no such database/],
    [reach(server), /a table is missing|no schema unitwatch/],
    [reach(server, { port: 1 }), /cannot be used: .*ECONNREFUSED/],
    [reach(server, { tls: 'verify' }), /certificate.*check store\.postgres\.tls/],
  ] as const) {
    const { store, notices } = await open(t, settingsFor(scratch(t), postgres));
    store.result(probe(1));
    await until('it is told', () => notices.length > 0);
    assert.match(notices[0]?.message ?? '', want);
    assert.doesNotMatch(notices[0]?.message ?? '', /wrong'|p'a s/);
    await sleep(300);
    assert.equal(notices.length, 1);
    assert.equal(store.view.waiting, 1);
    await store.stop(10_000);
  }
});

test('rows wait over lives of the agent, and events come with them', async (t) => {
  const folder = scratch(t);
  for (let life = 0; life < 3; life++) {
    const { store } = await open(t, settingsFor(folder, undefined));
    assert.equal(store.view.carried, life * 11);
    for (let n = 0; n < 10; n++) store.result(probe(life * 10 + n));
    store.event({
      ...{ seq: life + 1, time: '2026-05-04T03:02:01.000001Z', host: 'web-1' },
      ...{ event_type: 'check', service: 'shop', severity: 'error', message: 'It is down\0.' },
      data: { kind: 'http', state: 'down' },
    });
    await store.stop(10_000);
    store.result(probe(99));
    assert.equal(store.view.lost.closed, 1, 'what comes after the end is counted');
  }
  await init(server);
  const { store } = await open(t, settingsFor(folder, reach(server)));
  await until('all are exported', () => store.view.exported === 33);
  assert.deepEqual(await numbers(), upTo(30));
  const events = await server.sql(
    `SELECT seq::int, to_char(time AT TIME ZONE 'UTC', 'HH24:MI:SS.US') AS time, service, message,
      event #>> '{data,state}' AS state FROM unitwatch.events ORDER BY seq`,
  );
  assert.deepEqual(
    events,
    [1, 2, 3].map((seq) => ({
      ...{ seq, time: '03:02:01.000001', service: 'shop', message: 'It is down\ufffd.' },
      state: 'down',
    })),
  );
});

test('only what is to be kept is kept', async (t) => {
  const { store } = await open(t, settingsFor(scratch(t), undefined, { keep: 'events' }));
  store.result(probe(1));
  assert.deepEqual(store.view.accepted, { result: 0, event: 0 });
});
