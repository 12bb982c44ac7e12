import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { command, heard, withAgent } from './agent-process.ts';

test('without a bus, where none is wanted: processes and endpoints are watched, and all is well', async (t) => {
  const server = createServer((_request, response) => response.end('it is well'));
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const config = `checks:
  interval: 1s
  http:
    shop: {url: "http://127.0.0.1:${port}/", interval_sec: 5}
  components:
    ours: {criteria: [{index: any, regex: ${process.pid}-ours}]}
    theirs: {unit: theirs.service}
`;
  await withAgent({ bus: 'off', config }, async (agent) => {
    const stateOf = async (wanted: string): Promise<string | undefined> => {
      const { body } = await agent.page('/api/status');
      const { checks } = JSON.parse(body) as { checks: { name: string; state: string }[] };
      return checks.find(({ name }) => name === wanted)?.state;
    };
    await until('all was looked at', async () => (await stateOf('ours')) === 'missing');
    await until('the shop is up', async () => (await stateOf('shop')) === 'up');
    assert.equal(await stateOf('theirs'), 'unknown');
    assert.deepEqual(JSON.parse((await agent.page('/healthz')).body), { status: 'ok', bus: 'off' });
    assert.equal((await agent.page('/readyz')).status, 200);
    assert.equal(valueIn(await agent.metrics(), 'unitwatch_dbus_connected'), 0);
    assert.match((await agent.page('/')).body, /Something is down/);
    server.closeAllConnections();
    server.close();
    assert.equal((await heard(agent, 'check', 'shop')).data.state, 'down');
    assert.match(agent.log(), /Watching no units: bus is off\./);
    assert.deepEqual(await agent.stop(), { status: 0, signal: null });
  });
});

test('a question about units without a bus: a sentence', () => {
  const argv = [command, 'impact', 'a.service', '--bus', 'off'];
  const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /`bus` is off: name the bus of a systemd with --bus\.\n$/);
});
