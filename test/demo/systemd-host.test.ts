import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { prepareForBeds, withBed } from '../bed.ts';
import { run } from '../debian.ts';

const dist = fileURLToPath(new URL('../..', import.meta.url));
const ask = [
  process.execPath,
  '--input-type=module',
  '-e',
  `import { systemdRuns } from '${new URL('../../src/demo/systemd-host.js', import.meta.url).href}';
   console.log(systemdRuns());`,
];

before(prepareForBeds);

test('a host is one of systemd when systemd has said so in /run', async () => {
  await withBed({ binds: [dist, process.execPath] }, async (bed) => {
    assert.equal((await bed.exec(ask)).stdout, 'true\n');
  });
});

test('a host without systemd is none', async () => {
  const hidden = 'mount -t tmpfs run /run && exec "$@"';
  assert.equal(await run('unshare', ['--mount', 'sh', '-c', hidden, 'sh', ...ask]), 'false\n');
});
