import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { until, withBed } from '../bed.ts';
import { run } from '../debian.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { eventsOf, type RunningAgent, startAgent } from './agent-process.ts';
import { cli, scratch, statesOf, tcpServer, token, waitMs } from './monitor-world.ts';

interface Arrived {
  readonly id: string;
  readonly service: string;
  readonly state: 'up' | 'down';
}

/** A webhook that can be away, or take a message without a word. */
async function webhook(t: TestContext) {
  const arrived: Arrived[] = [];
  let mode: 'ok' | 'mute' | 'away' = 'ok';
  const server = createServer(async (request, response) => {
    if (mode === 'away') {
      request.socket.destroy();
      return;
    }
    arrived.push(JSON.parse(await text(request)));
    if (mode === 'ok') response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrived,
    be(now: typeof mode): void {
      mode = now;
    },
    /** What each service was said to be, each message once. */
    told(service: string): string[] {
      const seen = new Set<string>();
      const first = arrived.filter(({ id }) => !seen.has(id) && seen.add(id));
      return first.filter((one) => one.service === service).map(({ state }) => state);
    },
  };
}

/** Repeatable chance: a linear congruential generator, Numerical Recipes. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function kill(agent: RunningAgent): Promise<void> {
  agent.kill('SIGKILL');
  assert.deepEqual(await agent.ended, { status: null, signal: 'SIGKILL' });
}

/** One caller, who is told of all services by the webhook. */
async function enter(
  folder: string,
  agent: RunningAgent,
  url: string,
  ports: Readonly<Record<string, number>>,
): Promise<void> {
  await cli(folder, agent, `callers add hook --kind webhook --set url=${url}`);
  for (const [name, port] of Object.entries(ports)) {
    await cli(
      folder,
      agent,
      `services add ${name} --kind tcp --set host=127.0.0.1 --set port=${port}`,
    );
    await cli(folder, agent, `subscriptions add hook ${name} --polling-frequency 1s`);
  }
}

const deliveries = async (agent: RunningAgent): Promise<number> =>
  valueIn(await agent.metrics(), 'unitwatch_deliveries_waiting') ?? Number.NaN;

test('killed at any moment: each change is told, in order, and none that was not', async (t) => {
  const folder = await scratch(t);
  const hook = await webhook(t);
  const names = ['a', 'b', 'c'];
  const servers = new Map<string, Awaited<ReturnType<typeof tcpServer>>>();
  for (const name of names) servers.set(name, await tcpServer(t));
  const seed = Number(process.env['SEED'] ?? 7);
  const random = chance(seed);
  const want = new Map<string, string[]>(names.map((name) => [name, []]));
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    let agent = await startAgent(settings);
    try {
      const ports = Object.fromEntries([...servers].map(([name, { port }]) => [name, port]));
      await enter(folder, agent, hook.url, ports);
      const allUp = () => names.every((name) => statesOf(agent, name).includes('up'));
      await until('all are seen up', allUp, waitMs);
      for (let round = 0; round < 10; round++) {
        const flipped = names.filter(() => random() < 0.6);
        for (const name of flipped) {
          const told = want.get(name) ?? [];
          const isDown = told.at(-1) === 'down';
          await (isDown ? servers.get(name)?.come() : servers.get(name)?.die());
          told.push(isDown ? 'up' : 'down');
        }
        await pause(random() * 2_000);
        await kill(agent);
        agent = await startAgent(settings);
        const isTold = () =>
          names.every((name) => hook.told(name).length >= (want.get(name)?.length ?? 0));
        await until(`round ${round} of seed ${seed} is told`, isTold, waitMs);
      }
      await until('nothing waits', async () => (await deliveries(agent)) === 0, waitMs);
    } finally {
      await agent.stop();
    }
  });
  for (const name of names)
    assert.deepEqual(hook.told(name), want.get(name), `${name}, seed ${seed}`);
});

test('killed as soon as it is seen, and in the middle of a delivery: told once more, with the same id', async (t) => {
  const folder = await scratch(t);
  const [hook, server] = [await webhook(t), await tcpServer(t)];
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    let agent = await startAgent(settings);
    try {
      await enter(folder, agent, hook.url, { db: server.port });
      await until('it is up', () => statesOf(agent, 'db').includes('up'), waitMs);

      hook.be('away');
      await server.die();
      while (!statesOf(agent, 'db').includes('down')) await pause(1);
      await kill(agent);
      agent = await startAgent(settings);
      const failed = () => eventsOf(agent.events(), 'notification', 'db').length > 0;
      await until('the webhook is away', failed, waitMs);
      await kill(agent);
      assert.deepEqual(hook.arrived, []);

      hook.be('mute');
      agent = await startAgent(settings);
      await until('it arrives, and is not answered', () => hook.arrived.length === 1, waitMs);
      await kill(agent);
      await server.come();
      hook.be('ok');
      agent = await startAgent(settings);
      await until('both are told', () => hook.arrived.length >= 3, waitMs);
      await until('nothing waits', async () => (await deliveries(agent)) === 0, waitMs);
    } finally {
      await agent.stop();
    }
  });
  const [first, again, last, ...more] = hook.arrived;
  assert.deepEqual(again, first, 'the same in every attempt');
  assert.deepEqual([first?.state, last?.state, more], ['down', 'up', []]);
});

const skip = process.getuid?.() === 0 ? false : 'mounting a small file system needs root';

/** A file system of 1 MiB in a mount namespace of its own, which outlives the agents in it. */
async function smallDisk(t: TestContext, folder: string) {
  const script = 'mount -t tmpfs -o size=1m none "$0" && echo mounted && exec sleep infinity';
  const argv = ['--mount', '--propagation', 'private', 'sh', '-c', script, folder];
  const holder = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    const gone = once(holder, 'exit');
    holder.kill('SIGKILL');
    await gone;
  });
  await once(holder.stdout, 'data');
  const inside = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, '--'];
  const shell = (words: string) => run('nsenter', [...inside.slice(1), 'sh', '-c', words]);
  return {
    wrap: (given: readonly string[]) => [...inside, ...given],
    fill: () =>
      shell(`dd if=/dev/zero of=${folder}/fill bs=4k 2>/dev/null; df ${folder} | tail -1`),
    free: () => shell(`rm ${folder}/fill`),
  };
}

test('a full disk: told of once, nobody told twice; what was seen meanwhile is told when there is room, over SIGKILL too', {
  skip,
}, async (t) => {
  const folder = await scratch(t);
  const [hook, server] = [await webhook(t), await tcpServer(t)];
  await withBed({}, async (bed) => {
    const disk = await smallDisk(t, folder);
    const settings = {
      bus: bed.busAddress,
      config: `monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
      wrap: disk.wrap,
    };
    const start = async (): Promise<RunningAgent> => startAgent(settings);
    let agent = await start();
    const phases = () =>
      eventsOf(agent.events(), 'agent', 'unitwatch')
        .map(({ data, message }) => `${data.phase} ${message}`)
        .filter((phase) => phase.startsWith('monitor_'));
    const figure = async (name: string) => valueIn(await agent.metrics(), name);
    try {
      const ask = await scratch(t);
      await enter(ask, agent, hook.url, { db: server.port });
      const seen = async (state: string, times: number) => {
        const count = () => statesOf(agent, 'db').filter((one) => one === state).length;
        await until(`it is seen ${state}`, () => count() === times, waitMs);
      };
      await seen('up', 1);

      assert.match(await disk.fill(), /100%/);
      await server.die();
      await seen('down', 1);
      await server.come();
      await seen('up', 2);
      await until(
        'both are held',
        async () => (await figure('unitwatch_deliveries_held')) === 2,
        waitMs,
      );
      assert.equal(await figure('unitwatch_monitor_file_up'), 0);
      // Longer than it takes until the file is tried again.
      await pause(7_000);
      assert.equal(phases().length, 1, phases().join('\n'));
      assert.match(
        phases()[0] ?? '',
        /^monitor_trouble Monitor: .*monitor\.sqlite.* the space on its disk\.$/,
      );
      assert.deepEqual(hook.arrived, []);

      await disk.free();
      await until('both are told', () => hook.arrived.length === 2, waitMs);
      assert.deepEqual(hook.told('db'), ['down', 'up']);
      await until('that is told', () => phases().length === 2, waitMs);
      assert.match(phases()[1] ?? '', /^monitor_back .*nothing is lost\.$/);
      assert.equal(await figure('unitwatch_monitor_file_up'), 1);
      assert.equal(await figure('unitwatch_deliveries_lost_total'), 0);

      // It is full when a message has arrived and that cannot be noted.
      hook.be('mute');
      await server.die();
      await until('it has arrived', () => hook.arrived.length === 3, waitMs);
      await disk.fill();
      hook.be('ok');
      await until('it is sent again', () => hook.arrived.length === 4, waitMs);
      await pause(12_000);
      assert.equal(hook.arrived.length, 4, 'and not every few seconds');
      await server.come();
      await seen('up', 3);
      await until(
        'it is held',
        async () => (await figure('unitwatch_deliveries_held')) === 1,
        waitMs,
      );
      await kill(agent);

      await disk.free();
      agent = await start();
      await until('it is told after the restart', () => hook.told('db').length === 4, waitMs);
      await until('nothing waits', async () => (await deliveries(agent)) === 0, waitMs);
      assert.deepEqual(hook.told('db'), ['down', 'up', 'down', 'up']);
    } finally {
      await agent.stop();
    }
  });
});
