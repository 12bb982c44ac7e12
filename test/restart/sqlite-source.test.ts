import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DatabaseSync } from '@photostructure/sqlite';
import { SourceError } from '../../src/restart/contract.ts';
import type { SourceOptions, TableSource } from '../../src/restart/sources/options.ts';
import { sqliteSource } from '../../src/restart/sources/sqlite.ts';
import { sqliteAdmin } from '../../src/restart/sources/sqlite-admin.ts';
import type { SqliteOptions } from '../../src/restart/sources/sqlite-file.ts';
import { clock, ending, keeperInMemory, names, only } from './sourcing.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
let folder: string;
let path: string;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'unitwatch-sqlite-'));
  path = join(folder, 'alarms.sqlite');
  const admin = sqliteAdmin({ path, query_timeout: 5_000 });
  await admin.init();
  await admin.close();
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

function source(options: Partial<SqliteOptions & SourceOptions> = {}): TableSource {
  const made = sqliteSource({ path, query_timeout: 20_000, clock, hostName: 'tester', ...options });
  open.push(made);
  return made;
}

/** Statements as another program makes them. */
function sql(text: string, ...values: (string | number | Uint8Array | null)[]) {
  const database = new DatabaseSync(path, { timeout: 20_000 });
  try {
    if (values.length === 0 && !text.startsWith('SELECT')) return void database.exec(text);
    return database.prepare(text).all(...values);
  } finally {
    database.close();
  }
}

/** A file with a journal of the old kind and one row in alarm, made without this project. */
function oldFile(): string {
  const file = join(folder, 'old.sqlite');
  const database = new DatabaseSync(file);
  database.exec(`
    CREATE TABLE STATUS_PROCESS (process_id INT PRIMARY KEY, alarma TINYINT, sound TINYINT, notes TEXT);
    CREATE TABLE PROCESE (process_id INT PRIMARY KEY, process_name VARCHAR(255));
    INSERT INTO STATUS_PROCESS VALUES (1, 1, 0, NULL);
    INSERT INTO PROCESE VALUES (1, 'web')`);
  database.close();
  return file;
}

function raise(id: number, name: string | Uint8Array | null): void {
  sql('INSERT INTO PROCESE VALUES (?, ?)', id, name);
  sql('INSERT INTO STATUS_PROCESS VALUES (?, 1, 0, NULL)', id);
}

function sentences(from: TableSource): string {
  return from
    .takeWarnings()
    .map(({ processId, sentence }) => `${processId ?? '-'} ${sentence}`)
    .join('\n');
}

async function fault(work: Promise<unknown>): Promise<string> {
  let told = '';
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof SourceError, String(error));
    told = `${error.kind}: ${error.message}`;
    return true;
  });
  return told;
}

test('a row in alarm is an alarm, is claimed, cleared, and gets a note before the older ones', async () => {
  raise(1, 'web');
  sql(`UPDATE STATUS_PROCESS SET notes = 'older'`);
  const one = source();
  const alarm = only(await one.poll());
  assert.deepEqual([alarm.id, alarm.source, alarm.process], ['sqlite:1', 'sqlite', 'web']);
  assert.equal(await one.claim(alarm), true);
  const other = source({ hostName: 'other' });
  assert.equal(await other.claim(only(await other.poll())), false);
  const end = ending(true);
  await one.settle(alarm, end);
  const [row] = sql('SELECT alarma, notes, typeof(notes) AS type FROM STATUS_PROCESS') ?? [];
  assert.deepEqual([row?.alarma, row?.type], [0, 'text']);
  assert.match(
    row?.notes,
    /^2026-01-31T.*Z unitwatch@tester: repaired after 2 attempts: the service is up\nolder$/,
  );
  assert.equal(await other.claim(alarm), false, 'it stands no more');
  sql('UPDATE STATUS_PROCESS SET alarma = 1');
  await one.settle(alarm, end);
  const anew = only(await one.poll());
  assert.equal(anew.id, alarm.id, 'raised anew: not cleared with the old one');
  assert.notEqual(anew.raisedUs, alarm.raisedUs, 'and another alarm, though no poll saw it gone');
  assert.deepEqual([one.exclusive, one.writable, sentences(one)], [true, true, '']);
});

test('a dead agent: itself at once, another after the lease', async () => {
  raise(1, 'web');
  const keeper = keeperInMemory();
  const killed = source({ keeper });
  assert.equal(await killed.claim(only(await killed.poll())), true);
  await killed.close();
  const other = source({ hostName: 'other' });
  const alarm = only(await other.poll());
  assert.equal(await other.claim(alarm), false);
  assert.equal(await source({ keeper }).claim(alarm), true);
  sql(`UPDATE UNITWATCH_CLAIM SET lease_until = datetime('now', '-1 second')`);
  assert.equal(await other.claim(alarm), true);
});

test('odd rows of every kind are warnings', async () => {
  sql('DROP TABLE STATUS_PROCESS');
  sql(
    'CREATE TABLE STATUS_PROCESS (process_id INT PRIMARY KEY, alarma TINYINT, sound TINYINT, notes TEXT)',
  );
  raise(1, null);
  raise(2, Buffer.alloc(255, 0xff));
  raise(3, 'twice');
  raise(4, 'twice');
  raise(5, 'a\nb');
  sql(
    `INSERT INTO STATUS_PROCESS VALUES (6, 1, 0, NULL), ('x', 1, 0, NULL), (NULL, 1, 0, NULL), (9007199254740993, 1, 0, NULL), (7, 'yes', NULL, 1.5)`,
  );
  sql(`INSERT INTO PROCESE VALUES (7, 'seven'), (8, 'eight')`);
  const one = source();
  assert.deepEqual(names(await one.poll()), ['twice']);
  const told = sentences(one);
  for (const expected of [
    /^1 .*its name is NULL/m,
    /^2 The process "\\\\xff/m,
    /^3 Other rows of PROCESE/m,
    /^5 .*control characters/m,
    /^6 .*PROCESE has no row/m,
    /^- .*no whole number/m,
    /^7 alarma and sound/m,
    /^8 PROCESE has this row/m,
  ]) {
    assert.match(told, expected);
  }
});

test('notes stay within 65,535 bytes, between two characters, and what is no UTF-8 stays', async () => {
  raise(1, 'web');
  raise(2, 'api');
  sql('UPDATE STATUS_PROCESS SET notes = ? WHERE process_id = 1', `x${'€'.repeat(21_844)}`);
  sql('UPDATE STATUS_PROCESS SET notes = ? WHERE process_id = 2', Buffer.from([0x61, 0xff, 0x62]));
  const one = source();
  for (const alarm of await one.poll()) {
    assert.equal(await one.claim(alarm), true);
    await one.settle(alarm, ending(true));
  }
  const rows =
    sql('SELECT CAST(notes AS BLOB) AS notes FROM STATUS_PROCESS ORDER BY process_id') ?? [];
  const [long, odd] = rows.map((row) => Buffer.from(row.notes));
  assert.ok(long && odd);
  assert.ok(long.length > 65_530 && long.length <= 65_535, String(long.length));
  assert.ok(long.toString().endsWith('€'));
  assert.deepEqual([...odd.subarray(-3)], [0x61, 0xff, 0x62]);
});

test('a locked file is waited for without holding up the event loop', async () => {
  raise(1, 'web');
  const one = source();
  const alarm = only(await one.poll());
  const holder = new DatabaseSync(path);
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  try {
    holder.exec('BEGIN IMMEDIATE');
    const claimed = one.claim(alarm);
    const hasty = source({ query_timeout: 300 });
    assert.match(
      await fault(hasty.poll()),
      /^down: ".*" cannot be used: another program has locked it/,
    );
    assert.ok(turns >= 2, `${turns} turns`);
    holder.exec('ROLLBACK');
    assert.equal(await claimed, true);
  } finally {
    clearInterval(timer);
    holder.close();
  }
});

test('no file: refused, and none is made', async () => {
  const nowhere = join(folder, 'nowhere.sqlite');
  assert.match(
    await fault(source({ path: nowhere }).poll()),
    /^refused: .*is not there: run unitwatch alarms init\.$/,
  );
  assert.equal(existsSync(nowhere), false);
  assert.match(await fault(source({ path: folder }).poll()), /^refused: .*cannot be opened/);
});

test('what is no database, a damaged one, one without the tables or a column: refused with one sentence', async () => {
  const text = join(folder, 'text');
  writeFileSync(text, 'This is a text and not a database.\n'.repeat(200));
  assert.match(
    await fault(source({ path: text }).poll()),
    /^refused: .*is no SQLite database: check database\.path\.$/,
  );
  const empty = join(folder, 'empty');
  writeFileSync(empty, '');
  assert.match(
    await fault(source({ path: empty }).poll()),
    /^refused: .*has no table STATUS_PROCESS or PROCESE.*alarms init\.$/,
  );
  sql('ALTER TABLE STATUS_PROCESS RENAME COLUMN sound TO noise');
  assert.match(await fault(source().poll()), /^refused: .*a column is missing/);
  sql('ALTER TABLE STATUS_PROCESS RENAME COLUMN noise TO sound');
  const damaged = oldFile();
  const file = await openFile(damaged, 'r+');
  await file.write(Buffer.alloc(statSync(damaged).size - 4096, 0xa5), 0, undefined, 4096);
  await file.close();
  assert.match(await fault(source({ path: damaged }).poll()), /^refused: .*is damaged: restore it/);
});

test('a file that may only be read: nothing is written, the handled are remembered', async () => {
  const old = oldFile();
  const keeper = keeperInMemory();
  const one = source({ path: old, keeper });
  chmodSync(folder, 0o755);
  chmodSync(old, 0o444);
  if (isRoot) {
    process.seteuid?.(nobody);
  }
  try {
    const alarm = only(await one.poll());
    assert.deepEqual([one.exclusive, one.writable], [false, false]);
    assert.match(sentences(one), /may not change STATUS_PROCESS/);
    assert.equal(await one.claim(alarm), true);
    await one.settle(alarm, ending(true));
    assert.deepEqual(await one.poll(), []);
    assert.deepEqual(await source({ path: old, keeper }).poll(), []);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test('a file replaced by another one is opened anew', async () => {
  raise(1, 'web');
  const one = source();
  await one.poll();
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  const admin = sqliteAdmin({ path, query_timeout: 5_000 });
  await admin.init();
  await admin.raise('api');
  await admin.close();
  assert.deepEqual(names(await one.poll()), ['api']);
});

test('a disk that is full in the middle of a repair: down, and written down when there is room', {
  skip: !isRoot && 'a file system of its own needs root',
}, async () => {
  const child = fileURLToPath(new URL('./full-disk-child.js', import.meta.url));
  const small = mkdtempSync(join(folder, 'small-'));
  const script = 'mount -t tmpfs -o size=512k none "$1" && exec "$2" "$3" "$1"';
  const argv = ['-m', 'sh', '-c', script, 'sh', small, process.execPath, child];
  const { stdout } = await promisify(execFile)('unshare', argv, { timeout: 120_000 });
  assert.match(
    stdout,
    /^down: .*(the disk is full|reading or writing it failed)\.\n0 alarms\n0 alarms\n$/,
  );
});

test('a claim alone that is given back leaves the row as it is, after the lock is gone, too', async () => {
  raise(1, 'web');
  const keeper = keeperInMemory();
  const one = source({ keeper, query_timeout: 100 });
  const other = source({ hostName: 'other' });
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  assert.equal(await other.claim(only(await other.poll())), false);
  const released = { ...ending(false, 'the alarm went'), claimOnly: true as const };
  const locking = new DatabaseSync(path);
  locking.exec('BEGIN IMMEDIATE');
  await assert.rejects(one.settle(alarm, released));
  locking.exec('ROLLBACK');
  locking.close();
  const again = source({ keeper });
  await again.poll();
  const rows = sql('SELECT alarma, notes FROM STATUS_PROCESS');
  assert.deepEqual(
    rows?.map((row) => [row['alarma'], row['notes']]),
    [[1, null]],
  );
  assert.equal(await other.claim(alarm), true);
});
