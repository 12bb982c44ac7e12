import { parseArgs } from 'node:util';
import { withBed } from '../bed.ts';
import { trixieRoot } from '../trixie.ts';
import { observe, type Trial, tell, tryOut } from './predicting.ts';
import { randomGraph } from './random-graph.ts';

/**
 * node dist/test/deps/predict-many.js [--graphs 200] [--first 1] [--at-once 10] [--trixie] [--verbose] [--print]
 * Foretells and tries out, on graphs that are numbered and can so be done again; status 1 where a
 * single one came otherwise. `--trixie`: on systemd 257. `--print`: the unit files, nothing else.
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
    for (const seed of seeds)
      for (const [name, text] of Object.entries(randomGraph(seed).units))
        process.stdout.write(`# ${name}\n${text}\n`);
    return;
  }
  const options = values.trixie ? { root: await trixieRoot(), cgroupV2Only: true } : {};
  const wrong = new Map<number, Trial[]>();
  let trials = 0;
  const begun = Date.now();
  await withBed({ ...options, journal: false, logLevel: 'warning' }, async (bed) => {
    const observer = await observe(bed);
    const atOnce = Number(values['at-once']);
    for (let i = 0; i < seeds.length; i += atOnce) {
      const graphs = seeds.slice(i, i + atOnce).map(randomGraph);
      if (values.verbose) process.stderr.write(`graphs from ${seeds[i]}\n`);
      for (const trial of await tryOut(bed, observer, graphs)) {
        trials++;
        if (trial.isRight) continue;
        wrong.set(trial.seed, [...(wrong.get(trial.seed) ?? []), trial]);
        process.stdout.write(`${tell(trial)}\n`);
      }
    }
    observer.close();
  });
  const seconds = Math.round((Date.now() - begun) / 1000);
  process.stdout.write(
    `${seeds.length - wrong.size} of ${seeds.length} graphs as foretold, ${trials} trials, ${seconds} s\n`,
  );
  if (wrong.size > 0) process.exitCode = 1;
}

await main();
