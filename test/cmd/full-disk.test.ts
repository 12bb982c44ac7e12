import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));

/** Exit status of the command with standard output, and perhaps standard error, on a full disk. */
async function statusOnFullDisk(args: readonly string[], stderrToo: boolean): Promise<unknown> {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', full, stderrToo ? full : 'ignore'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  closeSync(full);
  const [status] = await once(child, 'exit');
  return status;
}

for (const args of [['--version'], ['--help'], ['config', 'show']]) {
  test(`an answer that cannot be written is no success: ${args.join(' ')}`, async () => {
    assert.equal(await statusOnFullDisk(args, false), 1);
  });
}

test('a full standard error holds nobody back', async () => {
  const args = ['run', '--bus', 'unix:path=/nonexistent', '--listen', 'off'];
  assert.equal(await statusOnFullDisk(args, true), 1);
});
