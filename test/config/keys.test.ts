import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedKeys } from '../../src/config/changes.ts';
import { variableOf } from '../../src/config/environment.ts';
import { formatValue } from '../../src/config/format.ts';
import { type Key, type KeyTable, keyAt, keysOf, settablePaths } from '../../src/config/key.ts';
import { keys } from '../../src/config/keys.ts';
import { loadTable } from '../../src/config/load.ts';
import { configOf } from './reading.ts';

test('every key has its own variable, a sentence and a default that it would accept', async () => {
  const paths = settablePaths(keys);
  assert.equal(new Set(paths.map(variableOf)).size, paths.length);
  for (const [path, key] of keysOf(keys)) {
    assert.match(path, /^[a-z][a-z_]*(?:\.[a-z][a-z_]*){0,2}$/);
    assert.match(key.doc, /^[A-Z].*\.$/, path);
    assert.equal(keyAt(keys, path), key);
    const plain = typeof key.default === 'function' ? undefined : key.default;
    const text = formatValue(key, plain);
    if (text === undefined) {
      assert.match(key.default_doc ?? '', /\w/, path);
      continue;
    }
    const yaml = path.split('.').reduceRight((inner, name) => `{${name}: ${inner}}`, text);
    const { origins } = await configOf(yaml);
    assert.equal(origins.get(path)?.source, 'file');
  }
});

test('nothing in the table can be changed by accident', () => {
  for (const [path, key] of keysOf(keys)) {
    if (typeof key.default === 'object') assert.ok(Object.isFrozen(key.default), path);
  }
});

test('a path that is no key is none', () => {
  for (const path of ['', 'x', 'bus.x', 'metrics', 'metrics.x', '__proto__', 'bus_file']) {
    assert.equal(keyAt(keys, path), undefined, path);
  }
});

test('a reload tells which keys changed and which of them wait for a restart', async () => {
  const before = await configOf('service_whitelist: [a]\nlisten: h:1\n');
  const after = await configOf(
    'listen: h:2\nservice_whitelist: [a, b]\nhost: x\nrestart_window: 300s\nlog_level: warn\n',
  );
  const again = await configOf('listen: h:1\nservice_whitelist: [a]\n');
  assert.deepEqual(changedKeys(before.config, after.config), [
    { path: 'service_whitelist', needsRestart: false },
    { path: 'listen', needsRestart: true },
    { path: 'host', needsRestart: true },
    { path: 'log_level', needsRestart: false },
  ]);
  assert.deepEqual(changedKeys(before.config, again.config), []);
});

test('a section is a table in the table, of any depth and any type of key', async () => {
  const number = {
    type: 'number',
    default: 1.5,
    min: 1,
    max: 10,
    doc: 'A factor.',
    reload: true,
  } as const satisfies Key;
  const table = {
    type: { names: { type: 'texts', default: [], doc: 'Names.', reload: true } },
    repair: { backoff: { multiplier: number } },
  } as const satisfies KeyTable;
  const env = { UNITWATCH_TYPE_NAMES: 'a,b', UNITWATCH_REPAIR_BACKOFF_MULTIPLIER: '2.5' };
  const loaded = await loadTable(table, { env, defaultFile: '/nonexistent/file' });
  assert.ok('config' in loaded);
  const { config } = loaded;
  assert.deepEqual(config.type.names, ['a', 'b']);
  assert.equal(config.repair.backoff.multiplier, 2.5);
  const wrong = await loadTable(table, {
    env: { UNITWATCH_REPAIR_BACKOFF_MULTIPLIER: '0.5' },
    defaultFile: '/nonexistent/file',
  });
  assert.ok('faults' in wrong);
  assert.deepEqual(wrong.faults, [
    'UNITWATCH_REPAIR_BACKOFF_MULTIPLIER: must be a number from 1 to 10 (got 0.5)',
  ]);
});
