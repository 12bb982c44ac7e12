import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SourceError } from '../../src/restart/contract.ts';
import { mysqlSource } from '../../src/restart/sources/mysql.ts';
import type { MysqlOptions } from '../../src/restart/sources/mysql-errors.ts';
import type { SourceOptions, TableSource } from '../../src/restart/sources/options.ts';
import { type MariaDb, mariaDb } from '../mariadb.ts';
import { clock, ending, keeperInMemory, names, only } from './sourcing.ts';

let db: MariaDb;
const open: TableSource[] = [];

before(async () => {
  db = await mariaDb();
  await db.sql(`
    CREATE USER agent IDENTIFIED BY 'right'; GRANT ALL ON monitor.* TO agent;
    CREATE USER reader IDENTIFIED BY 'right'; GRANT SELECT ON monitor.* TO reader;
    CREATE ROLE looks; GRANT SELECT ON monitor.* TO looks;
    CREATE USER roled IDENTIFIED BY 'right'; GRANT looks TO roled; SET DEFAULT ROLE looks FOR roled;
    CREATE USER nocreate IDENTIFIED BY 'right'; GRANT SELECT, UPDATE ON monitor.* TO nocreate;
    CREATE USER nothing IDENTIFIED BY 'right'`);
});
after(async () => db?.close());

beforeEach(async () => {
  for (const source of open.splice(0)) await source.close();
  await db.tables();
});
after(async () => {
  for (const source of open.splice(0)) await source.close();
});

function source(options: Partial<MysqlOptions & SourceOptions> = {}): TableSource {
  const made = mysqlSource({
    clock,
    hostName: 'tester',
    host: '127.0.0.1',
    port: db.port,
    user: 'agent',
    password: { reveal: () => 'right' },
    database: db.database,
    tls: 'off',
    connect_timeout: 10_000,
    query_timeout: 10_000,
    ...options,
  });
  open.push(made);
  return made;
}

async function raise(id: number, name: string | null, alarma = 1, sound = 0): Promise<void> {
  await db.sql('INSERT INTO PROCESE VALUES (?, ?)', [id, name]);
  await db.sql('INSERT INTO STATUS_PROCESS VALUES (?, ?, ?, NULL)', [id, alarma, sound]);
}

async function row(id: number): Promise<{ alarma: unknown; notes: unknown }> {
  const [found] = await db.sql('SELECT alarma, notes FROM STATUS_PROCESS WHERE process_id = ?', [
    id,
  ]);
  return { alarma: found?.['alarma'], notes: found?.['notes'] };
}

function sentences(from: TableSource): string {
  return from
    .takeWarnings()
    .map(({ processId, sentence }) => `${processId ?? '-'} ${sentence}`)
    .join('\n');
}

test('a row in alarm is an alarm, is claimed, cleared, and gets a note before the older ones', async () => {
  await raise(1, 'web');
  await raise(2, 'quiet', 0);
  await raise(3, 'silenced', 1, 1);
  await db.sql(`UPDATE STATUS_PROCESS SET notes = 'older' WHERE process_id = 1`);
  const one = source();
  const alarm = only(await one.poll());
  assert.deepEqual(
    { id: alarm.id, source: alarm.source, process: alarm.process, processId: alarm.processId },
    { id: 'mysql:1', source: 'mysql', process: 'web', processId: 1 },
  );
  assert.equal(only(await one.poll()).raisedUs, alarm.raisedUs);
  assert.equal(await one.claim(alarm), true);
  const [claim] = await db.sql(
    'SELECT *, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP, lease_until) AS lease FROM UNITWATCH_CLAIM',
  );
  assert.match(String(claim?.['agent']), /^tester [\w-]{36}$/);
  assert.ok(Number(claim?.['lease']) > 250, String(claim?.['lease']));
  await one.settle(alarm, ending(true));
  const { alarma, notes } = await row(1);
  assert.equal(alarma, 0);
  assert.match(
    String(notes),
    /^2026-01-31T09:26:53\.\d{6}Z unitwatch@tester: repaired after 2 attempts: the service is up\nolder$/,
  );
  assert.deepEqual(await db.sql('SELECT * FROM UNITWATCH_CLAIM'), []);
  assert.deepEqual(await one.poll(), []);
  assert.deepEqual([one.exclusive, one.writable, sentences(one)], [true, true, '']);
});

test('a repair given up leaves the row in alarm, with a note', async () => {
  await raise(1, 'web');
  const one = source();
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  await one.settle(alarm, ending(false, 'the unit\nis\x00 masked'));
  const { alarma, notes } = await row(1);
  assert.equal(alarma, 1);
  assert.match(String(notes), /given up after 2 attempts: the unit is masked\n$/);
  assert.equal(only(await one.poll()).id, alarm.id);
  assert.deepEqual(await db.sql('SELECT * FROM UNITWATCH_CLAIM'), []);
});

test('a claim alone that is given back leaves the row as it is', async () => {
  await raise(1, 'web');
  const one = source();
  const alarm = only(await one.poll());
  await one.claim(alarm);
  const before = await row(1);
  await one.settle(alarm, { ...ending(false, 'the alarm went'), claimOnly: true });
  assert.deepEqual(await row(1), before);
  assert.deepEqual(await db.sql('SELECT * FROM UNITWATCH_CLAIM'), []);
});

test('settle twice does once what it does, and does not clear what was raised anew', async () => {
  await raise(1, 'web');
  const one = source();
  const alarm = only(await one.poll());
  await one.claim(alarm);
  const end = ending(true);
  await one.settle(alarm, end);
  const first = await row(1);
  await db.sql('UPDATE STATUS_PROCESS SET alarma = 1');
  await one.settle(alarm, end);
  assert.deepEqual(await row(1), { alarma: 1, notes: first.notes });
});

test('an alarm that went and came again during the repair is not cleared with it', async () => {
  await raise(1, 'web');
  const one = source();
  const alarm = only(await one.poll());
  await one.claim(alarm);
  await db.sql('UPDATE STATUS_PROCESS SET alarma = 0');
  assert.deepEqual(await one.poll(), []);
  await db.sql('UPDATE STATUS_PROCESS SET alarma = 1');
  assert.notEqual(only(await one.poll()).raisedUs, alarm.raisedUs);
  await one.settle(alarm, ending(true));
  assert.equal((await row(1)).alarma, 1);
});

test('notes stay within their column and end between two characters', async () => {
  await raise(1, 'web');
  await db.sql(`UPDATE STATUS_PROCESS SET notes = CONCAT('x', REPEAT('€', 21844))`);
  const one = source();
  const alarm = only(await one.poll());
  await one.claim(alarm);
  await one.settle(alarm, ending(true));
  const [{ bytes, tail, clean } = {}] = await db.sql(
    `SELECT LENGTH(notes) AS bytes, RIGHT(notes, 1) AS tail,
      notes = CONVERT(CAST(notes AS BINARY) USING utf8mb4) AS clean FROM STATUS_PROCESS`,
  );
  assert.ok(Number(bytes) > 65_530 && Number(bytes) <= 65_535, String(bytes));
  assert.deepEqual([tail, clean], ['€', 1]);
});

test('notes of other types and character sets take what they can', async () => {
  for (const type of ['VARCHAR(80) CHARACTER SET latin1', 'TINYTEXT', 'BLOB', 'VARBINARY(60)']) {
    await db.tables();
    await db.sql(`ALTER TABLE STATUS_PROCESS MODIFY notes ${type}`);
    await raise(1, 'web');
    await db.sql(`UPDATE STATUS_PROCESS SET notes = 'older'`);
    const one = source();
    const alarm = only(await one.poll());
    await one.claim(alarm);
    await one.settle(alarm, ending(true, 'Größe €'));
    const { alarma, notes } = await row(1);
    assert.equal(alarma, 0, type);
    assert.match(String(notes), /^2026-01-31T.*repaired/, type);
  }
});

test('names are bytes: what is no text, no unit or no name is a warning and never an alarm', async () => {
  await db.sql('ALTER TABLE PROCESE MODIFY process_name VARBINARY(1000)');
  const odd = [
    Buffer.alloc(255, 0xff),
    Buffer.from('a\nb'),
    Buffer.from(' '),
    Buffer.from('x'.repeat(256)),
    Buffer.from([0xc3]),
  ];
  for (const [i, name] of odd.entries()) {
    await db.sql('INSERT INTO PROCESE VALUES (?, ?)', [i + 1, name]);
    await db.sql('INSERT INTO STATUS_PROCESS VALUES (?, 1, 0, NULL)', [i + 1]);
  }
  const hostile = ['; rm -rf /', '$(reboot)', '../../etc', "' OR 1 = 1 --", 'Größe €'];
  for (const [i, name] of hostile.entries()) await raise(i + 10, name);
  const one = source();
  assert.deepEqual(names(await one.poll()), hostile);
  const told = sentences(one);
  assert.match(told, /^1 The process "\\\\xff\\\\xff.*its name holds bytes that are no UTF-8\.$/m);
  assert.match(told, /^2 The process "a\\nb" is in alarm.*control characters/m);
  assert.match(told, /^3 The process is in alarm.*its name is empty/m);
  assert.match(told, /^4 .*longer than 255 bytes/m);
  assert.match(told, /^5 The process "\\\\xc3"/m);
  await one.poll();
  assert.equal(sentences(one), '');
  await db.sql(`UPDATE PROCESE SET process_name = 'fine' WHERE process_id = 1`);
  assert.equal((await one.poll()).length, hostile.length + 1);
  await db.sql('UPDATE PROCESE SET process_name = ? WHERE process_id = 1', [odd[0]]);
  await one.poll();
  assert.match(sentences(one), /^1 The process/, 'it came back: told again');
});

test('a name in latin1 is read as what it says', async () => {
  await db.sql('ALTER TABLE PROCESE MODIFY process_name VARCHAR(255) CHARACTER SET latin1');
  await raise(1, 'Größe');
  await db.sql(`INSERT INTO PROCESE VALUES (2, REPEAT(x'ff', 255))`);
  await db.sql('INSERT INTO STATUS_PROCESS VALUES (2, 1, 0, NULL)');
  const one = source();
  assert.deepEqual(names(await one.poll()), ['Größe']);
  assert.match(sentences(one), /^2 The process "ÿ+….*longer than 255 bytes/m);
});

test('NULLs, other values, rows missing in either table, names that are there twice', async () => {
  await raise(1, null);
  await raise(2, 'twice');
  await raise(3, 'twice');
  await db.sql(`
    INSERT INTO STATUS_PROCESS VALUES (4, 1, 0, NULL), (5, NULL, 0, NULL), (6, 1, NULL, NULL), (7, 2, 0, NULL), (8, -1, 9, '');
    INSERT INTO PROCESE VALUES (5, 'five'), (6, 'six'), (7, 'seven'), (8, 'eight'), (9, 'nine'), (10, '')`);
  const one = source();
  const alarm = only(await one.poll());
  assert.deepEqual([alarm.id, alarm.process], ['mysql:2', 'twice']);
  const told = sentences(one);
  for (const expected of [
    /^1 .*its name is NULL/m,
    /^1 .*process_name of this row/m,
    /^2 Other rows of PROCESE have the same/m,
    /^4 .*PROCESE has no row for it/m,
    /^4 STATUS_PROCESS has this row/m,
    /^5 alarma and sound/m,
    /^6 alarma and sound/m,
    /^7 alarma and sound/m,
    /^8 alarma and sound/m,
    /^9 PROCESE has this row/m,
    /^10 process_name of this row/m,
  ]) {
    assert.match(told, expected);
  }
  assert.equal(await one.claim(alarm), true);
  await one.settle(alarm, ending(true));
  assert.deepEqual(await one.poll(), [], 'one repair for both rows');
});

test('a hundred thousand rows in alarm: a limit, a warning, and the rest later', async () => {
  await db.sql(`
    INSERT INTO PROCESE SELECT seq, CONCAT('process-', seq) FROM seq_1_to_100000;
    INSERT INTO STATUS_PROCESS SELECT seq, 1, 0, NULL FROM seq_1_to_100000`);
  const one = source();
  assert.equal((await one.poll()).length, 10_000);
  assert.match(sentences(one), /^- More than 10000 processes are in alarm/);
  await db.sql('UPDATE STATUS_PROCESS SET alarma = 0 WHERE process_id <= 95000');
  assert.equal((await one.poll()).length, 5_000);
});

for (const user of ['reader', 'roled']) {
  test(`${user} may only read: said once, nothing changed, the handled remembered until the alarm goes`, async () => {
    await raise(1, 'web');
    await raise(2, 'elsewhere');
    const keeper = keeperInMemory();
    const isLocal = async (name: string): Promise<boolean> => name === 'web';
    const one = source({ user, keeper, isLocal });
    const [web, elsewhere] = await one.poll();
    assert.ok(web && elsewhere);
    assert.deepEqual([one.exclusive, one.writable], [false, false]);
    assert.match(
      sentences(one),
      /may not change STATUS_PROCESS[\s\S]*repairs only what its own host has/,
    );
    assert.equal(await one.claim(elsewhere), false);
    assert.match(sentences(one), /^2 "elsewhere" is no unit and no process of this host/);
    assert.equal(await one.claim(web), true);
    await one.settle(web, ending(true));
    assert.deepEqual(names(await one.poll()), ['elsewhere']);
    const again = source({ user, keeper, isLocal });
    assert.deepEqual(names(await again.poll()), ['elsewhere'], 'remembered over a restart');
    await db.sql('UPDATE STATUS_PROCESS SET alarma = 0 WHERE process_id = 1');
    assert.deepEqual(names(await again.poll()), ['elsewhere']);
    await db.sql('UPDATE STATUS_PROCESS SET alarma = 1 WHERE process_id = 1');
    assert.deepEqual(names(await again.poll()), ['web', 'elsewhere'], 'a new alarm');
    assert.equal((await row(1)).notes, null);
    assert.equal(sentences(one), '');
  });
}

test('a user who may change rows but create no table: rows are cleared, claims are not kept', async () => {
  await raise(1, 'web');
  const one = source({ user: 'nocreate' });
  const alarm = only(await one.poll());
  assert.deepEqual([one.exclusive, one.writable], [false, true]);
  assert.match(sentences(one), /No claims can be kept/);
  assert.equal(await one.claim(alarm), true);
  const end = ending(true);
  await one.settle(alarm, end);
  assert.equal((await row(1)).alarma, 0);
  await db.sql('UPDATE STATUS_PROCESS SET alarma = 1');
  await one.settle(alarm, end);
  assert.equal((await row(1)).alarma, 1, 'done once');
  assert.equal(await one.claim(alarm), true);
  await db.sql('UPDATE STATUS_PROCESS SET alarma = 0');
  assert.equal(await one.claim(alarm), false, 'it stands no more');
});

test('notes that may not be changed are left alone', async () => {
  await raise(1, 'web');
  await db.sql(`CREATE OR REPLACE USER columned IDENTIFIED BY 'right';
    GRANT SELECT ON monitor.* TO columned; GRANT UPDATE (alarma) ON monitor.STATUS_PROCESS TO columned`);
  const one = source({ user: 'columned' });
  const alarm = only(await one.poll());
  assert.match(sentences(one), /may not change STATUS_PROCESS\.notes/);
  await one.claim(alarm);
  await one.settle(alarm, ending(true));
  assert.deepEqual(await row(1), { alarma: 0, notes: null });
});

test('a privilege taken away in the middle: remembered instead', async () => {
  await raise(1, 'web');
  await db.sql(
    `CREATE OR REPLACE USER fallen IDENTIFIED BY 'right'; GRANT ALL ON monitor.* TO fallen`,
  );
  const one = source({ user: 'fallen' });
  const alarm = only(await one.poll());
  await one.claim(alarm);
  await db.sql('REVOKE ALL ON monitor.* FROM fallen; GRANT SELECT ON monitor.* TO fallen');
  for (const { ID } of await db.sql(
    `SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'fallen'`,
  )) {
    await db.sql(`KILL ${Number(ID)}`);
  }
  // The connection was cut: the first attempt may find only that out.
  await one.settle(alarm, ending(true)).catch((error: unknown) => {
    assert.ok(error instanceof SourceError && error.kind === 'down', String(error));
  });
  assert.deepEqual(await one.poll(), []);
  assert.equal(one.writable, false);
});

const refused: readonly { name: string; options: Partial<MysqlOptions>; says: RegExp }[] = [
  {
    name: 'wrong password',
    options: { password: { reveal: () => 'wrong' } },
    says: /^The database refused user "agent": check database\.user and database\.password.*\(ER_ACCESS_DENIED_ERROR\)\.$/,
  },
  {
    name: 'unknown database',
    options: { database: 'elsewhere', user: 'root', password: undefined },
    says: /^There is no database "elsewhere": check database\.database \(ER_BAD_DB_ERROR\)\.$/,
  },
  {
    name: 'no privilege on the database',
    options: { user: 'nothing' },
    says: /^User "nothing" may not use the database "monitor".*\(ER_DBACCESS_DENIED_ERROR\)\.$/,
  },
];
for (const { name, options, says } of refused) {
  test(`${name} is refused with one sentence`, async () => {
    const socket = options.user === 'root' ? { socket: db.socket } : {};
    await assert.rejects(source({ ...options, ...socket }).poll(), (error) => {
      assert.ok(error instanceof SourceError);
      assert.deepEqual(
        [error.kind, error.message.match(says)?.length],
        ['refused', 1],
        error.message,
      );
      return true;
    });
  });
}

test('a table or a column that is missing is refused, and works when it is there', async () => {
  await raise(1, 'web');
  const one = source();
  await db.sql('RENAME TABLE PROCESE TO AWAY');
  await assert.rejects(
    one.poll(),
    /has no table STATUS_PROCESS or PROCESE.*alarms init \(ER_NO_SUCH_TABLE\)/,
  );
  await db.sql(
    'RENAME TABLE AWAY TO PROCESE; ALTER TABLE STATUS_PROCESS RENAME COLUMN sound TO noise',
  );
  await assert.rejects(one.poll(), /^SourceError: A column is missing|A column is missing/);
  await db.sql('ALTER TABLE STATUS_PROCESS RENAME COLUMN noise TO sound');
  assert.equal(names(await one.poll())[0], 'web');
});
