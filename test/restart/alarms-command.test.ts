import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { alarms } from '../../cmd/alarms.ts';
import { type MariaDb, mariaDb } from '../mariadb.ts';

let db: MariaDb;
let folder: string;
const files: Record<string, string> = {};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'unitwatch-alarms-'));
  db = await mariaDb();
  await db.sql(`CREATE USER agent IDENTIFIED BY 'right'; GRANT ALL ON monitor.* TO agent`);
  config(
    'mysql',
    `driver: mysql\n  socket: ${db.socket}\n  user: agent\n  password: right\n  database: monitor`,
  );
  config(
    'wrong',
    `driver: mysql\n  socket: ${db.socket}\n  user: agent\n  password: left\n  database: monitor`,
  );
  config('sqlite', `driver: sqlite\n  path: ${join(folder, 'deep', 'alarms.sqlite')}`);
  config('off', 'driver: off');
});
after(async () => {
  await db?.close();
  rmSync(folder, { recursive: true, force: true });
});

function config(name: string, database: string): void {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `database:\n  ${database}\n`, { mode: 0o600 });
  files[name] = file;
}

function sink(): Writable & { text: string } {
  const stream = Object.assign(
    new Writable({
      write(chunk, _, done) {
        stream.text += chunk;
        done();
      },
    }),
    { text: '' },
  );
  return stream;
}

async function run(
  which: string,
  ...argv: string[]
): Promise<{ status: number; out: string; err: string }> {
  const [stdout, stderr] = [sink(), sink()];
  const file = files[which] ?? assert.fail(which);
  const status = await alarms([...argv, '--config', file], { stdout, stderr, env: {} });
  return { status, out: stdout.text, err: stderr.text };
}

for (const which of ['mysql', 'sqlite']) {
  test(`${which}: init, raise, list, clear`, async () => {
    const early = await run(which, 'list');
    assert.equal(early.status, 1);
    assert.match(early.err, /run unitwatch alarms init/);
    for (let i = 0; i < 2; i++)
      assert.equal((await run(which, 'init')).status, 0, 'twice does no harm');
    assert.equal((await run(which, 'list')).out, 'No alarm is raised.\n');
    for (let i = 0; i < 2; i++) {
      const raised = await run(which, 'raise', 'web', '--json');
      assert.deepEqual(JSON.parse(raised.out), { done: 'raise', process: 'web', ids: [1] });
    }
    const hostile = `$(reboot); ' OR 1=1 -- "`;
    assert.equal((await run(which, 'raise', hostile)).status, 0);
    const listed: { process: string; process_id: string; in_alarm: boolean }[] = JSON.parse(
      (await run(which, 'list', '--json')).out,
    );
    assert.deepEqual(
      listed.map((row) => [row.process_id, row.process, row.in_alarm]),
      [
        ['1', 'web', true],
        ['2', hostile, true],
      ],
    );
    assert.match((await run(which, 'list')).out, /^ {5}1 {2}web\n {5}2 {2}\$\(reboot\)/);
    assert.equal((await run(which, 'clear', 'web')).out, 'The alarm of web is cleared.\n');
    assert.equal((await run(which, 'clear', 'web')).out, 'The alarm of web was not raised.\n');
    const unknown = await run(which, 'clear', 'nobody');
    assert.deepEqual(
      [unknown.status, unknown.err],
      [1, 'unitwatch alarms: PROCESE has no process nobody.\n'],
    );
  });
}

test('the file of a new database is not for everybody', async () => {
  await run('sqlite', 'init');
  assert.equal(statSync(join(folder, 'deep', 'alarms.sqlite')).mode & 0o027, 0);
});

test('what is asked wrongly is 2, what does not work is 1', async () => {
  const cases: [string, string[], number, RegExp][] = [
    ['off', ['list'], 2, /set database\.driver/],
    ['sqlite', [], 2, /init, list, raise or clear/],
    ['sqlite', ['raise'], 2, /takes one name/],
    ['sqlite', ['list', 'web'], 2, /takes no name/],
    ['sqlite', ['raise', 'a\nb'], 2, /control characters/],
    ['sqlite', ['raise', ''], 2, /its name is empty/],
    ['sqlite', ['list', '--wrong'], 2, /Unknown option/],
    ['wrong', ['list'], 1, /refused user "agent"/],
  ];
  for (const [which, argv, status, says] of cases) {
    const result = await run(which, ...argv);
    assert.equal(result.status, status, `${argv} ${result.err}`);
    assert.match(result.err, says);
    assert.equal(result.out, '');
  }
});
