import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { until, withBed } from '../bed.ts';
import { debianBinary, run } from '../debian.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { eventsOf, type RunningAgent, startAgent, withAgent } from './agent-process.ts';
import {
  beside,
  cli,
  outageNow,
  portOf,
  receiver,
  scratch,
  statesOf,
  tcpServer,
  token,
  unitwatch,
  waitMs,
} from './monitor-world.ts';

const dead = 'host: 127.0.0.1, port: 9, interval: 1s, timeout: 1s';

test('a name is of one check: of the configuration or of the monitor, whichever has it', async (t) => {
  const folder = await scratch(t);
  const file = join(folder, 'monitor.sqlite');
  const config = (checks: string) => `monitor: { enabled: true, path: ${file} }\n${checks}`;
  const right = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const web = '--kind tcp --set host=127.0.0.1 --set port=9';
  await withBed({}, async (bed) => {
    const settings = { bus: bed.busAddress, env: { UNITWATCH_PAGE_TOKEN: token } };
    const before = config(`checks: { tcp: { db: { ${dead} } } }\n`);
    await withAgent({ ...settings, config: before }, async (agent) => {
      const url = `http://127.0.0.1:${portOf(agent)}/api/monitor/services`;
      const record = { name: 'db', kind: 'tcp', settings: { host: '127.0.0.1', port: 9 } };
      const body = JSON.stringify(record);
      const answer = await fetch(url, { method: 'POST', headers: right, body });
      assert.equal(answer.status, 409);
      assert.match(
        await answer.text(),
        /The configuration has a check of this name, in checks\.tcp/,
      );
      const refused = await beside(folder, agent, `services add db ${web}`);
      assert.deepEqual([refused.status, refused.out], [1, '']);
      assert.match(refused.err, /in checks\.tcp: .*choose another one\.$/m);
      await cli(folder, agent, `services add web ${web}`);

      const checks = (name: string) =>
        `checks: { http: { ${name}: { url: "http://127.0.0.1:9/" } } }`;
      await writeFile(agent.configFile, config(checks('web')));
      agent.kill('SIGHUP');
      const phases = () => eventsOf(agent.events(), 'agent', 'unitwatch').map(({ data }) => data);
      const failed = () => phases().find(({ phase }) => phase === 'reload_failed');
      await until('the reload is refused', () => failed() !== undefined, waitMs);
      assert.match(
        failed()?.reason ?? '',
        /^checks\.http has a check "web", and the monitor a service/,
      );
      const names = async () =>
        JSON.parse((await agent.page('/api/checks')).body).map(
          ({ name }: { name: string }) => name,
        );
      assert.deepEqual(await names(), ['db', 'web'], 'nothing is lost on either side');

      await writeFile(agent.configFile, config(checks('shop')));
      agent.kill('SIGHUP');
      await until(
        'it is reloaded',
        () => phases().some(({ phase }) => phase === 'reloaded'),
        waitMs,
      );
      await until('it checks the shop', async () => `${await names()}` === 'shop,web', waitMs);
      const freed = await beside(folder, agent, `services add db ${web}`);
      assert.equal(freed.status, 0, freed.err);
    });

    const start = startAgent({ ...settings, config: before });
    await assert.rejects(start, /checks\.tcp has a check \\?"db\\?", and the monitor a service/);
    const offline = join(folder, 'offline.yaml');
    await writeFile(offline, `listen: off\n${before}`);
    const words = ['services', 'remove', 'db', '--config', offline];
    assert.deepEqual(await unitwatch(words), { status: 0, out: 'done\n', err: '' });
    const add = await unitwatch([...`services add db ${web} --config`.split(' '), offline]);
    assert.match(add.err, /The configuration has a check of this name/);
    assert.equal(add.status, 1);
    await withAgent({ ...settings, config: before }, async () => {});
  });
});

test('what nobody looks at any more leaves no alarm: a service, its last subscription, a check', async (t) => {
  const folder = await scratch(t);
  const rules = `restart: { enabled: true, dry_run: true, default: { repair_on: [check_down] } }
monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }
`;
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `${rules}checks: { grace: 0s, failures: 1, tcp: { one: { ${dead} }, two: { ${dead} } } }\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    await withAgent(settings, async (agent) => {
      const web = '--kind tcp --set host=127.0.0.1 --set port=9';
      for (const words of [
        `services add removed ${web} --interval 1s`,
        `services add left ${web}`,
        `services add stays ${web} --interval 1s`,
        'callers add anna --kind event',
        'subscriptions add anna left --polling-frequency 1s',
      ])
        await cli(folder, agent, words);
      const phases = (name: string) =>
        eventsOf(agent.events(), 'alarm', name).map(({ data }) => data.phase);
      const all = ['one', 'two', 'removed', 'left', 'stays'];
      const raised = () => all.every((name) => phases(name).includes('raised'));
      await until('there are alarms of all', raised, waitMs);

      await cli(folder, agent, 'services remove removed');
      await cli(folder, agent, 'subscriptions remove anna left');
      const cleared = (...names: readonly string[]) =>
        until(
          `${names} are cleared`,
          () => names.every((name) => phases(name).includes('cleared')),
          waitMs,
        );
      await cleared('removed', 'left');
      await writeFile(
        agent.configFile,
        `${rules}checks: { grace: 0s, failures: 1, tcp: { two: { ${dead} } } }\n`,
      );
      agent.kill('SIGHUP');
      await cleared('one');
      for (const name of ['two', 'stays']) assert.ok(!phases(name).includes('cleared'), name);
      const open = async () => valueIn(await agent.metrics(), 'unitwatch_alarms_open');
      await until('two alarms are left', async () => (await open()) === 2, waitMs);

      await cli(folder, agent, 'subscriptions add anna left --polling-frequency 1s');
      await until('it is looked at again', () => phases('left').at(-1) === 'raised', waitMs);
    });
  });
});

/** The value of a family's line with these labels, of a real scrape. */
async function value(agent: RunningAgent, name: string, labels: Record<string, string> = {}) {
  return valueIn(await agent.metrics(), name, labels);
}

/** The same where there must be one. */
async function amount(agent: RunningAgent, name: string, labels: Record<string, string> = {}) {
  return (await value(agent, name, labels)) ?? Number.NaN;
}

test('what is monitored, which outages are on and how deliveries go stands in /metrics, /probe and on the page', async (t) => {
  const folder = await scratch(t);
  const promtool = await debianBinary('prometheus', '/usr/bin/promtool');
  const [server, other, hook] = [await tcpServer(t), await tcpServer(t), await receiver(t)];
  await withBed({}, async (bed) => {
    const settings = {
      bus: bed.busAddress,
      config: `monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }
checks: { blackbox_exporter_names: true, tcp: { own: { ${dead} } } }\n`,
      env: { UNITWATCH_PAGE_TOKEN: token },
    };
    await withAgent(settings, async (agent) => {
      for (const words of [
        `services add db --kind tcp --set host=127.0.0.1 --set port=${server.port}`,
        `services add planned --kind tcp --set host=127.0.0.1 --set port=${other.port}`,
        `services add idle --kind tcp --set host=127.0.0.1 --set port=9`,
        `callers add hook --kind webhook --set url=${hook.url}`,
        'callers add nobody --kind webhook --set url=http://127.0.0.1:9/',
        'subscriptions add hook db --polling-frequency 1s',
        'subscriptions add nobody db --polling-frequency 1s',
        'subscriptions add hook planned --polling-frequency 1s',
        `outages add upgrade --service planned ${outageNow()}`,
        'outages add later --service db --start 2090-01-01T02:00 --end 2090-01-01T03:00',
      ])
        await cli(folder, agent, words);
      const isUp = () =>
        statesOf(agent, 'db').includes('up') &&
        statesOf(agent, 'planned').includes('up in an outage');
      await until('both are seen up', isUp, waitMs);
      await Promise.all([server.die(), other.die()]);
      const phase = (name: string) =>
        amount(agent, 'unitwatch_delivery_attempts_total', { phase: name });
      await until('one is told', async () => (await phase('sent')) === 1, waitMs);
      await until('one is not', async () => (await phase('retrying')) >= 1, waitMs);
      const isSeen = () => statesOf(agent, 'planned').includes('down in an outage');
      await until('the planned one is seen down', isSeen, waitMs);

      const tcp = { kind: 'tcp' };
      for (const [name, labels, want] of [
        ['unitwatch_check_up', { ...tcp, name: 'db' }, 0],
        ['unitwatch_check_state', { ...tcp, name: 'db', state: 'down' }, 1],
        ['unitwatch_check_state', { ...tcp, name: 'idle', state: 'unknown' }, 1],
        ['unitwatch_check_outage', { ...tcp, name: 'db' }, 0],
        ['unitwatch_check_outage', { ...tcp, name: 'planned' }, 1],
        ['unitwatch_check_subscriptions', { ...tcp, name: 'db' }, 2],
        ['unitwatch_check_subscriptions', { ...tcp, name: 'idle' }, 0],
        ['unitwatch_check_subscriptions', { ...tcp, name: 'own' }, undefined],
        ['unitwatch_endpoint_up', { ...tcp, name: 'planned' }, 0],
        ['unitwatch_monitor_records', { collection: 'services' }, 3],
        ['unitwatch_monitor_records', { collection: 'callers' }, 2],
        ['unitwatch_monitor_records', { collection: 'subscriptions' }, 3],
        ['unitwatch_monitor_records', { collection: 'outages' }, 2],
        ['unitwatch_deliveries_waiting', {}, 1],
        ['unitwatch_deliveries_held', {}, 0],
        ['unitwatch_deliveries_lost_total', {}, 0],
        ['unitwatch_monitor_file_up', {}, 1],
        ['unitwatch_outage_end_timestamp_seconds', { outage: 'later', name: 'db' }, undefined],
      ] as const)
        assert.equal(await value(agent, name, labels), want, `${name} ${JSON.stringify(labels)}`);
      const labels = { outage: 'upgrade', name: 'planned' };
      const end = await amount(agent, 'unitwatch_outage_end_timestamp_seconds', labels);
      const leftS = end - Date.now() / 1e3;
      assert.ok(leftS > 3_300 && leftS < 3_600, `${leftS} s`);
      const oldest = await amount(agent, 'unitwatch_deliveries_oldest_timestamp_seconds');
      assert.ok(Date.now() / 1e3 - oldest < 120);
      const ups = await amount(agent, 'unitwatch_endpoint_results_total', {
        name: 'db',
        outcome: 'up',
      });
      assert.ok(ups >= 1);

      const { body } = await agent.page('/metrics');
      const path = join(folder, 'metrics');
      await writeFile(path, body);
      assert.equal(await run('/bin/sh', ['-c', `${promtool} check metrics < ${path} 2>&1`]), '');
      for (const target of ['db', `127.0.0.1:${server.port}`]) {
        const probe = await agent.page(`/probe?target=${target}`);
        assert.match(probe.body, /^probe_success 0$/m, target);
      }
      const page = (await agent.page('/')).body;
      assert.match(page, /Planned outages[\s\S]*<strong>upgrade<\/strong> until[\s\S]*: planned</);
      assert.match(page, /<a href="[^"]*">db<\/a>|>db</);

      // Removing what is waited for leaves no figure behind.
      await cli(folder, agent, 'callers remove nobody');
      assert.equal(await value(agent, 'unitwatch_deliveries_waiting'), 0);
      assert.equal(await value(agent, 'unitwatch_deliveries_oldest_timestamp_seconds'), undefined);
      await cli(folder, agent, 'services remove planned');
      for (const name of ['unitwatch_check_outage', 'unitwatch_endpoint_up'])
        assert.equal(await value(agent, name, { name: 'planned' }), undefined, name);
      const lines = (await agent.metrics()).filter(({ name }) =>
        name.startsWith('unitwatch_outage_'),
      );
      assert.deepEqual(lines, []);
    });
  });
});
