import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type PostgresServer, postgresServer } from '../postgres.ts';
import { init } from './store-bed.ts';

let server: PostgresServer;
before(async () => {
  server = await postgresServer('jit=off');
});
after(() => server.close());

type Values = readonly unknown[];

async function values(sql: string): Promise<Values[]> {
  return (await server.sql(sql)).map((row) => Object.values(row));
}

/** `name@host time state`: what a probe found; `~` in a planned outage, `?` of another kind. */
const scenario = `
  shop@a 2026-03-01T23:40Z up 0.10
  shop@a 2026-03-01T23:50Z refused 0.20
  shop@a 2026-03-02T00:10Z timeout 0.30
  shop@a 2026-03-02T00:00Z refused 0.20
  shop@a 2026-03-02T00:20Z up 0.40
  shop@a 2026-03-02T12:00Z ~refused 0.10
  shop@a 2026-03-02T12:10Z ~up 0.10
  shop@a 2026-03-04T08:00Z refused 0.10
  shop@a 2026-03-05T08:00Z up 0.10
  shop@a 2026-03-05T08:05Z reset 0.10
  shop@b 2026-03-02T00:05Z up 0.10
  shop@b 2026-03-05T09:00Z refused 0.10
  mail@a 2026-03-01T10:00Z timeout 5.00
  mail@a 2026-03-01T10:05Z timeout 5.00
  shop?@a 2026-03-01T23:45Z up 0.10
`;

/** Rows in the order given, with keys in that order. */
async function store(text: string): Promise<void> {
  for (const [n, line] of text.trim().split('\n').entries()) {
    const [, name, other, host, time, planned, state, lasted] =
      /(\w+)(\??)@(\w) (\S+) (~?)(\w+) (\S+)/.exec(line) ?? [];
    await server.sql('INSERT INTO unitwatch.results VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [
      `00000000-0000-7000-8000-${`${n}`.padStart(12, '0')}`,
      ...[time, host, name, other ? 'tcp' : 'http', state === 'up', state === 'up' ? '' : state],
      lasted,
    ]);
    if (planned)
      await server.sql(`UPDATE unitwatch.results SET outage = true WHERE time = $1`, [time]);
  }
}

for (const partition of ['none', 'day', 'month'] as const) {
  test(`availability and incidents of a known week, partitions: ${partition}`, async () => {
    await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
    await init(server, partition);
    if (partition === 'day') {
      await server.sql(`CREATE TABLE unitwatch.results_20260302 PARTITION OF unitwatch.results
        FOR VALUES FROM ('2026-03-02 00:00+00') TO ('2026-03-03 00:00+00')`);
    }
    await store(scenario);
    const days = await values(
      `SELECT day::text, name, host, kind, probes::int, up::int, in_outage::int, percent
        FROM unitwatch.availability_by_day ORDER BY 1, 2, 3, 4`,
    );
    assert.deepEqual(days, [
      ['2026-03-01', 'mail', 'a', 'http', 2, 0, 0, '0.000'],
      ['2026-03-01', 'shop', 'a', 'http', 2, 1, 0, '50.000'],
      ['2026-03-01', 'shop', 'a', 'tcp', 1, 1, 0, '100.000'],
      // 00:00 and 00:10 down, 00:20 up; the two at noon are planned.
      ['2026-03-02', 'shop', 'a', 'http', 5, 2, 2, '33.333'],
      ['2026-03-02', 'shop', 'b', 'http', 1, 1, 0, '100.000'],
      // Nobody looked on the third.
      ['2026-03-04', 'shop', 'a', 'http', 1, 0, 0, '0.000'],
      ['2026-03-05', 'shop', 'a', 'http', 2, 1, 0, '50.000'],
      ['2026-03-05', 'shop', 'b', 'http', 1, 0, 0, '0.000'],
    ]);
    const some = await values(
      `SELECT count(*)::int FROM unitwatch.availability_by_day WHERE day > '2026-03-02'`,
    );
    assert.deepEqual(some, [[3]]);
    const incidents = await values(
      `SELECT name, host, to_char(since AT TIME ZONE 'UTC', 'DD HH24:MI') AS since,
        to_char("until" AT TIME ZONE 'UTC', 'DD HH24:MI') AS until, lasted::text, reason, outage
        FROM unitwatch.incidents AS i ORDER BY i.since, name`,
    );
    assert.deepEqual(incidents, [
      // It never was up, as far as is known.
      ['mail', 'a', '01 10:00', null, null, 'timeout', false],
      // Over midnight, though two rows of it came in the wrong order.
      ['shop', 'a', '01 23:50', '02 00:20', '00:30:00', 'refused', false],
      ['shop', 'a', '02 12:00', '02 12:10', '00:10:00', 'refused', true],
      ['shop', 'a', '04 08:00', '05 08:00', '1 day', 'refused', false],
      ['shop', 'a', '05 08:05', null, null, 'reset', false],
      ['shop', 'b', '05 09:00', null, null, 'refused', false],
    ]);
  });
}

test('the slowest of the last day: what is older, or down, does not count', async () => {
  await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
  await init(server, 'day');
  await server.sql(
    `INSERT INTO unitwatch.results (id, time, host, name, kind, up, reason, duration_s)
      SELECT gen_random_uuid(), now() - n * interval '1 minute', 'a', 'shop', 'http', true, '', n
        FROM generate_series(1, 100) AS n
      UNION ALL SELECT gen_random_uuid(), now() - interval '25 hours', 'a', 'shop', 'http', true, '', 999
      UNION ALL SELECT gen_random_uuid(), now(), 'a', 'shop', 'http', false, 'timeout', 999`,
  );
  const rows = await values(
    'SELECT name, probes::int, median_s, p99_s, max_s FROM unitwatch.slowest',
  );
  // Of 1 to 100: half way between 50 and 51, and 99 + 0.01.
  assert.deepEqual(rows, [['shop', 100, 50.5, 99.01, 100]]);
});

/** What of the tables had rows that were really read. */
interface Touched {
  /** Scans of whole tables. */
  readonly whole: readonly string[];
  readonly indexed: readonly string[];
  readonly rows: number;
  readonly ms: number;
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Loops': number;
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

function rowsRead(node: Plan): number {
  return node['Actual Loops'] * (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
}

async function touched(sql: string): Promise<Touched> {
  const [row] = await server.sql(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sql}`);
  const said: unknown = row?.['QUERY PLAN'];
  const [{ Plan: plan, 'Execution Time': ms }]: [{ Plan: Plan; 'Execution Time': number }] =
    JSON.parse(JSON.stringify(said));
  const nodes: Plan[] = [];
  const walk = (node: Plan): void => {
    if (rowsRead(node) > 0) nodes.push(node);
    node.Plans?.forEach(walk);
  };
  walk(plan);
  const names = (wanted: readonly string[]): string[] => [
    ...new Set(
      nodes
        .filter((node) => wanted.includes(node['Node Type']))
        .map((node) => node['Relation Name'] ?? node['Index Name'] ?? ''),
    ),
  ];
  const rows = nodes
    .filter((node) => node['Relation Name'] !== undefined)
    .reduce((sum, node) => sum + rowsRead(node), 0);
  const indexed = names(['Index Scan', 'Index Only Scan', 'Bitmap Index Scan']);
  return { whole: names(['Seq Scan']), indexed, rows, ms };
}

test('at a million rows every question is answered by indexes, and by the partitions it is about', async (t) => {
  for (const partition of ['none', 'day'] as const) {
    await server.sql('DROP SCHEMA IF EXISTS unitwatch CASCADE');
    await init(server, partition);
    if (partition === 'day') {
      await server.sql(`DO $$ BEGIN FOR n IN 1..20 LOOP
        EXECUTE format('CREATE TABLE unitwatch.results_%s PARTITION OF unitwatch.results FOR VALUES FROM (%L) TO (%L)',
          to_char(date_trunc('day', now() AT TIME ZONE 'UTC') - n * interval '1 day', 'YYYYMMDD'),
          (date_trunc('day', now() AT TIME ZONE 'UTC') - n * interval '1 day') AT TIME ZONE 'UTC',
          (date_trunc('day', now() AT TIME ZONE 'UTC') - (n - 1) * interval '1 day') AT TIME ZONE 'UTC');
        END LOOP; END $$`);
    }
    // 50 endpoints for 20 days: each is down for some minutes, twice or so.
    await server.sql(
      `INSERT INTO unitwatch.results (id, time, host, name, kind, up, reason, duration_s)
        SELECT gen_random_uuid(), now() - n * interval '1.728 s', 'a', 'endpoint-' || n % 50, 'http',
          (n / 50 + n % 50 * 331) % 9000 > 40, '', random()
        FROM generate_series(1, 1000000) AS n`,
    );
    await server.sql('VACUUM ANALYZE unitwatch.results');
    const figures: string[] = [];
    for (const [what, sql] of Object.entries({
      day: 'SELECT * FROM unitwatch.availability_by_day WHERE day >= current_date - 1',
      newest: 'SELECT * FROM unitwatch.incidents WHERE NOT outage ORDER BY since DESC LIMIT 20',
      since: `SELECT * FROM unitwatch.incidents WHERE since > now() - interval '1 day'`,
      slowest: 'SELECT * FROM unitwatch.slowest ORDER BY p99_s DESC LIMIT 10',
    })) {
      const { whole, indexed, rows, ms } = await touched(sql);
      figures.push(`${what} ${rows} rows, ${ms.toFixed(0)} ms`);
      const partitions = whole.filter((name) => name !== 'days');
      if (partition === 'none') assert.deepEqual(partitions, [], what);
      // The whole of a partition is read where all of it is wanted: of two or three days of twenty.
      assert.ok(partitions.length <= 3, `${what}: ${partitions}`);
      assert.ok(rows < 200_000, `${what} has read ${rows} rows`);
      assert.ok(indexed.length > 0 || partitions.length > 0, what);
    }
    t.diagnostic(`${partition}: ${figures.join(', ')}`);
  }
});
