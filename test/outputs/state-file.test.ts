import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stateFile } from '../../src/outputs/state-file.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unitwatch-state-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('killed in the middle of a write, it leaves the old state, and the next write is whole', async () => {
  const path = join(folder, 'patterns.json');
  assert.equal(await stateFile(path).write(['{"old"', ':true}']), undefined);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'state-file-child.js'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok((await stat(`${path}.new`)).size > 0, 'it was in the middle');
  assert.deepEqual(await stateFile(path).read(), { old: true });
  assert.equal(await stateFile(path).write(['{"new":', '1}']), undefined);
  assert.deepEqual(await stateFile(path).read(), { new: 1 });
});

test('a throw while pieces are made leaves the old state', async () => {
  const path = join(folder, 'thrown.json');
  await stateFile(path).write(['{"old":true}']);
  const pieces = function* (): Generator<string, void> {
    yield '{"new":';
    throw new Error('of no use');
  };
  assert.equal(await stateFile(path).write(pieces()), 'of no use');
  assert.deepEqual(await stateFile(path).read(), { old: true });
});
