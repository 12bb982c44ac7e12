import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointsOf } from '../../src/config/endpoints.ts';
import { configOf, read } from './reading.ts';

test('endpoints are what the configuration says, with defaults and in milliseconds', async () => {
  const { config } = await configOf(
    `
checks:
  tcp:
    db: { host: '::1', port: 5432, interval: 2s, grace: 1m }
  http:
    shop:
      url: https://shop.example.org/health
      secret_headers: { Authorization: s3cret }
      expected_status: [2xx, '404']
      regex: ok
      check_regex: true
      failures: 3
    plain: { url: 'http://plain.example.org/', regex: not searched, timeout: 3 }
`,
    {},
    [],
    false,
  );
  const [db, shop, plain] = endpointsOf(config);
  assert.deepEqual(db, {
    name: 'db',
    kind: 'tcp',
    host: '::1',
    port: 5432,
    intervalMs: 2_000,
    timeoutMs: 5_000,
    thresholds: { graceUs: 60e6 },
  });
  assert.deepEqual(shop, {
    name: 'shop',
    kind: 'http',
    url: 'https://shop.example.org/health',
    method: 'GET',
    headers: {},
    secretHeaders: { Authorization: 's3cret' },
    body: undefined,
    expectedStatus: [
      { min: 200, max: 299 },
      { min: 404, max: 404 },
    ],
    regex: 'ok',
    maxRedirects: 0,
    verifyTls: true,
    certificateWarningUs: 14 * 86_400e6,
    intervalMs: 5_000,
    timeoutMs: 15_000,
    thresholds: { down: 3 },
  });
  assert.ok(plain?.kind === 'http');
  assert.deepEqual([plain.regex, plain.timeoutMs, plain.thresholds], [undefined, 3_000, {}]);
});

for (const [written, want] of [
  ['204', [[204, 204]]],
  ['2xx', [[200, 299]]],
  [
    '"2xx, 404"',
    [
      [200, 299],
      [404, 404],
    ],
  ],
  [
    '[200-204, 3xx, 404]',
    [
      [200, 204],
      [300, 399],
      [404, 404],
    ],
  ],
] as const) {
  test(`expected_status: ${written}`, async () => {
    const { config } = await configOf(
      `checks: {http: {shop: {url: "http://h/", expected_status: ${written}}}}`,
    );
    const [shop] = endpointsOf(config);
    assert.ok(shop?.kind === 'http');
    assert.deepEqual(
      shop.expectedStatus.map(({ min, max }) => [min, max]),
      want,
    );
  });
}

test('a secret header that cannot be sent is a fault that does not repeat it', async () => {
  const text = `checks: {http: {shop: {url: "http://h/", headers: {Host: a}, secret_headers: {HOST: b, X-Key: "geheim €"}}}}`;
  const outcome = await read(text, {}, [], false);
  assert.deepEqual('faults' in outcome && outcome.faults, [
    'c.yaml:1:79: checks.http.shop.secret_headers.HOST: stands there twice',
    'c.yaml:1:88: checks.http.shop.secret_headers.X-Key: has a value with characters that no header can have: control characters, or none of Latin-1',
  ]);
});

test('a token that no header can carry is a fault that does not repeat it', async () => {
  for (const token of ['mein geheim', 'geheimé', 'geheim€'])
    assert.deepEqual(await read(`page: {token: "${token}"}`, {}, [], false), {
      faults: [
        'c.yaml:1:8: page.token: may have ASCII letters, digits and signs only, and no spaces: a header carries it',
      ],
    });
  assert.ok('config' in (await read('page: {token: "s3cret-._~+/="}', {}, [], false)));
});
