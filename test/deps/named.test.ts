import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { toldImpact } from '../../src/deps/answers.ts';
import type { DependencyGraph } from '../../src/deps/graph.ts';
import type { Trigger } from '../../src/deps/impact.ts';
import { invocationId, type UnitState } from '../../src/model/unit.ts';
import { idleUnit, prepareForBeds } from '../bed.ts';
import { type Observer, observe } from './predicting.ts';

interface Case {
  readonly name: string;
  /** Unit files: lines of [Unit]; what is no idle service has its whole text. */
  readonly units: Readonly<Record<string, readonly string[] | string>>;
  /** Units to be up that are not brought up by the rest. */
  readonly start: readonly string[];
  /** Other names: what `systemctl enable` makes of Alias=. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly unit: string;
  readonly on: Trigger;
  readonly stopped?: readonly string[];
  readonly restarted?: readonly string[];
  readonly degraded?: readonly string[];
  readonly refused?: true;
}

const cases: readonly Case[] = [
  {
    name: 'instances of a template',
    units: { 'ta.service': [], 'tb@.service': ['BindsTo=ta.service'] },
    start: ['tb@1.service', 'tb@2.service'],
    ...{ unit: 'ta.service', on: 'stop', stopped: ['tb@1.service', 'tb@2.service'] },
  },
  {
    name: 'a unit by another of its names',
    units: { 'aa.service': [], 'ab.service': ['Requires=a-alias.service'] },
    aliases: { 'a-alias.service': 'aa.service' },
    start: ['ab.service'],
    ...{ unit: 'a-alias.service', on: 'stop', stopped: ['ab.service'] },
  },
  {
    name: 'a socket with Accept=',
    units: {
      'sa.socket': '[Socket]\nListenStream=/run/sa.sock\nAccept=yes\n',
      'sa@.service': [],
      'sb.service': ['Requires=sa.socket'],
    },
    start: ['sa.socket', 'sb.service'],
    ...{ unit: 'sa.socket', on: 'stop', stopped: ['sb.service'] },
  },
  {
    name: 'the service of a socket stays up without it',
    units: { 'sc.socket': '[Socket]\nListenStream=/run/sc.sock\n', 'sc.service': [] },
    start: ['sc.socket', 'sc.service'],
    ...{ unit: 'sc.socket', on: 'stop', degraded: ['sc.service'] },
  },
  {
    name: 'a timer',
    units: {
      'ti.timer': '[Timer]\nOnCalendar=yearly\n',
      'ti.service': [],
      'tj.service': ['BindsTo=ti.timer'],
    },
    start: ['ti.timer', 'tj.service'],
    ...{ unit: 'ti.timer', on: 'stop', stopped: ['tj.service'] },
  },
  {
    name: 'a mount',
    units: {
      'run-mounted.mount': '[Mount]\nWhat=tmpfs\nWhere=/run/mounted\nType=tmpfs\n',
      'ma.service': ['RequiresMountsFor=/run/mounted/data'],
    },
    start: ['ma.service'],
    ...{ unit: 'run-mounted.mount', on: 'stop', stopped: ['ma.service'] },
  },
  {
    name: 'what a failure starts stops another unit',
    units: {
      'fa.service': ['OnFailure=fb.service'],
      'fb.service': ['Conflicts=fc.service'],
      'fc.service': [],
    },
    start: ['fa.service', 'fc.service'],
    ...{ unit: 'fa.service', on: 'crash', stopped: ['fc.service'] },
  },
  {
    name: 'PropagatesStopTo= and a stop',
    units: { 'pa.service': ['PropagatesStopTo=pb.service'], 'pb.service': [] },
    start: ['pa.service', 'pb.service'],
    ...{ unit: 'pa.service', on: 'stop', stopped: ['pb.service'] },
  },
  {
    name: 'PropagatesStopTo= and a crash',
    units: { 'pc.service': ['PropagatesStopTo=pd.service'], 'pd.service': [] },
    start: ['pc.service', 'pd.service'],
    ...{ unit: 'pc.service', on: 'crash', stopped: ['pd.service'] },
  },
  {
    name: 'what is upheld comes up again',
    units: {
      'ua.service': ['Upholds=ub.service'],
      'ub.service': ['PartOf=uc.service'],
      'uc.service': [],
    },
    start: ['ua.service', 'uc.service'],
    ...{ unit: 'uc.service', on: 'stop', restarted: ['ub.service'] },
  },
  {
    name: 'a oneshot that has exited and counts as up',
    units: {
      'oa.service': '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n',
      'ob.service': ['BindsTo=oa.service', 'After=oa.service'],
    },
    start: ['ob.service'],
    ...{ unit: 'oa.service', on: 'restart', restarted: ['ob.service'] },
  },
  {
    name: 'a wanted unit that is masked',
    units: { 'mb.service': ['Wants=mc.service'], 'md.service': ['Requires=mb.service'] },
    aliases: { 'mc.service': '/dev/null' },
    start: ['md.service'],
    ...{ unit: 'mb.service', on: 'restart', restarted: ['md.service'] },
  },
  {
    name: 'a unit that is down already, restarted with its parts',
    units: { 'da.service': [], 'db.service': ['PartOf=da.service'] },
    start: ['db.service'],
    ...{ unit: 'da.service', on: 'restart', restarted: ['db.service'] },
  },
  {
    name: 'a unit that is down already, between others',
    units: {
      'dc.service': [],
      'dd.service': ['PartOf=dc.service'],
      'de.service': ['PartOf=dd.service'],
    },
    start: ['dc.service', 'de.service'],
    ...{ unit: 'dc.service', on: 'stop' },
  },
  {
    name: 'a crash with Restart=: who requires it is restarted, who is bound to it stays down',
    units: {
      'ra.service': ['[Service]', 'Restart=always', 'RestartSec=300ms'],
      'rb.service': ['Requires=ra.service'],
      'rc.service': ['BindsTo=ra.service', 'After=ra.service'],
    },
    start: ['rb.service', 'rc.service'],
    ...{ unit: 'ra.service', on: 'crash', stopped: ['rc.service'], restarted: ['rb.service'] },
  },
  {
    name: 'a crash: BindsTo= with After= and alone, and Requires=',
    units: {
      'ba.service': [],
      'bb.service': ['BindsTo=ba.service'],
      'bc.service': ['BindsTo=ba.service', 'After=ba.service'],
      'bd.service': ['Requires=ba.service', 'After=ba.service'],
    },
    start: ['bb.service', 'bc.service', 'bd.service'],
    ...{ unit: 'ba.service', on: 'crash', stopped: ['bb.service', 'bc.service'] },
    degraded: ['bd.service'],
  },
  {
    name: 'PartOf= and a restart',
    units: {
      'qa.target': ['Wants=qb.service qc.service'],
      'qb.service': ['PartOf=qa.target'],
      'qc.service': [],
    },
    start: ['qa.target'],
    ...{ unit: 'qa.target', on: 'restart', restarted: ['qb.service'] },
  },
  {
    name: 'RefuseManualStop=',
    units: { 'xa.service': ['RefuseManualStop=yes'], 'xb.service': ['Requires=xa.service'] },
    start: ['xb.service'],
    ...{ unit: 'xa.service', on: 'stop', refused: true },
  },
];

function fileOf(name: string, given: readonly string[] | string): string {
  if (typeof given === 'string') return given;
  const isService = name.endsWith('.service');
  if (!isService) return ['[Unit]', ...given, ''].join('\n');
  const at = given.indexOf('[Service]');
  const [unit, service] = at < 0 ? [given, []] : [given.slice(0, at), given.slice(at + 1)];
  return ['[Unit]', ...unit, idleUnit().trimEnd(), ...service, ''].join('\n');
}

const isUp = (state: UnitState | undefined) => state?.activeState === 'active';

let bed: ThrowAwaySystemd;
let observer: Observer;
let graph: DependencyGraph;
let earlier: Map<string, UnitState>;
let later: Map<string, UnitState>;

before(async () => {
  await prepareForBeds();
  bed = await bootSystemd({ journal: false });
  observer = await observe(bed);
  for (const { units, aliases = {} } of cases) {
    for (const [name, given] of Object.entries(units)) bed.writeUnit(name, fileOf(name, given));
    for (const [alias, target] of Object.entries(aliases))
      await bed.exec(['ln', '-s', target, `/run/systemd/system/${alias}`]);
  }
  await bed.systemctl('daemon-reload');
  await bed.systemctl('start', ...cases.flatMap(({ start }) => start));
  assert.deepEqual([...(await observer.quiet())], []);
  graph = await observer.graph();
  const all = [...graph.units()].map((unit) => graph.name(unit));
  earlier = await observer.states(all);
  for (const { unit, on } of cases)
    await bed.exec(
      on === 'crash'
        ? ['systemctl', 'kill', '--kill-who=main', '--signal=KILL', unit]
        : ['systemctl', '--no-block', on, unit],
    );
  assert.deepEqual([...(await observer.quiet())], []);
  later = await observer.states(all);
});
after(async () => {
  observer.close();
  await bed.stop();
});

describe('by name, on a real systemd', () => {
  for (const one of cases) {
    test(`${one.name}: ${one.on}`, () => {
      const { units, start, stopped = [], restarted = [], degraded = [] } = one;
      const told = toldImpact(graph, one.unit, one.on) ?? assert.fail('it is known');
      const named = (list: readonly { readonly unit: string }[]) => list.map((o) => o.unit).sort();
      assert.deepEqual(named(told.stopped), stopped);
      assert.deepEqual(named(told.restarted), restarted);
      assert.deepEqual(named(told.degraded), degraded);
      assert.equal(told.refused !== undefined, one.refused === true);
      // And so it came.
      const others = [...new Set([...Object.keys(units), ...start])]
        .filter((name) => name !== told.unit && isUp(earlier.get(name)))
        .sort();
      const ends = others.filter((name) => !isUp(later.get(name)));
      const runsAnew = others.filter((name) => {
        const [was, is] = [earlier.get(name), later.get(name)];
        return isUp(is) && was && is && invocationId(was) !== invocationId(is);
      });
      assert.deepEqual(ends, stopped);
      assert.deepEqual(runsAnew, restarted);
    });
  }

  test('the answer in JSON has its keys, and a way to each unit but the one that was asked for', () => {
    for (const { unit, on } of cases) {
      const told = toldImpact(graph, unit, on) ?? assert.fail('it is known');
      const read = JSON.parse(JSON.stringify(told)) as typeof told;
      assert.equal(read.on, on);
      for (const list of [read.stopped, read.restarted, read.degraded, read.blocked]) {
        for (const entry of list) {
          assert.notEqual(entry.unit, read.unit);
          assert.equal(entry.path[0], read.unit);
          assert.equal(entry.path.at(-1), entry.unit);
          assert.equal(entry.kinds.length, entry.path.length - 1);
        }
      }
    }
  });

  test('a unit that is not loaded is not known', () => {
    assert.equal(toldImpact(graph, 'nobody.service', 'stop'), undefined);
  });
});
