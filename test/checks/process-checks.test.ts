import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isPlan, planOf } from '../../src/checks/process/hosts.ts';
import type { ProcessStat } from '../../src/checks/process/proc-table.ts';
import {
  type ProcessCheckSettings,
  ProcessChecks,
} from '../../src/checks/process/process-checks.ts';
import { Uses } from '../../src/checks/process/uses.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import type { Draft } from '../../src/model/event.ts';
import { type Component, defaultComponent } from '../../src/model/platform.ts';
import { Stamp } from '../../src/model/stamp.ts';
import { newUnitState, type UnitView } from '../../src/model/unit.ts';
import {
  type ComponentMetric,
  componentMetrics,
  processExporterMetrics,
} from '../../src/outputs/component-metrics.ts';
import { debianBinary, run } from '../debian.ts';
import { validateEvent } from '../validate.ts';
import { eventually, Standing } from './standing.ts';

let standing: Standing;
before(async () => {
  standing = await Standing.make();
});
after(() => standing.close());

/** In no other argument list of the machine. */
const word = `unitwatch-test-${process.pid}`;

function settingsOf(components: readonly Partial<Component>[]): ProcessCheckSettings {
  const plan = planOf(
    {
      components: components.map((one) => ({ ...defaultComponent, ...one })),
      groups: [],
      hosts: [],
    },
    'here',
  );
  assert.ok(isPlan(plan));
  return {
    plan,
    addresses: () => [],
    thresholds: { down: 1, up: 1, graceUs: 0 },
    intervalMs: 60_000,
    timeoutMs: 60_000,
  };
}

function checksOf(
  components: readonly Partial<Component>[],
  more: Partial<ConstructorParameters<typeof ProcessChecks>[0]> = {},
): ProcessChecks {
  return new ProcessChecks({
    ...settingsOf(components),
    lookUpUnit: () => undefined,
    clock: systemClock,
    onChange: () => {},
    uid: process.getuid?.() ?? -1,
    ...more,
  });
}

const last = (text: string) => [{ index: -1, regex: `^${text}$` }];

test('nothing is known before the first look', () => {
  const [view] = checksOf([{ name: 'a', criteria: last(word) }]).views();
  assert.deepEqual([view?.state, view?.reason, view?.checkedUs], ['unknown', 'not looked yet', 0]);
});

test('the timer looks at once and again, and no more after stop()', async () => {
  const checks = checksOf([{ name: 'a', criteria: last(word) }], { intervalMs: 20 });
  checks.start();
  const seen = new Set<number>();
  await eventually('five looks', () => seen.add(checks.views()[0]?.checkedUs ?? 0).size > 5);
  await checks.stop();
  const before = checks.views()[0]?.checkedUs;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(checks.views()[0]?.checkedUs, before);
});

test('thresholds hold back the event, not what is shown', async () => {
  const changed: Draft[] = [];
  const thresholds = { down: 3, up: 1, graceUs: 0 };
  const checks = checksOf([{ name: 'a', criteria: last(`${word}-held`) }], {
    thresholds,
    onChange: (draft) => changed.push(draft),
  });
  const pid = await standing.add(['x', `${word}-held`]);
  await checks.checkNow();
  await standing.kill(pid);
  const shown: string[] = [];
  for (let n = 0; n < 3; n++) {
    const [view] = await checks.checkNow();
    shown.push(`${view?.state} ${changed.length}`);
  }
  assert.deepEqual(shown, ['missing 0', 'missing 0', 'missing 1']);
  const [draft] = changed;
  assert.ok(draft?.event_type === 'check');
  assert.equal(draft.data.results, 3);
});

test('every event is valid by the schema', async () => {
  const changed: Draft[] = [];
  const onChange = (draft: Draft): void => void changed.push(draft);
  const components: Partial<Component>[] = [
    { name: 'a "b" <c>\n', criteria: last(`${word}-a`), min: 2, max: 2 },
    { name: 'b', criteria: last(`${word}-b`), dependsOn: ['a "b" <c>\n'] },
    { name: 'c', criteria: [{ index: 0, regex: '(?=x)' }] },
    { name: 'd', unit: 'd.service' },
  ];
  const checks = checksOf(components, { onChange });
  await standing.add(['x', `${word}-b`]);
  await checks.checkNow();
  for (let n = 0; n < 3; n++) await standing.add(['x', `${word}-a`]);
  await checks.checkNow();
  await standing.killAll();
  await checks.checkNow();
  const stamp = new Stamp('here', '');
  for (const draft of changed) validateEvent(stamp.event(draft));
  const said = changed.map(({ service, data }) => [service[0], 'state' in data && data.state]);
  assert.deepEqual(said, [
    ['a', 'missing'],
    ['b', 'degraded'],
    ['c', 'unknown'],
    ['d', 'unknown'],
    ['a', 'too_many'],
    ['b', 'running'],
    ['a', 'missing'],
    ['b', 'missing'],
  ]);
});

test("a unit's state is what systemd says of it", async () => {
  const unit = (activeState: UnitView['state']['activeState'], missing = false): UnitView => ({
    name: 'x.service',
    type: 'service',
    loadState: missing ? 'not-found' : 'loaded',
    state: { ...newUnitState(), activeState },
    restarts: { automatic: 0, manual: 0, unitwatch: 0 },
    container: false,
    cgroup: '',
    missing,
  });
  const table: readonly (readonly [UnitView | undefined, string])[] = [
    [unit('active'), 'running '],
    [unit('reloading'), 'running '],
    [unit('activating'), 'missing activating'],
    [unit('failed'), 'missing failed'],
    [unit('inactive', true), 'missing systemd knows no such unit'],
    [undefined, 'unknown systemd has not told of it'],
  ];
  for (const [given, want] of table) {
    const checks = checksOf([{ name: 'x', unit: 'x.service' }], { lookUpUnit: () => given });
    const [view] = await checks.checkNow();
    assert.equal(`${view?.state} ${view?.reason}`, want);
    assert.deepEqual([view?.kind, view?.unit, view?.pids], ['unit', 'x.service', undefined]);
  }
});

test('a reload keeps what is known of those that stay, and forgets the others', async () => {
  const changed: Draft[] = [];
  const onChange = (draft: Draft): void => void changed.push(draft);
  const stays = { name: 'stays', criteria: last(`${word}-stays`) };
  const checks = checksOf([stays, { name: 'goes', criteria: last(`${word}-goes`) }], { onChange });
  await checks.checkNow();
  const [before] = checks.views();
  assert.deepEqual(
    changed.map(({ service }) => service),
    ['stays', 'goes'],
  );
  checks.reload(settingsOf([stays, { name: 'comes', criteria: last(`${word}-comes`) }]));
  assert.deepEqual(
    checks.views().map(({ name, state }) => [name, state]),
    [
      ['stays', 'missing'],
      ['comes', 'unknown'],
    ],
  );
  assert.equal(checks.views()[0]?.sinceUs, before?.sinceUs);
  await checks.checkNow();
  assert.deepEqual(
    changed.map(({ service }) => service),
    ['stays', 'goes', 'comes'],
  );
});

test('a reload looks at once at what is new or otherwise', async () => {
  const stays = { name: 'stays', criteria: last(`${word}-stays`) };
  const checks = checksOf([stays]);
  checks.start();
  const stateOf = (name: string) => checks.views().find((view) => view.name === name)?.state;
  await eventually('the first look', () => stateOf('stays') === 'missing');
  const pid = await standing.add(['x', `${word}-comes`]);
  const comes = { name: 'comes', criteria: last(`${word}-comes`) };
  checks.reload(settingsOf([stays, comes]));
  assert.equal(stateOf('comes'), 'unknown');
  // The interval is a minute.
  await eventually('it is looked at', () => stateOf('comes') === 'running');
  assert.deepEqual(
    checks.identities('comes').map((one) => one.pid),
    [pid],
  );

  const lookedUs = () => checks.views()[0]?.checkedUs;
  const before = lookedUs();
  checks.reload(settingsOf([stays, comes]));
  await sleep(200);
  assert.equal(lookedUs(), before, 'nothing is new');
  checks.reload(settingsOf([stays, { ...comes, criteria: last(`${word}-nowhere`) }]));
  await eventually('it is looked for otherwise', () => stateOf('comes') === 'missing');

  await checks.stop();
  checks.reload(settingsOf([stays, comes]));
  const ended = lookedUs();
  await sleep(200);
  assert.equal(lookedUs(), ended, 'it has ended');
  await standing.killAll();
});

test('a reload during a check is about the new components only', async () => {
  const checks = checksOf([{ name: 'old', criteria: last(`${word}-old`) }]);
  const check = checks.checkNow();
  const pid = await standing.add(['x', `${word}-new`]);
  checks.reload(settingsOf([{ name: 'new', criteria: last(`${word}-new`) }]));
  assert.deepEqual(
    (await check).map(({ name }) => name),
    ['new'],
  );
  assert.deepEqual(
    (await checks.checkNow()).map(({ name, pids }) => [name, pids]),
    [['new', [pid]]],
  );
  await standing.killAll();
});

test('the PIDs of a view are a hundred at most; their number is exact', async () => {
  for (let n = 0; n < 130; n++) await standing.add(['x', `${word}-many`]);
  const checks = checksOf([{ name: 'many', criteria: last(`${word}-many`) }]);
  const [view] = await checks.checkNow();
  assert.deepEqual([view?.found, view?.pids?.length], [130, 100]);
  assert.equal(checks.identities('many').length, 130);
  await standing.killAll();
});

test('a look that takes too long is given up, and nothing is called missing', async () => {
  await standing.add(['x', `${word}-late`]);
  let nowUs = 0;
  const checks = checksOf(
    [
      { name: 'there', criteria: last(`${word}-late`) },
      { name: 'not', criteria: last(`${word}-nowhere`) },
    ],
    {
      timeoutMs: 10,
      // Every look at the clock is 5 ms later: three processes, and the time is over.
      clock: { realtimeUs: () => 0, monotonicUs: () => (nowUs += 5_000) },
    },
  );
  const views = await checks.checkNow();
  assert.deepEqual(
    views.map(({ state, reason }) => `${state}: ${reason}`),
    ['unknown: looking took longer than 0.01 s', 'unknown: looking took longer than 0.01 s'],
  );
  await standing.killAll();
});

test('an address of the machine that comes late or changes is looked for at the next look', async () => {
  let asked = 0;
  let own: readonly string[] = [];
  const addresses = (): readonly string[] => {
    asked++;
    return own;
  };
  const components = [
    { name: 'worker', criteria: last(`${word}-at-\${host.ip}`) },
    { name: 'other', criteria: last(`${word}-other`) },
  ];
  const checks = checksOf(components, { addresses });
  const said = async () => (await checks.checkNow()).map(({ state }) => state);
  await standing.add(['x', `${word}-at-10.0.0.1`]);
  assert.deepEqual(await said(), ['unknown', 'missing']);
  own = ['10.0.0.1', '10.0.0.2'];
  assert.deepEqual(await said(), ['running', 'missing']);
  own = ['10.0.0.2'];
  assert.deepEqual(await said(), ['missing', 'missing']);
  await standing.add(['x', `${word}-at-10.0.0.2`]);
  assert.deepEqual(await said(), ['running', 'missing']);
  await standing.killAll();
  const looks = asked;
  checks.reload({ ...settingsOf(components.slice(1)), addresses });
  assert.deepEqual([await said(), asked], [['missing'], looks], 'nobody needs them');
});

test('a reload brings another interval', async () => {
  const components = [{ name: 'a', criteria: last(word) }];
  const checks = checksOf(components);
  checks.start();
  checks.reload({ ...settingsOf(components), intervalMs: 20 });
  const seen = new Set<number>();
  await eventually('five looks', () => seen.add(checks.views()[0]?.checkedUs ?? 0).size > 5);
  await checks.stop();
});

test('the process table has parent, user, CPU, memory and start of each', async () => {
  const pid = await standing.add(['x', `${word}-row`]);
  const checks = checksOf([{ name: 'row', criteria: last(`${word}-row`) }]);
  await checks.checkNow();
  const { rows, fault } = await checks.rows('row');
  assert.equal(fault, '');
  const [row] = rows;
  assert.ok(row);
  assert.deepEqual([row.pid, row.parent], [pid, process.pid]);
  assert.equal(row.user, (await run('id', ['-un'])).trim());
  assert.ok(row.cpuPercent >= 0 && row.memoryPercent >= 0);
  assert.ok(Math.abs(row.startedUs / 1e6 - Date.now() / 1e3) < 60);
  assert.deepEqual(await checks.rows('nobody'), { rows: [], fault: '' });
  await standing.killAll();
});

test('hidden processes are not known, as hidepid hides them; own ones are', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can mount /proc with hidepid');
  await standing.add(['x', `${word}-hidden`]);
  const child = fileURLToPath(new URL('hidden-child.js', import.meta.url));
  const look = `exec setpriv --reuid=65534 --regid=65534 --clear-groups "$0" "$@"`;
  const argv = [process.execPath, child, `${word}-hidden`, 'nobody'];
  for (const hidepid of [0, 1, 2]) {
    const mount = `mount -t proc -o hidepid=${hidepid} proc /proc && ${look}`;
    const text = await run('unshare', ['--mount', 'sh', '-c', mount, ...argv]);
    const hidden = 'unknown not permitted to see all processes';
    assert.deepEqual(
      JSON.parse(text),
      {
        theirs: hidepid === 0 ? 'running' : hidden,
        own: 'missing 0 of 1 processes',
        me: 'running',
      },
      `hidepid=${hidepid}`,
    );
  }
  await standing.killAll();
});

function stat(pid: number, userSeconds: number, startTicks = 1): ProcessStat {
  return {
    pid,
    startTicks,
    uid: 0,
    userSeconds,
    systemSeconds: userSeconds / 2,
    residentBytes: 10,
    virtualBytes: 20,
    swappedBytes: 1,
    threads: 3,
  };
}

test('CPU time only grows: processes end, and PIDs come again', () => {
  const uses = new Uses();
  const userSeconds = (): number => uses.use('x', true, (ticks) => ticks).cpuUserSeconds;
  const looks: readonly (readonly [readonly ProcessStat[], number])[] = [
    [[stat(1, 5), stat(2, 1)], 6],
    [[stat(1, 7)], 8],
    [[stat(1, 1, 9)], 9],
    [[], 9],
  ];
  for (const [processes, want] of looks) {
    uses.take(processes);
    assert.equal(userSeconds(), want);
  }
  uses.take([stat(1, 2, 7), stat(2, 3, 8)]);
  const { oldestStartSeconds, threads, virtualBytes } = uses.use('x', true, (ticks) => ticks * 10);
  assert.deepEqual([oldestStartSeconds, threads, virtualBytes], [70, 6, 40]);
});

function linesOf(metrics: readonly ComponentMetric[], checks: ProcessChecks): Map<string, number> {
  return new Map(
    metrics.flatMap((metric) =>
      metric.samples(checks.uses()).map(({ labels, value }) => {
        const text = Object.entries(labels)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([name, label]) => `${name}="${label}"`);
        return [`${metric.name}{${text.join(',')}}`, value] as const;
      }),
    ),
  );
}

test("the numbers under process-exporter's names are process-exporter's", async (t) => {
  const file = await debianBinary(
    'prometheus-process-exporter',
    '/usr/bin/prometheus-process-exporter',
  );
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-exporter-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'groups.yaml');
  const names = ['one', 'two', 'none'];
  const groups = names.map(
    (name) => `  - name: ${name}\n    cmdline: ['${word}-group-${name}$']\n`,
  );
  writeFileSync(config, `process_names:\n${groups.join('')}`);
  for (const name of ['one', 'two', 'two']) await standing.add(['x', `${word}-group-${name}`]);
  const port = await freePort();
  const exporter = standing.adopt(
    spawn(file, [`-web.listen-address=127.0.0.1:${port}`, `-config.path=${config}`], {
      stdio: 'ignore',
    }),
  );
  assert.ok(exporter.pid);
  let text = '';
  await eventuallyAsync(async () => {
    text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  });
  const components = names.map((name) => ({ name, criteria: last(`${word}-group-${name}`) }));
  const checks = checksOf(components);
  await checks.checkNow();
  const ours = linesOf(processExporterMetrics, checks);
  let compared = 0;
  for (const [line, value] of ours) {
    // With a file, process-exporter says nothing of a group that it has never seen.
    if (line.includes('groupname="none"')) continue;
    const theirs = text.split('\n').find((one) => one.startsWith(`${line} `));
    assert.ok(theirs, line);
    // Times are counted in clock ticks. Resident pages are counted by each CPU for itself, and the
    // two files of /proc differ by what has not been added up yet.
    const tolerance = line.includes('memtype="resident"') ? 1_048_576 : 1;
    assert.ok(Math.abs(value - Number(theirs.slice(line.length + 1))) < tolerance, theirs);
    compared++;
  }
  assert.equal(compared, 2 * 8);
  assert.equal(ours.get('namedprocess_namegroup_num_procs{groupname="two"}'), 2);
  assert.equal(
    ours.get('namedprocess_namegroup_oldest_start_time_seconds{groupname="none"}'),
    undefined,
  );
  for (const { name, help, type } of processExporterMetrics) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
  }
  const own = linesOf(componentMetrics, checks);
  assert.equal(own.get('unitwatch_component_up{name="two"}'), 1);
  assert.equal(own.get('unitwatch_component_up{name="none"}'), 0);
  assert.equal(own.get('unitwatch_component_processes{name="two"}'), 2);
  await standing.killAll();
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : assert.fail('no port');
}

async function eventuallyAsync(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
