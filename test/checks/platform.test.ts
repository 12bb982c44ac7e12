import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addressReader } from '../../src/checks/process/addresses.ts';
import { hostAddresses, isPlan, planOf } from '../../src/checks/process/hosts.ts';
import { platformFaults } from '../../src/checks/process/platform-faults.ts';
import { ProcTable } from '../../src/checks/process/proc-table.ts';
import { ProcessChecks } from '../../src/checks/process/process-checks.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { platformOf } from '../../src/config/platform.ts';
import type { CheckView } from '../../src/model/check.ts';
import type { Draft } from '../../src/model/event.ts';
import type { Platform } from '../../src/model/platform.ts';
import { type Arguments, nearMisses, platformProcesses, zookeeper } from './platform-processes.ts';
import { eventually, Standing } from './standing.ts';

/*
 * The platform of examples/platform.yaml against real processes with exactly its command lines. The
 * test's own host is taken for each of the four; `${host.ip}` is an address that its processes have.
 */

const ip = '10.0.0.1';
let standing: Standing;
let platform: Platform;

before(async () => {
  standing = await Standing.make();
  const file = fileURLToPath(new URL('../../../examples/platform.yaml', import.meta.url));
  const loaded = await loadConfig({ file, env: {} });
  assert.ok('config' in loaded, JSON.stringify(loaded));
  platform = platformOf(loaded.config);
});
after(() => standing.close());

const stream = [
  'kafka zookeeper server',
  'kafka server',
  'spark master',
  'spark worker',
  'processor accelerometer',
  'processor gyroscope',
  'processor barometer',
  'processor aggregator',
];
const store = [
  'spark master',
  'spark worker',
  'cassandra',
  'kairosDb server',
  'grafana server',
  'tomcat server',
  'novelty detector',
  'raw writer',
];

/** What is looked for on that host, in the processes of this one. */
function checksOf(host: string, changed: Draft[] = [], of = platform): ProcessChecks {
  const plan = planOf(of, host);
  assert.ok(isPlan(plan));
  return new ProcessChecks({
    plan,
    addresses: () => [ip],
    thresholds: { down: 1, up: 1, graceUs: 0 },
    intervalMs: 30_000,
    timeoutMs: 60_000,
    lookUpUnit: () => undefined,
    clock: systemClock,
    onChange: (draft) => changed.push(draft),
    uid: process.getuid?.() ?? -1,
  });
}

function states(views: readonly CheckView[]): Record<string, string> {
  return Object.fromEntries(views.map(({ name, state }) => [name, state]));
}

function stateOf(views: readonly CheckView[], name: string): CheckView {
  const view = views.find((one) => one.name === name);
  assert.ok(view, name);
  return view;
}

async function addAll(components: readonly string[]): Promise<number[]> {
  const lists = platformProcesses(ip);
  const pids: number[] = [];
  for (const name of components) pids.push(await standing.add(lists[name] as Arguments));
  return pids;
}

async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await standing.kill(pid);
}

/** Waits until the kernel shows that argument list of a child that execs, and returns its PID. */
async function shows(checks: ProcessChecks, name: string, found: number): Promise<CheckView> {
  for (let tries = 0; tries < 200; tries++) {
    const view = stateOf(await checks.checkNow(), name);
    if (view.found === found) return view;
  }
  assert.fail(`${name} never had ${found} processes`);
}

test('the list is what it should be: no faults, 14 components, 4 hosts in 2 environments', async () => {
  assert.deepEqual(await platformFaults(platform), []);
  assert.equal(platform.components.length, 14);
  const table: readonly (readonly [string, string, readonly string[]])[] = [
    ['c9t17308', 'ITG', stream],
    ['c2t08977', 'ITG', store],
    ['c9t21193', 'DEV', stream],
    ['c2t08978', 'DEV', store],
  ];
  for (const [host, group, components] of table) {
    for (const name of [host, host.toUpperCase(), `${host}.example.com`]) {
      const plan = planOf(platform, name);
      assert.ok(isPlan(plan), name);
      assert.deepEqual([...plan.components.map((c) => c.name)].sort(), [...components].sort());
      assert.deepEqual(plan.groups, [group]);
    }
  }
  const unknown = planOf(platform, 'c9t99999');
  assert.ok(!isPlan(unknown));
  assert.deepEqual(unknown.known, ['c9t17308', 'c2t08977', 'c9t21193', 'c2t08978']);
});

for (const [host, components] of [
  ['c9t17308', stream],
  ['c2t08977', store],
  ['c9t21193', stream],
  ['c2t08978', store],
] as const) {
  test(`every component of ${host} is found, each as one process`, async () => {
    const pids = await addAll(components);
    const views = await checksOf(host).checkNow();
    await killAll(pids);
    assert.deepEqual(
      states(views),
      Object.fromEntries(components.map((name) => [name, 'running'])),
    );
    for (const [at, name] of components.entries()) {
      assert.deepEqual(stateOf(views, name).pids, [pids[at]], name);
    }
  });
}

test('no near miss is taken for a component', async () => {
  const misses = nearMisses(ip);
  for (const { arguments: list } of misses) await standing.add(list);
  const hosts = ['c9t17308', 'c2t08977'];
  const views = (await Promise.all(hosts.map((host) => checksOf(host).checkNow()))).flat();
  for (const { of, what } of misses) {
    assert.equal(stateOf(views, of).state, 'missing', `${what}: ${stateOf(views, of).pids}`);
  }
  // Every component has had one, and the right processes are still found among them.
  assert.deepEqual(new Set(misses.map(({ of }) => of)), new Set([...stream, ...store]));
  const pids = await addAll(stream);
  const found = await checksOf('c9t17308').checkNow();
  assert.deepEqual(
    found.map((view) => view.pids?.length),
    stream.map(() => 1),
  );
  await standing.killAll();
  assert.equal(pids.length, stream.length);
});

test('a process that has rewritten its title to those words is none', async () => {
  const script = '$| = 1; my $title = shift; $0 = $title; print "ready\\n"; sleep 600';
  const child = standing.adopt(
    spawn('perl', ['-e', script, zookeeper.join(' ')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  await firstOutput(child);
  assert.deepEqual(new ProcTable().arguments(child.pid ?? 0), {
    texts: [zookeeper.join(' ')],
    cut: false,
  });
  const views = await checksOf('c9t17308').checkNow();
  assert.equal(stateOf(views, 'kafka zookeeper server').state, 'missing');
  await standing.killAll();
});

test("another user's java does not count where the component has a user", async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can start processes of other users');
  const nobody = 65_534;
  const of = withUser(platform, 'kafka server', 'root');
  const list = platformProcesses(ip)['kafka server'] as Arguments;
  const theirs = await standing.add(list, { uid: nobody });
  const checks = checksOf('c9t17308', [], of);
  await eventually('it is theirs', () => standing.uidOf(theirs) === nobody);
  assert.equal(stateOf(await checks.checkNow(), 'kafka server').state, 'missing');
  const ours = await standing.add(list);
  assert.deepEqual(stateOf(await checks.checkNow(), 'kafka server').pids, [ours]);
  const byNumber = checksOf('c9t17308', [], withUser(platform, 'kafka server', String(nobody)));
  assert.deepEqual(stateOf(await byNumber.checkNow(), 'kafka server').pids, [theirs]);
  const nobodys = checksOf('c9t17308', [], withUser(platform, 'kafka server', 'no-such-user'));
  const view = stateOf(await nobodys.checkNow(), 'kafka server');
  assert.deepEqual([view.state, view.reason], ['unknown', 'there is no user no-such-user']);
  await standing.killAll();
});

function withUser(of: Platform, component: string, user: string): Platform {
  return {
    ...of,
    components: of.components.map((one) => (one.name === component ? { ...one, user } : one)),
  };
}

test('what dies is missing at the next check, and what needs it is degraded', async () => {
  const changed: Draft[] = [];
  const checks = checksOf('c9t17308', changed);
  const pids = await addAll(stream);
  await checks.checkNow();
  assert.equal(changed.length, 0, 'that they run at first is no change');
  await standing.kill(pids[stream.indexOf('spark worker')] ?? 0);
  const views = await checks.checkNow();
  const processors = stream.filter((name) => name.startsWith('processor'));
  assert.deepEqual(states(views), {
    ...Object.fromEntries(stream.map((name) => [name, 'running'])),
    ...Object.fromEntries(processors.map((name) => [name, 'degraded'])),
    'spark worker': 'missing',
  });
  assert.deepEqual(
    changed.map(({ service }) => service).sort(),
    ['spark worker', ...processors].sort(),
  );
  const lost = changed.find(({ service }) => service === 'spark worker');
  assert.equal(lost?.message, 'spark worker: missing, 0 of 1 processes');
  assert.ok(lost?.event_type === 'check');
  assert.deepEqual(
    { ...lost.data, previous_s: 0 },
    {
      kind: 'process',
      state: 'missing',
      previous: 'running',
      previous_s: 0,
      reason: '0 of 1 processes',
      results: 1,
      found: 0,
      expected: 1,
    },
  );
  const gyroscope = changed.find(({ service }) => service === 'processor gyroscope');
  assert.ok(gyroscope?.event_type === 'check');
  assert.deepEqual(gyroscope.data.waits_for, ['spark worker']);
  await standing.add(platformProcesses(ip)['spark worker'] as Arguments);
  const twice = await standing.add(platformProcesses(ip)['kafka server'] as Arguments);
  const again = await checks.checkNow();
  assert.deepEqual(states(again), {
    ...Object.fromEntries(stream.map((name) => [name, 'running'])),
    'kafka server': 'too_many',
  });
  assert.equal(stateOf(again, 'kafka server').reason, '2 of 1 processes');
  assert.ok(stateOf(again, 'kafka server').pids?.includes(twice));
  await standing.killAll();
});

test('what another host has is shown and not checked', async () => {
  await addAll(['raw writer']);
  const views = await checksOf('c2t08977').checkNow();
  const writer = stateOf(views, 'raw writer');
  assert.equal(writer.state, 'running');
  assert.deepEqual(writer.dependsOn, []);
  assert.deepEqual(writer.elsewhere, ['spark master', 'spark worker', 'kafka server']);
  await standing.killAll();
});

test('one process can be several components; a program that becomes another is the other', async () => {
  const [program, ...rest] = platformProcesses(ip)['tomcat server'] as Arguments;
  const of: Platform = {
    ...platform,
    components: platform.components.map((one) =>
      one.name === 'cassandra' ? { ...one, criteria: [{ index: 9, regex: 'catalina' }] } : one,
    ),
  };
  const checks = checksOf('c2t08977', [], of);
  await standing.add([program, ...rest]);
  const views = await checks.checkNow();
  assert.deepEqual(stateOf(views, 'cassandra').pids, stateOf(views, 'tomcat server').pids);
  // The same PID, another program.
  const script = 'read line; exec -a grafana-server /bin/sleep 600';
  const child = standing.adopt(
    spawn('bash', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'] }),
  );
  assert.equal(stateOf(await checks.checkNow(), 'grafana server').found, 0);
  child.stdin?.write('go\n');
  assert.deepEqual((await shows(checks, 'grafana server', 1)).pids, [child.pid]);
  await standing.killAll();
});

test("the machine's own addresses stand for host.ip where the list gives none", () => {
  const address = (text: string, internal = false) => ({
    address: text,
    internal,
    family: text.includes(':') ? 'IPv6' : 'IPv4',
  });
  const interfaces = {
    lo: [address('127.0.0.1', true), address('::1', true)],
    eth0: [address('fe80::1'), address('2001:db8::5'), address('10.0.0.1')],
    eth1: [address('169.254.3.4'), address('192.168.7.8')],
  };
  assert.deepEqual(hostAddresses(interfaces), ['10.0.0.1', '192.168.7.8', '2001:db8::5']);
});

test('addresses that cannot be read are none, which is told once; then those that are there', () => {
  const told: unknown[] = [];
  const fault = new Error('uv_interface_addresses returned Unknown system error 97');
  let faults = 2;
  const read = addressReader(
    (error) => told.push(error),
    () => {
      if (faults-- > 0) throw fault;
      return { eth0: [{ address: '10.0.0.1', internal: false, family: 'IPv4' }] };
    },
  );
  assert.deepEqual([read(), read(), read()], [[], [], ['10.0.0.1']]);
  assert.deepEqual(told, [fault]);
});

async function firstOutput(child: ChildProcess): Promise<void> {
  await new Promise((resolve) => child.stdout?.once('data', resolve));
}
