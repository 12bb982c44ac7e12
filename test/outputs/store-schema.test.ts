import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Postgres } from '../../src/outputs/store/postgres.ts';
import { type PostgresServer, postgresServer } from '../postgres.ts';
import { init, open, probe, reach, scratch, settingsFor, until } from './store-bed.ts';

let server: PostgresServer;
before(async () => {
  server = await postgresServer();
});
after(() => server.close());
beforeEach(async () => {
  await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
});

test('many that create the schema at once make it once; again it changes nothing', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => init(server, 'day')));
  assert.deepEqual(all.map(({ from }) => from).sort(), [0, 2, 2, 2, 2, 2]);
  assert.equal(
    all.reduce((sum, { partitions }) => sum + partitions.length, 0),
    10,
  );
  const again = { from: 2, to: 2, partitioned: 'day', partitions: [] };
  assert.deepEqual(await init(server, 'none'), again);
});

test('a schema of a later version is left alone', async () => {
  await init(server);
  await server.sql('INSERT INTO unitwatch.migrations (version) VALUES (1000)');
  await assert.rejects(init(server), /has version 1000, .*: use a newer unitwatch/);
});

test('partitioned tables take rows of any time, and get the partitions that are missing', async (t) => {
  await init(server, 'month');
  const { store } = await open(t, settingsFor(scratch(t), reach(server)));
  const years = [1971, 1999, 2026, 2200];
  for (const [n, year] of years.entries()) store.result(probe(n, { timeUs: Date.UTC(year) * 1e3 }));
  store.result(probe(9, { timeUs: Date.now() * 1_000 }));
  await until('all are exported', () => store.view.exported === 5);
  const rows = await server.sql(
    `SELECT tableoid::regclass::text AS partition, count(*)::int AS rows
      FROM unitwatch.results GROUP BY 1 ORDER BY 1`,
  );
  assert.equal(rows.length, 2);
  assert.ok(rows.some(({ partition }) => partition === 'unitwatch.results_rest'));
  // A timer that comes too late: rows of its period lie in the rest, and stay there.
  const [current] = rows.filter(({ partition }) => partition !== 'unitwatch.results_rest');
  await server.sql(`ALTER TABLE unitwatch.results DETACH PARTITION ${current?.['partition']}`);
  await server.sql(`DROP TABLE ${current?.['partition']}`);
  store.result(probe(10, { timeUs: Date.now() * 1_000 }));
  await until('it is exported', () => store.view.exported === 6);
  assert.deepEqual((await init(server)).partitions, []);
});

test('the role of the agent may insert and read, and nothing else', async (t) => {
  await server.sql(`DO $$ BEGIN CREATE ROLE "agent ""1" LOGIN PASSWORD 'secret'; END $$`);
  const role = reach(server, { user: 'agent "1', password: 'secret' });
  await init(server);
  const { store, notices } = await open(t, settingsFor(scratch(t), role));
  store.result(probe(1));
  await until('it is told', () => notices.length > 0);
  assert.match(notices[0]?.message ?? '', /may not do that: run unitwatch store init --grant/);
  await store.stop(10_000);
  await init(server, 'none', 'agent "1');
  const granted = await open(t, settingsFor(scratch(t), role));
  granted.store.result(probe(1));
  await until('it is exported', () => granted.store.view.exported === 1);
  const postgres = new Postgres(role);
  t.after(() => postgres.close());
  for (const sql of ['DELETE FROM unitwatch.results', 'DROP TABLE unitwatch.events']) {
    await assert.rejects(
      postgres.transaction((on) => on.query(sql)),
      /may not do that/,
    );
  }
});

test('TLS: checked against the authority and the name that were given', async () => {
  const ca = readFileSync(server.ca, 'utf8');
  const other = readFileSync(server.otherCa, 'utf8');
  const isEncrypted = async (more: Parameters<typeof reach>[1]): Promise<unknown> => {
    const postgres = new Postgres(reach(server, more));
    try {
      const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      return (await postgres.transaction((on) => on.query(sql)))[0]?.['ssl'];
    } finally {
      await postgres.close();
    }
  };
  assert.equal(await isEncrypted({ tls: 'off' }), false);
  assert.equal(await isEncrypted({ tls: 'preferred' }), true);
  assert.equal(await isEncrypted({ tls: 'required' }), true);
  assert.equal(await isEncrypted({ tls: 'verify', ca, host: 'localhost' }), true);
  await assert.rejects(isEncrypted({ tls: 'verify', ca: other, host: 'localhost' }), /certificate/);
  await assert.rejects(isEncrypted({ tls: 'verify', ca }), /check store\.postgres\.tls/);
  const socket = { host: server.socket, user: 'postgres' };
  assert.equal(await isEncrypted({ ...socket, tls: 'preferred' }), false);
  await assert.rejects(isEncrypted({ ...socket, tls: 'required' }), /does not support SSL/);
});

test('every query of docs/store.md answers its question', async (t) => {
  await init(server);
  const { store } = await open(t, settingsFor(scratch(t), reach(server)));
  const nowUs = Date.now() * 1_000;
  // Up, down for two probes, up; then down in a planned outage; another one is slow and always up.
  const states = [true, false, false, true, true, false];
  for (const [n, up] of states.entries()) {
    store.result(
      probe(n, {
        ...{ name: 'shop', up, timeUs: nowUs - (600 - n * 60) * 1e6, durationSeconds: 0.02 },
        ...{ reason: up ? '' : 'refused', outage: n === 5, phaseSeconds: { connect: 0.005 } },
      }),
    );
    store.result(
      probe(n, { name: 'slow', up: true, timeUs: nowUs - n * 1e6, durationSeconds: n + 1 }),
    );
  }
  store.event({
    ...{ seq: 1, time: new Date().toISOString().replace('Z', '000Z'), host: 'web-1' },
    ...{ event_type: 'check', service: 'shop', severity: 'error', message: 'shop is down.' },
    data: { kind: 'http', state: 'down' },
  });
  await until('all are exported', () => store.view.exported === 13);
  const queries = [...documented().matchAll(/```sql\n([^`]+)```/g)].map(([, sql = '']) => sql);
  assert.equal(queries.length, 5);
  const [days, incidents, slowest, phases, events] = await Promise.all(
    queries.map((sql) => server.sql(sql)),
  );
  const shop = days?.filter(({ name }) => name === 'shop') ?? [];
  assert.equal(
    shop.reduce((sum, { probes }) => sum + Number(probes), 0),
    6,
  );
  if (shop.length === 1) assert.equal(shop[0]?.['percent'], '60.000', 'three of five');
  assert.equal(incidents?.length, 1);
  assert.equal(incidents[0]?.['reason'], 'refused');
  const { since, until: over } = incidents[0] ?? {};
  assert.ok(since instanceof Date && over instanceof Date);
  assert.equal(over.getTime() - since.getTime(), 120_000);
  assert.deepEqual(
    slowest?.map(({ name, median_s, max_s }) => [name, median_s, max_s]),
    [
      ['slow', 3.5, 6],
      ['shop', 0.02, 0.02],
    ],
  );
  assert.deepEqual(phases, [{ name: 'shop', phase: 'connect', mean_s: 0.005 }]);
  assert.deepEqual(
    events?.map(({ service, message }) => [service, message]),
    [['shop', 'shop is down.']],
  );
});

function documented(): string {
  return readFileSync(new URL('../../../docs/store.md', import.meta.url), 'utf8');
}

const command = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));

async function unitwatch(t: TestContext, yaml: string, ...argv: string[]) {
  const file = join(scratch(t), 'unitwatch.yaml');
  writeFileSync(file, yaml, { mode: 0o600 });
  const child = spawn(process.execPath, [command, 'store', ...argv, '--config', file]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
  const [status] = await once(child, 'close');
  return { status, said };
}

test('the command: init, status, export-once, beside an agent and without one', async (t) => {
  const folder = scratch(t);
  const password = encodeURIComponent(server.password);
  const url = `postgres://${server.user}:${password}@127.0.0.1:${server.port}/${server.database}`;
  const path = join(folder, 'store.db');
  const yaml = `store:\n  path: ${path}\n  postgres:\n    url: "${url}"\n`;
  const none = await unitwatch(t, yaml, 'status');
  assert.equal(none.status, 1);
  assert.match(
    none.said,
    /There is no local database at .*\n.*schema version 0: run unitwatch store init/s,
  );
  const made = await unitwatch(t, yaml, 'init', '--partition', 'day', '--grant', server.user);
  assert.deepEqual([made.status, made.said.includes('new partitions: 10')], [0, true], made.said);
  assert.match((await unitwatch(t, yaml, 'init')).said, /is up to date \(version 2\)/);
  const otherwise = await unitwatch(t, yaml, 'init', '--partition', 'month');
  assert.match(otherwise.said, /The tables were made by day and stay so/);
  assert.equal(otherwise.status, 1);
  const early = await unitwatch(t, yaml, 'export-once');
  assert.match(early.said, /There is no local database at/);
  assert.deepEqual([early.status, existsSync(path)], [1, false]);

  const { store } = await open(t, settingsFor(folder, undefined));
  for (let n = 0; n < 1_234; n++) store.result(probe(n));
  assert.ok(await store.flush(30_000));
  const beside = await unitwatch(t, yaml, 'status', '--json');
  assert.equal(beside.status, 0, beside.said);
  assert.equal(JSON.parse(beside.said).local.waiting, 1_234);
  const refused = await unitwatch(t, yaml, 'export-once');
  assert.equal(refused.status, 1);
  assert.match(refused.said, /is in use by another agent \(process \d+\)/);
  await store.stop(10_000);
  const moved = await unitwatch(t, yaml, 'export-once');
  assert.deepEqual([moved.status, moved.said], [0, '1234 rows were moved.\n']);
  const [sum] = await server.sql('SELECT count(*)::int AS rows FROM unitwatch.results');
  assert.equal(sum?.['rows'], 1_234);
  const done = await unitwatch(t, yaml, 'status');
  await server.sql('DROP SCHEMA unitwatch CASCADE');
  const dropped = await unitwatch(t, yaml, 'status');
  assert.match(dropped.said, /schema version 0: run unitwatch store init/);
  assert.deepEqual([done.status, dropped.status], [0, 1]);
  assert.match(done.said, /waiting {3}0\nwritten {3}1234\nexported {2}1234\n/);
  assert.ok(!done.said.includes(password));

  for (const [argv, want] of [
    [[], /init, status or export-once\? \(got none\)/],
    [['init', '--partition', 'year'], /--partition is none, day or month/],
    [['status', '--grant', 'x'], /belong to init/],
    [['init', 'more'], /Unexpected argument 'more'/],
  ] as const) {
    const { status, said } = await unitwatch(t, yaml, ...argv);
    assert.deepEqual([status, want.test(said)], [2, true], said);
  }
  const without = await unitwatch(t, `store:\n  path: ${path}\n`, 'export-once');
  assert.deepEqual([without.status, /No PostgreSQL is configured/.test(without.said)], [2, true]);
});
