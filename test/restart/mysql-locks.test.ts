import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Draft, EventData } from '../../src/model/event.ts';
import { type Done, SourceError } from '../../src/restart/contract.ts';
import { Engine } from '../../src/restart/engine.ts';
import { RepairRunner } from '../../src/restart/runner.ts';
import { mysqlSource } from '../../src/restart/sources/mysql.ts';
import type { TableSource } from '../../src/restart/sources/options.ts';
import { type MariaDb, mariaDb } from '../mariadb.ts';
import { Bench } from './engine-bench.ts';
import { until } from './settings.ts';
import { clock, ending, only } from './sourcing.ts';

/* Transactions of others that cross ours on the alarm rows of a real server, and rows that stay locked. */

/** As many as the source makes before it gives up for this time. */
const tries = 8;

let db: MariaDb;
const open: { close(): Promise<void> }[] = [];
const rivals: Connection[] = [];

before(async () => {
  db = await mariaDb();
  await db.sql(`CREATE USER agent IDENTIFIED BY 'right'; GRANT ALL ON monitor.* TO agent`);
});
after(async () => {
  for (const rival of rivals.splice(0)) rival.destroy();
  for (const one of open.splice(0)) await one.close();
  await db?.close();
});
beforeEach(async () => {
  // What a failed test has left must not lock the tables.
  for (const one of rivals.splice(0)) one.destroy();
  for (const one of open.splice(0)) await one.close();
  await db.tables();
  // Two rows of one name are one alarm: its ending locks both, the lower number first.
  for (const id of [1, 2]) {
    await db.sql('INSERT INTO PROCESE VALUES (?, ?)', [id, 'web']);
    await db.sql('INSERT INTO STATUS_PROCESS VALUES (?, 1, 0, NULL)', [id]);
  }
  await db.sql('CREATE OR REPLACE TABLE weight (n INT) ENGINE=InnoDB');
});

function source(query_timeout = 20_000): TableSource {
  const made = mysqlSource({
    ...{ host: '127.0.0.1', port: db.port, user: 'agent', database: db.database, tls: 'off' },
    ...{ connect_timeout: 20_000, query_timeout },
    password: { reveal: () => 'right' },
    clock,
    hostName: 'tester',
  });
  open.push(made);
  return made;
}

const lock = (id: number) => `SELECT * FROM STATUS_PROCESS WHERE process_id = ${id} FOR UPDATE`;

/** A transaction that has changed so much that InnoDB takes the other one for its victim. */
async function rival(): Promise<Connection> {
  const made = await createConnection({
    ...{ socketPath: db.socket, user: 'root', database: db.database },
  });
  rivals.push(made);
  await made.query('START TRANSACTION');
  await made.query('INSERT INTO weight SELECT seq FROM seq_1_to_2000');
  return made;
}

async function end(one: Connection): Promise<void> {
  await one.query('ROLLBACK');
  one.destroy();
}

async function deadlocks(): Promise<number> {
  const [row] = await db.sql(`SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'`);
  return Number(String(row?.['Value']));
}

/** Until our ending waits for a row that somebody else has. */
async function agentWaits(through: Connection): Promise<void> {
  await until('the agent waits for the row', async () => {
    // InnoDB shows what it showed before to whoever asks again within 100 ms.
    await sleep(120);
    const [rows] = await through.query<RowDataPacket[]>(
      `SELECT 1 FROM information_schema.INNODB_TRX t
        JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
        WHERE p.USER = 'agent' AND t.trx_state = 'LOCK WAIT'`,
    );
    return rows.length > 0;
  });
}

/** Crosses the ending so often; a new rival has its place in the queue before the old one goes. */
async function cross(times: number): Promise<void> {
  let one = await rival();
  await one.query(lock(2));
  begun();
  for (let n = 1; ; n++) {
    // It has the first row and waits for the second: asking for the first closes the circle.
    await agentWaits(one);
    const next = n < times ? await rival() : undefined;
    const queued = next?.query(lock(2));
    await one.query(lock(1));
    await end(one);
    if (next === undefined) return;
    await queued;
    one = next;
  }
}

let begun: () => void = () => {};

/** Resolves when the first rival has its row; `crossed` when the last one has gone. */
async function crossing(times: number): Promise<{ readonly crossed: Promise<void> }> {
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const crossed = cross(times);
  crossed.catch(() => {});
  await Promise.race([started, crossed]);
  return { crossed };
}

async function rows(): Promise<string[]> {
  const found = await db.sql('SELECT alarma, notes FROM STATUS_PROCESS ORDER BY process_id');
  return found.map((row) => `${row['alarma']} ${String(row['notes'] ?? '').split('\n').length}`);
}

test('an ending that is the victim of a deadlock is written at the next try, once', async () => {
  const one = source();
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  const before = await deadlocks();
  const { crossed } = await crossing(2);
  await one.settle(alarm, ending(true));
  await crossed;
  assert.equal((await deadlocks()) - before, 2);
  const found = await db.sql('SELECT alarma, notes FROM STATUS_PROCESS');
  assert.deepEqual(
    found.map((row) => row['alarma']),
    [0, 0],
  );
  for (const row of found) assert.equal(String(row['notes']).match(/repaired/g)?.length, 1);
  assert.deepEqual(await db.sql('SELECT * FROM UNITWATCH_CLAIM'), []);
});

test('deadlock after deadlock: given up for this time after eight, and nothing is half written', async () => {
  const one = source();
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  const before = await deadlocks();
  const { crossed } = await crossing(tries);
  await assert.rejects(one.settle(alarm, ending(true)), (error) => {
    assert.ok(error instanceof SourceError);
    assert.match(
      error.message,
      /others lock the same rows again and again \(ER_LOCK_DEADLOCK\)\.$/,
    );
    return error.kind === 'down';
  });
  await crossed;
  assert.equal((await deadlocks()) - before, tries);
  assert.deepEqual(await rows(), ['1 1', '1 1']);
  assert.equal((await db.sql('SELECT * FROM UNITWATCH_CLAIM')).length, 2);
  await one.settle(alarm, ending(true));
  assert.deepEqual(
    (await rows()).map((row) => row[0]),
    ['0', '0'],
  );
});

/** The engine on the real source; what it restarts is well. Polls write down endings, too. */
function agent(query_timeout: number, checkIntervalMs: number) {
  const well: Done = { outcome: 'ok', reason: '' };
  const events: Draft[] = [];
  const { rules } = new Bench({ strategy: 'service' });
  const restarts: string[] = [];
  const runner = new RepairRunner({
    ...{ engine: new Engine({ rules, random: () => 0, bootId: '' }), rules, clock },
    sources: [source(query_timeout)],
    effects: {
      resolve: async () => 'service',
      preRestart: async () => well,
      restart: async (process) => {
        restarts.push(process);
        return well;
      },
      health: async () => well,
    },
    look: async () => [],
    hook: undefined,
    checkIntervalMs,
    write: async () => undefined,
    tell: (draft) => events.push(draft),
    report: () => {},
  });
  open.unshift({ close: () => runner.stop() });
  const steps = (): EventData<'restart_step'>[] =>
    events.flatMap((e) => (e.event_type === 'restart_step' ? [e.data] : []));
  return { runner, steps, restarts };
}

/** Told once, tried again, and in the end the row is cleared without a second restart. */
async function settledAfterAll(
  { runner, steps, restarts }: ReturnType<typeof agent>,
  why: RegExp,
): Promise<void> {
  const told = () =>
    steps().filter(({ step, outcome }) => step === 'settled' && outcome === 'lost');
  await until('its rows are cleared', async () => (await rows()).every((row) => row[0] === '0'));
  // Polls and retries that are still to come find nothing to do.
  await sleep(1_500);
  await runner.stop();
  assert.equal(told().length, 1);
  assert.match(told()[0]?.reason ?? '', why);
  assert.deepEqual(restarts, ['web']);
}

test('an ending that met deadlocks only is told, tried again, and restarts nothing twice', async () => {
  const one = agent(20_000, 60_000);
  const { crossed } = await crossing(tries);
  one.runner.start();
  await crossed;
  await settledAfterAll(one, /ER_LOCK_DEADLOCK/);
});

test('a row that stays locked: the wait has a limit, is told, and tried again', async () => {
  const one = agent(1_000, 200);
  const holder = await rival();
  await holder.query(lock(2));
  const beganMs = performance.now();
  one.runner.start();
  await until('it is told', () =>
    one.steps().some(({ step, outcome }) => step === 'settled' && outcome === 'lost'),
  );
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs > 900 && tookMs < 15_000, `${tookMs} ms`);
  assert.deepEqual(
    (await rows()).map((row) => row[0]),
    ['1', '1'],
  );
  // Tried and not answered again; told once all the same.
  await sleep(2_500);
  await end(holder);
  await settledAfterAll(one, /ER_LOCK_WAIT_TIMEOUT|ER_STATEMENT_TIMEOUT/);
});
