import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqlite } from '../../src/outputs/store/sqlite.ts';
import { until, withBed } from '../bed.ts';
import { type RunningAgent, startAgent, withAgent } from './agent-process.ts';
import {
  cli,
  outageNow,
  portOf,
  receiver,
  scratch,
  statesOf,
  tcpServer,
  token,
  toldTo,
  waitMs,
} from './monitor-world.ts';
import { quick, Scratch, stepped } from './repairs-world.ts';

test('callers are told of a server that dies, not in an outage, and nothing is forgotten', async (t) => {
  const folder = await scratch(t);
  const [server, other, hook] = [await tcpServer(t), await tcpServer(t), await receiver(t)];
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `store: { enabled: true, path: ${join(folder, 'store.db')} }
monitor:\n  enabled: true\n  path: ${join(folder, 'monitor.sqlite')}\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    const lists = async (agent: RunningAgent): Promise<string[]> => {
      const all: string[] = [];
      for (const what of ['services', 'callers', 'subscriptions', 'outages'])
        all.push(await cli(folder, agent, `${what} list --json`));
      return all;
    };
    let kept: string[] = [];

    await withAgent(settings, async (agent) => {
      for (const words of [
        `services add db --kind tcp --set host=127.0.0.1 --set port=${server.port}`,
        `services add planned --kind tcp --set host=127.0.0.1 --set port=${other.port}`,
        `callers add hook --kind webhook --set url=${hook.url}`,
        'callers add anna --kind event',
        'subscriptions add hook db --polling-frequency 1s --grace-time 2s',
        'subscriptions add anna db --polling-frequency 1s --grace-time 2s',
        'subscriptions add anna planned --polling-frequency 1s --grace-time 0s',
        `outages add upgrade --service planned ${outageNow()}`,
      ])
        assert.equal(await cli(folder, agent, words), 'done\n', words);
      assert.ok(!(await cli(folder, agent, 'callers list')).includes(hook.url), 'it is a secret');

      const isUp = () =>
        statesOf(agent, 'db').includes('up') &&
        statesOf(agent, 'planned').includes('up in an outage');
      await until('both are seen up', isUp, waitMs);
      await Promise.all([server.die(), other.die()]);

      const both = () => hook.messages.length > 0 && toldTo(agent, 'anna', 'db').length > 0;
      await until('both callers are told', both, waitMs);
      const [first] = hook.messages;
      assert.deepEqual(
        { caller: first?.caller, service: first?.service, state: first?.state },
        { caller: 'hook', service: 'db', state: 'down' },
      );
      const [told] = toldTo(agent, 'anna', 'db');
      assert.equal(told?.state, 'down');
      const graceMs = Date.parse(told?.told ?? '') - Date.parse(told?.since ?? '');
      assert.ok(graceMs >= 2_000, `after ${graceMs} ms`);

      const log = await cli(folder, agent, 'callers log hook');
      assert.match(log, /\S+Z +db +down +refused +sent +1 +-\n$/);

      const isSeen = () => statesOf(agent, 'planned').includes('down in an outage');
      await until('the planned one is seen down', isSeen, waitMs);
      const status = JSON.parse((await agent.page('/api/status')).body);
      assert.deepEqual(
        status.outages.map((outage: { name: string; checks: string[] }) => [
          outage.name,
          outage.checks,
        ]),
        [['upgrade', ['planned']]],
      );
      assert.deepEqual(
        status.checks.map((check: { name: string; state: string; outage: boolean }) => [
          check.name,
          check.state,
          check.outage,
        ]),
        [
          ['db', 'down', false],
          ['planned', 'down', true],
        ],
      );
      assert.deepEqual(toldTo(agent, 'anna', 'planned'), [], 'nobody is told in an outage');
      kept = await lists(agent);
    });
    const rows = await openSqlite(join(folder, 'store.db'), { readOnly: true });
    const stored = rows.rows(
      `SELECT DISTINCT body ->> 'name' AS name, body ->> 'outage' AS outage FROM rows
        WHERE kind = 'result' ORDER BY 1`,
    );
    rows.close();
    const want = [
      ['db', null],
      ['planned', 1],
    ];
    assert.deepEqual(stored.map(Object.values), want, 'results know of the outage');

    await withAgent(settings, async (agent) => {
      assert.deepEqual(await lists(agent), kept);
      const isUp = () => toldTo(agent, 'anna', 'db').length > 0 && hook.messages.length > 1;
      await server.come();
      await until('both are told that it is back', isUp, waitMs);
      assert.equal(toldTo(agent, 'anna', 'db')[0]?.state, 'up', 'that it was down is known');
      assert.equal(hook.messages[1]?.state, 'up');

      assert.deepEqual(toldTo(agent, 'anna', 'planned'), [], 'the outage goes on');
      const before = Date.now();
      assert.equal(await cli(folder, agent, 'outages remove upgrade'), 'done\n');
      await until('it is told then', () => toldTo(agent, 'anna', 'planned').length > 0, waitMs);
      const [told] = toldTo(agent, 'anna', 'planned');
      assert.equal(told?.state, 'down');
      assert.ok(Date.parse(told?.told ?? '') >= before, 'not before its end');
      assert.ok(statesOf(agent, 'planned').includes('down'), 'and its end is an event');
      await agent.stop();
      assert.equal((await agent.ended).status, 0);
    });
  });
});

test('over the API: who has no token changes nothing, nor does another site', async (t) => {
  const folder = await scratch(t);
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `monitor:\n  enabled: true\n  path: ${join(folder, 'monitor.sqlite')}\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    await withAgent(settings, async (agent) => {
      const anna = JSON.stringify({ id: 'anna', kind: 'event' });
      const right = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const ask = async (
        method: string,
        path: string,
        headers: Readonly<Record<string, string>>,
        body?: string,
      ) => {
        const url = `http://127.0.0.1:${portOf(agent)}/api/monitor/${path}`;
        const response = await fetch(url, { method, headers, ...(body && { body }) });
        return { status: response.status, body: await response.text() };
      };
      const { authorization: _, ...noToken } = right;
      const longest = JSON.stringify({ id: 'anna', kind: 'event', name: 'n'.repeat(17_000) });
      const command = JSON.stringify({
        id: 'c',
        kind: 'command',
        settings: { command: ['/bin/true'] },
      });
      for (const [status, headers, body] of [
        [401, noToken, anna],
        [401, { ...right, authorization: 'Bearer other' }, anna],
        [403, { ...right, origin: 'http://evil.example' }, anna],
        [403, { ...right, 'sec-fetch-site': 'cross-site' }, anna],
        [415, { ...right, 'content-type': 'text/plain' }, anna],
        [413, right, longest],
        [400, right, '{"id": '],
        [400, right, command],
      ] as const) {
        const said = await ask('POST', 'callers', headers, body);
        assert.equal(said.status, status, said.body);
      }
      const refused = await ask('POST', 'callers', right, command);
      assert.match(refused.body, /Commands cannot be entered over the API/);
      assert.equal((await ask('DELETE', 'callers/anna', {})).status, 401);
      assert.equal((await ask('PUT', 'callers/anna', noToken, '{}')).status, 401);
      assert.deepEqual(JSON.parse((await ask('GET', 'callers', {})).body), []);

      const bad = { kind: 'http', settings: { url: 'ftp://x' } };
      const service = (record: object) =>
        ask('POST', 'services', right, JSON.stringify({ name: 'web', ...record }));
      assert.match((await service(bad)).body, /url must be an http or https URL/);
      assert.match((await service({ kind: 'fax' })).body, /There is no kind .*tcp, http/);
      const headers = { authorization: 'Bearer of-the-service' };
      const url = 'http://127.0.0.1:9/';
      assert.equal((await service({ kind: 'http', settings: { url, headers } })).status, 201);
      const shown = await ask('GET', 'services/web', {});
      assert.ok(!shown.body.includes('of-the-service'), shown.body);

      assert.equal((await ask('POST', 'callers', right, anna)).status, 201);
      const changed = await ask('PUT', 'callers/anna', right, '{"name": "Anna"}');
      assert.equal(JSON.parse(changed.body).name, 'Anna');
      assert.equal((await ask('DELETE', 'callers/anna', right)).status, 200);
      assert.deepEqual(JSON.parse((await ask('GET', 'callers', {})).body), []);

      await writeFile(
        agent.configFile,
        settings.config.replace('\n', '\n  allow_commands: true\n'),
      );
      agent.kill('SIGHUP');
      const allowed = async () => (await ask('POST', 'callers', right, command)).status === 201;
      await until('commands are allowed', allowed);

      const second = startAgent(settings);
      await assert.rejects(second, /monitor\.sqlite/, 'the file has one agent');
    });
  });
});

test('restarts are held in a planned outage, over a restart of the agent too', async (t) => {
  const folder = await scratch(t);
  const alarms = new Scratch();
  t.after(() => alarms.remove());
  await alarms.alarms('init');
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }
restart:
  enabled: true
  dry_run: false
  check_interval: 1s
  default: ${quick}
  processes:
    shop: { restart_strategy: custom, restart_command: "echo restart >> ${alarms.at('shop')}" }
    other: { restart_strategy: custom, restart_command: "echo restart >> ${alarms.at('other')}" }
${alarms.database}`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    await withAgent(settings, async (agent) => {
      const service = '--kind tcp --set host=127.0.0.1 --set port=9';
      await cli(folder, agent, `services add shop ${service}`);
      await cli(folder, agent, `outages add upgrade --service shop ${outageNow()}`);
    });
    await withAgent(settings, async (agent) => {
      await alarms.alarms('raise', 'shop');
      await alarms.alarms('raise', 'other');
      await stepped(agent, 'other', 'settled ok');
      const reason = async () => {
        const { repairs } = JSON.parse((await agent.page('/api/status')).body);
        return repairs.find(({ process }: { process: string }) => process === 'shop')?.reason ?? '';
      };
      await until('it is held', async () => /planned outage/.test(await reason()), waitMs);
      assert.deepEqual(alarms.lines('shop'), []);
      // With the service goes its outage.
      await cli(folder, agent, 'services remove shop');
      await stepped(agent, 'shop', 'settled ok');
      assert.deepEqual(alarms.lines('shop'), ['restart']);
    });
  });
});
