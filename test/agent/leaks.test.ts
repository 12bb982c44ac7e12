import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { killBus, sleep, until, withBed } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { type RunningAgent, withAgent } from './agent-process.ts';

/** Loaded into the agent: SIGUSR2 collects garbage and says what is left. */
const witness = `
require('node:v8').setFlagsFromString('--expose-gc');
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
        const { status, stderr } = await bed.exec(['sh', '-c', script], { timeoutMs: 120_000 });
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
      await reconnects(2);
      await reconnects(3);
      await until('all have ended', () => ended() >= 1_000, 20_000, 100);
      await sleep(3_000);
      assert.ok((await figure('unitwatch_services_monitored')) <= units + 2);
      assert.ok((await figure('process_open_fds')) <= files + 1);
      const later = await whatIsLeft(agent);
      assert.deepEqual(later.resources, earlier.resources, 'timers, sockets, pipes');
      // 0.7 to 0.9 MB were measured, 0.3 of them what the units did, kept for the status page. What the
      // rest is has not been found out. A megabyte more would be records of units that stay.
      assert.ok(later.heap - earlier.heap < 1_200_000, `${later.heap - earlier.heap} bytes more`);
      const grown = anonymousBytes(agent) - bytes;
      assert.ok(grown < 16_000_000, `${grown} bytes more, garbage included`);
      assert.equal(await figure('unitwatch_dbus_messages_malformed_total'), 0);
      // A timer or a connection that stays would keep the process from its end.
      assert.deepEqual(await agent.stop(), { status: 0, signal: null });
    });
    rmSync(folder, { recursive: true });
  }));
