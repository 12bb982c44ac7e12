import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { killBus, sleep, until, withBed } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { type RunningAgent, withAgent } from './agent-process.ts';

/**
 * Loaded into the agent: SIGUSR2 collects garbage and says what is left. Nothing is compiled to
 * machine code: V8 would do it all through the test, half a megabyte of it.
 */
const witness = `
const { setFlagsFromString } = require('node:v8');
for (const flag of ['--expose-gc', '--no-opt', '--no-sparkplug']) setFlagsFromString(flag);
const collect = require('node:vm').runInNewContext('gc');
process.on('SIGUSR2', () => {
  collect();
  collect();
  const heap = process.memoryUsage().heapUsed;
  // A scrape that is being answered or closed is not of interest.
  const resources = process.getActiveResourcesInfo().sort().filter((one) => one !== 'TCPSocketWrap');
  process.stderr.write('LEFT ' + JSON.stringify({ heap, resources }) + '\\n');
});
`;

/**
 * What 500 units may leave in the heap: 0.35 to 0.45 MB were measured. Of that, 0.27 MB are what they
 * did, kept for the status page (20,000 entries at the most), the rest how their ends were foretold
 * (1,000), the results of their jobs, the tables of these maps, and code that ran for the first time.
 */
const keptMax = 600_000;

interface Left {
  readonly heap: number;
  readonly resources: readonly string[];
}

async function whatIsLeft(agent: RunningAgent): Promise<Left> {
  const told = () => [...agent.log().matchAll(/^LEFT (.*)$/gm)];
  const before = told().length;
  agent.kill('SIGUSR2');
  await until('it is told', () => told().length > before);
  return JSON.parse(told().at(-1)?.[1] ?? '');
}

/** Private memory of the process, bytes. */
function anonymousBytes({ pid }: RunningAgent): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

test('1,000 transient units and three losses of the bus leave nothing', () =>
  withBed({}, async (bed) => {
    const folder = mkdtempSync(join(tmpdir(), 'unitwatch-leaks-'));
    writeFileSync(join(folder, 'witness.cjs'), witness);
    const env = { NODE_OPTIONS: `--require=${join(folder, 'witness.cjs')}` };
    await withAgent({ bus: bed.busAddress, env }, async (agent) => {
      const figure = async (name: string) => valueIn(await agent.metrics(), name) ?? Number.NaN;
      const burst = async (from: number, count: number) => {
        const script = `for i in $(seq ${from} ${from + count - 1}); do
          systemd-run --quiet --collect --unit=passing-$i /bin/true; done`;
        const { status, stderr } = await bed.exec(['sh', '-c', script]);
        assert.equal(status, 0, stderr);
      };
      const ended = () => {
        const told = agent.events().filter((event) => event.event_type === 'stopped');
        return new Set(told.map((event) => event.service)).size;
      };
      const reconnects = async (count: number) => {
        await killBus(bed);
        await until(
          'it is back',
          async () =>
            (await figure('unitwatch_dbus_reconnects_total')) === count &&
            (await agent.page('/readyz')).status === 200,
          30_000,
          100,
        );
      };
      const units = await figure('unitwatch_services_monitored');

      // The first round pays for code, buffers and tables that stay.
      await burst(1, 500);
      await reconnects(1);
      await until('all have ended', () => ended() >= 500, 20_000, 100);
      // What is only passing (a reading of units, a name that is gathered) has gone by then.
      await sleep(3_000);
      const files = await figure('process_open_fds');
      const bytes = anonymousBytes(agent);
      const earlier = await whatIsLeft(agent);

      await burst(501, 500);
      await until('all have ended', () => ended() >= 1_000, 20_000, 100);
      await sleep(3_000);
      const grown = (left: Left) => {
        const bytes = left.heap - earlier.heap;
        assert.ok(bytes < keptMax, `${bytes} bytes more`);
      };
      // What hangs on a connection goes with it, so it is looked for before they are lost.
      grown(await whatIsLeft(agent));
      await reconnects(2);
      await reconnects(3);
      await sleep(3_000);
      assert.ok((await figure('unitwatch_services_monitored')) <= units + 2);
      assert.ok((await figure('process_open_fds')) <= files + 1);
      const later = await whatIsLeft(agent);
      const open = new Map<string, number>();
      for (const kind of later.resources) open.set(kind, (open.get(kind) ?? 0) + 1);
      for (const kind of earlier.resources) open.set(kind, (open.get(kind) ?? 0) - 1);
      const more = [...open].filter(([, count]) => count > 0);
      assert.deepEqual(more, [], 'timers, sockets, pipes that were not there before');
      grown(later);
      const anonymous = anonymousBytes(agent) - bytes;
      assert.ok(anonymous < 16_000_000, `${anonymous} bytes more, garbage included`);
      assert.equal(await figure('unitwatch_dbus_messages_malformed_total'), 0);
      // A timer or a connection that stays would keep the process from its end.
      assert.deepEqual(await agent.stop(), { status: 0, signal: null });
    });
    rmSync(folder, { recursive: true });
  }));
