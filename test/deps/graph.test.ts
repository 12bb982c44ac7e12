import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { affectsOf, chainAbove } from '../../src/deps/chain.ts';
import { containersOf } from '../../src/deps/containers.ts';
import { DependencyGraph } from '../../src/deps/graph.ts';
import { impactOf } from '../../src/deps/impact.ts';
import { type Kind, kindSet } from '../../src/deps/kinds.ts';
import { majorVersion, rulesOf } from '../../src/deps/versions.ts';
import { graphOf, unit } from './units.ts';

function others(graph: DependencyGraph, name: string, kind: Kind): string[] {
  const number = graph.find(name) ?? assert.fail(`${name} is in the graph`);
  return [...graph.others(number, kindSet(kind))].map((other) => graph.name(other));
}

describe('the graph', () => {
  test('knows each dependency from both ends', () => {
    const graph = graphOf({
      'a.service': 'Requires=b.service After=b.service Upholds=c.service',
      'b.service': 'Conflicts=a.service',
      'c.service': 'Triggers=d.service PartOf=a.service',
    });
    assert.deepEqual(others(graph, 'a.service', 'Requires'), ['b.service']);
    assert.deepEqual(others(graph, 'b.service', 'RequiredBy'), ['a.service']);
    assert.deepEqual(others(graph, 'b.service', 'Before'), ['a.service']);
    assert.deepEqual(others(graph, 'c.service', 'UpheldBy'), ['a.service']);
    assert.deepEqual(others(graph, 'a.service', 'ConflictedBy'), ['b.service']);
    assert.deepEqual(others(graph, 'a.service', 'ConsistsOf'), ['c.service']);
    assert.deepEqual(others(graph, 'd.service', 'TriggeredBy'), ['c.service']);
    assert.equal(graph.edgeCount, 6);
    assert.equal(graph.size, 4);
  });

  test('is the same whether units come one by one or all at once', () => {
    const units = ['a', 'b', 'c', 'd'].map((name, i) =>
      unit(`${name}.service`, `Requires=${'bcda'[i]}.service Wants=${'cdab'[i]}.service`),
    );
    const one = new DependencyGraph();
    for (const each of units) one.update(each);
    for (const each of units) one.update(each);
    const all = new DependencyGraph();
    all.replaceAll(units);
    assert.equal(one.edgeCount, 8);
    for (const { name } of units)
      for (const kind of ['Requires', 'RequiredBy', 'Wants', 'WantedBy'] as const)
        assert.deepEqual(others(one, name, kind).sort(), others(all, name, kind).sort());
  });

  test('follows a unit that is read anew, and one that is unloaded', () => {
    const graph = graphOf({ 'a.service': 'Requires=b.service', 'b.service': 'Wants=a.service' });
    graph.update(unit('a.service', 'BindsTo=c.service'));
    assert.deepEqual(others(graph, 'b.service', 'RequiredBy'), []);
    assert.deepEqual(others(graph, 'c.service', 'BoundBy'), ['a.service']);
    graph.remove('a.service');
    assert.equal(graph.find('c.service'), undefined, 'nobody names it any more');
    assert.equal(graph.find('a.service'), undefined, 'systemd keeps what somebody depends on');
    assert.deepEqual(others(graph, 'b.service', 'Wants'), []);
    graph.remove('b.service');
    graph.remove('b.service');
    assert.equal(graph.size, 0);
    graph.update(unit('z.service', 'Requires=y.service'));
    assert.deepEqual(others(graph, 'y.service', 'RequiredBy'), ['z.service']);
    assert.equal(graph.nodes.length, 3, 'places are used again');
  });

  test('what only the file of a new unit says of others', () => {
    const graph = graphOf({ 'a.service': '', 'b.service': 'After=c.service' });
    const reverse = { Before: ['a.service', 'b.service'], StopPropagatedFrom: ['a.service'] };
    graph.update({ ...unit('c.service'), reverse });
    assert.deepEqual(others(graph, 'a.service', 'After'), ['c.service']);
    assert.deepEqual(others(graph, 'a.service', 'PropagatesStopTo'), ['c.service']);
    assert.deepEqual(others(graph, 'b.service', 'After'), ['c.service'], 'once');
    graph.remove('c.service');
    assert.equal(graph.edgeCount, 0);
  });

  test('finds a unit by its other names', () => {
    const graph = new DependencyGraph();
    graph.replaceAll([
      { ...unit('dbus.service'), aliases: ['messagebus.service'] },
      unit('a.service', 'Requires=messagebus.service'),
    ]);
    assert.deepEqual(others(graph, 'dbus.service', 'RequiredBy'), ['a.service']);
    assert.equal(graph.find('messagebus.service'), graph.find('dbus.service'));
  });

  test('takes state changes, and answers by them', () => {
    const graph = graphOf({ 'a.service': '', 'b.service': 'BindsTo=a.service' });
    const stopped = () => impactOf(graph, 'a.service', 'stop')?.stopped.map((one) => one.unit);
    assert.deepEqual(stopped(), ['b.service']);
    graph.setState('b.service', 'inactive', 'dead');
    assert.deepEqual(stopped(), []);
    graph.setState('b.service', 'active', 'running');
    graph.setState('nobody.service', 'active', 'running');
    assert.deepEqual(stopped(), ['b.service']);
  });

  test('holds long chains, and tells the long ways in short', () => {
    const units = Array.from({ length: 2_000 }, (_, i) =>
      unit(`u${i}.service`, i === 0 ? '' : `Requires=u${i - 1}.service After=u${i - 1}.service`),
    );
    const graph = new DependencyGraph();
    graph.replaceAll(units);
    for (const on of ['stop', 'restart'] as const) {
      const found = impactOf(graph, 'u0.service', on);
      const last = found?.stopped.at(-1) ?? found?.restarted.at(-1);
      assert.equal(last?.path.length, 33);
      assert.equal(last.path.at(-1), last.unit);
      assert.equal((found?.stopped.length ?? 0) + (found?.restarted.length ?? 0), 1_999);
    }
  });
});

describe('what is told of the graph', () => {
  const graph = graphOf({
    'web.service': 'BindsTo=api.service Wants=cache.service Requires=system.slice',
    'api.service': 'Requires=db.service Requires=group.target Requires=basic.target',
    'db.service': 'Requires=disk.mount',
    'disk.mount': '',
    'cache.service': '',
    'basic.target': '',
    'group.target': 'Wants=unrelated.service',
    'unrelated.service': '',
    'system.slice': '',
    'monitor.service': 'Wants=web.service',
  });

  test('the chain above: nearest first, needs before wants, without what is everywhere', () => {
    assert.deepEqual(chainAbove(graph, 'web.service', 3), [
      'api.service',
      'cache.service',
      'db.service',
      'group.target',
      'disk.mount',
    ]);
    assert.deepEqual(chainAbove(graph, 'web.service', 1), ['api.service', 'cache.service']);
    assert.deepEqual(chainAbove(graph, 'web.service', 0), []);
    assert.deepEqual(chainAbove(graph, 'nobody.service', 3), []);
  });

  test('who suffers: all are counted, the near ones named', () => {
    const impact = impactOf(graph, 'disk.mount', 'stop') ?? assert.fail();
    assert.deepEqual(affectsOf(impact, 2), {
      hard: { count: 3, names: ['db.service', 'api.service'] },
      soft: { count: 1, names: [] },
    });
    assert.deepEqual(affectsOf(impact, 4).soft, { count: 1, names: ['monitor.service'] });
  });

  test('containers and pods, by the names of what holds them', () => {
    const id = '0123456789abcdef'.repeat(4);
    const pod = 'kubepods-burstable-pod8c5f0f2a_11d1_4b1e_9f35_0a7d6a1b2c3d.slice';
    const host = graphOf({
      'docker.service': '',
      [`docker-${id}.scope`]: '',
      'kubelet.service': '',
      [pod]: '',
      [`cri-containerd-${id}.scope`]: '',
      'session-1.scope': '',
    });
    assert.deepEqual(containersOf(host, 'docker.service'), [
      { unit: `docker-${id}.scope`, kind: 'container', id: '0123456789ab' },
    ]);
    assert.deepEqual(containersOf(host, 'kubelet.service'), [
      { unit: `cri-containerd-${id}.scope`, kind: 'container', id: '0123456789ab' },
      { unit: pod, kind: 'pod', id: '8c5f0f2a-11d1-4b1e-9f35-0a7d6a1b2c3d' },
    ]);
    assert.deepEqual(containersOf(host, 'sshd.service'), []);
  });

  test('versions are read out of what systemd calls itself', () => {
    assert.equal(majorVersion('252.38-1~deb12u1'), 252);
    assert.equal(majorVersion('systemd 257 (257.13-1~deb13u1)'), 257);
    assert.equal(majorVersion('unknown'), 0);
    assert.equal(rulesOf(252).restartIsStart, false);
    assert.equal(rulesOf(0).restartIsStart, true);
    assert.deepEqual(
      [253, 254].map((v) => rulesOf(v).restartStopsPropagated),
      [true, true],
    );
  });
});
