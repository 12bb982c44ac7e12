import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

/**
 * node dist/test/restart/simulate.js [--seed 1] [--runs 1000] [--trace]
 * Runs of the simulation from a seed on; the first that breaks a rule is printed with its trace.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    trace: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const sums = new Map<string, number>();
let failed = 0;
for (let seed = first; seed < first + Number(values.runs); seed++) {
  const { violations, figures } = simulate(seed);
  for (const [name, count] of Object.entries(figures))
    sums.set(name, (sums.get(name) ?? 0) + count);
  if (violations.length > 0 || values.trace) {
    process.stdout.write(`${simulate(seed, true).trace.join('\n')}\nseed ${seed}: ${violations}\n`);
  }
  if (violations.length > 0) failed += 1;
  if (failed > 0) break;
}
const told = [...sums].map(([name, count]) => `${count} ${name}`).join(', ');
process.stdout.write(`${values.runs} runs from seed ${first}: ${told}\n`);
if (failed > 0) process.exitCode = 1;
