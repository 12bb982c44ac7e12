import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { StoreSettings } from '../../src/outputs/store/store.ts';
import { type Child, missing, scratch, settingsFor, startChild, until } from './store-bed.ts';

const skip = process.getuid?.() === 0 ? false : 'mounting a small file system needs root';

/** A store on a file system of 4 MiB, in a mount namespace of its own. */
function startSmall(t: TestContext, settings: StoreSettings, folder: string): Child {
  const mount = `mount -t tmpfs -o size=4m none "$0" && exec "$@"`;
  return startChild(t, settings, [
    ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, folder],
  ]);
}

test('a full disk: the agent goes on, counts and tells, and writes again when there is room', {
  skip,
}, async (t) => {
  const folder = scratch(t);
  const settings = settingsFor(folder, undefined, { batch: 500 });
  const child = startSmall(t, settings, folder);
  await until('the disk is full', () => child.view()?.localUp === false);
  await until('rows are lost', () => (child.view()?.lost.disk_full ?? 0) > 0);
  const view = child.view();
  assert.ok(view && view.waiting > 0 && missing(view) === 0);
  assert.ok(child.lines.some((line) => /^trouble Store: .* the disk is full\.$/.test(line)));
  assert.ok(child.lines.some((line) => /^lost .* because the disk is full/.test(line)));
  const before = view.written;
  const enlarge = spawn('nsenter', [
    `--mount=/proc/${child.process.pid}/ns/mnt`,
    'mount',
    '-o',
    'remount,size=64m',
    folder,
  ]);
  assert.deepEqual(await once(enlarge, 'exit'), [0, null]);
  await until('it writes again', () => (child.view()?.written ?? 0) > before);
  await until('it says so', () => child.lines.some((line) => line.startsWith('back ')));
  assert.equal(child.view()?.localUp, true);
});
