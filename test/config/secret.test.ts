import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { changesOf } from '../../src/config/changes.ts';
import { formatValue, jsonValue } from '../../src/config/format.ts';
import type { KeyTable } from '../../src/config/key.ts';
import { loadTable } from '../../src/config/load.ts';
import { makeSecret } from '../../src/config/secret.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();

const table = {
  store: {
    url: { type: 'text', default: undefined, doc: 'Where it is.', reload: true },
    password: { type: 'secret', default: undefined, doc: 'The password.', reload: false },
  },
} as const satisfies KeyTable;

function write(name: string, content: string, mode = 0o600): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

type Env = Readonly<Record<string, string>>;

async function load(yaml: string, env: Env = {}, mode = 0o600) {
  return loadTable(table, { file: write('c.yaml', yaml, mode), env });
}

async function passwordOf(yaml: string, env: Env = {}, mode = 0o600): Promise<string | undefined> {
  const loaded = await load(yaml, env, mode);
  if ('faults' in loaded) throw new Error(loaded.faults.join('\n'));
  return loaded.config.store.password?.reveal();
}

async function faultsOf(yaml: string, env: Env = {}, mode = 0o600): Promise<readonly string[]> {
  const loaded = await load(yaml, env, mode);
  return 'faults' in loaded ? loaded.faults : [];
}

test('a secret is printed by nothing but reveal()', () => {
  const secret = makeSecret('hunter2');
  const everything = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
    Object.values({ ...secret })
      .map(String)
      .join(),
    formatValue(table.store.password, secret),
    JSON.stringify(jsonValue(table.store.password, secret)),
  ];
  for (const text of everything) assert.doesNotMatch(String(text), /hunter2/);
  assert.equal(secret.reveal(), 'hunter2');
});

test('from the file, the environment, a file beside the key, and from systemd', async () => {
  const file = write('password', 'from-a-file\n');
  const credentials = join(directory, 'credentials');
  mkdirSync(credentials);
  write('credentials/store.password', 'from-systemd', 0o400);
  const env = { CREDENTIALS_DIRECTORY: credentials };

  assert.equal(await passwordOf(''), undefined);
  assert.equal(await passwordOf('store: {password: plain}'), 'plain');
  assert.equal(await passwordOf(`store: {password_file: ${file}}`), 'from-a-file');
  assert.equal(await passwordOf('', { UNITWATCH_STORE_PASSWORD: 'env' }), 'env');
  assert.equal(await passwordOf('', { UNITWATCH_STORE_PASSWORD_FILE: file }), 'from-a-file');
  assert.equal(await passwordOf('', env), 'from-systemd');
  assert.equal(await passwordOf('store: {password: plain}', env), 'plain');
  const stronger = { UNITWATCH_STORE_PASSWORD: 'env' };
  assert.equal(await passwordOf(`store: {password_file: ${file}}`, stronger), 'env');
  const strongerFile = { UNITWATCH_STORE_PASSWORD_FILE: file };
  assert.equal(await passwordOf('store: {password: plain}', strongerFile), 'from-a-file');
});

test('who set it is told without it', async () => {
  const credentials = join(directory, 'told');
  mkdirSync(credentials);
  write('told/store.password', 'hunter2', 0o400);
  const loaded = await load('', { CREDENTIALS_DIRECTORY: credentials });
  assert.ok('config' in loaded);
  assert.deepEqual(loaded.origins.get('store.password'), {
    source: 'credential',
    where: `${credentials}/store.password`,
  });
  assert.doesNotMatch(inspect(loaded, { depth: 9, showHidden: true }), /hunter2/);
});

test('a secret in a configuration that everybody may read is refused with the remedy', async () => {
  const file = join(directory, 'c.yaml');
  assert.deepEqual(await faultsOf('store: {password: hunter2}', {}, 0o644), [
    `${file}: holds the secret store.password, and every user may read it; run: chmod o-r ${file}`,
  ]);
  assert.equal(await passwordOf('store: {password: hunter2}', {}, 0o640), 'hunter2');
  assert.deepEqual(await faultsOf('store: {url: x}', {}, 0o644), []);
});

test("a secret's own file that everybody may read is refused with the remedy", async () => {
  const file = write("odd 'name'", 'hunter2', 0o604);
  const yaml = `store:\n  password_file: "${file}"`;
  assert.deepEqual(await faultsOf(yaml, {}, 0o644), [
    `${directory}/c.yaml:2:3: store.password_file: ${file.slice(0, 60)}${file.length > 60 ? '...' : ''} may be read by every user; run: chmod o-r '${file.replaceAll("'", "'\\''")}'`,
  ]);
});

test("what is wrong with a secret's file", async () => {
  const large = write('large', 'x'.repeat(65_537));
  const cases: readonly (readonly [string, string])[] = [
    [join(directory, 'absent'), 'does not exist'],
    [directory, 'is a directory; name the file in it'],
    [write('empty', '\n'), 'is empty'],
    [write('nul', 'a\0b'), 'contains a NUL byte'],
    [large, 'is larger than 64 KiB'],
  ];
  for (const [file, want] of cases) {
    const faults = await faultsOf('', { UNITWATCH_STORE_PASSWORD_FILE: file });
    assert.deepEqual(faults, [
      `UNITWATCH_STORE_PASSWORD_FILE: store.password_file: ${file} ${want}`,
    ]);
  }
});

test('the secret and its file are not given side by side', async () => {
  const faults = await faultsOf('store:\n  password: hunter2\n  password_file: /p\n');
  assert.deepEqual(faults, [
    `${directory}/c.yaml:3:18: store.password_file: is set beside store.password; remove one of them`,
  ]);
});

test('no message shows a secret, however wrong it is written', async () => {
  const texts = [
    'store: {password: [hunter2]}',
    'store: {password: "hunter2\\e"}',
    'store: {pasword: hunter2}',
    'store: {password: hunter2, password: hunter2}',
    'store: {password: !x hunter2}',
    `store: {password: ${'hunter2'.repeat(1_000)}}`,
  ];
  for (const text of texts) {
    const faults = await faultsOf(text);
    assert.equal(faults.length, 1, text);
    assert.doesNotMatch(faults.join(), /hunter2/);
  }
  const env = { UNITWATCH_STORE_PASSWORD: 'hunter2\u001b' };
  assert.deepEqual(await faultsOf('', env), [
    'UNITWATCH_STORE_PASSWORD: must not contain control characters',
  ]);
});

test('a mistyped key of a secret is told its right name', async () => {
  assert.deepEqual(await faultsOf('store: {passwrd_file: /p}'), [
    `${directory}/c.yaml:1:9: store.passwrd_file: is no key of unitwatch; did you mean 'store.password_file'?`,
  ]);
});

test('another secret is a change, the same one is none', () => {
  const config = (password: string) => ({ store: { url: 'x', password: makeSecret(password) } });
  assert.deepEqual(changesOf(table, config('a'), config('b')), [
    { path: 'store.password', needsRestart: true },
  ]);
  assert.deepEqual(changesOf(table, config('a'), config('a')), []);
});
