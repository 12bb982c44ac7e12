import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneAfterTheOther } from '../../cmd/watch.ts';

test('asked for before there is anything to reload: once, when there is', async () => {
  let start = () => {};
  let reloads = 0;
  const work = async () => {
    reloads += 1;
  };
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  const reload = oneAfterTheOther(work, started);
  reload();
  await sleep(10);
  reload();
  assert.equal(reloads, 0);
  start();
  await sleep(10);
  assert.equal(reloads, 1);
});

test('the configuration that was read last is taken last, however long the first took to be read', async () => {
  let file = 'first';
  const taken: string[] = [];
  const waits = [60, 5, 5];
  const reload = oneAfterTheOther(async () => {
    const read = file;
    await sleep(waits.shift());
    taken.push(read);
  });
  reload();
  await sleep(10);
  file = 'second';
  reload();
  reload();
  await sleep(150);
  assert.deepEqual(taken, ['first', 'second'], 'once for all who asked meanwhile');
});
