import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCronTables } from '../../src/collector/cron-files.ts';

test('the tables of a cron that runs: bounded, and none of what editors leave behind', async () => {
  const root = mkdtempSync(join(tmpdir(), 'unitwatch-cron-'));
  try {
    mkdirSync(join(root, 'etc/cron.d'), { recursive: true });
    mkdirSync(join(root, 'run'));
    writeFileSync(join(root, 'etc/crontab'), '0 1 * * * root a\n');
    writeFileSync(join(root, 'etc/cron.d/backup'), `0 2 * * * root b\n${'#'.repeat(100_000)}`);
    writeFileSync(join(root, 'etc/cron.d/backup~'), '0 3 * * * root c\n');
    mkdirSync(join(root, 'etc/cron.d/folder'));
    assert.deepEqual(await readCronTables(root), [], 'no cron runs');
    writeFileSync(join(root, 'run/crond.pid'), '1\n');
    const tables = await readCronTables(root);
    assert.deepEqual(
      tables.map(({ path, text }) => [path, text.length]),
      [
        ['/etc/crontab', 17],
        ['/etc/cron.d/backup', 65_536],
      ],
    );
    rmSync(join(root, 'etc/cron.d/folder'), { recursive: true });
    for (let n = 0; n < 100; n++) writeFileSync(join(root, `etc/cron.d/t${n}`), '');
    assert.equal((await readCronTables(root)).length, 64);
  } finally {
    rmSync(root, { recursive: true });
  }
});
