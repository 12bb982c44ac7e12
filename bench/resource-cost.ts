import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { ResourceReader } from '../src/collector/resources.ts';

/** Share of one core that reading `cgroups` cgroups each 30 s takes, and one reading's time. */
export interface ResourceCost {
  readonly cgroups: number;
  readonly readingUs: number;
  readonly coreShare: number;
}

const intervalUs = 30e6;

/**
 * Makes `cgroups` real cgroups (as root), reads them all a few times, and removes them.
 * @returns undefined where there is no memory controller, or no right to make a cgroup
 */
export function resourceCost(cgroups: number, rounds: number): ResourceCost | undefined {
  const roots = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'];
  const root = roots.find((folder) => existsSync(join(folder, 'memory.stat')));
  if (root === undefined || process.getuid?.() !== 0) return undefined;
  const slice = `/unitwatch-bench-${process.pid}`;
  const made: string[] = [];
  const make = (path: string) => {
    mkdirSync(root + path);
    made.push(root + path);
  };
  try {
    make(slice);
    for (let n = 0; n < cgroups; n++) make(`${slice}/unit-${n}.service`);
    const reader = new ResourceReader();
    const from = process.cpuUsage();
    for (let round = 0; round < rounds; round++) {
      for (let n = 0; n < cgroups; n++) {
        const reading = reader.read({ cgroup: `${slice}/unit-${n}.service`, pid: 0 });
        if (reading?.source !== 'cgroup') throw new Error('a cgroup could not be read');
      }
    }
    const { user, system } = process.cpuUsage(from);
    const readingUs = (user + system) / (rounds * cgroups);
    return { cgroups, readingUs, coreShare: (readingUs * cgroups) / intervalUs };
  } finally {
    for (const path of made.reverse()) rmdirSync(path);
  }
}

function main(): void {
  const cost = resourceCost(1000, 30);
  const text = cost
    ? `${cost.cgroups} cgroups: ${cost.readingUs.toFixed(1)} µs each, ${(100 * cost.coreShare).toFixed(3)}% of a core at one reading in 30 s`
    : 'no memory controller here, or not root';
  process.stdout.write(`${text}\n`);
}

if (process.argv[1] === import.meta.filename) main();
