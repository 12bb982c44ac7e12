import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPlan, planOf } from '../src/checks/process/hosts.ts';
import { ProcessChecks } from '../src/checks/process/process-checks.ts';
import { processRows } from '../src/checks/process/rows.ts';
import { systemClock } from '../src/collector/system-clock.ts';
import { type Component, defaultComponent } from '../src/model/platform.ts';
import { sleep } from '../test/bed.ts';
import { Standing } from '../test/checks/standing.ts';
import { debianBinary } from '../test/debian.ts';
import { cpuSeconds } from './process.ts';
import type { Row } from './row.ts';

const exporterPort = 19_256;
/** Of one argument list: what a Java program with its options has. */
const argumentCount = 24;
/** One of so many processes belongs to a component. */
const foundEvery = 10;
/** USER_HZ is 100. */
const msPerTick = 10;

/**
 * CPU of one check of all components among many real processes, beside one scrape of Debian's
 * process-exporter that looks for as many groups among the same processes. Each is asked `rounds`
 * times; the user's and the system's time count, children's too.
 */
export async function bench(processes = 2_000, components = 50, rounds = 10): Promise<Row[]> {
  const file = await debianBinary(
    'prometheus-process-exporter',
    '/usr/bin/prometheus-process-exporter',
  );
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-bench-'));
  const config = join(folder, 'groups.yaml');
  writeFileSync(config, exporterConfig(components));
  const standing = await Standing.make();
  try {
    for (let n = 0; n < processes; n++) await standing.add(argumentsOf(n, components));
    const checks = checksOf(components);
    const check = async (): Promise<void> => {
      const found = (await checks.checkNow()).reduce((sum, view) => sum + (view.found ?? 0), 0);
      if (found !== processes / foundEvery) throw new Error(`${found} processes were found`);
    };
    const first = await ownCpuMs(1, check);
    const ours = await ownCpuMs(rounds, check);
    const pids = new Set(checks.views().flatMap((view) => view.pids ?? []));
    const table = await ownCpuMs(1, async () => void (await processRows(pids)));
    const theirs = await exporterCpuMs(file, config, rounds, []);
    const rechecked = await exporterCpuMs(file, config, rounds, ['-recheck']);
    const what = `${processes.toLocaleString('en')} processes, ${components} components`;
    return [
      { name: `process-cost: ${what}`, value: ours, unit: 'ms', note: 'goal 100' },
      { name: 'process-cost: its first one', value: first, unit: 'ms' },
      {
        name: 'process-cost: process-exporter, one scrape',
        value: theirs,
        unit: 'ms',
        note: 'it looks at each command line once',
      },
      { name: 'process-cost: the same with -recheck', value: rechecked, unit: 'ms' },
      { name: 'process-cost: unitwatch / process-exporter', value: ours / theirs, unit: '×' },
      {
        name: 'process-cost: ps-list, when a page asks',
        value: table,
        unit: 'ms',
        note: 'with both of its ps',
      },
    ];
  } finally {
    await standing.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function argumentsOf(n: number, components: number): [string, ...string[]] {
  const options = Array.from({ length: argumentCount - 2 }, (_, at) => `-Doption.${at}=value.${n}`);
  const isOne = n % foundEvery === 0;
  const main = isOne ? `Component${(n / foundEvery) % components}` : `Other${n}`;
  return ['/opt/java/bin/java', ...options, `org.example.${main}`];
}

function checksOf(count: number): ProcessChecks {
  const components = Array.from(
    { length: count },
    (_, n): Component => ({
      ...defaultComponent,
      name: `component ${n}`,
      criteria: [
        { index: 0, regex: 'java' },
        { index: 3, regex: 'option' },
        { index: argumentCount - 1, regex: `^org\\.example\\.Component${n}$` },
      ],
    }),
  );
  const plan = planOf({ components, groups: [], hosts: [] }, 'bench');
  if (!isPlan(plan)) throw new Error(plan.reason);
  return new ProcessChecks({
    plan,
    addresses: () => [],
    thresholds: { down: 1, up: 1, graceUs: 0 },
    intervalMs: 30_000,
    timeoutMs: 60_000,
    lookUpUnit: () => undefined,
    clock: systemClock,
    onChange: () => {},
    uid: process.getuid?.() ?? -1,
  });
}

/** CPU of this process and its children that have ended, for one round. */
async function ownCpuMs(rounds: number, work: () => Promise<void>): Promise<number> {
  const before = used();
  for (let round = 0; round < rounds; round++) await work();
  return (used() - before) / rounds;
}

function used(): number {
  const { user, system } = process.cpuUsage();
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const childTicks = Number(fields[13]) + Number(fields[14]);
  return (user + system) / 1e3 + childTicks * msPerTick;
}

/** CPU of one scrape of an exporter with as many groups and the same criteria, its extras off. */
async function exporterCpuMs(
  file: string,
  config: string,
  rounds: number,
  extra: readonly string[],
): Promise<number> {
  const child = spawn(
    file,
    [
      `-web.listen-address=127.0.0.1:${exporterPort}`,
      `-config.path=${config}`,
      '-threads=false',
      '-gather-smaps=false',
      ...extra,
    ],
    { stdio: 'ignore' },
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const { pid = 0 } = child;
  try {
    await scrape();
    const before = cpuSeconds(pid);
    for (let round = 0; round < rounds; round++) await scrape();
    return ((cpuSeconds(pid) - before) * 1e3) / rounds;
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
}

function exporterConfig(components: number): string {
  const groups = Array.from(
    { length: components },
    (_, n) =>
      `  - name: "component ${n}"\n    cmdline: ['java', 'option', 'org.example.Component${n}$']\n`,
  );
  return `process_names:\n${groups.join('')}`;
}

async function scrape(): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await (await fetch(`http://127.0.0.1:${exporterPort}/metrics`)).text();
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(100);
    }
  }
}
