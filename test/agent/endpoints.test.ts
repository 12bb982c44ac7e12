import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqlite } from '../../src/outputs/store/sqlite.ts';
import { until, withBed } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { eventsOf, heard, startAgent, withAgent } from './agent-process.ts';

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

test('an endpoint goes down and comes back: events, pages, metrics, and rows in the store', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'unitwatch-endpoints-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'store.db');
  await withBed({}, async (bed) => {
    const { server, port } = await listening();
    const config = `store: {enabled: true, path: ${path}}
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

      const second = startAgent({
        bus: bed.busAddress,
        config: `store: {enabled: true, path: ${path}}\n`,
      });
      const said = `is in use by another agent \\(process ${agent.pid}\\): stop that one, or set store.path`;
      await assert.rejects(second, new RegExp(said));
    });
    const on = await openSqlite(path, { readOnly: true });
    const [first] = on.rows(
      `SELECT body FROM rows WHERE kind = 'result' AND body ->> 'name' = 'shop'`,
    );
    on.close();
    const {
      phases,
      status: code,
      details,
      up,
      reason,
      duration_s,
    } = JSON.parse(String(first?.['body']));
    assert.deepEqual(
      [code, up, reason, details.address, details.attempts],
      [200, true, '', '127.0.0.1', 1],
    );
    assert.ok(phases.connect > 0 && phases.first_byte > 0 && phases.first_byte < duration_s);
  });
});
