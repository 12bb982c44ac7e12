import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isCollection, type KeyTable, keysOf } from '../../src/config/key.ts';
import { keys } from '../../src/config/keys.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configOf } from './reading.ts';
import { configurationPage, exampleFile, exampleText } from './reference.ts';

/** From dist/test/config/ to the root of the repository. */
const root = new URL('../../../', import.meta.url);
const example = fileURLToPath(new URL('examples/unitwatch.yaml', root));

/** With UPDATE=1 the file is written anew, to be reviewed as text. */
function assertCurrent(path: string, want: string): void {
  const file = new URL(path, root);
  if (process.env['UPDATE'] === '1') writeFileSync(file, want);
  assert.equal(readFileSync(file, 'utf8'), want, `${path} is old: UPDATE=1 npm test writes it`);
}

test('docs/configuration.md is what the table of keys says', () => {
  assertCurrent('docs/configuration.md', configurationPage(keys));
});

test('examples/unitwatch.yaml is what the table of keys says', () => {
  assertCurrent('examples/unitwatch.yaml', exampleFile(keys));
});

test('the example says nothing but the defaults, and shows every key', async () => {
  const loaded = await loadConfig({ file: example, env: {} });
  assert.ok('config' in loaded, JSON.stringify(loaded));
  const { config: defaults } = await configOf(undefined);
  const { state_directory: _, ...stated } = loaded.config;
  const { state_directory: __, ...wanted } = defaults;
  assert.deepEqual(stated, wanted);
  const text = readFileSync(example, 'utf8');
  for (const [path, key] of keysOf(keys)) {
    const name = path.split('.').at(-1);
    const plain = key.default !== undefined && typeof key.default !== 'function';
    assert.match(text, new RegExp(`^ *${plain ? '' : '#'}${name}: \\S`, 'm'));
    assert.equal(loaded.origins.get(path)?.source, plain ? 'file' : 'default');
  }
});

test('the example is valid too with the lines that it only shows', async () => {
  const text = readFileSync(example, 'utf8').replace(/^( *)#([a-z_]+: )/gm, '$1$2');
  const { config } = await configOf(text, {}, [], false);
  assert.equal(config.host, 'web-1');
  assert.equal(config.state_directory, '/var/lib/unitwatch');
});

test('every example of a map is valid, and shows something', async () => {
  const examples = (table: KeyTable): readonly (readonly [string, string])[] =>
    keysOf(table).flatMap(([path, key]) =>
      isCollection(key) && key.example ? [[path, exampleText(path, key.example)] as const] : [],
    );
  assert.ok(examples(keys).length >= 6);
  for (const [path, text] of examples(keys)) {
    const { config } = await configOf(text);
    const value = path.split('.').reduce<unknown>((at, name) => Object(at)[name], config);
    assert.ok(value instanceof Map && value.size > 0, path);
  }
});
