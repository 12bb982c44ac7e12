import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Impact, impactOf, type Trigger } from '../../src/deps/impact.ts';
import { graphOf, type UnitTable } from './units.ts';

interface Case {
  readonly name: string;
  readonly given: UnitTable;
  readonly on: Trigger;
  /** Space-separated names, without `.service`. Default: none. */
  readonly stopped?: string;
  readonly restarted?: string;
  readonly degraded?: string;
  readonly blocked?: string;
  /** Where the two versions differ: what 252 does. */
  readonly in252?: { readonly stopped?: string; readonly restarted?: string };
}

/** What happens to `a.service` is asked. */
const cases: readonly Case[] = [
  {
    name: 'Requires= is stopped along, and what requires that',
    given: { a: '', b: 'Requires=a', c: 'Requires=b', d: 'Wants=a' },
    on: 'stop',
    stopped: 'b c',
    degraded: 'd',
  },
  {
    name: 'Requires= stays up when a crashes, and has lost it',
    given: { a: '', b: 'Requires=a After=a' },
    on: 'crash',
    degraded: 'b',
  },
  {
    name: 'BindsTo= goes down when a crashes, and takes along what requires it',
    given: { a: '', b: 'BindsTo=a', c: 'Requires=b', d: 'PartOf=b' },
    on: 'crash',
    stopped: 'b c d',
  },
  {
    name: 'an automatic restart restarts who requires it, but BindsTo= was stopped before',
    given: { a: 'Restart=always', b: 'Requires=a After=a', c: 'BindsTo=a After=a' },
    on: 'crash',
    restarted: 'b',
    stopped: 'c',
  },
  {
    name: 'RestartMode=direct restarts nobody else',
    given: { a: 'Restart=always RestartMode=direct', b: 'Requires=a After=a', c: 'BindsTo=a' },
    on: 'crash',
    in252: { restarted: 'b', stopped: 'c' },
  },
  {
    name: 'on-success does not follow a crash',
    given: { a: 'Restart=on-success', b: 'Requires=a' },
    on: 'crash',
    degraded: 'b',
  },
  {
    name: 'a restart restarts who is up, not who is down',
    given: { a: '', b: 'Requires=a After=a', c: 'Requires=a down', d: 'PartOf=a', e: 'BindsTo=a' },
    on: 'restart',
    restarted: 'b d e',
  },
  {
    name: 'who requires what is down is not stopped through it',
    given: { a: '', b: 'Requires=a failed', c: 'Requires=b' },
    on: 'stop',
  },
  {
    name: 'a circle of requirements goes down together',
    given: { a: 'Requires=c', b: 'Requires=a', c: 'Requires=b' },
    on: 'stop',
    stopped: 'b c',
  },
  {
    name: 'an ordering in a circle makes systemd refuse',
    given: { a: '', b: 'Requires=a After=c', c: 'Requires=a After=b' },
    on: 'stop',
  },
  {
    name: 'PropagatesStopTo= of the unit itself',
    given: { a: 'PropagatesStopTo=b', b: '' },
    on: 'stop',
    stopped: 'b',
  },
  {
    name: 'PropagatesStopTo= at a restart',
    given: { a: 'PropagatesStopTo=b', b: '' },
    on: 'restart',
    stopped: 'b',
    in252: {},
  },
  {
    name: 'PropagatesStopTo= of a unit that is stopped along',
    given: { a: '', b: 'Requires=a PropagatesStopTo=c', c: '' },
    on: 'stop',
    stopped: 'b',
    in252: { stopped: 'b c' },
  },
  {
    name: 'PropagatesStopTo= at a restart that also wants the other one',
    given: { a: 'PropagatesStopTo=b Wants=b', b: '' },
    on: 'restart',
    restarted: 'b',
    in252: {},
  },
  {
    name: 'StopWhenUnneeded= goes with its last user',
    given: {
      a: 'Wants=b Wants=c',
      b: 'StopWhenUnneeded=yes',
      c: 'StopWhenUnneeded=yes',
      d: 'Wants=c',
    },
    on: 'stop',
    stopped: 'b',
  },
  {
    name: 'Upholds= starts again what was stopped along',
    given: { a: '', b: 'PartOf=a', c: 'Upholds=b' },
    on: 'stop',
    restarted: 'b',
  },
  {
    name: 'OnFailure= starts what conflicts with another',
    given: { a: 'OnFailure=b', b: 'Conflicts=c down', c: '' },
    on: 'crash',
    stopped: 'c',
  },
  {
    name: 'OnFailure= where Restart= follows',
    given: { a: 'OnFailure=b Restart=always', b: 'Conflicts=c down', c: '' },
    on: 'crash',
    stopped: 'c',
    in252: {},
  },
  {
    name: 'OnSuccess= is for what stops well',
    given: { a: 'OnSuccess=b', b: 'Conflicts=c down', c: '' },
    on: 'stop',
    stopped: 'c',
  },
  {
    name: 'Requisite= cannot be started again, nor who needs that; Requires= can',
    given: {
      a: '',
      b: 'Requisite=a',
      c: 'Requires=b down',
      d: 'Requires=a down',
      e: 'Requisite=a Wants=a',
    },
    on: 'stop',
    stopped: 'b e',
    blocked: 'b c',
  },
  {
    name: 'a socket cannot be opened again while its service runs',
    given: { 'a.socket': 'Triggers=b', b: '' },
    on: 'restart',
    degraded: 'b',
  },
  {
    name: 'a slice takes along what is in it',
    given: { 'a.slice': '', b: 'Requires=a.slice', 'c.target': 'Wants=b' },
    on: 'stop',
    stopped: 'b',
    degraded: 'c.target',
  },
  {
    name: 'what has no process cannot be killed',
    given: { a: 'exited Type=oneshot RemainAfterExit=yes', b: 'BindsTo=a' },
    on: 'crash',
  },
  {
    name: 'a oneshot is run again',
    given: { a: '', b: 'exited Type=oneshot RemainAfterExit=yes Requires=a After=a' },
    on: 'restart',
    restarted: 'b',
  },
];

describe('the impact of what happens to a unit', () => {
  for (const given of cases)
    for (const version of [252, 257])
      test(`${given.name} (systemd ${version}, ${given.on})`, () => {
        const found = ask(given, version);
        const old = version === 252 ? given.in252 : undefined;
        const want = old ?? given;
        assert.deepEqual(names(found.stopped), sorted(want.stopped), 'stopped');
        assert.deepEqual(names(found.restarted), sorted(want.restarted), 'restarted');
        if (old === undefined) {
          assert.deepEqual(names(found.degraded), sorted(given.degraded), 'degraded');
          assert.deepEqual(names(found.blocked), sorted(given.blocked), 'blocked');
        }
      });

  test('each names the shortest way that led there', () => {
    const given = { a: 'PropagatesStopTo=d', b: 'Requires=a', c: 'BindsTo=b', d: 'Requires=c' };
    const found = ask({ name: '', given, on: 'stop' }, 252);
    const ways = found.stopped.map(({ path, kinds }) => [path.join(' '), kinds.join(' ')]);
    assert.deepEqual(ways, [
      ['a.service b.service', 'RequiredBy'],
      ['a.service d.service', 'PropagatesStopTo'],
      ['a.service b.service c.service', 'RequiredBy BoundBy'],
    ]);
  });

  test('what systemd would refuse is said', () => {
    const refused = (words: string, more: UnitTable = {}) =>
      ask({ name: '', given: { a: words, ...more }, on: 'stop' }, 257).refused ?? '';
    assert.match(refused('RefuseManualStop=yes'), /refuses to be stopped/);
    assert.match(refused('Perpetual=yes'), /a\.service cannot be stopped/);
    assert.match(refused('', { b: 'Requires=a After=c', c: 'Requires=a After=b' }), /circle/);
    assert.equal(refused(''), '');
  });

  test('RestartMode=direct restarted dependants before systemd 257, but stopped nobody', () => {
    const given = {
      a: 'Restart=always RestartMode=direct',
      b: 'Requires=a After=a',
      c: 'BindsTo=a',
    };
    const found = ask({ name: '', given, on: 'crash' }, 256);
    assert.deepEqual([names(found.stopped), names(found.restarted)], [[], ['b', 'c']]);
  });

  test('contradictory settings are chance, and said to be', () => {
    const given = { a: '', b: 'Requires=a Wants=c', c: 'Conflicts=b' };
    assert.equal(ask({ name: '', given, on: 'restart' }, 257).chance, true);
  });

  test('whether what nobody needs is stopped again is chance where a start may still be under way', () => {
    const given = {
      a: '',
      b: 'Requires=a After=a After=d StopWhenUnneeded=yes',
      c: 'PartOf=b Type=exec',
      d: 'PartOf=b After=e',
      e: '',
      f: 'Requires=b down',
    };
    assert.equal(ask({ name: '', given, on: 'restart' }, 252).chance, true);
  });

  test('chance may lie with any of several contradictions', () => {
    const given = {
      a: 'Wants=b',
      b: 'BindsTo=c',
      c: 'Requires=d',
      d: 'Conflicts=a PropagatesStopTo=e',
      e: 'BindsTo=a',
    };
    assert.equal(ask({ name: '', given, on: 'restart' }, 257).chance, true);
  });

  test('units that start each other for ever do not keep us', () => {
    const given = {
      a: 'OnFailure=b',
      b: 'Requires=c down',
      c: 'BindsTo=d After=d down',
      d: 'down',
    };
    const found = ask({ name: '', given, on: 'crash' }, 257);
    assert.deepEqual(found.stopped, []);
  });

  test('a unit that nobody knows has none', () => {
    assert.equal(impactOf(graphOf({}), 'a.service', 'stop'), undefined);
  });
});

function ask({ given, on }: Case, version: number): Impact {
  const graph = graphOf(spelledOut(given), version);
  const root = Object.keys(spelledOut(given))[0] ?? '';
  const found = impactOf(graph, root, on);
  assert.ok(found);
  return found;
}

/** `a` is `a.service`. */
function spelledOut(units: UnitTable): UnitTable {
  const full = (name: string) => (name.includes('.') ? name : `${name}.service`);
  return Object.fromEntries(
    Object.entries(units).map(([name, words]) => [
      full(name),
      words.replace(
        /\b(Requires|BindsTo|Wants|Upholds|Requisite|Conflicts|PropagatesStopTo|After|OnFailure|OnSuccess|Triggers|PartOf)=([\w.]+)/g,
        (_, kind: string, other: string) => `${kind}=${full(other)}`,
      ),
    ]),
  );
}

function names(list: readonly { readonly unit: string }[]): string[] {
  return list.map(({ unit }) => unit.replace('.service', '')).sort();
}

function sorted(text = ''): string[] {
  return text.split(' ').filter(Boolean).sort();
}
