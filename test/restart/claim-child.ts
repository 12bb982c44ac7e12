/**
 * An agent of a test, as a process of its own: polls, claims, "repairs" by writing a line, settles,
 * until nothing is in alarm. Arguments: JSON of the source's options, a name.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../../src/restart/contract.ts';
import { mysqlSource } from '../../src/restart/sources/mysql.ts';
import { clock, ending } from './sourcing.ts';

const [, , json = '', hostName = '', mode = ''] = process.argv;
const { repairMs = 0, ...options } = JSON.parse(json);
const source = mysqlSource({ ...options, clock, hostName, password: { reveal: () => 'right' } });

async function repair(): Promise<number> {
  const alarms = await source.poll();
  await Promise.all(
    alarms.map(async (alarm) => {
      if (!(await source.claim(alarm))) return;
      process.stdout.write(`${alarm.process}\n`);
      if (mode === 'stay') await new Promise(() => {});
      await sleep(repairMs);
      await source.settle(alarm, ending(true, hostName));
    }),
  );
  return alarms.length;
}

for (;;) {
  try {
    if ((await repair()) === 0) break;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    process.stderr.write(`${error.message}\n`);
    await sleep(100);
  }
}
await source.close();
