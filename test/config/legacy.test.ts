import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changedKeys } from '../../src/config/changes.ts';
import { keys } from '../../src/config/keys.ts';
import { readLegacy } from '../../src/config/legacy.ts';
import { legacyYaml } from '../../src/config/legacy-tree.ts';
import { processSettings } from '../../src/config/process-settings.ts';
import { type Outcome, readConfig } from '../../src/config/read.ts';
import { clashes } from '../../src/config/rules.ts';

function read(text: string, name = 'config.ini', worldReadable = false) {
  return readConfig(keys, {
    file: { name, text, worldReadable },
    around: { env: {}, uid: 0, home: '/root' },
    overrides: [],
    readSecret: async () => undefined,
    clashes,
  });
}

async function ok(text: string, name?: string) {
  const outcome = await read(text, name);
  assert.ok('config' in outcome, JSON.stringify(outcome));
  return outcome;
}

function faultsOf(outcome: Outcome<typeof keys>): readonly string[] {
  return 'faults' in outcome ? outcome.faults : [];
}

const old = `\ufeff; The old file\r
[database]\r
host = db.example.org\r
port: 3307\r
user = root            # who may read\r
password = "a # b=c;d"\r
database = v_process_monitor\r
\r
[monitor]\r
check_interval = 300        # Check interval in seconds\r
max_restart_failures = 4\r
circuit_reset_time = 1800   ; seconds\r
\r
[logging]\r
max_log_size = 5120\r
\r
[process.default]\r
restart_strategy = auto\r
health_check_command = pgrep %s\r
health_check_timeout = 5\r
restart_delay = 5\r
use_backoff = yes\r
backoff_multiplier = 2\r
\r
# the application\r
[process.my app]\r
restart_strategy = custom\r
system_name = it's\r
restart_command = /bin/a %s ; echo "x # y"  # done\r
max_attempts = 7\r
[process.sshd]\r
restart_strategy = service\r
health_check_timeout = 10\r
health_check_command = systemctl is-active ssh\r
use_backoff = 0\r
restart_command =\r
[process.worker]\r
restart_strategy = process\r
`;

test('an old config.ini is read as it is', async () => {
  const { config, notes, origins } = await ok(old);
  const { database, restart } = config;
  assert.equal(database.driver, 'mysql');
  assert.equal(database.host, 'db.example.org');
  assert.equal(database.port, 3307);
  assert.equal(database.user, 'root');
  assert.equal(database.password?.reveal(), 'a # b=c;d');
  assert.equal(database.database, 'v_process_monitor');
  assert.equal(restart.enabled, true);
  assert.equal(restart.check_interval, 300_000);
  assert.deepEqual([...restart.processes.keys()], ['my app', 'sshd', 'worker']);
  const common = processSettings(config, 'somebody');
  assert.equal(common.strategy, 'auto');
  assert.equal(common.maxRestartFailures, 4);
  assert.equal(common.circuitResetMs, 1_800_000);
  assert.equal(common.restartDelayMs, 5_000);
  assert.equal(common.useBackoff, true);
  assert.equal(common.maxAttempts, 2);
  assert.equal(common.jitter, 0);
  assert.equal(common.postHealthCheck, undefined, 'no name out of a database in a command');
  assert.deepEqual(processSettings(config, 'my app'), {
    ...common,
    strategy: 'custom',
    restartCommand: `/bin/a 'it'\\''s' ; echo "x # y"`,
    postHealthCheck: `pgrep 'it'\\''s'`,
    maxAttempts: 7,
  });
  assert.deepEqual(processSettings(config, 'sshd'), {
    ...common,
    strategy: 'service',
    postHealthCheck: 'systemctl is-active ssh',
    healthTimeoutMs: 10_000,
    healthRetries: 10,
    useBackoff: false,
  });
  const worker = processSettings(config, 'worker');
  assert.equal(worker.startCommand, 'worker >/dev/null 2>&1 &');
  assert.equal(worker.postHealthCheck, 'pgrep worker');
  assert.equal(notes.length, 2);
  assert.equal(origins.get('restart.check_interval')?.where, 'config.ini:10:1');
});

test('what an old file does not say is as it was', async () => {
  const { config } = await ok('[monitor]\n[process.x]\n');
  assert.equal(config.database.driver, 'off');
  assert.equal(config.restart.check_interval, 120_000);
  const x = processSettings(config, 'x');
  assert.equal(x.restartDelayMs, 2_000);
  assert.equal(x.maxAttempts, 2);
  assert.equal(x.maxRestartFailures, 3);
  assert.equal(x.circuitResetMs, 600_000);
  assert.equal(x.useBackoff, false);
  assert.equal(x.healthTimeoutMs, 5_000);
  assert.equal(x.healthRetries, 5);
});

test('a file is old by its name, or by how it begins', async () => {
  assert.ok('config' in (await read('# c\n\n[monitor]\n', 'conf')));
  assert.ok('config' in (await read('\ufeff[monitor] ; c\n', '/etc/x.conf')));
  assert.ok('config' in (await read('bus: user\n', 'conf')));
  assert.ok('faults' in (await read('[monitor]\n', 'x.yaml')));
  assert.ok('faults' in (await read('bus: user\n', 'x.ini')));
});

/** One mistake, and the whole of what is said about it. */
const mistakes: readonly (readonly [string, string])[] = [
  ['[monitr]', "1:1: [monitr]: is no section of config.ini; did you mean '[monitor]'?"],
  ['[process.]', '1:1: [process.]: is no section of config.ini'],
  ['[]', '1:1: []: is no section; write [name]'],
  ['[monitor', '1:1: [monitor: is no section; write [name]'],
  ['[monitor] x', '1:1: [monitor] x: is no section; write [name]'],
  ['[monitor]\n\n[monitor]', '3:1: [monitor]: stands here for the second time'],
  ['a = 1', '1:1: a: stands before the first [section]'],
  ['[database]\ngeheim', '2:1: is neither a [section] nor a line of the form key = value'],
  [
    '[monitor]\ncheck_intervall = 5',
    "2:1: [monitor] check_intervall: is no key of config.ini; did you mean 'check_interval'?",
  ],
  [
    '[monitor]\ncheck_interval = 5\ncheck_interval = 6',
    '3:1: [monitor] check_interval: stands here for the second time',
  ],
  [
    '[monitor]\ncheck_interval = soon',
    '2:18: [monitor] check_interval: must be a number of seconds (got "soon")',
  ],
  [
    '[monitor]\n  check_interval =  0',
    '2:21: [monitor] check_interval: must be from 1s to 1d (got "0s")',
  ],
  [
    '[monitor]\nmax_restart_failures = many',
    '2:24: [monitor] max_restart_failures: must be a whole number from 1 to 1000 (got "many")',
  ],
  [
    '[process.a.b]\nrestart_strategy = sevice',
    `2:20: [process.a.b] restart_strategy: must be one of service, process, auto, custom (got "sevice"); did you mean 'service'?`,
  ],
  [
    '[process.default]\nuse_backoff = maybe',
    '2:15: [process.default] use_backoff: must be true or false (got "maybe")',
  ],
  [
    '[process.x]\npost_health_check = a\nhealth_check_command = b',
    '3:1: [process.x] health_check_command: is the same as post_health_check; remove one of them',
  ],
  [
    '[process.x]\nrestart_strategy = custom',
    '2:1: [process.x] restart_strategy: is custom, and there is no restart_command',
  ],
  [
    '[process.default]\nrestart_strategy = custom\nrestart_command = r %s',
    '3:1: [process.default] restart_command: has %s, and a name out of the database is never put into a command; write a [process.NAME] section for each process',
  ],
  [
    '[process.default]\nsystem_name = x',
    '2:1: [process.default] system_name: is the name of one process; write it below [process.NAME]',
  ],
  ['[database]\nport = 0', '2:8: [database] port: must be a whole number from 1 to 65535 (got 0)'],
];
for (const [text, want] of mistakes) {
  test(`fault: ${JSON.stringify(text)}`, async () => {
    assert.deepEqual(faultsOf(await read(text)), [`config.ini:${want}`]);
  });
}

test('a password that every user may read is refused with what mends it', async () => {
  assert.deepEqual(faultsOf(await read('[database]\npassword = x', 'config.ini', true)), [
    'config.ini: holds the secret [database] password, and every user may read it; run: chmod o-r config.ini',
  ]);
});

test('a wrong password is not repeated', async () => {
  const faults = faultsOf(await read(`[database]\npassword = geh\u0001eim`));
  assert.equal(faults.length, 1);
  assert.doesNotMatch(faults.join(), /geh|eim/);
});

const passwords: readonly (readonly [string, string])[] = [
  ['a=b=c', 'a=b=c'],
  ['a:b', 'a:b'],
  ['a#b;c', 'a#b;c'],
  ['#1!', '#1!'],
  ['"a b # c"', 'a b # c'],
  ["'q'", 'q'],
  ['"half', '"half'],
  ["it's # x", "it's"],
  ['"a" "b"', '"a" "b"'],
  ['123', '123'],
  ['null', 'null'],
];
for (const [written, want] of passwords) {
  test(`the password ${written}`, async () => {
    const text = `[database]\npassword = ${written}\n`;
    for (const [content, name] of [
      [text, 'c.ini'],
      [legacyYaml(readLegacy(text)), 'c.yaml'],
    ] as const) {
      const { config } = await ok(content, name);
      assert.equal(config.database.password?.reveal(), want);
    }
  });
}

test('the imported file keeps the comments and says the same', async () => {
  const yaml = legacyYaml(readLegacy(old));
  for (const text of ['The old file', 'who may read', 'seconds', 'the application', 'done']) {
    assert.match(yaml, new RegExp(`^ *# ${text}$`, 'm'));
  }
  const [before, after] = [await ok(old), await ok(yaml, 'new.yaml')];
  assert.deepEqual(changedKeys(before.config, after.config), []);
});

/** Values with everything that INI and YAML treat in their own ways. */
const value = fc.oneof(
  fc.constantFrom('', '5', '0', '1.5', 'yes', 'no', 'auto', 'service', 'process', 'custom', '5m'),
  fc
    .array(
      fc.constantFrom('a', '%s', ' ', '"', "'", '#', ';', '=', ':', '\\', '$', '\u00e9', '\u2028'),
    )
    .map((parts) => parts.join('')),
  fc.string({ maxLength: 12 }),
);
const oldKeys = [
  ...['host', 'port', 'user', 'password', 'database', 'check_interval', 'circuit_reset_time'],
  ...['restart_strategy', 'restart_command', 'pre_restart_command', 'health_check_command'],
  ...['health_check_timeout', 'restart_delay', 'max_attempts', 'use_backoff', 'system_name', 'x'],
];
const sectionName = fc.oneof(
  fc.constantFrom('database', 'monitor', 'logging', 'process.default', 'process.a', 'process.a.b'),
  fc.string({ maxLength: 8 }).map((name) => `process.${name}`),
);
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom(...oldKeys), value).map((kv) => kv.join(' = ')),
  },
  { weight: 2, arbitrary: sectionName.map((name) => `[${name}]`) },
  { weight: 1, arbitrary: value.map((text) => `# ${text}`) },
  { weight: 1, arbitrary: value },
);

test('any old file that is read is imported into one that says the same', async () => {
  let readable = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 14 }), async (lines) => {
      const text = lines.join('\n');
      const before = await read(text);
      if ('faults' in before) {
        for (const fault of before.faults) assert.doesNotMatch(fault, /[\p{Cc}\u2028\u2029]/u);
        return;
      }
      readable++;
      const after = await ok(legacyYaml(readLegacy(text)), 'new.yaml');
      assert.deepEqual(changedKeys(before.config, after.config), []);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(readable > 20, `${readable} of the files could be read`);
});

test('a well-made old file is imported into one that says the same', async () => {
  const seconds = fc.integer({ min: 1, max: 300 }).map(String);
  const command = value.map((text) => `run ${text}`);
  const process = fc.record(
    {
      restart_strategy: fc.constantFrom('auto', 'service', 'process', 'custom'),
      restart_command: command,
      pre_restart_command: command,
      health_check_command: command,
      health_check_timeout: seconds,
      restart_delay: seconds,
      max_attempts: fc.integer({ min: 1, max: 100 }).map(String),
      use_backoff: fc.constantFrom('true', 'No', '1', 'off'),
      system_name: fc.constantFrom('a', 'b c', "it's", 'x.y+z', '$(id)'),
    },
    { requiredKeys: ['restart_command'] },
  );
  const names = fc.uniqueArray(fc.constantFrom('a', 'b c', 'd.e', '__proto__', '1', "f'g", 'h:i'));
  await fc.assert(
    fc.asyncProperty(
      names,
      fc.array(process, { minLength: 7, maxLength: 7 }),
      async (all, made) => {
        const text = all
          .map((name, i) => {
            const rows = Object.entries(made[i] ?? {}).map(([key, one]) => `${key} = ${one}`);
            return [`[process.${name}]`, ...rows].join('\n');
          })
          .join('\n');
        const before = await read(`[monitor]\n${text}`);
        // What a value has that no text may have is told; nothing else is wrong with it.
        if ('faults' in before) {
          for (const fault of before.faults) assert.match(fault, /control characters/);
          return;
        }
        assert.deepEqual([...before.config.restart.processes.keys()], all);
        const after = await ok(legacyYaml(readLegacy(`[monitor]\n${text}`)), 'new.yaml');
        assert.deepEqual(changedKeys(before.config, after.config), []);
      },
    ),
    { numRuns: 500 },
  );
});
