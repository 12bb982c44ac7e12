/**
 * An agent's store in a process of its own, for the tests that kill it or fill its disk. It writes
 * results with numbers from the given one on, and prints a number when everything up to it is on disk.
 * A line `end` on standard input: it makes no more results, and ends when all are on disk, and
 * exported where there is a PostgreSQL; `stop`: it ends at once.
 *
 *     node store-child.js SETTINGS(JSON) FIRST [COUNT]
 */
import { createInterface } from 'node:readline';
import type { ProbeResult } from '../../src/model/probe.ts';
import { StoreError } from '../../src/outputs/store/contract.ts';
import { openStore, type StoreSettings } from '../../src/outputs/store/store.ts';

const [given = '', first = '0', count = 'Infinity'] = process.argv.slice(2);
const settings: StoreSettings = JSON.parse(given);
/** Results at a time; many where they cannot be written, so that memory fills up. */
const burst = { up: 200, down: 4_000 };

function result(n: number): ProbeResult {
  return {
    ...{ name: `service-${n % 7}`, kind: 'http', up: n % 5 !== 0, attempts: n },
    ...{
      timeUs: Date.now() * 1_000,
      reason: 'x'.repeat(200),
      durationSeconds: n / 1e6,
    },
    phaseSeconds: {},
  };
}

try {
  const store = await openStore(settings, {
    clock: { realtimeUs: () => Date.now() * 1_000, monotonicUs: () => performance.now() * 1_000 },
    random: Math.random,
    host: 'child',
    tell: ({ phase, message }) => process.stdout.write(`${phase} ${message}\n`),
  });
  process.stdout.write('open\n');
  let n = Number(first);
  const end = n + Number(count);
  let asked = '';
  createInterface(process.stdin).on('line', (line) => (asked = line));
  while (n < end && asked === '') {
    const some = store.view.localUp ? burst.up : burst.down;
    for (let i = 0; i < some && n < end; i++) store.result(result(n++));
    if (await store.flush(500)) process.stdout.write(`written ${n - 1}\n`);
    process.stdout.write(`view ${JSON.stringify({ ...store.view })}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  while (asked !== 'stop' && store.view.queued + (settings.postgres ? store.view.waiting : 0) > 0) {
    await store.flush(500);
    process.stdout.write(`view ${JSON.stringify({ ...store.view })}\n`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await store.stop(5_000);
  process.stdin.destroy();
  process.stdout.write(`view ${JSON.stringify({ ...store.view })}\n`);
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  process.stdout.write(`refused ${error.message}\n`);
}
