/** Run where argv[2] is a small file system of its own: fills it in the middle of a repair, then frees it. */
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SourceError } from '../../src/restart/contract.ts';
import { sqliteSource } from '../../src/restart/sources/sqlite.ts';
import { sqliteAdmin } from '../../src/restart/sources/sqlite-admin.ts';
import { clock, ending, only } from './sourcing.ts';

const folder = process.argv[2] ?? '';
const options = { path: join(folder, 'alarms.sqlite'), query_timeout: 5_000 };
const admin = sqliteAdmin(options);
await admin.init();
await admin.raise('web');
await admin.close();
const source = sqliteSource({ ...options, clock, hostName: 'tester' });
const alarm = only(await source.poll());
await source.claim(alarm);
const filler = join(folder, 'filler');
for (const size of [65_536, 4_096]) {
  try {
    for (;;) appendFileSync(filler, Buffer.alloc(size));
  } catch {
    // Full.
  }
}
try {
  await source.settle(alarm, ending(true, 'x'.repeat(900)));
  process.stdout.write('settled\n');
} catch (error) {
  if (!(error instanceof SourceError)) throw error;
  process.stdout.write(`${error.kind}: ${error.message}\n`);
}
rmSync(filler);
process.stdout.write(`${(await source.poll()).length} alarms\n`);
await source.close();
const again = sqliteSource({ ...options, clock, hostName: 'tester' });
process.stdout.write(`${(await again.poll()).length} alarms\n`);
await again.close();
