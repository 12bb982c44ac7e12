import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EndpointChecks } from '../../src/checks/endpoints.ts';
import type { Endpoint } from '../../src/checks/endpoints-kinds.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import type { CheckView } from '../../src/model/check.ts';
import { checkMetrics } from '../../src/outputs/check-metrics.ts';
import { endpointMetrics, endpointStatsMetrics } from '../../src/outputs/endpoint-metrics.ts';
import { familyText } from '../../src/outputs/exposition.ts';
import { probeRoute } from '../../src/outputs/probe-route.ts';
import {
  type Certificates,
  contextOf,
  httpEndpoint,
  makeCertificates,
  Servers,
} from '../checks/endpoint-servers.ts';
import { debianBinary } from '../debian.ts';

const servers = new Servers();
let certificates: Certificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => servers.close());

/** Serves `/probe` of these endpoints, each looked at once. */
async function probed(
  endpoints: readonly Endpoint[],
): Promise<{ readonly checks: EndpointChecks; readonly url: string }> {
  const checks = new EndpointChecks({
    endpoints,
    thresholds: { down: 1, up: 1, graceUs: 0 },
    clock: systemClock,
    onChange: () => {},
    onResult: () => {},
    resolver: contextOf().resolver,
    ca: certificates.ca,
  });
  const route = probeRoute(() => checks.uses());
  const server = createServer((request, response) => {
    const query = request.url?.split('?')[1] ?? '';
    void route.handle(request, response, { below: '', query, routes: new Map() });
  });
  const port = await servers.listen(server);
  return { checks, url: `http://127.0.0.1:${port}/probe` };
}

async function ask(
  url: string,
  parameters: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${url}?${new URLSearchParams(parameters)}`);
  return { status: response.status, text: await response.text() };
}

/** HELP and TYPE lines, and the names and labels of the samples. */
function shape(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => (line.startsWith('#') ? line : line.replace(/ \S+$/, '')));
}

const values = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );

/** What it says that unitwatch does not know; docs/checks.md has the list. */
const notCovered =
  /probe_(ip_addr_hash|http_version|http_last_modified|ssl_last_chain|tls_version_info|tls_cipher_info)/;

test("names, types, help and labels are those of the real blackbox_exporter, and so are the values that don't depend on time", async () => {
  const plain = await servers.http((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end();
    else response.end('all is well');
  });
  const secure = await servers.tls(certificates.good, (socket) => {
    socket.on('data', () => {
      socket.end('HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  });
  const tcp = await servers.tcp((socket) => socket.resume());
  const broken = await servers.tcp((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'));
  });
  const untrusted = await servers.tls(certificates.selfSigned, (socket) => socket.resume());
  const free = await freePort();
  const at = (port: number, path = ''): string => `http://127.0.0.1:${port}/${path}`;
  const cases: readonly {
    readonly endpoint: Endpoint;
    readonly target: string;
    readonly module: string;
  }[] = [
    { endpoint: httpEndpoint({ name: 'http', url: at(plain) }), target: at(plain), module: 'http' },
    {
      endpoint: httpEndpoint({ name: 'http_moved', url: at(plain, 'moved'), maxRedirects: 5 }),
      target: at(plain, 'moved'),
      module: 'http',
    },
    {
      endpoint: httpEndpoint({ name: 'http_regex', url: at(plain, 'x'), regex: 'nowhere' }),
      target: at(plain, 'x'),
      module: 'http_regex',
    },
    {
      endpoint: httpEndpoint({ name: 'http_tls', url: `https://127.0.0.1:${secure}/` }),
      target: `https://127.0.0.1:${secure}/`,
      module: 'http',
    },
    ...[
      ['http_broken', at(broken)] as const,
      ['http_untrusted', `https://127.0.0.1:${untrusted}/`] as const,
      ['http_no_tls', `https://127.0.0.1:${plain}/`] as const,
      ['http_refused', at(free)] as const,
      ['http_nowhere', 'http://nowhere.invalid/'] as const,
    ].map(([name, target]) => ({
      endpoint: httpEndpoint({ name, url: target }),
      target,
      module: 'http',
    })),
    {
      endpoint: {
        name: 'tcp',
        kind: 'tcp',
        host: '127.0.0.1',
        port: tcp,
        intervalMs: 1_000,
        timeoutMs: 5_000,
      },
      target: `127.0.0.1:${tcp}`,
      module: 'tcp',
    },
  ];
  const { checks, url } = await probed(cases.map(({ endpoint }) => endpoint));
  await checks.checkNow();
  const real = await startReal(certificates.ca);
  try {
    for (const { target, module, endpoint } of cases) {
      const ours = await ask(url, { target, module });
      const theirs = await ask(real.url, { target, module });
      assert.equal(ours.status, 200, target);
      const wanted = shape(theirs.text).filter((line) => !notCovered.test(line));
      // The real one says nothing of a certificate that it does not trust.
      const isMore = (text: string): boolean =>
        endpoint.name === 'http_untrusted' && text.includes('probe_ssl_earliest_cert_expiry');
      const known = shape(ours.text).filter((line) => !isMore(line));
      assert.deepEqual(known.sort(), wanted.sort(), endpoint.name);
      const said = values(theirs.text);
      for (const [series, value] of values(ours.text)) {
        if (isMore(series)) continue;
        if (/_seconds/.test(series)) assert.ok(Number(value) >= 0 && Number(value) < 30, series);
        else assert.equal(Number(value), Number(said.get(series)), `${endpoint.name} ${series}`);
      }
    }
  } finally {
    await real.stop();
    await checks.stop();
  }
});

async function startReal(ca: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const file = await debianBinary(
    'prometheus-blackbox-exporter',
    '/usr/bin/prometheus-blackbox-exporter',
  );
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-blackbox-'));
  writeFileSync(join(folder, 'ca.pem'), ca);
  const tls = `tls_config: { ca_file: ${join(folder, 'ca.pem')} }`;
  const http = `preferred_ip_protocol: ip4, ${tls}`;
  writeFileSync(
    join(folder, 'modules.yaml'),
    `modules:
  http: { prober: http, http: { ${http} } }
  http_regex: { prober: http, http: { ${http}, fail_if_body_not_matches_regexp: [nowhere] } }
  tcp: { prober: tcp }
`,
  );
  const port = await freePort();
  const child: ChildProcess = spawn(
    file,
    [`--config.file=${join(folder, 'modules.yaml')}`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: 'ignore' },
  );
  const url = `http://127.0.0.1:${port}/probe`;
  const stop = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true });
  };
  for (let tries = 0; ; tries++) {
    try {
      await ask(url, {});
      return { url, stop };
    } catch (error) {
      if (tries < 100) await new Promise((resolve) => setTimeout(resolve, 100));
      else {
        await stop();
        throw error;
      }
    }
  }
}

async function freePort(): Promise<number> {
  const closed = new Servers();
  const port = await closed.tcp(() => {});
  closed.close();
  return port;
}

test('/probe: by name, by target, by module; what is not configured is not connected to', async () => {
  let connections = 0;
  const port = await servers.tcp((socket) => {
    connections++;
    socket.resume();
  });
  const { checks, url } = await probed([
    { name: 'db', kind: 'tcp', host: '127.0.0.1', port, intervalMs: 1_000, timeoutMs: 5_000 },
    httpEndpoint({ name: 'shop', url: `http://127.0.0.1:${port}/x?token=s3cret`, timeoutMs: 50 }),
    httpEndpoint({ name: 'late', url: 'http://127.0.0.1:9/', intervalMs: 300_000 }),
  ]);
  const target = `127.0.0.1:${port}`;
  assert.deepEqual((await ask(url, { target })).status, 503);
  await checks.checkNow('db');
  await checks.checkNow('shop');
  const known = connections;
  const success = async (parameters: Readonly<Record<string, string>>): Promise<string> => {
    const { status, text } = await ask(url, parameters);
    return `${status} ${/^probe_success (\d)$/m.exec(text)?.[1]}`;
  };
  assert.equal(await success({ target: 'db' }), '200 1');
  assert.equal(await success({ target, module: 'tcp_connect' }), '200 1');
  assert.equal(await success({ target: `${target}/x`, module: 'http_2xx' }), '200 0');
  assert.equal(await success({ target: `http://${target}/x?token=other` }), '200 0');
  assert.equal(await success({ target: `http://${target}/y` }), '404 undefined');
  assert.equal(await success({ target: '169.254.169.254:80' }), '404 undefined');
  assert.equal(await success({ target: 'http://[' }), '404 undefined');
  assert.equal(await success({}), '400 undefined');
  assert.equal(connections, known);
  await checks.stop();
});

test('metrics of endpoints: every line belongs to its family, and labels are escaped', async () => {
  const port = await servers.http((_request, response) => void response.end('ok'));
  const { checks } = await probed([
    httpEndpoint({ name: 'a "b"\\\n', url: `http://127.0.0.1:${port}/` }),
    {
      name: 'gone',
      kind: 'tcp',
      host: '127.0.0.1',
      port: await freePort(),
      intervalMs: 1_000,
      timeoutMs: 5_000,
    },
    httpEndpoint({ name: 'never looked at', url: `http://127.0.0.1:${port}/` }),
  ]);
  await checks.checkNow('a "b"\\\n');
  await checks.checkNow('gone');
  const uses = checks.uses();
  const text = endpointMetrics.map((metric) => familyText(metric, metric.samples(uses))).join('');
  const said = values(text);
  const good = 'name="a \\"b\\"\\\\\\n",kind="http"';
  assert.equal(said.get(`unitwatch_endpoint_up{${good}}`), '1');
  assert.equal(said.get(`unitwatch_endpoint_http_status_code{${good}}`), '200');
  assert.equal(said.get(`unitwatch_endpoint_results_total{${good},outcome="up"}`), '1');
  assert.equal(said.get('unitwatch_endpoint_up{name="gone",kind="tcp"}'), '0');
  assert.equal(
    said.get('unitwatch_endpoint_results_total{name="gone",kind="tcp",outcome="refused"}'),
    '1',
  );
  assert.equal(said.has('unitwatch_endpoint_up{name="never looked at",kind="http"}'), false);
  for (const metric of endpointMetrics) {
    for (const { labels } of metric.samples(uses)) {
      assert.deepEqual(Object.keys(labels), metric.labels, metric.name);
    }
  }
  const stats = endpointStatsMetrics.map((metric) =>
    familyText(metric, metric.samples(checks.stats())),
  );
  assert.match(stats.join(''), /^unitwatch_probe_lateness_seconds_bucket\{le="\+Inf"\} 2$/m);
  assert.match(stats.join(''), /^unitwatch_probe_lateness_seconds_count 2$/m);
  await checks.stop();
});

test('metrics of all checks: exactly one state of each is 1', () => {
  const view = (more: Partial<CheckView>): CheckView => ({
    name: 'x',
    kind: 'tcp',
    state: 'up',
    sinceUs: 0,
    checkedUs: 5e6,
    durationUs: 0,
    reason: '',
    dependsOn: [],
    outage: false,
    ...more,
  });
  const checks = [
    view({ name: 'a' }),
    view({ name: 'b', kind: 'http', state: 'down', outage: true }),
    view({ name: 'c', kind: 'process', state: 'too_many' }),
    view({ name: 'd', kind: 'unit', state: 'unknown' }),
  ];
  const said = values(
    checkMetrics.map((metric) => familyText(metric, metric.samples(checks))).join(''),
  );
  const ones = [...said].filter(([series, value]) => series.includes('_state{') && value === '1');
  assert.deepEqual(
    ones.map(([series]) => series),
    [
      'unitwatch_check_state{name="a",kind="tcp",state="up"}',
      'unitwatch_check_state{name="b",kind="http",state="down"}',
      'unitwatch_check_state{name="c",kind="process",state="too_many"}',
      'unitwatch_check_state{name="d",kind="unit",state="unknown"}',
    ],
  );
  assert.equal(said.get('unitwatch_check_up{name="a",kind="tcp"}'), '1');
  assert.equal(said.get('unitwatch_check_up{name="c",kind="process"}'), '1');
  assert.equal(said.get('unitwatch_check_up{name="d",kind="unit"}'), '0');
  assert.equal(said.get('unitwatch_check_outage{name="b",kind="http"}'), '1');
  assert.equal(said.get('unitwatch_check_last_timestamp_seconds{name="a",kind="tcp"}'), '5');
});
