import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { detailJson, statusJson } from '../../src/outputs/page/json.ts';
import { rows } from '../../src/outputs/page/paths.ts';
import { busyWorld } from './page-world.ts';

const doc = readFileSync('docs/page.md', 'utf8');

function keysOf(value: unknown, keys = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const one of value) keysOf(one, keys);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      keys.add(key);
      keysOf(inner, keys);
    }
  }
  return keys;
}

test('docs/page.md names every path of the API and every key of its answers', () => {
  const world = busyWorld();
  const detail = world.context().service('queue.service');
  assert.ok(detail);
  const keys = keysOf([statusJson(world.status()), detailJson(detail)]);
  assert.ok(keys.size > 50, String(keys.size));
  for (const key of keys) assert.ok(doc.includes(`\`${key}\``), key);
  for (const [path] of rows) {
    if (path.startsWith('/api/')) assert.ok(doc.includes(`\`${path}`), path);
  }
});
