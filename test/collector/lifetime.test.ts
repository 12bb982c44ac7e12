import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lifetime } from '../../src/collector/lifetime.ts';

const never = (): Promise<never> => new Promise(() => {});

test('work that ends first brings its result, or its error', async () => {
  const life = new Lifetime<string>();
  assert.equal(await life.during(Promise.resolve(1)), 1);
  await assert.rejects(life.during(Promise.reject(new Error('it broke'))), /it broke/);
});

test('the end comes first: its reason is all that is told, and the first reason counts', async () => {
  const life = new Lifetime<string>();
  const waiting = life.during(never());
  life.end('closed');
  life.end('closed again');
  assert.equal(await waiting, 'closed');
  assert.equal(await life.during(never()), 'closed');
  assert.equal(await life.over, 'closed');
});

test('nothing stays of work that has ended', async () => {
  const life = new Lifetime<string>();
  const endings = Reflect.get(life, 'endings') as ReadonlySet<unknown>;
  const alone = endings.size;
  const last = Array.from({ length: 1_000 }, () => life.during(Promise.resolve()));
  assert.equal(endings.size, alone + 1_000);
  await Promise.all(last);
  await new Promise(setImmediate);
  assert.equal(endings.size, alone);
});
