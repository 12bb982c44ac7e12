import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
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

test('a long answer reaches a slow reader whole, and one that goes away ends it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-answer-'));
  try {
    const services = Array.from({ length: 3_000 }, (_, i) => `    s${i}: {url: "http://s${i}/"}\n`);
    const file = join(folder, 'c.yaml');
    writeFileSync(file, `checks:\n  http:\n${services.join('')}`);
    const through = async (reader: string): Promise<string> => {
      const line = `"$0" "$1" config services show --config "$2" | (${reader})`;
      const argv = ['-c', line, process.execPath, command, file];
      const { stdout } = await execute('sh', argv, { maxBuffer: 2 ** 24, timeout: 20_000 });
      return stdout;
    };
    const lines = (await through('sleep 1; cat')).trimEnd().split('\n');
    assert.equal(lines.length, 3_001);
    assert.match(lines.at(-1) ?? '', /^s2999 +http /);
    assert.match(await through('sleep 1; head -n 1'), /^NAME /);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a full standard error holds nobody back', async () => {
  const args = ['run', '--bus', 'unix:path=/nonexistent', '--listen', 'off'];
  assert.equal(await statusOnFullDisk(args, true), 1);
});
