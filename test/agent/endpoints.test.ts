import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until, withBed } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { eventsOf, heard, withAgent } from './agent-process.ts';

async function listening(port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end('it is well'));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

test('an endpoint goes down and comes back: events, pages, metrics, and rows in the store', () =>
  withBed({}, async (bed) => {
    const { server, port } = await listening();
    const config = `store: {enabled: true}
checks:
  blackbox_exporter_names: true
  tcp:
    door: {host: 127.0.0.1, port: ${port}, interval: 1s}
  http:
    shop: {url: "http://127.0.0.1:${port}/", interval_sec: 5, check_regex: true, regex: well}
`;
    await withAgent({ bus: bed.busAddress, config }, async (agent) => {
      const probe = async () => (await agent.page('/probe?target=shop')).body;
      await until('the shop is up', async () => /^probe_success 1$/m.test(await probe()));
      assert.match(agent.log(), /Probing 2 endpoints: 72\.0 requests a minute, 36\.0 on average/);
      await close(server);
      const down = await heard(agent, 'check', 'door');
      assert.deepEqual(
        [down.data.kind, down.data.state, down.data.reason],
        ['tcp', 'down', 'refused'],
      );
      const shop = await heard(agent, 'check', 'shop');
      assert.equal(shop.data.state, 'down');
      const status = JSON.parse((await agent.page('/api/status')).body) as { overall: string };
      assert.equal(status.overall, 'down');
      assert.match(await probe(), /^probe_success 0$/m);
      const again = await listening(port);
      assert.equal((await heard(agent, 'check', 'shop', 2)).data.state, 'up');
      await heard(agent, 'check', 'door', 2);
      assert.equal(eventsOf(agent.events(), 'check', 'door').length, 2);
      const stored = async (kind: string) =>
        valueIn(await agent.metrics(), 'unitwatch_store_rows_total', { kind }) ?? 0;
      await until('results are stored', async () => (await stored('result')) >= 5);
      assert.ok((await stored('event')) >= 4);
      await close(again.server);
    });
  }));
