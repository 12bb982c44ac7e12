import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { StoreError } from '../../src/outputs/store/contract.ts';
import { migrations } from '../../src/outputs/store/migrations.ts';
import { Partitions } from '../../src/outputs/store/partitions.ts';
import { Postgres } from '../../src/outputs/store/postgres.ts';
import { type PostgresServer, postgresServer } from '../postgres.ts';
import { init, open, probe, reach, scratch, settingsFor, until } from './store-bed.ts';

const hourUs = 3_600_000_000;

let server: PostgresServer;
before(async () => {
  server = await postgresServer();
  await server.sql(`CREATE ROLE agent LOGIN PASSWORD 'secret'`);
});
after(() => server.close());
beforeEach(async () => {
  await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
});

const asAgent = () => reach(server, { user: 'agent', password: 'secret' });

/** Partitions of results, in order. */
async function partitions(): Promise<string[]> {
  const rows = await server.sql(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits
      WHERE inhparent = 'unitwatch.results'::regclass ORDER BY 1`,
  );
  return rows.map(({ name }) => String(name).replace('unitwatch.', ''));
}

/** Name of the partition so many days from today. */
async function day(ahead: number): Promise<string> {
  const sql = `SELECT 'results_' || to_char((now() AT TIME ZONE 'UTC')::date + $1::int, 'YYYYMMDD') AS name`;
  const [row] = await server.sql(sql, [ahead]);
  return String(row?.['name']);
}

test('the agent has the next partitions made in time, with no right but that', async (t) => {
  await init(server, 'day', 'agent');
  const all = await partitions();
  assert.deepEqual(all, [await day(0), await day(1), await day(2), await day(3), 'results_rest']);
  // As if `store init` had been run for the last time three days ago.
  for (const ahead of [1, 2, 3]) {
    for (const table of ['results', 'events']) {
      await server.sql(`DROP TABLE unitwatch.${(await day(ahead)).replace('results', table)}`);
    }
  }
  const { store, notices } = await open(t, settingsFor(scratch(t), asAgent()));
  store.result(probe(1, { timeUs: Date.now() * 1_000 }));
  await until('it is exported', () => store.view.exported === 1);
  await until('they are there', async () => (await partitions()).length === 5);
  assert.deepEqual(await partitions(), all);
  assert.deepEqual(notices, []);
  const [row] = await server.sql('SELECT tableoid::regclass::text AS at FROM unitwatch.results');
  assert.equal(row?.['at'], `unitwatch.${await day(0)}`);
  const postgres = new Postgres(asAgent());
  t.after(() => postgres.close());
  for (const sql of [
    `CREATE TABLE unitwatch.own (n int)`,
    `SELECT unitwatch.drop_older('0 s')`,
    `DROP TABLE unitwatch.${await day(3)}`,
  ]) {
    await assert.rejects(
      postgres.transaction((on) => on.query(sql)),
      /may not do that/,
      sql,
    );
  }
});

test('an agent that may not make them says so once; rows go to the rest meanwhile', async (t) => {
  await init(server, 'day', 'agent');
  await server.sql('REVOKE ALL ON FUNCTION unitwatch.make_partitions(integer) FROM agent');
  const { store, notices } = await open(t, settingsFor(scratch(t), asAgent()));
  const inTenDays = (Date.now() + 10 * 86_400_000) * 1_000;
  for (let n = 0; n < 5; n++) {
    store.result(probe(n, { timeUs: inTenDays + n }));
    await until('it is exported', () => store.view.exported === n + 1);
  }
  assert.equal(notices.length, 1);
  assert.match(
    notices[0]?.message ?? '',
    /^Store: The next partitions cannot be made; rows go to results_rest and events_rest meanwhile\. PostgreSQL: this user may not do that: run unitwatch store init --grant USER/,
  );
  assert.equal(notices[0]?.phase, 'trouble');
  const [row] = await server.sql('SELECT count(*)::int AS rows FROM unitwatch.results_rest');
  assert.equal(row?.['rows'], 5);
});

test("where a trigger of the database's owner forbids them, it is told in his words, and tried again", async (t) => {
  await init(server, 'day');
  await server.sql(`DROP TABLE unitwatch.${await day(3)}`);
  await server.sql(
    `CREATE FUNCTION public.no_tables() RETURNS event_trigger LANGUAGE plpgsql
      AS 'BEGIN RAISE EXCEPTION ''no tables on Fridays''; END';
    CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
      EXECUTE FUNCTION public.no_tables()`,
  );
  const allow = async () => server.sql('DROP FUNCTION IF EXISTS public.no_tables() CASCADE');
  t.after(allow);
  const { store, notices } = await open(t, settingsFor(scratch(t), reach(server)));
  for (let n = 0; n < 2; n++) {
    store.result(probe(n, { timeUs: Date.now() * 1_000 }));
    await until('it is exported', () => store.view.exported === n + 1);
  }
  await until('it is told', () => notices.length > 0);
  const told =
    /^Store: The next partitions cannot be made; .* PostgreSQL refuses it: no tables on Fri/;
  assert.match(notices[0]?.message ?? '', told);
  const refused = { name: 'Error', kind: 'refused', message: /^PostgreSQL refuses it: no tables/ };
  await assert.rejects(init(server), refused);

  const postgres = new Postgres(reach(server));
  t.after(() => postgres.close());
  const tried: (StoreError | undefined)[] = [];
  let nowUs = 1;
  const keeper = new Partitions({
    ...{ postgres, clock: { monotonicUs: () => nowUs } },
    onTried: (error) => tried.push(error),
  });
  await keeper.keep();
  await allow();
  nowUs += hourUs / 6;
  await keeper.keep();
  assert.deepEqual(
    [tried[0]?.kind, tried[1], (await partitions()).length],
    ['refused', undefined, 5],
  );
});

test('it is tried again: each hour, and sooner where somebody has locked a table', async (t) => {
  await init(server, 'day', 'agent');
  const postgres = new Postgres(asAgent());
  t.after(() => postgres.close());
  let nowUs = 1;
  const tried: (StoreError | undefined)[] = [];
  const keeper = new Partitions({
    ...{ postgres, clock: { monotonicUs: () => nowUs } },
    onTried: (error) => tried.push(error),
  });
  const drop = async () => server.sql(`DROP TABLE unitwatch.${await day(3)}`);
  await keeper.keep();
  await drop();
  nowUs += hourUs - 1;
  await keeper.keep();
  assert.deepEqual([tried, (await partitions()).length], [[undefined], 4]);
  nowUs += 1;
  await keeper.keep();
  assert.deepEqual([tried, (await partitions()).length], [[undefined, undefined], 5]);

  await drop();
  const other = await server.connect();
  t.after(() => other.end());
  await other.query('BEGIN; LOCK TABLE unitwatch.results IN ACCESS SHARE MODE');
  nowUs += hourUs;
  for (const told of [2, 2, 3]) {
    await keeper.keep();
    assert.equal(tried.length, told, 'told when it does not pass');
    nowUs += hourUs / 6;
  }
  assert.match(tried.at(-1)?.message ?? '', /somebody has locked the table/);
  await other.query('COMMIT');
  await keeper.keep();
  assert.deepEqual([tried.at(-1), (await partitions()).length], [undefined, 5]);
});

test('a clock that is set back by months holds up neither partitions nor what is told of losses', async (t) => {
  await init(server, 'day');
  await server.sql(`ALTER TABLE unitwatch.results ADD CHECK (name <> 'bad')`);
  let backUs = 0;
  let onUs = 0;
  const { store, notices } = await open(t, settingsFor(scratch(t), reach(server)), {
    realtimeUs: () => Date.now() * 1_000 - backUs,
    monotonicUs: () => performance.now() * 1_000 + onUs,
  });
  const losses = () => notices.filter(({ phase }) => phase === 'lost').length;
  const timeUs = Date.now() * 1_000;
  store.result(probe(1, { timeUs, name: 'bad' }));
  await until('a loss is told', () => losses() === 1);
  store.result(probe(2, { timeUs }));
  await until('it is exported', () => store.view.exported === 1);
  await server.sql(`DROP TABLE unitwatch.${await day(3)}`);
  backUs = 2_000 * hourUs;
  onUs = hourUs + 1;
  store.result(probe(3, { timeUs, name: 'bad' }));
  await until('the next loss is told', () => losses() === 2);
  await until('the partition is there', async () => (await partitions()).length === 5);
  assert.ok((store.view.lastExportUs ?? 0) < timeUs - hourUs, 'by the clock on the wall');
});

test('a schema of version 1 takes rows, and is brought up to date', async (t) => {
  await server.sql(
    `CREATE SCHEMA unitwatch AUTHORIZATION ${server.user}; SET ROLE ${server.user};
    CREATE TABLE unitwatch.migrations (version integer PRIMARY KEY, applied timestamptz DEFAULT now());
    CREATE TABLE unitwatch.partitioning (period text NOT NULL);
    INSERT INTO unitwatch.migrations VALUES (1); INSERT INTO unitwatch.partitioning VALUES ('month');
    ${migrations[0]?.replaceAll('{{PARTITION}}', 'PARTITION BY RANGE (time)')};
    CREATE TABLE unitwatch.results_rest PARTITION OF unitwatch.results DEFAULT`,
  );
  const { store, notices } = await open(t, settingsFor(scratch(t), reach(server)));
  store.result(probe(1, { up: false, reason: 'refused' }));
  await until('it is exported', () => store.view.exported === 1);
  await until('it is told', () => notices.length > 0);
  assert.match(notices[0]?.message ?? '', /a function is missing: run unitwatch store init\.$/);
  const { from, to, partitions: made } = await init(server);
  assert.deepEqual([from, to, made.length], [1, migrations.length, 9]);
  const [incident] = await server.sql('SELECT reason, "until" FROM unitwatch.incidents');
  assert.deepEqual(incident, { reason: 'refused', until: null });
});

test('what is older goes: whole partitions, and the rows that have none', async () => {
  for (const how of ['day', 'month', 'none'] as const) {
    await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
    await init(server, how);
    if (how !== 'none') {
      await server.sql(
        `CREATE TABLE unitwatch.results_${how === 'day' ? '20260101' : '202601'} PARTITION OF
          unitwatch.results FOR VALUES FROM ('2026-01-01+00') TO ('2026-0${how === 'day' ? '1-02' : '2-01'}+00')`,
      );
    }
    await server.sql(
      `INSERT INTO unitwatch.results (id, time, host, name, kind, up, reason, duration_s)
        SELECT gen_random_uuid(), time, '', '', '', true, '', 0 FROM unnest(ARRAY[
          '2025-05-05+00', '2026-01-01 12:00+00', now() - interval '1 hour', now()]::timestamptz[]) AS time`,
    );
    // A role with another idea of the day.
    await server.sql(`ALTER ROLE postgres SET timezone = 'Pacific/Auckland'`);
    const sql = `SELECT name FROM unitwatch.drop_older(interval '2 hours') AS name`;
    const dropped = (await server.sql(sql)).map(({ name }) => name);
    await server.sql('ALTER ROLE postgres RESET timezone');
    const want = { day: ['results_20260101'], month: ['results_202601'], none: [] }[how];
    assert.deepEqual(dropped, want);
    const [left] = await server.sql('SELECT count(*)::int AS rows FROM unitwatch.results');
    assert.equal(left?.['rows'], 2, how);
    assert.equal((await partitions()).length, how === 'none' ? 0 : 5);
  }
});
