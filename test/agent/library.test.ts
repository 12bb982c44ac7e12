import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { idleUnit, startUnits, until, withBed } from '../bed.ts';

const example = fileURLToPath(new URL('../../examples/library.js', import.meta.url));

test('examples/library.ts: its loop ends at a failure, and with it the process', () =>
  withBed({}, async (bed) => {
    await startUnits(bed, { 'app-one.service': idleUnit(), 'app-two.service': idleUnit() });
    const child = spawn(process.execPath, [example, 'app-*'], {
      env: { PATH: process.env['PATH'], BUS: bed.busAddress },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 20_000,
    });
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(line));
    const closed = once(child, 'close');
    // It has no way to say that it watches: restarts until one of them is told.
    await until(
      'it watches',
      async () => {
        await bed.systemctl('restart', 'app-one.service');
        return lines.length > 0;
      },
      15_000,
      200,
    );
    await bed.systemctl('kill', '--signal=KILL', 'app-two.service');
    assert.deepEqual(await closed, [0, null]);
    assert.equal(lines[0], 'app-one.service restarted (manual, 1)');
    assert.equal(lines.at(-1), 'app-two.service failed: SIGKILL');
  }));
