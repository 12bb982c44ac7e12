import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { asUser, command, nobody } from './agent-process.ts';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
async function unitwatch(
  folder: string,
  argv: readonly string[],
  wrap: (argv: readonly string[]) => readonly string[] = (same) => same,
): Promise<Outcome> {
  const [file = '', ...rest] = wrap([process.execPath, command, ...argv]);
  const child = spawn(file, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      UNITWATCH_CONFIG: join(folder, 'empty.yaml'),
      UNITWATCH_STATE_DIRECTORY: join(folder, 'state'),
    },
    timeout: 20_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

describe('what the user did wrong or the machine lacks', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'unitwatch-errors-'));
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'empty.yaml'), '');
  });
  after(() => rmSync(folder, { recursive: true }));

  const cases: readonly {
    readonly name: string;
    readonly argv: () => readonly string[];
    readonly status: 1 | 2;
    readonly says: RegExp;
  }[] = [
    {
      name: 'no command',
      argv: () => [],
      status: 2,
      says: /^unitwatch: no command\n\nUsage: /,
    },
    {
      name: 'an unknown command',
      argv: () => ['watch'],
      status: 2,
      says: /^unitwatch: no command "watch"\n\nUsage: /,
    },
    {
      name: 'an unknown option',
      argv: () => ['run', '--buss', 'system'],
      status: 2,
      says: /^unitwatch run: Unknown option '--buss'\nTry: unitwatch run --help\n$/,
    },
    {
      name: 'an option without its value',
      argv: () => ['run', '--bus'],
      status: 2,
      says: /^unitwatch run: .*--bus.*\nTry: unitwatch run --help\n$/,
    },
    {
      name: 'an argument too many',
      argv: () => ['run', 'nginx'],
      status: 2,
      says: /^unitwatch run: .*'nginx'.*\nTry: unitwatch run --help\n$/,
    },
    {
      name: 'a bad configuration: every fault, each on a line',
      argv: () => {
        const file = join(folder, 'bad.yaml');
        writeFileSync(file, 'unit_type: [service]\nlisten: 70000\n');
        return ['run', '--config', file];
      },
      status: 2,
      says: /^.*bad\.yaml:1:1.*unit_type.*unit_types.*\n.*bad\.yaml:2:9.*listen.*\n$/,
    },
    {
      name: 'a configuration that is not there',
      argv: () => ['run', '--config', join(folder, 'absent.yaml')],
      status: 2,
      says: /^.*absent\.yaml.*\n$/,
    },
    {
      name: 'a bus address that makes no sense',
      argv: () => ['run', '--bus', 'nonsense'],
      status: 2,
      says: /^--bus: must be system, user, off or a D-Bus address such as unix:path=.* \(got "nonsense"\)\n$/,
    },
    {
      name: 'no bus',
      argv: () => ['run', '--listen', 'off', '--bus', `unix:path=${join(folder, 'none')}`],
      status: 1,
      says: /^unitwatch: No bus at .*\/none: is dbus running\? Start it, name another with --bus, or watch processes and endpoints alone with --bus off\.\n$/,
    },
  ];
  for (const { name, argv, status, says } of cases)
    test(name, async () => {
      const outcome = await unitwatch(folder, argv());
      assert.equal(outcome.status, status, outcome.stderr);
      assert.match(outcome.stderr, says);
      assert.doesNotMatch(outcome.stderr, /\n {4}at /, 'no stack');
      for (const line of outcome.stdout.split('\n').filter(Boolean)) JSON.parse(line);
    });

  test('not permitted at the bus socket', async () => {
    const path = join(folder, 'private');
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    chmodSync(path, 0o600);
    const argv = ['run', '--listen', 'off', '--bus', `unix:path=${path}`];
    const outcome = await unitwatch(folder, argv, (all) => asUser(nobody, all));
    server.close();
    assert.equal(outcome.status, 1);
    assert.equal(
      outcome.stderr,
      `unitwatch: Permission denied at the bus socket ${path}: run as a user who may open it, or name another with --bus.\n`,
    );
  });

  test('a bus that rejects this user, and one that is none', async () => {
    const answers = [
      ['REJECTED EXTERNAL\r\n', /it rejected this user/],
      ['HTTP/1.1 400 Bad Request\r\n', /./],
    ] as const;
    for (const [answer, says] of answers) {
      const path = join(folder, `rejects-${answer.length}`);
      const server = createServer((socket) => socket.on('error', () => {}).end(answer));
      server.listen(path);
      await once(server, 'listening');
      const argv = ['run', '--listen', 'off', '--bus', `unix:path=${path}`];
      const outcome = await unitwatch(folder, argv);
      server.close();
      assert.equal(outcome.status, 1);
      assert.match(outcome.stderr, /^unitwatch: The bus at .* is of no use: .*\.\n$/);
      assert.match(outcome.stderr, says);
    }
  });

  test('a port in use', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const outcome = await unitwatch(folder, ['run', '--listen', `127.0.0.1:${port}`]);
    server.close();
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, new RegExp(`^unitwatch: .*127\\.0\\.0\\.1:${port}.*\\n$`));
  });

  test('a port that this user may not open', async () => {
    // A container may let everybody open every port; a network of its own starts with the default.
    const wrap = (all: readonly string[]) => ['unshare', '--net', ...asUser(nobody, all)];
    const outcome = await unitwatch(folder, ['run', '--listen', '127.0.0.1:80'], wrap);
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /^unitwatch: .*80.*\n$/);
  });

  test('a bus without systemd', async () => {
    const child = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [address] = (await once(createInterface(child.stdout), 'line')) as [string];
    const outcome = await unitwatch(folder, ['run', '--listen', 'off', '--bus', address]);
    child.kill();
    await once(child, 'close');
    assert.equal(outcome.status, 1);
    assert.equal(
      outcome.stderr,
      'unitwatch: systemd is not on this bus: is it PID 1 here? Try --bus user for your own systemd, or unitwatch demo.\n',
    );
  });
});
