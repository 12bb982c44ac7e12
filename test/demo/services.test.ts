import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { demoUnits, startDemoServices } from '../../src/demo/services.ts';
import { journalRecords, prepareForBeds, scheduledRestarts, show, until, withBed } from '../bed.ts';

before(prepareForBeds);

test('the services of the demo misbehave, each as it says, within 20 s', async () => {
  await withBed({ units: demoUnits }, async (bed) => {
    const files = Object.keys(demoUnits).map((name) => `/run/systemd/system/${name}`);
    const verified = await bed.exec(['systemd-analyze', 'verify', ...files]);
    assert.deepEqual([verified.status, verified.stderr], [0, '']);

    await startDemoServices(bed);
    const showLeak = () => show(bed, 'leaky.service', 'MainPID', 'MemoryMax');
    await until('the leak runs', async () => Number((await showLeak())['MainPID']) > 0);
    const leak = await showLeak();
    assert.equal(leak['MemoryMax'], String(64 * 1024 * 1024));
    const anonymousKb = async () => {
      const status = await bed.exec(['cat', `/proc/${leak['MainPID']}/status`]);
      return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status.stdout)?.[1]);
    };
    const earlier = await anonymousKb();

    const looping = ['crash-fast', 'crash-slow', 'crash-segv', 'crash-killed', 'database'];
    await until(
      'all that crash were started again',
      async () => {
        const restarts = await scheduledRestarts(bed);
        return looping.every((name) => (restarts.get(`${name}.service`) ?? 0) > 0);
      },
      20_000,
      200,
    );
    const hopeless = await show(bed, 'hopeless.service', 'ActiveState', 'NRestarts');
    assert.deepEqual(hopeless, { ActiveState: 'failed', NRestarts: '5' });
    const results = await Promise.all(
      ['crash-segv', 'crash-killed'].map((name) => endings(`${name}.service`)),
    );
    assert.deepEqual(results, [new Set(['killed 11']), new Set(['killed 9'])]);
    assert.ok((await anonymousKb()) > earlier + 2_000);

    await until('by hand and by dependency', async () => {
      const [hand, api, web] = await Promise.all(
        ['by-hand', 'api', 'web'].map((name) => starts(`${name}.service`)),
      );
      return [hand, api, web].every((count) => count !== undefined && count >= 2);
    });
    assert.equal(await starts('healthy.service'), 1);

    async function starts(unit: string): Promise<number> {
      let count = 0;
      // SD_MESSAGE_UNIT_STARTED
      const matches = ['MESSAGE_ID=39f53479d3a045ac8e11786248231fbf', `UNIT=${unit}`];
      for await (const record of journalRecords(bed, matches)) if (record['UNIT']) count += 1;
      return count;
    }

    async function endings(unit: string): Promise<Set<string>> {
      const found = new Set<string>();
      // SD_MESSAGE_UNIT_PROCESS_EXIT
      const matches = ['MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15', `UNIT=${unit}`];
      for await (const record of journalRecords(bed, matches))
        found.add(`${record['EXIT_CODE']} ${record['EXIT_STATUS']}`);
      return found;
    }
  });
});
