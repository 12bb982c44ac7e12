import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { graph } from '../../cmd/graph.ts';
import { impact } from '../../cmd/impact.ts';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { ToldImpact } from '../../src/deps/answers.ts';
import type { Event } from '../../src/model/event.ts';
import { idleUnit, prepareForBeds, sleep, until, writeUnits } from '../bed.ts';
import { eventsOf, heard, isFinding, type RunningAgent, startAgent } from './agent-process.ts';

const tied = (...lines: readonly string[]) => ['[Unit]', ...lines, idleUnit()].join('\n');
const loop = ['StartLimitIntervalSec=0', '[Service]', 'Restart=always', 'RestartSec=200ms'];

const units = {
  'db.service': tied('Wants=cache.service'),
  'cache.service': idleUnit(),
  'api.service': tied('BindsTo=db.service', 'After=db.service'),
  'web.service': tied('Requires=api.service', 'After=api.service'),
  'report.service': tied('Wants=db.service'),
  // It fails by itself when what it needs is gone.
  'client.service': [
    '[Unit]',
    'Requires=db.service',
    '[Service]',
    'ExecStart=/bin/sh -c "while pidof -q unitwatch-db || test ! -e /run/db-down; do sleep 0.1; done; exit 3"',
    '',
  ].join('\n'),
  'looping.service': ['[Unit]', ...loop, 'ExecStart=/bin/sleep 0.3', ''].join('\n'),
  'follower.service': ['[Unit]', 'Requires=looping.service', 'After=looping.service', ...loop]
    .concat('ExecStart=/bin/sleep infinity', '')
    .join('\n'),
  'broken.service': '[Service]\nType=oneshot\nExecStart=/bin/false\n',
  'middle.service': tied('Requires=broken.service', 'After=broken.service'),
  'top.service': tied('Requires=middle.service', 'After=middle.service'),
  'data.socket': '[Socket]\nListenStream=/run/data.sock\n',
  'data.service': idleUnit(),
  'store.target': '[Unit]\nDescription=Store\n',
  'keeper.service': tied('BindsTo=store.target', 'After=store.target'),
} as const;

let bed: ThrowAwaySystemd;
let agent: RunningAgent;
before(async () => {
  await prepareForBeds();
  bed = await bootSystemd({ units });
  agent = await startAgent({ bus: bed.busAddress, config: 'restart_threshold: 4\n' });
  await known(agent, 'dbus.service');
});
after(async () => {
  await agent.stop();
  await bed.stop();
});

async function impactOf(unit: string, on = 'stop'): Promise<{ status: number; told: ToldImpact }> {
  const { status, body } = await agent.page(
    `/api/impact?unit=${encodeURIComponent(unit)}&on=${on}`,
  );
  return { status, told: JSON.parse(body) };
}

/** Waits until the agent's graph has the unit. */
async function known(one: RunningAgent, unit: string): Promise<void> {
  const asked = `/api/impact?unit=${encodeURIComponent(unit)}`;
  await until(`${unit} is known`, async () => (await one.page(asked)).status === 200);
}

const namesOf = (list: readonly { readonly unit: string }[]) => list.map(({ unit }) => unit).sort();

function affected(event: Event, how: 'hard' | 'soft'): unknown {
  const affects = event.affects as Readonly<Record<string, unknown>> | undefined;
  return affects?.[how];
}

describe('a failure in its surroundings', () => {
  before(async () => {
    await bed.systemctl('start', 'web.service', 'report.service', 'client.service');
    await known(agent, 'web.service');
    await known(agent, 'report.service');
  });

  test('the root lists whom it takes along, and they name it', async () => {
    await bed.exec(['systemctl', 'kill', '--signal=KILL', 'db.service']);
    const failed = await heard(agent, 'failed', 'db.service');
    const api = await heard(agent, 'stopped', 'api.service');
    const web = await heard(agent, 'stopped', 'web.service');
    assert.deepEqual(failed.depends_on?.includes('cache.service'), true);
    assert.equal(failed.caused_by, undefined);
    assert.deepEqual(affected(failed, 'hard'), {
      count: 3,
      names: ['api.service', 'client.service', 'web.service'],
    });
    assert.deepEqual(affected(failed, 'soft'), { count: 1, names: ['report.service'] });
    assert.equal(api.caused_by, 'db.service');
    assert.equal(web.caused_by, 'db.service');
    assert.equal(web.depends_on?.slice(0, 1)[0], 'api.service');
    assert.equal(eventsOf(agent.events(), 'failed', 'client.service').length, 0);
  });

  test('who needs it and fails by itself soon after names it, too', async () => {
    await bed.exec(['touch', '/run/db-down']);
    const failed = await heard(agent, 'failed', 'client.service');
    assert.equal(failed.caused_by, 'db.service');
  });

  test('an operator stops a unit: who is stopped first names it', async () => {
    await bed.systemctl('start', 'web.service');
    await heard(agent, 'started', 'web.service', 2);
    await sleep(500);
    const before = agent.events().length;
    await bed.systemctl('stop', 'api.service');
    await heard(agent, 'stopped', 'api.service', 2);
    const stops = agent.events().slice(before);
    const web = stops.find((event) => event.service === 'web.service');
    const api = stops.find((event) => event.service === 'api.service');
    assert.equal(web?.caused_by, 'api.service');
    assert.equal(api?.caused_by, undefined);
    assert.deepEqual(affected(api ?? assert.fail(), 'hard'), { count: 1, names: ['web.service'] });
  });

  test('a unit of another type that nobody follows takes a service along', async () => {
    await bed.systemctl('start', 'keeper.service');
    await known(agent, 'keeper.service');
    await bed.systemctl('stop', 'store.target');
    const stopped = await heard(agent, 'stopped', 'keeper.service');
    assert.equal(stopped.caused_by, 'store.target');
  });

  test('a start that is given up names the unit that failed', async () => {
    await bed.exec(['systemctl', 'start', 'top.service']);
    for (const unit of ['middle.service', 'top.service']) {
      const { data, caused_by, message } = await heard(agent, 'failed', unit);
      assert.equal(caused_by, 'broken.service');
      assert.equal(data.result, 'dependency');
      assert.match(message ?? '', /was not started: broken\.service, which it needs, failed\.$/);
    }
    assert.equal((await heard(agent, 'failed', 'broken.service')).caused_by, undefined);
  });
});

test('a crash loop takes another unit along: one finding, about the first', async () => {
  await bed.systemctl('start', 'follower.service');
  const opened = await heard(agent, 'crash_loop', 'looping.service', 1, 20_000);
  assert.equal(opened.data.phase, 'opened');
  assert.deepEqual(affected(opened, 'hard'), { count: 1, names: ['follower.service'] });
  await heard(agent, 'restarted', 'follower.service', 6, 20_000);
  const findings = agent.events().filter(isFinding);
  assert.deepEqual([...new Set(findings.map(({ service }) => service))], ['looping.service']);
  const restarts = eventsOf(agent.events(), 'restarted', 'follower.service');
  assert.deepEqual([...new Set(restarts.map((one) => one.caused_by))], ['looping.service']);
  await bed.systemctl('stop', 'looping.service', 'follower.service');
});

describe('the graph of the running agent is current', () => {
  test('units that come, change and go', async () => {
    await writeUnits(bed, { 'late.service': tied('Requires=cache.service') });
    await bed.systemctl('start', 'late.service');
    await until('it is known', async () => {
      const { told } = await impactOf('cache.service');
      return namesOf(told.stopped).includes('late.service');
    });
    // After this nobody is tied to it any more.
    bed.writeUnit('late.service', idleUnit());
    await bed.systemctl('daemon-reload');
    await until('the change is known', async () => {
      const { told: now } = await impactOf('cache.service');
      return !namesOf(now.stopped).includes('late.service');
    });
    await bed.systemctl('stop', 'late.service');
    await until('it is gone', async () => (await impactOf('late.service')).status === 404);
  });

  test('states of units of other types', async () => {
    await bed.systemctl('start', 'data.socket', 'data.service');
    await known(agent, 'data.service');
    await known(agent, 'data.socket');
    const isDegraded = async () => {
      const { status, told } = await impactOf('data.socket');
      return status === 200 && namesOf(told.degraded).includes('data.service');
    };
    await until('the socket is seen up', isDegraded);
    await bed.systemctl('stop', 'data.socket');
    await until('the socket is seen down', async () => !(await isDegraded()));
  });

  test('over daemon-reexec', async () => {
    await bed.systemctl('daemon-reexec');
    await bed.systemctl('restart', 'db.service', 'api.service', 'web.service');
    await until('it is as systemd has it', async () => {
      const { status, told } = await impactOf('db.service');
      return status === 200 && namesOf(told.stopped).join() === 'api.service,web.service';
    });
  });
});

describe('the commands', () => {
  const run = async (
    command: typeof impact,
    argv: readonly string[],
    env: Readonly<Record<string, string>>,
  ) => {
    const texts = { out: '', err: '' };
    const into = (name: 'out' | 'err') =>
      new Writable({
        write(chunk, _, done) {
          texts[name] += String(chunk);
          done();
        },
      });
    const status = await command(argv, { stdout: into('out'), stderr: into('err'), env });
    return { status, ...texts };
  };
  const listen = () => {
    const port = /"listen":\{[^}]*"port":(\d+)/.exec(agent.log())?.[1];
    return { UNITWATCH_LISTEN: `127.0.0.1:${port}`, UNITWATCH_BUS: 'unix:path=/nowhere' };
  };

  test('ask the agent, and say the same as without it', async () => {
    for (const argv of [
      ['db', '--json'],
      ['db', '--on', 'crash'],
      ['web.service', '--on', 'restart', '--json'],
    ]) {
      const asked = await run(impact, argv, listen());
      const built = await run(impact, [...argv, '--bus', bed.busAddress], {});
      assert.deepEqual([asked.err, asked.status, built.status], ['', 0, 0]);
      assert.equal(asked.out, built.out);
    }
    for (const argv of [
      ['db', '--depth', '2'],
      ['--format', 'json'],
      ['--format', 'dot'],
    ]) {
      const asked = await run(graph, argv, listen());
      const built = await run(graph, [...argv, '--bus', bed.busAddress], {});
      assert.deepEqual([asked.err, asked.status], ['', 0]);
      assert.deepEqual(asked.out.split('\n').sort(), built.out.split('\n').sort());
    }
  });

  test('without an agent they read the bus of the configuration', async () => {
    const env = { UNITWATCH_LISTEN: '127.0.0.1:1', UNITWATCH_BUS: bed.busAddress };
    const { status, out } = await run(impact, ['db', '--json'], env);
    assert.equal(status, 0);
    assert.equal(JSON.parse(out).unit, 'db.service');
  });

  test('what the pages are asked wrongly', async () => {
    const cases = [
      ['/api/impact', 400],
      ['/api/impact?unit=db.service&on=fire', 400],
      [`/api/impact?unit=${'x'.repeat(2_000)}`, 400],
      ['/api/impact?unit=nobody.service', 404],
      ['/api/graph?format=gif', 400],
      ['/api/graph?depth=-1', 400],
      ['/api/graph?unit=nobody.service', 404],
      ['/api/graph?unit=db', 200],
    ] as const;
    for (const [path, status] of cases) assert.equal((await agent.page(path)).status, status, path);
  });
});

test('track_dependencies: false leaves all of it out', async () => {
  const quiet = await startAgent({ bus: bed.busAddress, config: 'track_dependencies: false\n' });
  try {
    assert.equal((await quiet.page('/api/impact?unit=db.service')).status, 503);
    await bed.systemctl('restart', 'db.service', 'api.service');
    await bed.exec(['systemctl', 'kill', '--signal=KILL', 'db.service']);
    const failed = await heard(quiet, 'failed', 'db.service');
    const stopped = await heard(quiet, 'stopped', 'api.service');
    for (const { affects, depends_on, caused_by } of [failed, stopped])
      assert.deepEqual([affects, depends_on, caused_by], [undefined, undefined, undefined]);
  } finally {
    await quiet.stop();
  }
});
