import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { faultOfService, monitorKinds } from '../../src/checks/monitor-kinds.ts';
import { NameResolver } from '../../src/checks/tcp/resolver.ts';
import type { ProbeResult } from '../../src/model/probe.ts';

const clock = {
  realtimeUs: () => Date.now() * 1e3,
  monotonicUs: () => performance.now() * 1e3,
};

test('what is wrong with the settings of a service is said in one sentence', () => {
  const tcp = { host: 'db.example.org', port: 5432 };
  const http = { url: 'https://example.org/health' };
  const cases: readonly (readonly [
    string,
    Readonly<Record<string, unknown>>,
    RegExp | undefined,
  ])[] = [
    ['fax', {}, /kind is one of tcp, http\.$/],
    ['constructor', {}, /kind is one of tcp, http\.$/],
    ['tcp', tcp, undefined],
    ['tcp', { ...tcp, host: '::1', timeout: 0.5 }, undefined],
    ['tcp', { ...tcp, host: 'a b' }, /^host must be/],
    ['tcp', { ...tcp, host: '' }, /^host must be/],
    ['tcp', { ...tcp, port: '5432' }, /^port must be/],
    ['tcp', { ...tcp, port: 65_536 }, /^port must be/],
    ['tcp', { ...tcp, timeout: 0 }, /^timeout must be/],
    ['tcp', { ...tcp, prot: 1 }, /"prot"; there are host, port, timeout\.$/],
    ['http', http, undefined],
    ['http', { ...http, expected_status: '200-299, 404', regex: 'ok', body: '' }, undefined],
    ['http', { ...http, expected_status: [200, '3xx'] }, undefined],
    ['http', { ...http, expected_status: '6xx' }, /^expected_status must be .*2xx/],
    ['http', { ...http, expected_status: 204, method: 'HEAD', tls_verify: false }, undefined],
    ['http', {}, /^url must be/],
    ['http', { url: 'file:///etc/passwd' }, /^url must be/],
    ['http', { url: 'http://anna:secret@example.org/' }, /^url must be/],
    ['http', { url: 'http://example.org:0/' }, /^url must be/],
    ['tcp', { ...tcp, host: 'büro.example' }, undefined],
    ['http', { ...http, method: 'get' }, /^method must be/],
    ['http', { ...http, headers: { 'a b': 'c' } }, /^The header "a b" is no name/],
    ['http', { ...http, headers: { a: 'b\r\nc: d' } }, /^The header "a" has a value/],
    ['http', { ...http, headers: { Expect: '100-continue' } }, /^The header "Expect" cannot/],
    ['http', { ...http, headers: ['a'] }, /^headers must be/],
    ['http', { ...http, body: 1 }, /^body must be/],
    ['http', { ...http, expected_status: '299-200' }, /^expected_status must be/],
    ['http', { ...http, expected_status: '200,' }, /^expected_status must be/],
    ['http', { ...http, expected_status: 600 }, /^expected_status must be/],
    ['http', { ...http, regex: 'a'.repeat(1_001) }, /^regex must be/],
    ['http', { ...http, follow_redirects: 21 }, /^follow_redirects must be/],
    ['http', { ...http, tls_verify: 'no' }, /^tls_verify must be/],
    ['http', { ...http, timeout: 301 }, /^timeout must be/],
  ];
  for (const [kind, settings, want] of cases) {
    const fault = faultOfService(kind, settings);
    const what = `${kind} ${JSON.stringify(settings).slice(0, 80)}: ${fault}`;
    if (want) assert.match(fault ?? '', want, what);
    else assert.equal(fault, undefined, what);
  }
});

test('a look is a probe with the settings of the service', async (t) => {
  const server = createServer((request, response) => {
    response.statusCode = request.headers.authorization === 'let me in' ? 203 : 401;
    response.end('all is well');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const results: ProbeResult[] = [];
  const resolver = new NameResolver({ clock });
  t.after(() => resolver.close());
  const kinds = monitorKinds({ clock, resolver }, (result) => results.push(result));
  const look = async (kind: string, settings: Readonly<Record<string, unknown>>) => {
    const looker = kinds.get(kind)?.open({ name: 'web', kind, settings });
    const seen = await looker?.look();
    looker?.close?.();
    return seen;
  };
  const up = { state: 'up', reason: '' };
  const url = `http://127.0.0.1:${port}/`;
  const headers = { Authorization: 'let me in' };
  assert.deepEqual(await look('tcp', { host: '127.0.0.1', port }), up);
  assert.deepEqual(await look('http', { url, headers, regex: 'is w.ll' }), up);
  assert.deepEqual(await look('http', { url, expected_status: '200,401' }), up);
  assert.deepEqual(await look('http', { url, expected_status: ['4xx', 503] }), up);
  assert.deepEqual(await look('http', { url }), { state: 'down', reason: 'status 401' });
  assert.equal((await look('http', { url, headers, regex: 'unwell' }))?.state, 'down');
  assert.deepEqual(
    results.map(({ name, kind, up: isUp }) => `${name} ${kind} ${isUp}`),
    [
      'web tcp true',
      'web http true',
      'web http true',
      'web http true',
      'web http false',
      'web http false',
    ],
  );
  // The file may have been written by a version that knows more.
  assert.equal((await look('tcp', { host: '127.0.0.1', port, proxy: 'x' }))?.state, 'unknown');
});

test('a probe that is cut off, since its service is changed, has no result', async () => {
  const server = createServer(() => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const resolver = new NameResolver({ clock });
  const results: ProbeResult[] = [];
  const kinds = monitorKinds({ clock, resolver }, (result) => results.push(result));
  const settings = { url: `http://127.0.0.1:${port}/` };
  const looker = kinds.get('http')?.open({ name: 'web', kind: 'http', settings });
  try {
    const asked = once(server, 'request');
    const looking = looker?.look();
    await asked;
    looker?.close?.();
    assert.equal((await looking)?.state, 'unknown');
    assert.deepEqual(results, []);
  } finally {
    resolver.close();
    server.closeAllConnections();
    server.close();
  }
});
