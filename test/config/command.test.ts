import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keysOf } from '../../src/config/key.ts';
import { keys } from '../../src/config/keys.ts';
import { runConfig as run } from './run-config.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

const good = write(
  'good.yaml',
  `bus: user
service_whitelist: ["a,b", /x y/, "true", "é: #", '12']
host: "\u00a0 \\"quoted\\" \\\\"
listen: '[::1]:0'
restart_window: 90s
metrics: {node_exporter_names: true}
`,
);
const bad = write('bad.yaml', 'bsu: user\nlisten: x\n');

test('check of a good file', async () => {
  const want = { status: 0, out: `${good}: valid\n`, err: '' };
  assert.deepEqual(await run(['check', good]), want);
  assert.deepEqual(await run(['check', '--config', good]), want);
  assert.deepEqual(await run(['check'], { UNITWATCH_CONFIG: good }), want);
});

test('check of a bad file tells every fault on standard error, with status 2', async () => {
  const { status, out, err } = await run(['check', bad]);
  assert.equal(status, 2);
  assert.equal(out, '');
  assert.deepEqual(
    err.split('\n').map((line) => line.slice(0, bad.length + 5)),
    [`${bad}:1:1:`, `${bad}:2:9:`, ''],
  );
});

test('every command takes the file under both of its names', async () => {
  const program = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));
  for (const words of [
    ...['run', 'status', 'check', 'healthcheck', 'graph', 'shell', 'impact a.service', 'start a'],
    ...['services list', 'store status', 'alarms list', 'config show'],
  ]) {
    for (const named of [['--config', bad], ['--config-path', bad], [`--config-path=${bad}`]]) {
      const command = [program, ...words.split(' '), ...named];
      const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
      assert.deepEqual(
        [status, stderr.includes(`${bad}:1:1: bsu`)],
        [2, true],
        `${named} ${words}`,
      );
    }
  }
});

test('show of a bad file shows nothing', async () => {
  const { status, out } = await run(['show', '--config', bad]);
  assert.deepEqual({ status, out }, { status: 2, out: '' });
});

test('what show prints as YAML is a file that says the same', async () => {
  const env = { UNITWATCH_LOG_LEVEL: 'warn' };
  const first = await run(['show', '--yaml', '--config', good], env);
  assert.equal(first.status, 0);
  assert.match(first.out, new RegExp(`^bus: user {2}# ${good}:1:1$`, 'm'));
  assert.match(first.out, /^log_level: warn {2}# UNITWATCH_LOG_LEVEL$/m);
  assert.match(first.out, /^restart_window: 1m30s {2}# /m);
  assert.match(first.out, /^poll_interval: 30s {2}# default$/m);
  const again = await run(['show', '--yaml', '--config', write('again.yaml', first.out)]);
  const bare = (text: string): string => text.replace(/ {2}# .*$/gm, '').replace(/^# .*\n/, '');
  assert.equal(bare(again.out), bare(first.out));
});

test('show prints a table of everything: the password is hidden, the services are numbered', async () => {
  const file = write(
    'whole.yaml',
    `bus: user
page: {token: geheim}
store:
  enabled: true
  postgres: {url: 'postgres://me:geh%2Feim@db:5433/rows?sslmode=require'}
checks:
  components: {"a\\u202eb": {unit: a.service, user: u}}
  tcp: {door: {host: '::1', port: 22, interval: 2s}}
  http:
    shop: {url: 'http://shop/?q=1', regex: '\\d', secret_headers: {Authorization: geheim}}
`,
  );
  chmodSync(file, 0o600);
  const env = { UNITWATCH_LOG_LEVEL: 'warn', HOME: '/home/u', STATE_DIRECTORY: '/run/own' };
  for (const option of ['--config', '--config-path']) {
    const { status, out, err } = await run(['show', option, file], env);
    assert.deepEqual([status, err], [0, '']);
    assert.doesNotMatch(out, /geh/);
    const lines = out.split('\n').map((line) => line.replace(/ {2,}/g, ' | '));
    assert.deepEqual(lines.slice(0, 3), [file, '', 'KEY | VALUE | FROM']);
    for (const want of [
      'bus | user | line 1',
      'log_level | warn | UNITWATCH_LOG_LEVEL',
      'page.token | (hidden) | line 2',
      'store.postgres.url | postgres://me:***@db:5433/rows?sslmode=require | line 5',
      'checks.components | 1 entry | line 7',
      ' | a\\u{202e}b | {criteria: [], unit: a.service, ',
      'checks.http | 1 entry, below | line 9',
      'Local database of the store: /run/own/store.db',
      'Services (2):',
      'NUMBER | NAME | KIND | METHOD | TARGET | INTERVAL | TIMEOUT | CHECK | REGEX',
      '1 | door | tcp | - | [::1]:22 | 2s | 5s | - | -',
      '2 | shop | http | GET | http://shop/?q=1 | 5s | 15s | no | \\d',
    ]) {
      assert.ok(
        lines.some((line) => line.trim().startsWith(want.trim())),
        `${want}\n${lines.join('\n')}`,
      );
    }
    const rows = lines.filter((line) => /^[a-z_.]+ \| /.test(line)).length;
    assert.ok(rows >= keysOf(keys).length, 'every key');
  }
});

test('a URL that may have its password anywhere is hidden as a whole', async () => {
  const file = write('odd.yaml', "store: {postgres: {url: 'postgres://me:12/geheim@db/x'}}\n");
  chmodSync(file, 0o600);
  const { out } = await run(['show', '--config', file]);
  assert.match(out, /^store\.postgres\.url +\(hidden\) +line 1$/m);
  assert.doesNotMatch(out, /geheim/);
});

test('show as JSON has every key with its value and who set it', async () => {
  const { status, out } = await run(['show', '--config', good, '--json']);
  assert.equal(status, 0);
  const { file, settings } = JSON.parse(out);
  assert.equal(file, good);
  assert.deepEqual(
    settings.map(({ key }: { key: string }) => key),
    keysOf(keys).map(([path]) => path),
  );
  const find = (wanted: string): unknown =>
    settings.find(({ key }: { key: string }) => key === wanted);
  const where = (line: string): string => `${good}:${line}`;
  assert.deepEqual(find('listen'), {
    key: 'listen',
    value: '[::1]:0',
    source: 'file',
    where: where('4:1'),
  });
  assert.deepEqual(find('restart_window'), {
    key: 'restart_window',
    value: '1m30s',
    source: 'file',
    where: where('5:1'),
  });
  assert.deepEqual(find('restart_threshold'), {
    key: 'restart_threshold',
    value: 5,
    source: 'default',
    where: '',
  });
});

const old = write(
  'config.ini',
  '[database]\npassword = geheim # mine\n[process.a b]\nmax_attempts = 4\n',
);
chmodSync(old, 0o600);

test('import writes a file that nobody else may read, and that check finds valid', async () => {
  const output = join(directory, 'imported.yaml');
  const first = await run(['import', old, '--output', output]);
  assert.deepEqual(first, { status: 0, out: `${output}: written\n`, err: '' });
  assert.equal(statSync(output).mode & 0o777, 0o600);
  assert.equal((await run(['check', output])).status, 0);
  const { out } = await run(['show', '--yaml', '--config', output]);
  assert.match(out, /^ {4}"a b":\n {6}start_command: .*\n {6}max_attempts: 4$/m);
  assert.doesNotMatch(out, /geheim/);
  const again = await run(['import', old, '--output', output]);
  const err = `unitwatch config: ${output}: is there already; name a file that is not\n`;
  assert.deepEqual(again, { status: 2, out: '', err });
  assert.equal((await run(['import', old])).out, readFileSync(output, 'utf8'));
});

test('import refuses what is no old file, what is wrong, and what everybody may read', async () => {
  const yaml = await run(['import', good]);
  assert.equal(yaml.status, 2);
  assert.match(yaml.err, /: is no config\.ini: it does not begin with a \[section\]\n$/);
  const wrong = await run(['import', write('wrong.ini', '[monitor]\nx = 1\n')]);
  assert.match(wrong.err, /wrong\.ini:2:1: \[monitor\] x: is no key of config\.ini\n$/);
  const open = write('open.ini', '[database]\npassword = geheim\n');
  chmodSync(open, 0o644);
  const refused = await run(['import', open]);
  assert.equal(refused.out, '');
  assert.match(refused.err, /every user may read it; run: chmod o-r /);
  const missing = await run(['import', join(directory, 'missing.ini')]);
  assert.match(missing.err, /missing\.ini: does not exist\n$/);
});

test('maps are shown as sections, and as JSON', async () => {
  const file = write('maps.yaml', 'checks:\n  tcp: {db: {host: h, port: 1}}\n');
  const { out } = await run(['show', '--yaml', '--config', file]);
  assert.match(out, /^ {2}tcp: {2}# .*:2:3\n {4}db:\n {6}host: h\n {6}port: 1\n/m);
  const again = await run(['show', '--yaml', '--config', write('maps-again.yaml', out)]);
  const bare = (text: string): string => text.replace(/ {2}# .*$/gm, '').replace(/^# .*\n/, '');
  assert.equal(bare(again.out), bare(out));
  const { settings } = JSON.parse((await run(['show', '--config', file, '--json'])).out);
  const tcp = settings.find(({ key }: { key: string }) => key === 'checks.tcp');
  assert.equal(tcp.value.db.port, 1);
  assert.equal(tcp.value.db.timeout, '5s');
});

test('help', async () => {
  for (const argv of [['--help'], ['-h'], ['check', '--help']]) {
    const { status, out, err } = await run(argv);
    assert.equal(status, 0);
    assert.match(out, /^Usage: unitwatch config check \[FILE\]\n/);
    assert.equal(err, '');
  }
});

const wrong: readonly (readonly [readonly string[], string])[] = [
  [[], 'check, show, import, create or services? (got none)'],
  [['\u001b[31m'], 'check, show, import, create or services? (got \\u{1b}[31m)'],
  [['check', 'a', 'b'], 'one file at a time'],
  [['check', 'a', '--config', 'b'], 'one file at a time'],
  [['check', '--json'], 'check has no --json'],
  [['show', 'a'], 'show takes no file; write --config FILE'],
  [['check', '--output', 'x'], 'check has no --output'],
  [['check', 'a', '--config-path', 'b'], 'one file at a time'],
  [['show', '--config', 'a', '--config-path', 'b'], 'one file at a time'],
  [['show', '--yaml', '--json'], 'YAML or JSON, not both'],
  [['show', '--yes'], 'show has no --yes'],
  [['import'], 'import which FILE?'],
  [['create'], 'create takes POSTGRES-URL'],
  [['create', 'a', 'b'], "Unexpected argument 'b'"],
  [['create', 'a', '--interval', '5'], 'create has no --interval'],
  [['services'], 'services show, add, update or remove? (got none)'],
  [['services', '__proto__'], 'services show, add, update or remove? (got __proto__)'],
  [['services', 'add'], 'services add takes URL [METHOD]'],
  [
    ['services', 'add', 'u', 'GET', '--toggle-check-regex'],
    'services add has no --toggle-check-regex',
  ],
  [['services', 'update', '1', '--check-regex'], 'services update has no --check-regex'],
  [['services', 'update'], 'services update takes NUMBER'],
  [['services', 'update', '1', '2'], "Unexpected argument '2'"],
  [['services', 'remove', '1', '--regex', 'x'], 'services remove has no --regex'],
  [['show', '--jsno'], "Unknown option '--jsno'"],
  [
    ['show', '--config'],
    "Option '--config' needs a value; one that begins with - is given as --config=-...",
  ],
];
for (const [argv, want] of wrong) {
  test(`asked wrongly: ${JSON.stringify(argv)}`, async () => {
    const { status, out, err } = await run(argv);
    assert.equal(status, 2);
    assert.equal(out, '');
    assert.equal(err, `unitwatch config: ${want}\nTry: unitwatch config --help\n`);
  });
}
