import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { idleUnit, sleep, startUnits, until, withBed } from '../bed.ts';
import { run } from '../cmd/shell-terminal.ts';
import { scratchDirectory } from '../config/scratch.ts';
import { postgresServer } from '../postgres.ts';
import { heard, type RunningAgent, withAgent } from './agent-process.ts';

const directory = scratchDirectory();

/** A configuration of its own, in place of the one that the test's agent would read. */
const reading =
  (file: string, ...more: readonly string[]) =>
  (argv: readonly string[]): readonly string[] => [
    ...argv.map((word) => (word.endsWith('/unitwatch.yaml') ? file : word)),
    ...more,
  ];

async function unitwatch(...argv: readonly string[]): Promise<string> {
  const { status, out, err } = await run(argv);
  assert.equal(status, 0, err);
  return out;
}

/** Answers "it is well", and counts what it is asked for. */
async function counting(): Promise<{
  readonly url: string;
  readonly asked: ReadonlyMap<string, number>;
  close(): Promise<void>;
}> {
  const asked = new Map<string, number>();
  const server = createServer(({ method, url }, response) => {
    const what = `${method} ${url}`;
    asked.set(what, (asked.get(what) ?? 0) + 1);
    response.end('it is well');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function reload(agent: RunningAgent): Promise<void> {
  const told = () =>
    agent.events().filter((event) => event.message?.startsWith('Configuration re'));
  const before = told().length;
  agent.kill('SIGHUP');
  await until('the reload is told', () => told().length > before);
}

test('from nothing: a configuration, tables, services; the agent follows every edit', () =>
  withBed({}, async (bed) => {
    const [postgres, web] = await Promise.all([postgresServer(), counting()]);
    try {
      const file = join(directory, 'made.yaml');
      const at = ['--config-path', file];
      const { user, password, port, database } = postgres;
      const target = `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
      await unitwatch('config', 'create', target, ...at);
      assert.equal(statSync(file).mode & 0o7777, 0o600);
      await unitwatch('store', 'init', '--config', file);
      await unitwatch(
        'config',
        'services',
        'add',
        `${web.url}/a`,
        'GET',
        '--name',
        'a',
        '--regex',
        'well',
        '--check-regex',
        ...at,
      );
      await unitwatch(
        'config',
        'services',
        'add',
        `${web.url}/b`,
        'HEAD',
        '--name',
        'b',
        '--interval',
        '6',
        ...at,
      );
      await withAgent({ bus: bed.busAddress, wrap: reading(file) }, async (agent) => {
        assert.match(agent.log(), /Probing 2 endpoints: 22\.0 requests a minute, 11\.0 on average/);
        await until(
          'both are asked',
          () => web.asked.has('GET /a') && web.asked.has('HEAD /b'),
          15_000,
        );
        const stored = async (name: string) => {
          const rows = await postgres.sql('SELECT up FROM unitwatch.results WHERE name = $1', [
            name,
          ]);
          return rows.length > 0 && rows.every(({ up }) => up === true);
        };
        await until(
          'both are in PostgreSQL, up',
          async () => (await stored('a')) && stored('b'),
          20_000,
        );

        await unitwatch('config', 'services', 'update', '1', '--regex', 'ill$', ...at);
        const refused = await run(['config', 'services', 'add', 'ftp://a', 'GET', ...at]);
        assert.equal(refused.status, 2);
        await reload(agent);
        const down = await heard(agent, 'check', 'a');
        assert.deepEqual(
          [down.data.state, down.data.reason],
          ['down', 'the regex is not found in the body'],
        );

        await unitwatch('config', 'services', 'update', '1', '--toggle-check-regex', ...at);
        await unitwatch('config', 'services', 'remove', '2', ...at);
        await reload(agent);
        assert.equal((await heard(agent, 'check', 'a', 2)).data.state, 'up');
        await until('one is left', () =>
          /Probing 1 endpoint: 12\.0 requests a minute, 12\.0 on/.test(agent.log()),
        );
        const before = [web.asked.get('GET /a') ?? 0, web.asked.get('HEAD /b') ?? 0];
        await until(
          'a is asked on',
          () => (web.asked.get('GET /a') ?? 0) > (before[0] ?? 0) + 1,
          15_000,
        );
        assert.equal(web.asked.get('HEAD /b'), before[1], 'b is not asked any more');
      });
      assert.doesNotMatch(readFileSync(file, 'utf8'), /\bb:/);
    } finally {
      await Promise.all([postgres.close(), web.close()]);
    }
  }));

/** What the log tells at each number of -v, beside what it told at the one before. */
const told = ['Watching', 'Service.', 'Probe.', 'Event.', 'Transition.', 'Sample.'] as const;

function messagesIn(log: string): ReadonlySet<string> {
  return new Set([...log.matchAll(/"msg":"(\w+\.?)/g)].map(([, message = '']) => message));
}

test('each -v tells more; --notify-systemd and --yes are understood', () =>
  withBed({}, async (bed) => {
    const web = await counting();
    // One for each agent: systemd has a limit on how often one is restarted.
    await startUnits(bed, Object.fromEntries(told.map((_, i) => [`a${i}.service`, idleUnit()])));
    const file = join(directory, 'verbose.yaml');
    const text = `poll_interval: 1s
cgroup_root: ${bed.root}/sys/fs/cgroup
proc_root: ${bed.root}/proc
page: {token: geheim}
checks: {http: {shop: {url: "${web.url}/?token=geheim"}}}
`;
    writeFileSync(file, text, { mode: 0o600 });
    try {
      for (const [count, most] of told.entries()) {
        const flags = [
          ...(count > 0 ? [`-${'v'.repeat(count)}`] : []),
          '--notify-systemd',
          '--yes',
        ];
        await withAgent({ bus: bed.busAddress, wrap: reading(file, ...flags) }, async (agent) => {
          const probes = web.asked.get('GET /?token=geheim') ?? 0;
          await bed.systemctl('restart', `a${count}.service`);
          await heard(agent, 'restarted', `a${count}.service`);
          await until('it is probed', () => (web.asked.get('GET /?token=geheim') ?? 0) > probes);
          await until(`-v ${count}`, () => messagesIn(agent.log()).has(most));
          await sleep(1_200);
          const messages = messagesIn(agent.log());
          assert.deepEqual(
            told.filter((one) => messages.has(one)),
            told.slice(0, count + 1),
          );
          assert.doesNotMatch(agent.log(), /geheim/);
          if (count > 0)
            assert.match(agent.log(), /"key":"poll_interval","value":"1s","msg":"Setting\."/);
        });
      }
    } finally {
      await web.close();
    }
  }));

test('a reload takes another log_level, and -v stays what it was', () =>
  withBed({}, async (bed) => {
    for (const [flags, before, after] of [
      [[], ['Watching'], ['Watching', 'Setting.', 'Event.']],
      [['-v'], ['Watching', 'Setting.'], ['Watching', 'Setting.']],
    ] as const) {
      const file = join(directory, 'level.yaml');
      writeFileSync(file, 'host: h\n');
      await withAgent({ bus: bed.busAddress, wrap: reading(file, ...flags) }, async (agent) => {
        const found = () =>
          ['Watching', 'Setting.', 'Event.'].filter((one) => messagesIn(agent.log()).has(one));
        assert.deepEqual(found(), before);
        writeFileSync(file, 'host: h\nlog_level: trace\n');
        await reload(agent);
        await until('it is told', () => /Configuration reloaded/.test(agent.log()));
        await sleep(200);
        assert.deepEqual(found(), after);
      });
    }
  }));
