import { cpus } from 'node:os';
import { bench as cost } from './cost.ts';
import { bench as decode } from './decode.ts';
import { bench as delay } from './delay.ts';
import { bench as deps } from './deps.ts';
import { bench as endpoints } from './endpoints.ts';
import { bench as line } from './line.ts';
import { bench as memory } from './memory.ts';
import { bench as processCost } from './process-cost.ts';
import { bench as replay } from './replay.ts';
import type { Row } from './row.ts';
import { bench as storm } from './storm.ts';
import { bench as subscriptions } from './subscriptions.ts';

/*
 * Runs the benches and prints one table: `npm run bench`, or `npm run bench -- decode` for some.
 * Compare within one run: the machine is what it is.
 */

/** Every bench. Adding one is a file with `bench(): Promise<Row[]>`, a row here, and its small form in the tests. */
const benches: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  decode,
  replay,
  line,
  storm,
  delay,
  memory,
  cost,
  deps,
  endpoints,
  'process-cost': processCost,
  subscriptions,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  process.stderr.write(`no bench "${unknown}"; there are: ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 2;
} else {
  const [cpu] = cpus();
  process.stdout.write(`${cpu?.model ?? 'CPU'} × ${cpus().length}, Node ${process.version}\n\n`);
  for (const [name, run] of Object.entries(benches)) {
    if (asked.length === 0 || asked.includes(name)) (await run()).forEach(print);
  }
}

function print({ name, value, unit, note }: Row): void {
  const figure = value.toLocaleString('en', { maximumSignificantDigits: 3 });
  const columns = [name.padEnd(48), figure.padStart(12), unit.padEnd(6), note ?? ''];
  process.stdout.write(`${columns.join(' ').trimEnd()}\n`);
}
