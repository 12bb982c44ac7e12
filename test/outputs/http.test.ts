import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { isTrustedHost } from '../../src/outputs/host-check.ts';
import { startHttp } from '../../src/outputs/http.ts';
import { busyView, startedUs, testView, unitView } from './agent-view.ts';
import { get, nowUs, onePage, serve } from './http-client.ts';
import { parse, valueIn } from './metrics-text.ts';

const json = (body: Buffer): unknown => JSON.parse(body.toString());

test('/metrics', async (t) => {
  const view = busyView();
  const server = await serve(view);
  t.after(() => server.close());
  const first = await get(server, '/metrics');
  assert.equal(first.status, 200);
  assert.equal(first.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(first.headers['content-encoding'], undefined);
  const name = 'unitwatch_dbus_signals_received_total';
  assert.equal(valueIn(parse(first.body.toString()), name), 101);
  view.counters.signalsReceived = 102;
  const second = await get(server, '/metrics?name=ignored');
  assert.equal(valueIn(parse(second.body.toString()), name), 102);
  const head = await get(server, '/metrics', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
});

test('gzip where the client asks for it and it is worth it', async (t) => {
  const view = testView(Array.from({ length: 2000 }, (_, i) => unitView(`unit-${i}.service`)));
  const settings = {
    nodeExporterNames: false,
    systemdExporterNames: false,
    processExporterNames: false,
  } as const;
  const table = [
    { compress: 'always', accept: 'gzip', want: 'gzip' },
    { compress: 'always', accept: 'deflate, GZIP;q=0.5', want: 'gzip' },
    { compress: 'always', accept: 'gzip;q=0', want: undefined },
    { compress: 'always', accept: 'identity', want: undefined },
    { compress: 'remote', accept: 'gzip', want: undefined },
    { compress: 'never', accept: 'gzip', want: undefined },
  ] as const;
  for (const { compress, accept, want } of table) {
    const server = await serve(view, { settings: { ...settings, compress } });
    t.after(() => server.close());
    const answer = await get(server, '/metrics', { headers: { 'accept-encoding': accept } });
    assert.equal(answer.headers['content-encoding'], want, `${compress} ${accept}`);
    const text = want ? gunzipSync(answer.body) : answer.body;
    assert.equal(valueIn(parse(text.toString()), 'unitwatch_services_monitored'), 2000);
  }
});

test('many scrapes at once all get the whole text', async (t) => {
  const view = testView(Array.from({ length: 1000 }, (_, i) => unitView(`unit-${i}.service`)));
  let walks = 0;
  const units = view.units;
  view.units = () => {
    walks += 1;
    return units();
  };
  const server = await serve(view);
  t.after(() => server.close());
  const answers = await Promise.all(Array.from({ length: 40 }, () => get(server, '/metrics')));
  for (const { status, body } of answers) {
    assert.equal(status, 200);
    const lines = body.toString().match(/^unitwatch_service_state/gm);
    assert.equal(lines?.length, 6000);
  }
  // Each text walks over the units five times; 40 texts would be 200 walks.
  assert.ok(walks <= 100, `${walks} walks`);
});

test('/healthz', async (t) => {
  const view = testView();
  const server = await serve(view);
  t.after(() => server.close());
  const up = await get(server, '/healthz');
  assert.equal(up.status, 200);
  assert.equal(up.headers['content-type'], 'application/json');
  assert.deepEqual(json(up.body), { status: 'ok', bus: 'connected' });

  view.bus = 'lost';
  view.busLostUs = nowUs - 59_000_000;
  const short = await get(server, '/healthz');
  assert.equal(short.status, 200);
  assert.deepEqual(json(short.body), { status: 'ok', bus: 'lost', bus_lost_s: 59 });

  view.busLostUs = nowUs - 61_000_000;
  const long = await get(server, '/healthz');
  assert.equal(long.status, 503);
  assert.deepEqual(json(long.body), {
    status: 'unhealthy',
    bus: 'lost',
    bus_lost_s: 61,
    reason: 'no connection to the bus for 61 s; is the bus daemon running?',
  });

  view.bus = 'off';
  const off = await get(server, '/healthz');
  assert.deepEqual([off.status, json(off.body)], [200, { status: 'ok', bus: 'off' }]);
  view.bus = 'lost';

  delete view.busLostUs;
  const never = await get(server, '/healthz');
  assert.equal(never.status, 503);
  assert.match(never.body.toString(), new RegExp(`"bus_lost_s":${(nowUs - startedUs) / 1e6}`));
});

test('/readyz', async (t) => {
  const view = testView();
  const server = await serve(view);
  t.after(() => server.close());
  const ready = await get(server, '/readyz');
  assert.deepEqual([ready.status, json(ready.body)], [200, { status: 'ready' }]);
  view.ready = false;
  const reading = await get(server, '/readyz');
  assert.equal(reading.status, 503);
  assert.match(reading.body.toString(), /the table of units has not been read yet/);
  view.bus = 'lost';
  assert.match((await get(server, '/readyz')).body.toString(), /no connection to the bus/);
});

test('paths, methods and headers', async (t) => {
  const server = await serve(testView(), { routes: onePage });
  t.after(() => server.close());
  const page = await get(server, '/page');
  assert.equal(page.status, 200);
  assert.equal((await get(server, '/<page>'.replace(/[<>]/g, encodeURIComponent))).status, 404);
  const absolute = await get(server, `http://127.0.0.1:${server.address.port}/healthz`);
  assert.equal(absolute.status, 200);

  const missing = await get(server, '/nothing');
  assert.equal(missing.status, 404);
  assert.match(String(missing.headers['content-type']), /^text\/plain/);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    const answer = await get(server, '/metrics', { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers['allow'], 'GET, HEAD');
  }
  for (const { headers } of [page, missing]) {
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['cache-control'], 'no-store');
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
  }
});

test('a foreign host name reaches the metrics and no page', async (t) => {
  const server = await serve(testView(), {
    allowedHosts: ['Monitor.Example'],
    routes: onePage,
  });
  t.after(() => server.close());
  const statusOf = async (path: string, host: string): Promise<number> =>
    (await get(server, path, { headers: { host } })).status;
  for (const path of ['/metrics', '/healthz', '/readyz']) {
    assert.equal(await statusOf(path, 'evil.example:9753'), 200, path);
  }
  assert.equal(await statusOf('/page', 'evil.example:9753'), 403);
  assert.equal(await statusOf('/page', 'monitor.example'), 200);
  assert.equal(await statusOf('/page', 'localhost:9753'), 200);
});

test('which hosts are trusted', () => {
  const names = new Set(['monitor.example']);
  const table: readonly (readonly [string | undefined, boolean])[] = [
    ['127.0.0.1', true],
    ['127.0.0.1:9753', true],
    ['192.0.2.7:9753', true],
    ['[::1]:9753', true],
    ['localhost', true],
    ['LOCALHOST:1', true],
    ['localhost.', true],
    ['agent.localhost:9753', true],
    ['monitor.example:80', true],
    ['evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['evillocalhost', false],
    ['monitor.example.evil', false],
    ['evil@localhost', false],
    ['localhost:abc', false],
    ['[localhost]', false],
    ['', false],
    [undefined, false],
  ];
  for (const [host, want] of table) assert.equal(isTrustedHost(host, names), want, String(host));
});

test('a route that throws is answered with 500 and reported', async (t) => {
  const reported: unknown[] = [];
  const fault = new Error('wrong');
  const server = await serve(testView(), {
    report: (error) => reported.push(error),
    routes: new Map([
      [
        '/broken',
        {
          title: 'Throws',
          hosts: 'any',
          handle: () => {
            throw fault;
          },
        },
      ],
    ]),
  });
  t.after(() => server.close());
  assert.equal((await get(server, '/broken')).status, 500);
  assert.deepEqual(reported, [fault]);
});

test('a view that throws ends the scrape and is reported', async (t) => {
  const reported: unknown[] = [];
  const view = testView();
  const fault = new Error('wrong');
  view.units = () => {
    throw fault;
  };
  const server = await serve(view, { report: (error) => reported.push(error) });
  t.after(() => server.close());
  await assert.rejects(get(server, '/metrics'));
  assert.deepEqual(reported, [fault]);
  assert.equal((await get(server, '/healthz')).status, 200);
});

test('where it cannot listen, it says what to do', async (t) => {
  const server = await serve(testView());
  t.after(() => server.close());
  const { port } = server.address;
  const table = [
    {
      listen: { host: '127.0.0.1', port },
      code: 'EADDRINUSE',
      message: `127.0.0.1:${port} is already in use (is another unitwatch running?); set \`listen\` to another port, or to \`off\``,
    },
    {
      listen: { host: '192.0.2.1', port: 9753 },
      code: 'EADDRNOTAVAIL',
      message:
        '192.0.2.1:9753 is no address of this host; set `listen` to one that is, for example 127.0.0.1:9753',
    },
    {
      listen: { host: 'no such name', port: 9753 },
      code: /^(ENOTFOUND|EAI_AGAIN)$/,
      message:
        'no such name:9753 is no host name that can be looked up; set `listen` to an IP address and a port, for example 127.0.0.1:9753',
    },
    {
      listen: { host: '2001:db8::1', port: 9753 },
      code: /^(EADDRNOTAVAIL|EAFNOSUPPORT)$/,
      message: /^\[2001:db8::1\]:9753 .*set `listen` to/,
    },
  ];
  for (const { listen, code, message } of table) {
    await assert.rejects(serve(testView(), { listen }), { code, message });
  }
});

test('a port that needs a privilege is refused with what to do', () => {
  const child = fileURLToPath(new URL('./listen-child.js', import.meta.url));
  const port = 81;
  const said: unknown = JSON.parse(
    execFileSync(process.execPath, [child, String(port)], { encoding: 'utf8' }),
  );
  // Container runtimes set this to 0: then every user may listen on every port.
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  const refused = {
    code: 'EACCES',
    message: `127.0.0.1:${port} may not be listened on: ports below 1024 need CAP_NET_BIND_SERVICE; set \`listen\` to a port above 1023`,
  };
  assert.deepEqual(said, port < first ? refused : { port });
});

test('close is quick with idle and busy connections, and may be called twice', async () => {
  const view = testView(Array.from({ length: 10_000 }, (_, i) => unitView(`unit-${i}.service`)));
  const server = await serve(view);
  const { host, port } = server.address;
  const idle = connect(port, host);
  idle.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => idle.once('data', resolve));
  const stalled = connect(port, host);
  stalled.on('error', () => undefined);
  stalled.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => stalled.once('readable', resolve));
  const began = performance.now();
  await Promise.all([server.close(), server.close()]);
  await server.close();
  assert.ok(performance.now() - began < 1000);
  await assert.rejects(get(server, '/healthz'), { code: 'ECONNREFUSED' });
  idle.destroy();
  stalled.destroy();
  const again = await startHttp({
    listen: { host, port },
    view,
    settings: {
      nodeExporterNames: false,
      systemdExporterNames: false,
      processExporterNames: false,
      compress: 'never',
    },
    clock: { realtimeUs: () => nowUs, monotonicUs: () => nowUs },
    report: () => undefined,
  });
  await again.close();
});
