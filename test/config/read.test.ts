import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, faultsOf, read } from './reading.ts';

/** One mistake, and the whole of what is said about it. */
const mistakes: readonly (readonly [string, string])[] = [
  [
    'restart_treshold: 5',
    "1:1: restart_treshold: is no key of unitwatch; did you mean 'restart_threshold'?",
  ],
  ['zzz: 5', '1:1: zzz: is no key of unitwatch'],
  ['__proto__: {a: 1}', '1:1: __proto__: is no key of unitwatch'],
  ['constructor: 1', '1:1: constructor: is no key of unitwatch'],
  [
    'metrics:\n  node_exporter_name: true',
    "2:3: metrics.node_exporter_name: is no key of unitwatch; did you mean 'metrics.node_exporter_names'?",
  ],
  ['stdout: off', "1:1: stdout: is no key of unitwatch; did you mean 'output.stdout'?"],
  ['output.stdout: off', '1:1: output.stdout: is no key of unitwatch; write stdout: below output:'],
  ['output: off', '1:9: output: is a section; its keys stand below it (got "off")'],
  [
    'monitor_all_services: yes',
    `1:23: monitor_all_services: must be true or false (got "yes"); did you mean 'true'?`,
  ],
  [
    'restart_threshold: 0',
    '1:20: restart_threshold: must be a whole number from 1 to 1000 (got 0)',
  ],
  [
    'restart_threshold: 2.5',
    '1:20: restart_threshold: must be a whole number from 1 to 1000 (got 2.5)',
  ],
  [
    'restart_threshold: .inf',
    '1:20: restart_threshold: must be a whole number from 1 to 1000 (got .inf)',
  ],
  [
    'restart_threshold: "5"',
    `1:20: restart_threshold: must be a whole number from 1 to 1000 (got "5"); did you mean '5'?`,
  ],
  [
    'restart_threshold: [5]',
    '1:20: restart_threshold: must be a whole number from 1 to 1000 (got a list)',
  ],
  [
    'restart_threshold: {a: 5}',
    '1:20: restart_threshold: must be a whole number from 1 to 1000 (got a section)',
  ],
  [
    'restart_window: 300',
    "1:17: restart_window: must be a duration with its unit (ms, s, m, h, d), from 1s to 30d (got 300); did you mean '300s'?",
  ],
  ['restart_window: 31d', '1:17: restart_window: must be from 1s to 30d (got "31d")'],
  [
    'poll_interval: 5 min',
    `1:16: poll_interval: must be a duration such as 300ms, 5m, 1h30m, from 1s to 1h (got "5 min"); did you mean '5m'?`,
  ],
  [
    'service_whitelist: a.service',
    `1:20: service_whitelist: must be a list (got "a.service"); did you mean '[a.service]'?`,
  ],
  [
    'service_whitelist:\n  - a\n  - /(/',
    '3:5: service_whitelist[1]: is not a valid regular expression: Unterminated group (got "/(/")',
  ],
  ['service_whitelist: [[a]]', '1:21: service_whitelist[0]: must be text (got a list)'],
  ['service_whitelist: [""]', '1:21: service_whitelist[0]: must not be empty (got "")'],
  ['service_whitelist: [~]', '1:21: service_whitelist[0]: must not be empty'],
  [
    'service_whitelist:',
    '1:19: service_whitelist: has no value; write [] for an empty list, or remove the key to keep the default',
  ],
  ['host: ~', '1:7: host: has no value; write one, or remove the key to keep the default'],
  ['host: true', `1:7: host: must be text (got true); did you mean "true"?`],
  [
    'unit_types: [services]',
    `1:14: unit_types[0]: must be one of service, socket, target, device, mount, automount, swap, timer, path, slice, scope (got "services"); did you mean 'service'?`,
  ],
  [
    'log_level: wran',
    `1:12: log_level: must be one of trace, debug, info, warn, error, fatal (got "wran"); did you mean 'warn'?`,
  ],
  [
    'listen: 9753',
    "1:9: listen: must be host:port, [IPv6]:port or off (got 9753); did you mean '127.0.0.1:9753'?",
  ],
  [
    'listen: :9753',
    `1:9: listen: must be host:port, [IPv6]:port or off (got ":9753"); did you mean '0.0.0.0:9753'?`,
  ],
  [
    'listen: http://h:80/',
    `1:9: listen: must be host:port, [IPv6]:port or off (got "http://h:80/"); did you mean 'h:80'?`,
  ],
  ['listen: false', "1:9: listen: must be host:port or off (got false); did you mean 'off'?"],
  ['listen: a:65536', '1:9: listen: must be host:port, [IPv6]:port or off (got "a:65536")'],
  [
    'bus: sytem',
    `1:6: bus: must be system, user, off or a D-Bus address such as unix:path=/run/dbus/system_bus_socket (got "sytem"); did you mean 'system'?`,
  ],
  [
    'bus: /run/bus',
    `1:6: bus: must be system, user, off or a D-Bus address such as unix:path=/run/dbus/system_bus_socket (got "/run/bus"); did you mean 'unix:path=/run/bus'?`,
  ],
  ['listen: 256.0.0.1:1', '1:9: listen: must be host:port, [IPv6]:port or off (got "256.0.0.1:1")'],
  ['listen: "[1:2]:1"', '1:9: listen: must be host:port, [IPv6]:port or off (got "[1:2]:1")'],
  ['listen: a..b:1', '1:9: listen: must be host:port, [IPv6]:port or off (got "a..b:1")'],
  [
    'bus: unixexec:path=/x',
    '1:6: bus: must be system, user, off or a D-Bus address such as unix:path=/run/dbus/system_bus_socket (got "unixexec:path=/x")',
  ],
  [
    'bus: tcp:host=h,port=99999',
    '1:6: bus: must be system, user, off or a D-Bus address such as unix:path=/run/dbus/system_bus_socket (got "tcp:host=h,port=99999")',
  ],
  ['state_directory: var', '1:18: state_directory: must be an absolute path (got "var")'],
  [
    'state_directory: ~/x',
    '1:18: state_directory: must be an absolute path; ~ is known to shells only (got "~/x")',
  ],
  ['bus: user\nbus: system', '2:1: bus: stands here for the second time'],
  ['a: 1\n---\nb: 1', '2:1: a second YAML document (after ---): only one is read'],
  ['bus: !!str user', '1:12: the tag tag:yaml.org,2002:str: write the value without it'],
  ['bus: !x user', '1:9: the tag !x: write the value without it'],
  ['bus: &b user', '1:9: the anchor &b: write the value itself'],
  ['bus: *b', '1:6: the alias *b: write the value itself'],
  ['<<: {bus: user}', '1:1: the merge key <<: write the keys themselves'],
  ['? [bus]\n: user', '1:3: a key must be a name'],
  ['%YAML 1.1\n---\nbus: user', '1:1: YAML 1.1 is not read; remove the %YAML line'],
  ['just text', '1:1: must be keys and values (got "just text")'],
  ['- bus', '1:1: must be keys and values (got a list)'],
  ['bus: user\n\tlisten: off', '2:1: YAML: Tabs are not allowed as indentation'],
  ['bus: "user', '1:11: YAML: Missing closing "quote'],
];
for (const [text, want] of mistakes) {
  test(`fault: ${JSON.stringify(text)}`, async () => {
    assert.deepEqual(await faultsOf(text), [`c.yaml:${want}`]);
  });
}

test('all faults of all sources are told at once, those of the file in its order', async () => {
  const faults = await faultsOf('bsu: user\nlisten: x\nservice_whitelist: [a, "/(/", "/[/"]\n', {
    UNITWATCH_LOG_LEVEL: 'loud',
    UNITWATCH_LISTN: 'off',
  });
  assert.deepEqual(
    faults.map((fault) => fault.split(' ')[0]),
    [
      'c.yaml:1:1:',
      'c.yaml:2:9:',
      'c.yaml:3:24:',
      'c.yaml:3:31:',
      'UNITWATCH_LISTN:',
      'UNITWATCH_LOG_LEVEL:',
    ],
  );
});

test('of very many faults the first fifty are told, and how many more there are', async () => {
  const faults = await faultsOf(Array.from({ length: 60 }, (_, i) => `k${i}: 1`).join('\n'));
  assert.equal(faults.length, 51);
  assert.equal(faults[50], '... and 10 more faults');
});

test('no file, an empty one, comments and empty sections are the defaults', async () => {
  const { config: defaults, origins } = await configOf(undefined);
  assert.ok([...origins.values()].every(({ source }) => source === 'default'));
  for (const text of ['', '\n', '# nothing\n', '---\n', '\ufeff', 'metrics:\noutput: {}\n']) {
    assert.deepEqual((await configOf(text)).config, defaults, JSON.stringify(text));
  }
  assert.equal(defaults.baseline_period, 168 * 3_600_000);
  assert.deepEqual(defaults.listen, { host: '127.0.0.1', port: 9753 });
  assert.equal(defaults.host, undefined);
  assert.equal(defaults.state_directory, '/home/u/.local/state/unitwatch');
});

test('values of every type', async () => {
  const { config } = await configOf(`
service_whitelist: [nginx*.service, '/^app-\\d+/', 007]
unit_types: [service, timer]
restart_window: 1h30m
restart_threshold: 0x10
bus: unix:path=/run/a,guid=00;tcp:host=h,port=1
listen: '[::1]:0'
host: 007
metrics: {node_exporter_names: true}
output:
  stdout: off
`);
  assert.deepEqual(config.service_whitelist, ['nginx*.service', '/^app-\\d+/', '007']);
  assert.deepEqual(config.unit_types, ['service', 'timer']);
  assert.equal(config.restart_window, 5_400_000);
  assert.equal(config.restart_threshold, 16);
  assert.equal(config.bus, 'unix:path=/run/a,guid=00;tcp:host=h,port=1');
  assert.deepEqual(config.listen, { host: '::1', port: 0 });
  assert.equal(config.host, '007');
  assert.equal(config.metrics.node_exporter_names, true);
  assert.equal(config.output.stdout, 'off');
});

test('a configuration cannot be changed', async () => {
  const { config } = await configOf('service_whitelist: [a]');
  for (const part of [config, config.metrics, config.listen, config.service_whitelist]) {
    assert.ok(Object.isFrozen(part));
  }
});

test('command line before environment before file before default, and who it was', async () => {
  const { config, origins } = await configOf(
    'bus: user\nlog_level: warn\n  \nrestart_threshold: 7\n',
    { UNITWATCH_BUS: 'system', UNITWATCH_LOG_LEVEL: 'debug', OTHER: 'x' },
    [{ path: 'bus', text: 'unix:path=/b', flag: '--bus' }],
  );
  assert.equal(config.bus, 'unix:path=/b');
  assert.equal(config.log_level, 'debug');
  assert.equal(config.restart_threshold, 7);
  assert.deepEqual(origins.get('bus'), { source: 'command line', where: '--bus' });
  assert.deepEqual(origins.get('log_level'), {
    source: 'environment',
    where: 'UNITWATCH_LOG_LEVEL',
  });
  assert.deepEqual(origins.get('restart_threshold'), { source: 'file', where: 'c.yaml:4:1' });
  assert.deepEqual(origins.get('listen'), { source: 'default', where: '' });
});

test('a wrong value on the command line is told by its flag', async () => {
  const outcome = await read(undefined, {}, [{ path: 'bus', text: '', flag: '--bus' }]);
  assert.deepEqual(outcome, { faults: ['--bus: must not be empty (got "")'] });
});

test('an override of a key that does not exist is a fault of unitwatch', async () => {
  await assert.rejects(read(undefined, {}, [{ path: 'bos', text: '', flag: '--bos' }]), /bos/);
});

const lists: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['a', ['a']],
  ['a, b ,c*', ['a', 'b', 'c*']],
  ['/a{1,2}/,b', ['/a{1,2}/', 'b']],
  ['/a,b/ , /c,d/', ['/a,b/', '/c,d/']],
  ['/a\\/,b/', ['/a\\/,b/']],
  ['/tmp,x', ['/tmp', 'x']],
  ['[ab],{c', ['[ab]', '{c']],
];
for (const [text, want] of lists) {
  test(`the environment's list ${JSON.stringify(text)}`, async () => {
    const { config } = await configOf(undefined, { UNITWATCH_SERVICE_BLACKLIST: text });
    assert.deepEqual(config.service_blacklist, want);
  });
}

test('keys of sections are set from the environment', async () => {
  const { config } = await configOf(undefined, {
    UNITWATCH_METRICS_NODE_EXPORTER_NAMES: 'true',
    UNITWATCH_MAX_EVENTS_PER_SECOND: '100',
    UNITWATCH_POLL_INTERVAL: '1m',
    UNITWATCH_LISTEN: 'off',
  });
  assert.equal(config.metrics.node_exporter_names, true);
  assert.equal(config.max_events_per_second, 100);
  assert.equal(config.poll_interval, 60_000);
  assert.equal(config.listen, 'off');
});

const variables: readonly (readonly [string, string, string])[] = [
  ['UNITWATCH_BSU', 'x', "is no variable of unitwatch; did you mean 'UNITWATCH_BUS'?"],
  ['UNITWATCH_CONFG', 'x', "is no variable of unitwatch; did you mean 'UNITWATCH_CONFIG'?"],
  ['UNITWATCH_', 'x', 'is no variable of unitwatch'],
  ['UNITWATCH_ANOMALY_DETECTION', '1', `must be true or false (got "1"); did you mean 'true'?`],
  [
    'UNITWATCH_POLL_INTERVAL',
    '30',
    "must be a duration with its unit (ms, s, m, h, d), from 1s to 1h (got 30); did you mean '30s'?",
  ],
  ['UNITWATCH_HOST', '', 'must not be empty (got "")'],
  ['UNITWATCH_RESTART_THRESHOLD', '1e2', 'must be a whole number from 1 to 1000 (got "1e2")'],
];
for (const [name, text, want] of variables) {
  test(`fault: ${name}=${text}`, async () => {
    assert.deepEqual(await faultsOf(undefined, { [name]: text }), [`${name}: ${want}`]);
  });
}

test('what Kubernetes sets beside a Service called unitwatch is no fault', async () => {
  const env = {
    UNITWATCH_SERVICE_HOST: '10.0.0.1',
    UNITWATCH_SERVICE_PORT: '9753',
    UNITWATCH_SERVICE_PORT_METRICS: '9753',
    UNITWATCH_PORT: 'tcp://10.0.0.1:9753',
    UNITWATCH_PORT_9753_TCP_ADDR: '10.0.0.1',
  };
  assert.deepEqual(await faultsOf(undefined, env), []);
});

const directories: readonly (readonly [Record<string, string>, number, string])[] = [
  [{ STATE_DIRECTORY: '/var/lib/a:/var/lib/b' }, 0, '/var/lib/a'],
  [{}, 0, '/var/lib/unitwatch'],
  [{}, 5, '/home/u/.local/state/unitwatch'],
  [{ XDG_STATE_HOME: '/s' }, 5, '/s/unitwatch'],
  [{ XDG_STATE_HOME: 's', STATE_DIRECTORY: 'x' }, 5, '/home/u/.local/state/unitwatch'],
];
test('the state directory is where systemd, the user or the standard says', async () => {
  const { keys } = await import('../../src/config/keys.ts');
  for (const [env, uid, want] of directories) {
    assert.equal(keys.state_directory.default({ env, uid, home: '/home/u' }), want);
  }
});
