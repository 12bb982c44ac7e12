import { type ChildProcess, spawn } from 'node:child_process';
import { idleUnit, manyUnits, show, sleep, startUnits, withBed } from '../test/bed.ts';
import { debianBinary } from '../test/debian.ts';
import { cpuSeconds, rootsOf, startAgent } from './process.ts';
import type { Row } from './row.ts';

/** How often Prometheus scrapes by habit. */
const scrapeMs = 15_000;
const idle = 1_000;

/**
 * All of the host's CPU that watching 1,000 services takes: the watcher's, systemd's and the bus
 * daemon's. First unitwatch, in its first minute and in its second, then node_exporter's systemd
 * collector, each scraped every 15 s, each over the same time on the same systemd; what systemd and
 * the bus use unwatched is subtracted.
 */
export async function bench(scrapes = 4): Promise<Row[]> {
  const exporter = await debianBinary(
    'prometheus-node-exporter',
    '/usr/bin/prometheus-node-exporter',
  );
  return withBed({}, async (bed) => {
    await startUnits(bed, manyUnits('idle', idle, idleUnit()));
    await sleep(5_000);
    const bus = Number((await show(bed, 'dbus.service', 'MainPID'))['MainPID']);
    const span = scrapes * scrapeMs;
    const host = (): number => cpuSeconds(bed.pid) + cpuSeconds(bus, `${bed.root}/proc`);

    const unwatched = await cpuOver(span, host, async () => {});

    const agent = await startAgent(bed.busAddress, 'ignore', rootsOf(bed));
    await sleep(2_000);
    const withAgent = (): number => host() + cpuSeconds(agent.pid);
    const scrape = async (): Promise<void> => {
      await (await fetch(`${agent.url}/metrics`)).text();
    };
    // Code is compiled, and the dependencies of all units are read.
    const first = await cpuOver(span, withAgent, scrape);
    const ours = await cpuOver(span, withAgent, scrape);
    await agent.stop();

    const node = startExporter(exporter, bed.busAddress);
    await sleep(2_000);
    const theirs = await cpuOver(
      span,
      () => host() + cpuSeconds(node.pid ?? 0),
      async () => {
        await (await fetch(`http://127.0.0.1:${exporterPort}/metrics`)).text();
      },
    );
    node.kill();

    const perMinute = (seconds: number): number => ((seconds - unwatched) * 60_000) / span;
    return [
      { name: 'cost: unitwatch, its first minute', value: perMinute(first) * 1e3, unit: 'ms/min' },
      { name: 'cost: unitwatch, 1,000 services', value: perMinute(ours) * 1e3, unit: 'ms/min' },
      {
        name: 'cost: node_exporter, 1,000 services',
        value: perMinute(theirs) * 1e3,
        unit: 'ms/min',
      },
      {
        name: 'cost: unitwatch / node_exporter',
        value: perMinute(ours) / perMinute(theirs),
        unit: '×',
        note: 'goal 0.1 first, 0.01 then',
      },
    ];
  });
}

const exporterPort = 19_100;

function startExporter(file: string, address: string): ChildProcess {
  return spawn(
    file,
    [
      `--web.listen-address=127.0.0.1:${exporterPort}`,
      '--collector.disable-defaults',
      '--collector.systemd',
      '--collector.systemd.enable-restarts-metrics',
    ],
    { stdio: 'ignore', env: { DBUS_SYSTEM_BUS_ADDRESS: address } },
  );
}

/** By how many CPU seconds the total grows while `each` is done every 15 s. */
async function cpuOver(
  spanMs: number,
  total: () => number,
  each: () => Promise<void>,
): Promise<number> {
  const before = total();
  for (let ms = 0; ms < spanMs; ms += scrapeMs) {
    await each();
    await sleep(scrapeMs);
  }
  return total() - before;
}
