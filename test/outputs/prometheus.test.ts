import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { debianBinary } from '../debian.ts';
import { busyView, hostileNames } from './agent-view.ts';
import { serve } from './http-client.ts';

/** What Prometheus' /api/v1/query answers for an instant vector. */
interface QueryAnswer {
  readonly status: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

async function query(port: number, expression: string): Promise<QueryAnswer['data']['result']> {
  const address = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const answer: QueryAnswer = JSON.parse(await (await fetch(address)).text());
  return answer.status === 'success' ? answer.data.result : [];
}

/** Asks until `ready` is content, at most 20 s; Prometheus refuses connections while it starts. */
async function queryUntil(
  port: number,
  expression: string,
  ready: (result: QueryAnswer['data']['result']) => boolean,
): Promise<QueryAnswer['data']['result']> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const result = await query(port, expression).catch(() => []);
    if (ready(result)) return result;
    assert.ok(performance.now() < deadline, `${expression}: ${JSON.stringify(result)}`);
    await sleep(200);
  }
}

test('a real Prometheus scrapes it and reads every name and counter back', async (t) => {
  const prometheus = await debianBinary('prometheus', '/usr/bin/prometheus');
  const view = busyView();
  const server = await serve(view, {
    settings: {
      nodeExporterNames: true,
      systemdExporterNames: true,
      processExporterNames: true,
      compress: 'always',
    },
  });
  t.after(() => server.close());
  const folder = await mkdtemp(join(tmpdir(), 'unitwatch-prometheus-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  await writeFile(
    config,
    `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: unitwatch
    static_configs: [{ targets: ['127.0.0.1:${server.address.port}'] }]
`,
  );
  const child = spawn(
    prometheus,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });

  const counter = 'unitwatch_dbus_signals_received_total';
  await queryUntil(port, counter, ([sample]) => sample?.value[1] === '101');
  view.counters.signalsReceived = 222;
  await queryUntil(port, counter, ([sample]) => sample?.value[1] === '222');

  const failed = await query(port, 'unitwatch_service_state{state="failed"} == 1');
  assert.deepEqual(
    failed.map(({ metric }) => metric['name']).sort(),
    ['db.service', ...hostileNames].sort(),
  );
  const up = await query(port, 'up{job="unitwatch"}');
  assert.equal(up[0]?.value[1], '1');
  const rate = await query(port, 'histogram_quantile(0.5, unitwatch_signal_delay_seconds_bucket)');
  assert.equal(rate.length, 1);
});
