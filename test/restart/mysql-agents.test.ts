import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createConnection } from 'mysql2/promise';
import { SourceError } from '../../src/restart/contract.ts';
import { mysqlSource } from '../../src/restart/sources/mysql.ts';
import type { SourceOptions, TableSource } from '../../src/restart/sources/options.ts';
import { type MariaDb, mariaDb } from '../mariadb.ts';
import { clock, ending, keeperInMemory, names, only } from './sourcing.ts';

const child = fileURLToPath(new URL('./claim-child.js', import.meta.url));
const alarmCount = 100;
/** Settles of two agents on the same rows make deadlocks; a busy machine makes them slow. */
const patienceMs = 60_000;

let db: MariaDb;
const open: TableSource[] = [];
const children: ChildProcess[] = [];

before(async () => {
  db = await mariaDb();
  await db.sql(`CREATE USER agent IDENTIFIED BY 'right'; GRANT ALL ON monitor.* TO agent`);
});
after(async () => {
  for (const one of children) one.kill('SIGKILL');
  for (const source of open.splice(0)) await source.close();
  await db?.close();
});
beforeEach(async () => {
  for (const source of open.splice(0)) await source.close();
  await db.tables();
});

function reach() {
  const query_timeout = 20_000;
  const { port, database } = db;
  const at = { host: '127.0.0.1', port, user: 'agent', database, tls: 'off' } as const;
  return { ...at, connect_timeout: 20_000, query_timeout };
}

function source(
  hostName: string,
  options: Partial<SourceOptions & { query_timeout: number }> = {},
): TableSource {
  const made = mysqlSource({
    ...reach(),
    password: { reveal: () => 'right' },
    clock,
    hostName,
    ...options,
  });
  open.push(made);
  return made;
}

/** An agent in a process of its own; what it repaired, line by line, when it has ended. */
function agent(
  name: string,
  options: object,
  mode = '',
): { process: ChildProcess; repaired: Promise<string[]> } {
  const process = spawn(globalThis.process.execPath, [child, JSON.stringify(options), name, mode], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(process);
  let text = '';
  process.stdout.on('data', (chunk) => {
    text += chunk;
  });
  let complaints = '';
  process.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const repaired = once(process, 'close').then(([status]) => {
    assert.ok(status === 0 || process.killed, `${name}: status ${status}: ${complaints}`);
    return text.split('\n').filter((line) => line !== '');
  });
  return { process, repaired };
}

async function raise(count: number): Promise<void> {
  await db.sql(`INSERT INTO PROCESE SELECT seq, CONCAT('process-', seq) FROM seq_1_to_${count};
    INSERT INTO STATUS_PROCESS SELECT seq, 1, 0, NULL FROM seq_1_to_${count}`);
}

for (const engine of ['InnoDB', 'MyISAM']) {
  test(`two agents, one database, ${alarmCount} alarms in ${engine}: each is repaired once`, async () => {
    await db.sql(
      `ALTER TABLE STATUS_PROCESS ENGINE=${engine}; ALTER TABLE PROCESE ENGINE=${engine}`,
    );
    await raise(alarmCount);
    const options = { ...reach(), repairMs: 30 };
    const agents = ['one', 'two'].map((name) => agent(name, options));
    const repaired = await Promise.all(agents.map((one) => one.repaired));
    const all = repaired.flat();
    assert.equal(all.length, alarmCount, `${repaired.map((list) => list.length)}`);
    assert.equal(new Set(all).size, alarmCount);
    const [left] = await db.sql(
      `SELECT SUM(alarma) AS alarms, SUM(notes LIKE '%repaired%unitwatch@%') AS twice,
        SUM(notes LIKE '%repaired%') AS notes, (SELECT COUNT(*) FROM UNITWATCH_CLAIM) AS claims FROM STATUS_PROCESS`,
    );
    assert.deepEqual(
      [left?.['alarms'], left?.['twice'], left?.['notes'], left?.['claims']].map(Number),
      [0, 0, alarmCount, 0],
    );
  });
}

test('four sources race for one alarm, many times: one of them has it', async () => {
  await raise(1);
  const racers = ['a', 'b', 'c', 'd'].map((name) => source(name));
  for (let round = 0; round < 30; round++) {
    await db.sql('UPDATE STATUS_PROCESS SET alarma = 1');
    const alarms = await Promise.all(racers.map(async (one) => only(await one.poll())));
    const won = await Promise.all(racers.map((one, i) => one.claim(alarms[i] ?? assert.fail())));
    assert.deepEqual(won.filter(Boolean), [true]);
    const winner = won.indexOf(true);
    await racers[winner]?.settle(alarms[winner] ?? assert.fail(), ending(true));
    // From a poll before it was cleared: the alarm stands no more.
    const late = (winner + 1) % racers.length;
    assert.equal(await racers[late]?.claim(alarms[late] ?? assert.fail()), false);
    assert.deepEqual(await db.sql('SELECT * FROM UNITWATCH_CLAIM'), []);
  }
});

test('an agent that was killed takes its own alarm up at once, another one after the lease', async () => {
  await raise(1);
  const keeper = keeperInMemory();
  const killed = source('one', { keeper });
  const alarm = only(await killed.poll());
  assert.equal(await killed.claim(alarm), true);
  await killed.close();
  const other = source('two');
  assert.equal(await other.claim(only(await other.poll())), false);
  const again = source('one', { keeper });
  assert.equal(await again.claim(only(await again.poll())), true);
  await again.close();
  await db.sql('UPDATE UNITWATCH_CLAIM SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
  assert.equal(await other.claim(only(await other.poll())), true);
  await other.settle(alarm, ending(true));
  assert.deepEqual(await other.poll(), []);
});

test('SIGKILL in the middle of a repair: the lease runs out and another agent repairs it', async () => {
  await raise(1);
  const { process, repaired } = agent('one', { ...reach(), leaseMs: 3_000 }, 'stay');
  await once(process.stdout ?? assert.fail(), 'data');
  const other = source('two');
  // Longer than the lease: it is renewed for as long as the agent lives.
  await sleep(4_000);
  assert.equal(await other.claim(only(await other.poll())), false);
  process.kill('SIGKILL');
  assert.deepEqual(await repaired, ['process-1']);
  const deadline = performance.now() + patienceMs;
  while (!(await other.claim(only(await other.poll())))) {
    assert.ok(performance.now() < deadline, 'the claim of a dead agent stands for ever');
    await sleep(100);
  }
});

test('a claim that another agent has taken over is told, and its row is not cleared', async () => {
  await raise(1);
  const one = source('one', { leaseMs: 300 });
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  await db.sql(
    `UPDATE UNITWATCH_CLAIM SET agent = 'two', lease_until = lease_until + INTERVAL 1 HOUR`,
  );
  const deadline = performance.now() + patienceMs;
  const told: string[] = [];
  while (!told.some((sentence) => sentence.startsWith('The claim of this row was lost'))) {
    assert.ok(performance.now() < deadline);
    told.push(...one.takeWarnings().map(({ sentence }) => sentence));
    await sleep(20);
  }
  await one.settle(alarm, ending(true));
  assert.equal(names(await one.poll())[0], 'process-1');
  assert.equal((await db.sql('SELECT * FROM UNITWATCH_CLAIM')).length, 1);
});

test('a row that somebody has locked: down within the limit, others are seen, and it is written down later', async () => {
  await raise(2);
  const one = source('one', { query_timeout: 1_000 });
  const [first, second] = await one.poll();
  assert.ok(first && second);
  assert.equal(await one.claim(first), true);
  assert.equal(await one.claim(second), true);
  const holder = await createConnection({
    socketPath: db.socket,
    user: 'root',
    database: db.database,
  });
  try {
    await holder.query('START TRANSACTION');
    await holder.query('SELECT * FROM STATUS_PROCESS WHERE process_id = 1 FOR UPDATE');
    await assert.rejects(one.settle(first, ending(true)), (error) => {
      assert.ok(error instanceof SourceError);
      assert.match(error.message, /locked by somebody else|took longer/);
      return error.kind === 'down';
    });
    await one.settle(second, ending(true));
    assert.deepEqual(await one.poll(), [], 'repaired, though not yet written down');
    await holder.query('ROLLBACK');
  } finally {
    holder.destroy();
  }
  assert.deepEqual(await one.poll(), []);
  const rows = await db.sql('SELECT alarma, notes FROM STATUS_PROCESS');
  assert.deepEqual(
    rows.map((row) => row['alarma']),
    [0, 0],
  );
  assert.equal(String(rows[0]?.['notes']).match(/repaired/g)?.length, 1);
});
