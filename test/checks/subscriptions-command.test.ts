import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OwnSqlite } from '../../src/checks/sqlite.ts';
import { CallerLog, type LogEntry } from '../../src/checks/subscriptions/log.ts';
import { migrations } from '../../src/checks/subscriptions/registry.ts';

const program = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));

/** Runs `unitwatch` with a folder and a configuration of its own. */
async function commands(t: TestContext, listen = 'off') {
  const folder = await mkdtemp(join(tmpdir(), 'unitwatch-command-'));
  t.after(() => rm(folder, { recursive: true }));
  const config = join(folder, 'unitwatch.yaml');
  const lines = [`state_directory: ${folder}`, `listen: ${listen}`, 'page:', '  token: s3cret'];
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const run = async (...words: readonly string[]) => {
    const child = spawn(process.execPath, [program, ...words, '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    const [out, err, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { status: Number(status), out, err };
  };
  return { run, path: join(folder, 'monitor.sqlite') };
}

test('without an agent the file is edited: add, list, update, remove', async (t) => {
  const { run } = await commands(t);
  const done = { status: 0, out: 'done\n', err: '' };
  const web = ['services', 'add', 'web', '--kind', 'tcp', '--set', 'host=db', '--set', 'port=5432'];
  assert.deepEqual(await run(...web), done);
  assert.deepEqual(await run('callers', 'add', 'anna', '--kind', 'event'), done);
  const wants = ['subscriptions', 'add', 'anna', 'web', '--polling-frequency', '10s'];
  assert.deepEqual(await run(...wants), done);
  assert.deepEqual(await run('subscriptions', 'update', 'anna', 'web', '--grace-time', '1m'), done);
  const listed = await run('subscriptions', 'list', '--json');
  assert.deepEqual(JSON.parse(listed.out), [
    { caller: 'anna', service: 'web', polling_frequency: 10, grace_time: 60 },
  ]);
  assert.match(
    (await run('services', 'list')).out,
    /^NAME .*\nweb +tcp +\{"host":"db","port":5432\}/,
  );
  assert.deepEqual(await run('services', 'remove', 'web'), done);
  assert.equal((await run('subscriptions', 'list')).out, 'There are no subscriptions.\n');
});

test('the log of a caller: what went to them, and what did not', async (t) => {
  const { run, path } = await commands(t);
  await run('callers', 'add', 'anna', '--kind', 'event');
  const none = { status: 0, out: 'Nothing was to be told yet.\n', err: '' };
  assert.deepEqual(await run('callers', 'log', 'anna'), none);
  const file = await OwnSqlite.open({ path, migrations });
  const times = { since: '2026-11-22T02:00:00Z', told: '2026-11-22T02:00:00Z' };
  const about = { id: 'a', caller: 'anna', service: 'db\u001b[2J', left_out: 0, ...times };
  const entry: LogEntry = {
    ...{ time: '2026-11-22T02:00:01Z', phase: 'given_up', attempts: 3, reason: 'status 410' },
    message: { ...about, state: 'down', reason: 'refused' },
  };
  new CallerLog(file).add(entry);
  file.close();
  const { out } = await run('callers', 'log', 'anna');
  assert.match(
    out,
    /^TIME .*\n2026-11-22T02:00:01Z +db\S+ +down +refused +given up +3 +status 410\n$/,
  );
  assert.ok(!out.includes('\u001b'));
  assert.deepEqual(JSON.parse((await run('callers', 'log', 'anna', '--json')).out), [entry]);
  const nobody = await run('callers', 'log', 'nobody');
  assert.deepEqual([nobody.status, nobody.out], [1, '']);
  assert.match(nobody.err, /There is no caller "nobody"/);
  const wrong = await run('services', 'log', 'db');
  assert.equal(wrong.status, 2);
  assert.match(wrong.err, /add, list, update or remove\? \(got log\)/);
});

test('what is asked wrongly: a sentence and status 2; what is not there: status 1', async (t) => {
  const { run } = await commands(t);
  for (const [words, status, want] of [
    [['outages', 'plan'], 2, /add, list, update or remove\? \(got plan\)/],
    [['subscriptions', 'add', 'anna'], 2, /add takes CALLER and SERVICE/],
    [['services', 'add', 'web', '--kind', 'tcp', '--interval', '10'], 2, /takes a duration/],
    [['services', 'add', 'web', '--kind', 'tcp', '--set', 'host'], 2, /takes NAME=VALUE/],
    [['callers', 'add', 'anna', '--kind', 'fax'], 2, /kind is one of event, webhook/],
    [['services', 'remove', 'web'], 1, /There is no service "web"/],
    [['services', 'update', 'web', '--set', 'port=1'], 1, /There is no service "web"/],
    [
      ['callers', 'add', 'anna', '--kind', 'email', '--set', 'to=a@b.example'],
      2,
      /monitor\.smtp\.host/,
    ],
    [
      ['services', 'add', 'web', '--interval', '-5s'],
      2,
      / needs a value; one that begins with - is given as .*\nTry: /,
    ],
  ] as const) {
    const { status: got, err } = await run(...words);
    assert.match(err, want);
    assert.equal(got, status, words.join(' '));
  }
});

test('an update changes the settings that it names; what is a text stays one', async (t) => {
  const { run } = await commands(t);
  const settings = async (...words: readonly string[]): Promise<unknown> => {
    const { status, err } = await run('services', ...words);
    assert.equal(status, 0, err);
    return JSON.parse((await run('services', 'list', '--json')).out)[0].settings;
  };
  const url = 'http://127.0.0.1/';
  const body = '{"a": 1}';
  const post = ['--set', 'method=POST', '--set', `body=${body}`, '--set', 'regex=200'];
  const added = { url, method: 'POST', body, regex: '200' };
  const add = ['add', 'web', '--kind', 'http', '--set', `url=${url}`, ...post];
  assert.deepEqual(await settings(...add), added);
  const timed = { ...added, timeout: 3 };
  assert.deepEqual(await settings('update', 'web', '--set', 'timeout=3'), timed);
  const headers = ['update', 'web', '--set', 'headers={"a":"b"}', '--set', 'regex='];
  const hidden = { url, method: 'POST', body, timeout: 3, headers: '(hidden)' };
  assert.deepEqual(await settings(...headers), hidden);
  assert.deepEqual(await settings('update', 'web', '--set', 'timeout=4'), {
    ...hidden,
    timeout: 4,
  });
  const tcp = ['update', 'web', '--kind', 'tcp', '--set', 'host=db', '--set', 'port=5432'];
  assert.deepEqual(await settings(...tcp), { host: 'db', port: 5432 });
});

test('who answers in place of the agent, or does not, is told in a sentence', async (t) => {
  const answers: readonly (readonly [number, string, RegExp])[] = [
    [401, '{"error":"no"}', /The agent has another token: page\.token/],
    [404, 'Nothing here.', /runs no monitor: set monitor\.enabled/],
    [501, '<!DOCTYPE html>\n<html>', /:\d+ answers with status 501, and not as an agent/],
    [200, 'hello', /answers with status 200, hello/],
    [413, 'It is too long.\nReally.', /answers with status 413, It is too long\.\n$/],
  ];
  let turn = 0;
  const server = createServer((_, response) => {
    const [status, body] = answers[turn++] ?? [];
    if (status === undefined) response.destroy();
    else response.writeHead(status).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { run } = await commands(t, `127.0.0.1:${Object(server.address()).port}`);
  for (const [code, , want] of answers) {
    const { status, out, err } = await run('services', 'list');
    assert.match(err, want);
    assert.deepEqual([status, out], [1, ''], `${code}`);
  }
  assert.match((await run('services', 'list')).err, /did not answer: ECONNRESET/);
});

test('an agent that has the file and no API is not edited behind its back', async (t) => {
  const { run, path } = await commands(t);
  const agent = await OwnSqlite.open({ path, migrations });
  t.after(() => agent.close());
  const { status, err } = await run('services', 'list');
  assert.equal(status, 1);
  assert.match(err, /is in use by another unitwatch: stop it, or ask it over its API\./);
});

test('an agent that listens is asked, with the token', async (t) => {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    asked.push(`${method} ${url} ${headers.authorization} ${await text(request)}`);
    response.writeHead(headers.authorization === 'Bearer s3cret' ? 409 : 401);
    response.end('{"error":"There is one already."}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { run } = await commands(t, `127.0.0.1:${port}`);
  const { status, err } = await run('callers', 'add', 'an na', '--kind', 'event');
  assert.deepEqual([status, err], [1, 'unitwatch callers: There is one already.\n']);
  await run('callers', 'remove', 'an na');
  assert.deepEqual(asked, [
    'POST /api/monitor/callers Bearer s3cret {"id":"an na","kind":"event"}',
    'DELETE /api/monitor/callers/an%20na Bearer s3cret ',
  ]);
});
