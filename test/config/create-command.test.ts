import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { postgresUrlFault, shownPostgresUrl } from '../../src/config/create.ts';
import { defaultFile, hostFile, ownFile } from '../../src/config/default-file.ts';
import { loadConfig } from '../../src/config/load.ts';
import { storeSettings } from '../../src/config/store-settings.ts';
import { run, Terminal } from '../cmd/shell-terminal.ts';
import { runConfig } from './run-config.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();
const url = 'postgres://me:geh%2Feim@db.example.org:5433/rows?sslmode=verify-full';
const other = 'postgresql://you:anders@db2/x';
let made = 0;

function nowhere(): string {
  const folder = join(directory, String(made++));
  mkdirSync(folder);
  return join(folder, 'c.yaml');
}

function write(text: string, mode = 0o600): string {
  const file = nowhere();
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

const text = (at: string): string => `store:\n  enabled: true\n  postgres:\n    url: '${at}'\n`;

/** The URL that the store will use, and the mode of its file. */
async function resultOf(file: string): Promise<readonly unknown[]> {
  const loaded = await loadConfig({ file, env: {} });
  assert.ok('config' in loaded, JSON.stringify(loaded));
  const { enabled, postgres } = loaded.config.store;
  return [enabled, postgres.url?.reveal(), postgres.host, statSync(file).mode & 0o7777];
}

test('a new file is its owner’s alone, says what it must, and where results are kept', async () => {
  for (const [env, local] of [
    [{ HOME: '/home/u' }, process.getuid?.() === 0 ? '/var/lib/unitwatch' : '/home/u/.unitwatch'],
    [{ HOME: '/home/u', STATE_DIRECTORY: '/run/own' }, '/run/own'],
  ] as const) {
    const file = nowhere();
    const { status, out, err } = await runConfig(['create', url, '--config-path', file], env);
    assert.deepEqual(
      [status, out.split('\n')],
      [
        0,
        [`${file} is written; its mode is 0600.`, `The local database is ${local}/store.db.`, ''],
      ],
    );
    assert.equal(
      err,
      `Make the tables with: unitwatch store init --config ${file}\nA running agent takes it at its next start: systemctl restart unitwatch\n`,
    );
    assert.deepEqual(await resultOf(file), [true, url, undefined, 0o600]);
    assert.ok(readFileSync(file, 'utf8').endsWith(text(url)));
    const loaded = await loadConfig({ file, env });
    assert.ok('config' in loaded);
    const around = { env, uid: process.getuid?.() ?? -1, home: '/home/u' };
    const { local: used } = await storeSettings(loaded.config, around);
    assert.equal(used.path, `${local}/store.db`, 'the store agrees');
  }
});

test('somebody who is not root has a file and a database of his own, and all commands find it', async (t) => {
  t.mock.method(process as { getuid(): number }, 'getuid', () => 1000);
  const env = { HOME: mkdtempSync(join(directory, 'home-')) };
  const file = join(env.HOME, '.unitwatch/unitwatch.yaml');
  const created = await runConfig(['create', url], env);
  assert.equal(created.status, 0, created.err);
  assert.equal(
    created.out,
    `${file} is written; its mode is 0600.\nThe local database is ${env.HOME}/.unitwatch/store.db.\n`,
  );
  assert.match(created.err, /: unitwatch store init\nStart the agent with: unitwatch run\n$/);
  assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
  const added = await runConfig(['services', 'add', 'http://shop.example.org/', 'GET'], env);
  assert.deepEqual([added.status, added.out], [0, 'Service 1 is added: shop.example.org\n']);
  const shown = await runConfig(['services', 'show', '--json'], env);
  assert.match(shown.out, /shop\.example\.org/);
  const loaded = await loadConfig({ env });
  assert.equal(loaded.file, file);
});

test('the host’s file counts for those who have none of their own', async () => {
  const around = { env: {}, uid: 1000, home: mkdtempSync(join(directory, 'home-')) };
  const own = join(around.home, '.unitwatch/unitwatch.yaml');
  assert.equal(await defaultFile(around, ownFile(around)), own);
  const hosts = write('{}');
  assert.equal(await defaultFile(around, hosts), hosts);
  mkdirSync(dirname(own));
  writeFileSync(own, '{}');
  assert.equal(await defaultFile(around, hosts), own);
  // Root, and what a service manager runs, have the host's.
  assert.equal(await defaultFile({ ...around, uid: 0 }), hostFile);
  assert.equal(await defaultFile({ ...around, env: { STATE_DIRECTORY: '/x' } }), hostFile);
});

test('the local database of somebody who is not root is in his home', async () => {
  const loaded = await loadConfig({ env: {}, defaultFile: false });
  assert.ok('config' in loaded);
  const around = { env: {}, uid: 1_000, home: '/home/u' };
  assert.equal(
    (await storeSettings(loaded.config, around)).local.path,
    '/home/u/.unitwatch/store.db',
  );
});

test('a file that is there keeps everything else; one that all could read is closed to others', async () => {
  const before = '# mine\nbus: user   # c\n\nstore:\n  # keep: both\n  max_size: 9\n# end\n';
  const file = write(before, 0o644);
  const { status, out } = await runConfig(['create', url, '--config', file]);
  assert.equal(status, 0);
  assert.match(out, /c\.yaml is changed; its mode is 0640\.\n/);
  const want = `  enabled: true\n  postgres:\n    url: '${url}'\n# end\n`;
  assert.equal(readFileSync(file, 'utf8'), before.replace('# end\n', want));
  assert.deepEqual(await resultOf(file), [true, url, undefined, 0o640]);
  const again = await runConfig(['create', url, '--config', file]);
  assert.deepEqual([again.status, again.out], [0, `${file} names this PostgreSQL already.\n`]);
});

test('another PostgreSQL is replaced with --yes only, and nothing of it stays', async () => {
  const before =
    'store:\n  postgres:\n    host: old  # there\n    # tls\n    tls: verify\n    user: u\n    password: alt\n    port: 1\n    database: d\n    query_timeout: 9s\n';
  const file = write(before);
  const refused = await runConfig(['create', url, '--config', file]);
  assert.deepEqual(refused, {
    ...{ status: 2, out: '' },
    err: `${file} names a PostgreSQL already; with --yes the new one takes its place\n`,
  });
  assert.equal(readFileSync(file, 'utf8'), before);
  assert.equal((await runConfig(['create', url, '--config', file, '--yes'])).status, 0);
  assert.equal(
    readFileSync(file, 'utf8'),
    `store:\n  postgres:\n    # tls\n    tls: verify\n    query_timeout: 9s\n    url: '${url}'\n  enabled: true\n`,
  );
  assert.equal((await runConfig(['create', other, '--config', file, '-y'])).status, 0);
  assert.deepEqual(await resultOf(file), [true, other, undefined, 0o600]);
  const braces = write(
    `store: {enabled: true, postgres: {url_file: ${directory}/u, "ca_file": /ca}}\n`,
  );
  writeFileSync(join(directory, 'u'), `${other}\n`, { mode: 0o600 });
  assert.equal((await runConfig(['create', url, '--config', braces, '--yes'])).status, 0);
  assert.equal(
    readFileSync(braces, 'utf8'),
    `store: {enabled: true, postgres: {"ca_file": /ca, url: '${url}'}}\n`,
  );
});

test('at a terminal the question is asked; no leaves the file as it was', async () => {
  const file = write(text(url));
  for (const [answer, status, want] of [
    ['n\r', 1, url],
    ['\x04', 1, url],
    ['y\r', 0, other],
  ] as const) {
    const terminal = await Terminal.open(['config', 'create', other, '--config-path', file]);
    try {
      await terminal.sees(
        'c.yaml names a PostgreSQL already. Put the new one in its place? [y/N] ',
      );
      terminal.type(answer);
      await terminal.sees(status === 0 ? 'is changed; its mode is 0600.' : 'is left as it was.');
      assert.equal(await terminal.exited, status);
    } finally {
      await terminal.close();
    }
    assert.deepEqual(await resultOf(file), [true, want, undefined, 0o600]);
  }
});

test('the URL may come on standard input, and is in no word of the command line then', async () => {
  const file = nowhere();
  const argv = ['config', 'create', '-', '--config-path', file];
  const { status } = await run(argv, { input: `${url}\nmore\n` });
  assert.equal(status, 0);
  assert.deepEqual(await resultOf(file), [true, url, undefined, 0o600]);
  const nothing = await run(argv, { input: '' });
  assert.deepEqual([nothing.status, nothing.err.slice(0, 25)], [2, 'POSTGRES-URL is no URL li']);
});

const bad = [
  ...[
    '',
    'db',
    'http://me:geheim@db/x',
    'postgres:geheim',
    'postgres:/me:geheim@db',
    'mysql://geheim@db',
  ],
  ...['postgres://me:geh/eim@db/x', 'postgres://me:1/geheim@db/x', 'postgres://me:1#geheim@db/x'],
  ...[
    'postgres://me:1?geheim@db/x',
    'postgres://me:ge%heim@db/x',
    'postgres://me:geheim@db:99999/x',
  ],
  ...['postgres://me:geheim@db/x?tls=geheim', 'postgres://me:geheim@db/x?sslmode=geheim'],
  ...[
    'postgres://me:geh eim@db/x',
    'postgres://me:geh\u001b[31meim@db/x',
    'postgres://me:geheim@db\n/x',
  ],
  ...['postgres://me:geheim@/x', 'postgres:///geheim'],
];
test('a URL that cannot be used is told in one sentence, without the URL', async () => {
  for (const one of bad) {
    const file = nowhere();
    const { status, out, err } = await runConfig(['create', one, '--config-path', file]);
    assert.deepEqual([status, out], [2, ''], one);
    assert.match(err, /^POSTGRES-URL (is no|holds|has|names)[^\n]*\n$/, one);
    assert.doesNotMatch(err.replace('user:password@host', ''), /geh|@/, one);
    assert.doesNotMatch(err.trimEnd(), /\p{Cc}/u, one);
    assert.throws(() => statSync(file));
    assert.equal(shownPostgresUrl(one), undefined);
  }
  for (const one of [
    url,
    other,
    'postgres://db',
    'postgresql:///x?host=/run/postgresql',
    'postgres://u:p@[::1]:1/x',
  ]) {
    assert.equal(postgresUrlFault(one), undefined, one);
    assert.doesNotMatch(shownPostgresUrl(one) ?? '', /geh|anders|:p@/);
  }
});

test('a file that is faulty, an old one, or in a folder that is not there', async () => {
  const faulty = write('bsu: user\n');
  const first = await runConfig(['create', url, '--config', faulty]);
  assert.match(first.err, /bsu: is no key.*\n.*: is not edited before that is mended\n$/);
  const ini = join(directory, 'config.ini');
  writeFileSync(ini, '[monitor]\n');
  assert.match(
    (await runConfig(['create', url, '--config', ini])).err,
    /is no YAML but an old config\.ini/,
  );
  const gone = join(directory, 'gone', 'c.yaml');
  const third = await runConfig(['create', url, '--config', gone]);
  assert.match(
    third.err,
    /c\.yaml: cannot be written, because .*gone is no folder; make it first\n$/,
  );
  for (const { status, err } of [first, third]) {
    assert.equal(status, 2);
    assert.doesNotMatch(err, /geh/);
  }
});
