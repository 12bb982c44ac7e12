import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedKeys } from '../../src/config/changes.ts';
import type { Config } from '../../src/config/keys.ts';
import { processSettings } from '../../src/config/process-settings.ts';
import { configOf, faultsOf } from './reading.ts';

/** One mistake, and the whole of what is said about it. */
const mistakes: readonly (readonly [string, string])[] = [
  [
    'restart:\n  processes: [a]',
    '2:14: restart.processes: must be a section of names (got a list)',
  ],
  [
    'restart:\n  processes:',
    '2:13: restart.processes: has no value; write {} for none, or remove the key to keep the default',
  ],
  [
    'restart:\n  processes:\n    nginx: restart',
    '3:12: restart.processes.nginx: is a section; its keys stand below it (got "restart")',
  ],
  [
    'restart:\n  processes:\n    nginx:\n      max_atempts: 3',
    "4:7: restart.processes.nginx.max_atempts: is no key of unitwatch; did you mean 'max_attempts'?",
  ],
  [
    'restart:\n  processes:\n    nginx:\n      max_attempts: 0',
    '4:21: restart.processes.nginx.max_attempts: must be a whole number from 1 to 100 (got 0)',
  ],
  [
    'restart:\n  processes:\n    a.b:\n      jitter: x',
    '4:15: restart.processes["a.b"].jitter: must be a number from 0 to 1 (got "x")',
  ],
  [
    'restart:\n  processes:\n    a:\n      repair_on: [failed, crash]',
    `4:27: restart.processes.a.repair_on[1]: must be one of crash_loop, memory_leak, check_down, failed, start_limit (got "crash"); did you mean 'crash_loop'?`,
  ],
  ['restart: {processes: {"": {}}}', '1:23: restart.processes: has an entry without a name'],
  [
    'restart: {processes: {"a\\nb": {}}}',
    '1:23: restart.processes: has a name with control characters',
  ],
  ['restart: {processes: {a: {}, a: {}}}', '1:30: a: stands here for the second time'],
  [
    'checks:\n  components:\n    kafka server:\n      criteria:\n        - {index: 0, regex: java}\n        - {index: first, regex: x}',
    '6:19: checks.components.kafka server.criteria[1].index: must be a whole number (from 0; below 0 from the end: -1 is the last) or any (got "first")',
  ],
  [
    'checks:\n  components:\n    k:\n      criteria:\n        - index: 0',
    '5:11: checks.components.k.criteria[0].regex: is missing',
  ],
  [
    'checks: {components: {k: {criteria: [java]}}}',
    '1:38: checks.components.k.criteria[0]: is a section; its keys stand below it (got "java")',
  ],
  [
    'checks: {components: {k: {criteria: {index: 0}}}}',
    '1:37: checks.components.k.criteria: must be a list (got a section)',
  ],
  [
    'checks: {components: {k: {criteria: [{index: 0, regex: "("}]}}}',
    '1:56: checks.components.k.criteria[0].regex: the regex "(" cannot be read: error parsing regexp: missing closing ): `(`',
  ],
  [
    'checks: {components: {k: {criteria: [{index: 0, regex: "a(?=b)"}]}}}',
    '1:56: checks.components.k.criteria[0].regex: the regex "a(?=b)" uses "(?=": look-ahead and back-references can run for ever and are not supported',
  ],
  [
    `checks: {components: {k: {criteria: [{index: 0, regex: "\${zone}"}]}}}`,
    '1:27: checks.components.k.criteria: no host sets the variable zone',
  ],
  ['checks:\n  components: {k: {}}', '2:16: checks.components.k: has neither criteria nor a unit'],
  [
    'checks: {components: {k: {unit: a, depends_on: [b]}}}',
    '1:36: checks.components.k.depends_on: there is no component b',
  ],
  [
    'restart:\n  processes:\n    a b:\n      restart_strategy: custom',
    '4:7: restart.processes.a b.restart_strategy: is custom, and there is no restart_command',
  ],
  [
    'restart: {default: {restart_strategy: custom}}',
    '1:21: restart.default.restart_strategy: is custom, and there is no restart_command',
  ],
  [
    'checks: {http: {shop: {url: "http://h", check_regex: true}}}',
    '1:41: checks.http.shop.check_regex: is true, and there is no regex',
  ],
  [
    'checks: {components: {k: {expected: 4-2}}}',
    '1:37: checks.components.k.expected: must be a number or a span such as 2-4 or 1+, up to 100000 (got "4-2")',
  ],
  [
    'checks: {tcp: {db: {host: h, port: 1}}, http: {db: {url: "http://h"}}}',
    '1:48: checks.http.db: checks.tcp has this name already',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", expected_status: 2x}}}',
    '1:59: checks.http.shop.expected_status: must be status codes from 100 to 599, such as 200, 2xx, 200-299 or several: "2xx, 404" (got "2x")',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", expected_status: [2xx, 600]}}}',
    '1:65: checks.http.shop.expected_status[1]: must be status codes from 100 to 599, such as 200, 2xx, 200-299 or several: "2xx, 404" (got 600)',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", expected_status: []}}}',
    '1:59: checks.http.shop.expected_status: must be status codes from 100 to 599, such as 200, 2xx, 200-299 or several: "2xx, 404" (got a list)',
  ],
  ['checks: {tcp: {db: {port: 1}}}', '1:20: checks.tcp.db.host: is missing'],
  [
    'checks: {tcp: {db: {host: h, port: 70000}}}',
    '1:36: checks.tcp.db.port: must be a whole number from 1 to 65535 (got 70000)',
  ],
  [
    'checks: {http: {shop: {url: shop.example.org/x}}}',
    `1:29: checks.http.shop.url: must be a URL that begins with http:// or https:// (got "shop.example.org/x"); did you mean 'http://shop.example.org/x'?`,
  ],
  [
    'checks: {http: {shop: {url: "https://u:geheim@h/"}}}',
    '1:29: checks.http.shop.url: must not hold a user or a password: send them in a header',
  ],
  [
    'checks: {http: {shop: {url: "https://u:geheim@h:99999/"}}}',
    '1:29: checks.http.shop.url: must be a URL with a host name or address, and a port from 1 to 65535',
  ],
  [
    'checks: {http: {shop: {url: "http://h:0/"}}}',
    '1:29: checks.http.shop.url: must be a URL with a host name or address, and a port from 1 to 65535 (got "http://h:0/")',
  ],
  [
    'checks: {http: {shop: {url: "http://[fe80::1%eth0]/"}}}',
    '1:29: checks.http.shop.url: must be a URL without a zone (%): no URL can have one (got "http://[fe80::1%eth0]/")',
  ],
  [
    'checks: {http: {shop: {url: "http://1.2.3.4.5/"}}}',
    '1:29: checks.http.shop.url: must be a URL with a host name or address; this one cannot be read (got "http://1.2.3.4.5/")',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", headers: {Expect: 100-continue}}}}',
    '1:52: checks.http.shop.headers.Expect: cannot be set: it belongs to the connection or to the body',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", headers: {"b c": x}}}}',
    '1:52: checks.http.shop.headers.b c: is no name that a header can have',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", headers: {Connection: upgrade}}}}',
    '1:52: checks.http.shop.headers.Connection: can only be close or keep-alive',
  ],
  [
    'checks: {tcp: {db: {host: "http://h/", port: 1}}}',
    '1:21: checks.tcp.db.host: must be a host name or an IP address alone, without brackets, scheme or port',
  ],
  [
    'checks: {tcp: {db: {host: "[::1]", port: 1}}}',
    '1:21: checks.tcp.db.host: must be a host name or an IP address alone, without brackets, scheme or port',
  ],
  [
    'checks: {http: {shop: {url: "http://h/", interval_sec: 4}}}',
    '1:56: checks.http.shop.interval_sec: must be a whole number from 5 to 300 (got 4)',
  ],
  [
    'checks: {hosts: {h: {variables: {a: [1]}}}}',
    '1:37: checks.hosts.h.variables.a: must be text (got a list)',
  ],
  [
    'restart: {default: {restart_command: []}}',
    '1:38: restart.default.restart_command: must begin with the program to run (got a list)',
  ],
  [
    'restart: {default: {restart_command: [a, [b]]}}',
    '1:42: restart.default.restart_command[1]: must be text (got a list)',
  ],
  [
    'restart: {default: {restart_command: " "}}',
    '1:38: restart.default.restart_command: must not be empty (got " ")',
  ],
  [
    'restart: {hooks: {repair_failed: "https:/x"}}',
    '1:34: restart.hooks.repair_failed: must be a URL that begins with http:// or https:// (got "https:/x")',
  ],
];
for (const [text, want] of mistakes) {
  test(`fault: ${JSON.stringify(text)}`, async () => {
    assert.deepEqual(await faultsOf(text), [`c.yaml:${want}`]);
  });
}

test('variables set nothing inside of maps, and say so', async () => {
  const want =
    'has entries of its own and is set in the configuration file only; remove the variable';
  for (const [name, path] of [
    ['UNITWATCH_RESTART_PROCESSES', 'restart.processes'],
    ['UNITWATCH_RESTART_PROCESSES_NGINX_MAX_ATTEMPTS', 'restart.processes'],
    ['UNITWATCH_CHECKS_HTTP_SHOP_URL', 'checks.http'],
  ] as const) {
    assert.deepEqual(await faultsOf(undefined, { [name]: '1' }), [`${name}: ${path} ${want}`]);
  }
  const { config } = await configOf(undefined, { UNITWATCH_RESTART_DEFAULT_MAX_ATTEMPTS: '7' });
  assert.equal(config.restart.default.max_attempts, 7);
});

const platform = `
restart:
  default: {max_attempts: 4, restart_delay: 1s, post_health_check: pgrep x}
  processes:
    kafka server:
      max_attempts: 9
      use_backoff: false
      restart_command: [/bin/x, "", "a\\nb"]
    __proto__: {jitter: 0}
    "10": {}
    "9":
  hooks:
    repair_failed: https://h.example/secret
    circuit_opened: [/bin/tell]
checks:
  groups: {streaming: [kafka server]}
  components:
    kafka server:
      criteria:
        - {index: any, regex: 'kafka\\.Kafka'}
        - {index: -1, regex: "spark://\${host.ip}:7077"}
      expected: 2-4
      start: |
        cd /opt
        ./start
  hosts:
    c9: {names: [c9*], ip: 10.0.0.1, variables: {zone: a, 1: 2}, components: [streaming]}
  http:
    shop: {url: "http://h/", expected_status: [200-299, 404], secret_headers: {Authorization: Bearer x}}
`;

async function platformConfig(): Promise<Config> {
  return (await configOf(platform, {}, [], false)).config;
}

test('a secret inside of a map makes a world-readable file refused', async () => {
  assert.deepEqual(await faultsOf(platform), [
    'c.yaml: holds the secret checks.http, and every user may read it; run: chmod o-r c.yaml',
  ]);
});

test('records have the values that were written, and defaults where nothing was', async () => {
  const { restart, checks } = await platformConfig();
  assert.deepEqual([...restart.processes.keys()], ['kafka server', '__proto__', '10', '9']);
  const kafka = restart.processes.get('kafka server');
  assert.equal(kafka?.max_attempts, 9);
  assert.equal(kafka?.restart_delay, undefined);
  assert.deepEqual(kafka?.restart_command, ['/bin/x', '', 'a\nb']);
  assert.deepEqual(restart.hooks.repair_failed, { url: 'https://h.example/secret' });
  assert.deepEqual(restart.hooks.circuit_opened, { command: ['/bin/tell'] });
  const component = checks.components.get('kafka server');
  assert.deepEqual(component?.criteria, [
    { index: 'any', regex: 'kafka\\.Kafka' },
    { index: -1, regex: `spark://\${host.ip}:7077` },
  ]);
  assert.deepEqual(component?.expected, { min: 2, max: 4 });
  assert.equal(component?.start, 'cd /opt\n./start\n');
  assert.deepEqual(component?.depends_on, []);
  assert.deepEqual(
    [...(checks.hosts.get('c9')?.variables ?? [])],
    [
      ['zone', 'a'],
      ['1', '2'],
    ],
  );
  const shop = checks.http.get('shop');
  assert.deepEqual(shop?.expected_status, [
    { min: 200, max: 299 },
    { min: 404, max: 404 },
  ]);
  assert.equal(shop?.interval_sec, 5);
  assert.equal(shop?.secret_headers.get('Authorization')?.reveal(), 'Bearer x');
  assert.equal(({} as { jitter?: number }).jitter, undefined);
});

test('an entry of restart.processes is restart.default with what it says itself', async () => {
  const config = await platformConfig();
  const common = processSettings(config, 'nobody');
  const kafka = processSettings(config, 'kafka server');
  assert.deepEqual(kafka, {
    ...common,
    maxAttempts: 9,
    useBackoff: false,
    restartCommand: ['/bin/x', '', 'a\nb'],
  });
  assert.equal(common.maxAttempts, 4);
  assert.equal(common.restartDelayMs, 1_000);
  assert.equal(common.postHealthCheck, 'pgrep x');
  assert.equal(common.unit, '');
  assert.equal(processSettings(config, '__proto__').jitter, 0);
  assert.equal(processSettings(config, 'constructor').jitter, 0.1);
});

test('a change inside of a map is a change of the map', async () => {
  const with_ = (text: string): Promise<{ config: Config }> => configOf(text);
  const before = await with_('restart: {processes: {a: {jitter: 0}, b: {}}}');
  const same = await with_('restart:\n  processes:\n    a:\n      jitter: 0.0\n    b:\n');
  const other = await with_('restart: {processes: {a: {jitter: 1}, b: {}}}');
  assert.deepEqual(changedKeys(before.config, same.config), []);
  assert.deepEqual(changedKeys(before.config, other.config), [
    { path: 'restart.processes', needsRestart: false },
  ]);
  const secret = await platformConfig();
  assert.deepEqual(changedKeys(secret, await platformConfig()), []);
});
