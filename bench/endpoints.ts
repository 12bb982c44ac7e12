import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sleep } from '../test/bed.ts';
import { Servers } from '../test/checks/endpoint-servers.ts';
import { debianBinary } from '../test/debian.ts';
import { cpuSeconds, rssAnonMb } from './process.ts';
import type { Row } from './row.ts';

/** Of one probe: servers that stall take all of it, and are done before they are due again. */
const timeoutMs = 2_000;
/** CPU counts from here on: V8 has compiled what is hot, and connections are there. */
const warmUpMs = 6_000;

/** Which servers there are among a hundred. */
const mix = {
  plain: 55,
  tls: 15,
  stalls: 5,
  resets: 5,
  garbage: 5,
  endless: 5,
  expired: 5,
  drips: 5,
} as const;

/** So many endpoints, asked so often altogether, for so long. */
export interface EndpointLoad {
  readonly endpoints: number;
  readonly perMinute: number;
  readonly seconds: number;
}

const loads: readonly EndpointLoad[] = [
  { endpoints: 300, perMinute: 3_200, seconds: 600 },
  { endpoints: 3_000, perMinute: 12_000, seconds: 120 },
];

/**
 * HTTP endpoints of which three in ten stall, break, lie or never end; beside it, at the same time,
 * Debian's blackbox_exporter, asked for the same probes at the same rate. CPU and memory are those
 * of the two processes alone; servers and whoever scrapes are others.
 */
export async function bench(wanted: readonly EndpointLoad[] = loads): Promise<Row[]> {
  const rows: Row[] = [];
  for (const load of wanted) rows.push(...(await run(load)));
  return rows;
}

interface Outcome {
  readonly latenessMaxSeconds: number;
  readonly late: number;
  readonly skipped: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly histogram: readonly (readonly [number | 'more', number])[];
}

async function run({ endpoints, perMinute, seconds }: EndpointLoad): Promise<Row[]> {
  const exporterFile = await debianBinary(
    'prometheus-blackbox-exporter',
    '/usr/bin/prometheus-blackbox-exporter',
  );
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-bench-'));
  const children: ChildProcess[] = [];
  try {
    const exporterPort = await freePort();
    const servers = child('endpoint-servers-child', []);
    children.push(servers);
    const { ports, ca }: { ports: Record<keyof typeof mix, number>; ca: string } = JSON.parse(
      await nextLine(servers),
    );
    const urls = urlsOf(endpoints, ports);
    const intervalMs = Math.round((endpoints * 60_000) / perMinute);
    writeFileSync(join(folder, 'plan.json'), JSON.stringify({ ca, urls, intervalMs, timeoutMs }));
    writeFileSync(join(folder, 'ca.pem'), ca);
    writeFileSync(join(folder, 'modules.yaml'), modules(join(folder, 'ca.pem')));
    const exporter = startExporter(exporterFile, join(folder, 'modules.yaml'), exporterPort);
    const checks = child('endpoint-checks-child', [join(folder, 'plan.json')]);
    children.push(exporter, checks);
    await nextLine(checks);
    const scraping = new Scraping(urls, intervalMs, exporterPort);
    await sleep(warmUpMs);
    const before = [cpuOf(checks), cpuOf(exporter)] as const;
    const scrapedBefore = scraping.done;
    let [ours, theirs] = [0, 0];
    for (let second = 0; second < seconds; second++) {
      await sleep(1_000);
      ours = Math.max(ours, rssAnonMb(checks.pid ?? 0));
      theirs = Math.max(theirs, rssAnonMb(exporter.pid ?? 0));
    }
    const [ourCpu, theirCpu] = [cpuOf(checks) - before[0], cpuOf(exporter) - before[1]];
    const scraped = scraping.done - scrapedBefore;
    await scraping.stop();
    checks.stdin?.end();
    const outcome: Outcome = JSON.parse(await nextLine(checks));
    const probes = Object.values(outcome.outcomes).reduce((sum, count) => sum + count, 0);
    const share = seconds / (seconds + warmUpMs / 1e3);
    const usage: Usage = {
      oursMs: (ourCpu * 1e3) / (probes * share),
      theirsMs: (theirCpu * 1e3) / scraped,
      oursMb: ours,
      theirsMb: theirs,
    };
    return rowsOf(endpoints, perMinute, outcome, probes, usage);
  } finally {
    for (const one of children) await end(one);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** CPU of one probe, and the most private memory. */
interface Usage {
  readonly oursMs: number;
  readonly theirsMs: number;
  readonly oursMb: number;
  readonly theirsMb: number;
}

function rowsOf(
  endpoints: number,
  perMinute: number,
  { latenessMaxSeconds, late, skipped, outcomes, histogram }: Outcome,
  probes: number,
  { oursMs, theirsMs, oursMb, theirsMb }: Usage,
): Row[] {
  const name = `endpoints: ${endpoints.toLocaleString('en')} at ${perMinute.toLocaleString('en')}/min`;
  const words = Object.entries(outcomes).map(([word, count]) => `${word} ${count}`);
  const buckets = histogram.filter(([, count]) => count > 0);
  const spread = buckets.map(([bound, count]) => `${bound} s: ${count}`).join(', ');
  return [
    { name: `${name}, probes`, value: probes, unit: '', note: words.join(', ') },
    {
      name: `${name}, begun too late by at most`,
      value: latenessMaxSeconds * 1e3,
      unit: 'ms',
      note: `goal 1,000; ${spread}`,
    },
    { name: `${name}, late or left out`, value: late + skipped, unit: '', note: 'goal 0' },
    { name: `${name}, CPU of a probe`, value: oursMs, unit: 'ms' },
    { name: `${name}, blackbox_exporter's`, value: theirsMs, unit: 'ms', note: 'with its scrape' },
    { name: `${name}, RssAnon`, value: oursMb, unit: 'MB' },
    { name: `${name}, blackbox_exporter's`, value: theirsMb, unit: 'MB' },
  ];
}

function urlsOf(count: number, ports: Readonly<Record<keyof typeof mix, number>>): string[] {
  const kinds = (Object.keys(mix) as (keyof typeof mix)[]).flatMap((kind) =>
    Array.from({ length: mix[kind] }, () => kind),
  );
  return Array.from({ length: count }, (_, n) => {
    const kind = kinds[((n * kinds.length) / count) | 0] ?? 'plain';
    const scheme = kind === 'tls' || kind === 'expired' ? 'https' : 'http';
    return `${scheme}://127.0.0.1:${ports[kind]}/${n}`;
  });
}

/** The same time limit and the same limit of a body. */
function modules(ca: string): string {
  return `modules:
  http:
    prober: http
    timeout: ${timeoutMs / 1e3}s
    http:
      preferred_ip_protocol: ip4
      body_size_limit: 1048576B
      tls_config:
        ca_file: ${ca}
`;
}

function startExporter(file: string, config: string, exporterPort: number): ChildProcess {
  return spawn(
    file,
    [
      `--config.file=${config}`,
      `--web.listen-address=127.0.0.1:${exporterPort}`,
      '--log.level=error',
      '--history.limit=1',
    ],
    { stdio: 'ignore' },
  );
}

/** Asks blackbox_exporter for each URL once in every interval, spread over it. */
class Scraping {
  done = 0;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #open = new Set<Promise<void>>();

  constructor(urls: readonly string[], intervalMs: number, exporterPort: number) {
    this.#port = exporterPort;
    for (const [n, url] of urls.entries()) {
      const begin = (): void => this.#begin(url);
      const startMs = (n * intervalMs) / urls.length;
      const timer = setTimeout(() => {
        begin();
        this.#timers.push(setInterval(begin, intervalMs));
      }, startMs);
      this.#timers.push(timer);
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  #begin(url: string): void {
    const one = this.#scrape(url).finally(() => this.#open.delete(one));
    this.#open.add(one);
  }

  async #scrape(url: string): Promise<void> {
    const path = `/probe?module=http&target=${encodeURIComponent(url)}`;
    const request = get({ host: '127.0.0.1', port: this.#port, path, agent: this.#agent });
    await new Promise<void>((resolve) => {
      request.once('error', () => resolve());
      request.once('response', (response) => {
        response.resume();
        response.once('close', () => {
          this.done++;
          resolve();
        });
      });
    });
  }
}

/** Free now, and nobody is likely to take it in the next moment. */
async function freePort(): Promise<number> {
  const servers = new Servers();
  const port = await servers.tcp(() => {});
  servers.close();
  return port;
}

function child(name: string, argv: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(`../test/checks/${name}.js`, import.meta.url));
  return spawn(process.execPath, ['--max-semi-space-size=1', file, ...argv], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function nextLine(from: ChildProcess): Promise<string> {
  if (!from.stdout) throw new Error('it has no output');
  const lines = createInterface(from.stdout);
  const [line] = await once(lines, 'line');
  lines.close();
  return String(line);
}

async function end(one: ChildProcess): Promise<void> {
  if (one.exitCode !== null || one.signalCode !== null) return;
  const gone = once(one, 'exit');
  one.kill('SIGKILL');
  await gone;
}

function cpuOf({ pid = 0 }: ChildProcess): number {
  return cpuSeconds(pid);
}
