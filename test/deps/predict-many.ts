import { parseArgs } from 'node:util';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { withBed } from '../bed.ts';
import { trixieRoot } from '../trixie.ts';
import { chances, endless, isOneRoot, observe, type Trial, tell, tryOut } from './predicting.ts';
import { randomGraph } from './random-graph.ts';

/**
 * node dist/test/deps/predict-many.js [--graphs 200] [--first 1] [--at-once 10] [--trixie] [--verbose]
 * Foretells and tries out, on graphs that are numbered and can so be done again; status 1 where a
 * single one came otherwise, or where a crash did not have exactly one root. `--trixie`: on systemd
 * 257. `--print`: the unit files of the graphs, nothing else.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      graphs: { type: 'string', default: '200' },
      first: { type: 'string', default: '1' },
      'at-once': { type: 'string', default: '10' },
      trixie: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      print: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.first);
  const seeds = Array.from({ length: Number(values.graphs) }, (_, i) => first + i);
  if (values.print) {
    for (const seed of seeds) print(seed);
    return;
  }
  const root = values.trixie ? { root: await trixieRoot(), cgroupV2Only: true } : {};
  const begun = Date.now();
  const sums = await withBed({ ...root, journal: false, logLevel: 'warning' }, (bed) =>
    tryAll(bed, seeds, Number(values['at-once']), values.verbose),
  );
  const seconds = Math.round((Date.now() - begun) / 1000);
  process.stdout.write(
    `${seeds.length - sums.wrong.size} of ${seeds.length} graphs as foretold, ${sums.trials} trials, ` +
      `${sums.eventful} with consequences, ${seconds} s; ` +
      `${chances.length} units passed over where systemd leaves it to chance; ` +
      `${endless.length} graphs passed over that never come to rest (${endless.join()}); ` +
      `${sums.misled} crashes without exactly one root\n`,
  );
  if (sums.wrong.size > 0 || sums.misled > 0) process.exitCode = 1;
}

interface Sums {
  readonly wrong: Set<number>;
  misled: number;
  trials: number;
  eventful: number;
}

async function tryAll(
  bed: ThrowAwaySystemd,
  seeds: readonly number[],
  atOnce: number,
  verbose: boolean,
): Promise<Sums> {
  const sums: Sums = { wrong: new Set(), misled: 0, trials: 0, eventful: 0 };
  const observer = await observe(bed);
  for (let i = 0; i < seeds.length; i += atOnce) {
    if (verbose) process.stderr.write(`graphs from ${seeds[i]}\n`);
    const graphs = seeds.slice(i, i + atOnce).map(randomGraph);
    for (const trial of await tryOut(bed, observer, graphs)) count(sums, trial);
  }
  observer.close();
  return sums;
}

function count(sums: Sums, trial: Trial): void {
  const isMisled = trial.on === 'crash' && !trial.isEndless && !isOneRoot(trial);
  sums.trials++;
  if (trial.stopped.length + trial.restarted.length > 0) sums.eventful++;
  if (isMisled) sums.misled++;
  if (!trial.isRight) sums.wrong.add(trial.seed);
  if (isMisled || !trial.isRight) process.stdout.write(`${tell(trial)}\n`);
}

function print(seed: number): void {
  for (const [name, text] of Object.entries(randomGraph(seed).units))
    process.stdout.write(`# ${name}\n${text}\n`);
}

await main();
