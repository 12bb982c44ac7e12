import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { idleUnit, prepareForBeds, show, sleep, startUnits, until, writeUnits } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import {
  eventsOf,
  heard,
  type RunningAgent,
  startAgent,
  stateIn,
  story,
  withAgent,
} from './agent-process.ts';
import { shellUnit } from './endings.ts';

let bed: ThrowAwaySystemd;
before(async () => {
  await prepareForBeds();
  bed = await bootSystemd();
});
after(() => bed.stop());

/** Names of the units that /metrics has lines for. */
async function followed(agent: RunningAgent): Promise<Set<string>> {
  const lines = await agent.metrics();
  const names = lines.filter((line) => line.name === 'unitwatch_service_state');
  return new Set(names.map((line) => line.labels['name'] ?? ''));
}

describe('all services, by default', () => {
  let agent: RunningAgent;
  before(async () => {
    agent = await startAgent({ bus: bed.busAddress });
  });
  after(() => agent.stop());

  test('a unit file that systemd cannot use', async () => {
    await writeUnits(bed, {
      'unusable.service': '[Service]\nType=simple\n',
      'wants-unusable.target': '[Unit]\nWants=unusable.service\n',
    });
    await bed.systemctl('start', 'wants-unusable.target');
    const { data, severity, message } = await heard(agent, 'failed', 'unusable.service');
    assert.equal(data.load_state, 'bad-setting');
    assert.equal(severity, 'error');
    assert.match(message ?? '', /^systemd cannot load unusable\.service \(bad-setting\)/);
    await bed.systemctl('daemon-reload');
    await sleep(500);
    assert.equal(eventsOf(agent.events(), 'failed', 'unusable.service').length, 1, 'told once');
  });

  test('a masked unit', async () => {
    writeFileSync(join(bed.root, 'etc/systemd/system/masked.service'), idleUnit());
    await bed.systemctl('daemon-reload');
    await bed.systemctl('start', 'masked.service');
    await heard(agent, 'started', 'masked.service');
    rmSync(join(bed.root, 'etc/systemd/system/masked.service'));
    await bed.systemctl('mask', '--now', 'masked.service');
    await heard(agent, 'stopped', 'masked.service');
    const refused = await bed.exec(['systemctl', 'start', 'masked.service']);
    assert.notEqual(refused.status, 0);
    await sleep(300);
    assert.deepEqual(story(agent, 'masked.service'), ['started', 'stopped clean']);
  });

  test('templates, escaped names, names of other alphabets in escapes, transient units', async () => {
    bed.writeUnit('t@.service', idleUnit());
    bed.writeUnit('esc\\x2daped.service', idleUnit());
    await bed.systemctl('daemon-reload');
    const long = `t@${'x'.repeat(240)}.service`;
    const names = ['t@one.service', 't@a-b\\x2dc.service', 't@1:2_3.service', long];
    names.push('esc\\x2daped.service', 't@\\xe4\\xb8\\xad.service');
    await bed.systemctl('start', '--', ...names);
    for (const name of names) await heard(agent, 'started', name);
    await bed.systemctl('stop', '--', ...names);
    for (const name of names) await heard(agent, 'stopped', name);
    const command = ['systemd-run', '--unit=passing', '--collect', 'sh', '-c', 'sleep 0.1; exit 7'];
    assert.equal((await bed.exec(command)).status, 0);
    const { data } = await heard(agent, 'failed', 'passing.service');
    assert.equal(data.exit_code, 7);
    await until('it is let go', async () => !(await followed(agent)).has('passing.service'));
  });

  test('instances of a socket, that come and go', async () => {
    await writeUnits(bed, {
      'door.socket': '[Socket]\nListenStream=/run/door\nAccept=yes\nMaxConnections=200\n',
      'door@.service': '[Service]\nExecStart=-/bin/cat\nStandardInput=socket\n',
    });
    await bed.systemctl('start', 'door.socket');
    const size = (await followed(agent)).size;
    const visits = 100;
    for (let i = 0; i < visits; i++) {
      const visitor = connect(join(bed.root, 'run/door'));
      visitor.end('knock');
      await once(visitor.resume(), 'close');
    }
    const of = (type: string) =>
      agent.events().filter((e) => e.service.startsWith('door@') && e.event_type === type).length;
    await until('all are told', () => of('started') === visits && of('stopped') === visits);
    await until('all are let go', async () => (await followed(agent)).size <= size);
    assert.equal(of('failed') + of('restarted') + of('exited'), 0);
    assert.equal(valueIn(await agent.metrics(), 'unitwatch_dbus_messages_malformed_total'), 0);
    await bed.systemctl('stop', 'door.socket');
  });
});

describe('services that the configuration names', () => {
  test('one that is missing, then installed, started, stopped and removed', async () => {
    const config = 'service_whitelist: [later.service, plain]\n';
    await writeUnits(bed, { 'plain.service': idleUnit() });
    await withAgent({ bus: bed.busAddress, config }, async (agent) => {
      const missing = await heard(agent, 'missing', 'later.service');
      assert.equal(missing.data.load_state, 'not-found');
      assert.equal(stateIn(await agent.metrics(), 'later.service'), 'missing');
      // It has a file, and is not loaded.
      assert.equal(stateIn(await agent.metrics(), 'plain.service'), 'inactive');
      assert.deepEqual(story(agent, 'plain.service'), []);
      await writeUnits(bed, { 'later.service': idleUnit() });
      await until(
        'it is there',
        async () => stateIn(await agent.metrics(), 'later.service') === 'inactive',
      );
      await bed.systemctl('start', 'later.service');
      await heard(agent, 'started', 'later.service');
      assert.equal(stateIn(await agent.metrics(), 'later.service'), 'active');
      await bed.systemctl('stop', 'later.service');
      await heard(agent, 'stopped', 'later.service');
      rmSync(join(bed.root, 'run/systemd/system/later.service'));
      await bed.systemctl('daemon-reload');
      await heard(agent, 'missing', 'later.service', 2);
      assert.equal(stateIn(await agent.metrics(), 'later.service'), 'missing');
      assert.deepEqual(await followed(agent), new Set(['later.service', 'plain.service']));
      assert.deepEqual(story(agent, 'later.service'), [
        ...['missing', 'started', 'stopped clean', 'missing'],
      ]);
    });
  });

  test('one whose file is removed while it runs is not missing', async () => {
    const config = 'service_whitelist: [orphan.service]\n';
    await startUnits(bed, { 'orphan.service': idleUnit() });
    await withAgent({ bus: bed.busAddress, config }, async (agent) => {
      rmSync(join(bed.root, 'run/systemd/system/orphan.service'));
      const before = agent.events().length;
      await bed.systemctl('daemon-reload');
      await until('it was read anew', () => agent.events().length > before);
      await sleep(300);
      assert.deepEqual(story(agent, 'orphan.service'), []);
      assert.equal(stateIn(await agent.metrics(), 'orphan.service'), 'active');
      await bed.systemctl('stop', 'orphan.service');
      await heard(agent, 'missing', 'orphan.service');
      assert.deepEqual(story(agent, 'orphan.service')[0], 'stopped clean');
    });
  });

  test('globs, expressions, and what the blacklist takes away', async () => {
    const names = ['web-1', 'web-2', 'web-old', 'app-12', 'app-x', 'other'];
    await startUnits(bed, Object.fromEntries(names.map((n) => [`${n}.service`, idleUnit()])));
    const config = [
      'service_whitelist: ["web-*", "/^app-\\\\d+\\\\.service$/"]',
      'service_blacklist: ["*-old.service"]\n',
    ].join('\n');
    await withAgent({ bus: bed.busAddress, config }, async (agent) => {
      const want = ['app-12', 'web-1', 'web-2'].map((name) => `${name}.service`);
      assert.deepEqual([...(await followed(agent))].sort(), want);
    });
    await withAgent(
      { bus: bed.busAddress, config: 'service_blacklist: ["web-*"]\n' },
      async (agent) => {
        const names = await followed(agent);
        assert.ok(names.has('other.service') && names.has('dbus.service'));
        assert.ok(!names.has('web-1.service'));
      },
    );
  });

  test('container runtimes and what belongs to them', async () => {
    const names = ['docker', 'containerd', 'kubelet', 'podman', 'nginx'];
    await startUnits(bed, Object.fromEntries(names.map((n) => [`${n}.service`, idleUnit()])));
    const config = 'container_runtime_filter: true\nunit_types: [service, scope]\n';
    await withAgent({ bus: bed.busAddress, config }, async (agent) => {
      const id = '0123456789abcdef'.repeat(4);
      const scope = `docker-${id}.scope`;
      const command = ['systemd-run', '--scope', `--unit=${scope}`, 'sh', '-c', 'sleep 0.3'];
      const { status, stderr } = await bed.exec(command);
      assert.equal(status, 0, stderr);
      await heard(agent, 'started', scope);
      await heard(agent, 'stopped', scope);
      const seen = await followed(agent);
      for (const name of ['docker', 'containerd', 'kubelet', 'podman'])
        assert.ok(seen.has(`${name}.service`), name);
      assert.ok(!seen.has('nginx.service') && !seen.has('dbus.service'));
      assert.equal(valueIn(await agent.metrics(), 'unitwatch_container_services'), seen.size);
    });
  });

  test('sockets, targets and timers, where unit_types has them', async () => {
    await writeUnits(bed, {
      'tick.timer': '[Timer]\nOnActiveSec=300ms\nAccuracySec=1ms\n',
      'tick.service': shellUnit('true', 'Type=oneshot'),
      'own.socket': '[Socket]\nListenStream=/run/own\n',
      'own.service': idleUnit(),
      'own.target': '[Unit]\nDescription=Of our own\n',
    });
    const config = 'unit_types: [socket, timer, target]\n';
    await withAgent({ bus: bed.busAddress, config }, async (agent) => {
      const names = ['tick.timer', 'own.socket', 'own.target'];
      await bed.systemctl('start', ...names);
      for (const name of names) await heard(agent, 'started', name);
      await until('the timer has fired', async () => {
        return (await show(bed, 'tick.timer', 'SubState'))['SubState'] === 'elapsed';
      });
      await bed.systemctl('stop', ...names);
      for (const name of names) await heard(agent, 'stopped', name);
      assert.deepEqual(story(agent, 'tick.service'), []);
      assert.ok((await followed(agent)).has('basic.target'));
    });
  });
});
