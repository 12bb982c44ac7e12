import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Dependencies } from '../../src/dependencies.ts';
import type { CheckView } from '../../src/model/check.ts';
import type { Draft } from '../../src/model/event.ts';
import type { Transition } from '../../src/model/transition.ts';
import { type ActiveState, newUnitState } from '../../src/model/unit.ts';
import { type UnitTable, unit } from './units.ts';

interface Case {
  readonly name: string;
  readonly given: UnitTable;
  /**
   * What is heard: `a failed`, `a exited`, `a stopped`: an event, then its state; `a job`: a job
   * appears; `a up`; `a going`: it is told to stop; `wait 40`: seconds.
   */
  readonly heard: readonly string[];
  /** Who is told as consequence of whom: `b<-a`; and who began it: `a`. */
  readonly want: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: 'one crash takes two with it',
    given: { a: '', b: 'BindsTo=a', c: 'Requires=b' },
    heard: ['a failed', 'c stopped', 'b stopped'],
    want: ['a', 'c<-a', 'b<-a'],
  },
  {
    name: 'two crashes that have nothing to do with each other',
    given: { a: '', b: '', c: 'BindsTo=b' },
    heard: ['a failed', 'b failed', 'c stopped'],
    want: ['a', 'b', 'c<-b'],
  },
  {
    name: 'who crashed before what it needs was not its consequence',
    given: { a: '', b: 'Requires=a' },
    heard: ['b failed', 'a failed'],
    want: ['b', 'a'],
  },
  {
    name: 'who fails soon after what it needs is its consequence',
    given: { a: '', b: 'Requires=a', c: 'BindsTo=b' },
    heard: ['a failed', 'wait 5', 'b failed', 'c stopped'],
    want: ['a', 'b<-a', 'c<-a'],
  },
  {
    name: 'who fails long after it is not',
    given: { a: '', b: 'Requires=a' },
    heard: ['a failed', 'wait 40', 'b failed'],
    want: ['a', 'b'],
  },
  {
    name: 'who is told to stop goes down last and began it all the same',
    given: { a: '', b: 'Requires=a After=a', c: 'Requires=b After=b' },
    heard: ['c job', 'b job', 'a job', 'c stopped', 'b stopped', 'a stopped'],
    want: ['c<-a', 'b<-a', 'a'],
  },
  {
    name: 'a job that stops nothing makes nobody a consequence',
    given: { a: '', b: 'Requires=a' },
    heard: ['a job', 'a up', 'b failed', 'b up', 'a job', 'a up', 'wait 1', 'b stopped'],
    want: ['b', 'b'],
  },
  {
    name: 'in a circle it was the one that crashed, whoever is heard of first',
    given: { a: 'BindsTo=b', b: 'BindsTo=a', c: 'BindsTo=a' },
    heard: ['a job', 'b failed', 'c stopped', 'a stopped'],
    want: ['b', 'c<-b', 'a<-b'],
  },
  {
    name: 'who was taken along and is up again stands for itself',
    given: { a: '', b: 'BindsTo=a' },
    heard: ['a failed', 'b stopped', 'a up', 'b up', 'wait 10', 'b failed'],
    want: ['a', 'b<-a', 'b'],
  },
  {
    name: 'what is not needed any more',
    given: { a: 'Wants=b', b: 'StopWhenUnneeded=yes', c: '' },
    heard: ['a failed', 'b stopped', 'c stopped'],
    want: ['a', 'b<-a', 'c'],
  },
  {
    name: 'what conflicts with that which a failure starts',
    given: { a: 'OnFailure=b', b: 'Conflicts=c down', c: '', d: 'PartOf=c' },
    heard: ['a failed', 'c stopped', 'd stopped'],
    want: ['a', 'c<-a', 'd<-a'],
  },
  {
    name: 'who is started while what it needs is down stands for itself',
    given: { a: '', b: 'Requires=a down' },
    heard: ['a failed', 'b starting', 'b up', 'wait 5', 'b failed'],
    want: ['a', 'b'],
  },
  {
    name: 'who is started again by Restart= while what it needs is down does not',
    given: { a: '', b: 'Requires=a Restart=always' },
    heard: ['a failed', 'wait 1', 'b exited', 'b up', 'wait 1', 'b exited'],
    want: ['a', 'b<-a', 'b<-a'],
  },
  {
    name: 'the restart of a unit restarts others',
    given: { a: 'Restart=always', b: 'Requires=a', c: 'PartOf=b' },
    heard: ['a exited', 'wait 1', 'b job', 'b stopped', 'c stopped'],
    want: ['a', 'b<-a', 'c<-a'],
  },
  {
    name: 'a unit that the graph does not know stands for itself',
    given: { a: '' },
    heard: ['gone failed', 'a failed'],
    want: ['gone', 'a'],
  },
];

class Story {
  nowUs = 1e9;
  /** What looking at the clock takes. */
  private lookUs = 0;
  readonly drafts: Draft[] = [];
  readonly dependencies: Dependencies;

  constructor(units: UnitTable) {
    // Foretelling takes no time by this clock, see `withoutTime`.
    const look = () => (this.nowUs += this.lookUs);
    const clock = { realtimeUs: look, monotonicUs: look };
    this.dependencies = new Dependencies({
      config: { track_dependencies: true, dependency_depth: 3 },
      clock,
      follows: () => true,
      onDraft: (draft) => this.drafts.push(draft),
      log: { warn: (_fields, message) => assert.fail(message) },
    });
    this.dependencies.begin('257');
    for (const [name, words] of Object.entries(units)) this.dependencies.unit(unit(name, words));
    this.dependencies.end();
  }

  /** Has foretelling take so long once that there is no more time for it for an hour. */
  withoutTime(): this {
    this.dependencies.unit(unit('slow.service'));
    this.lookUs = 10e6;
    this.hear('slow failed');
    this.lookUs = 0;
    this.drafts.length = 0;
    return this;
  }

  hear(line: string): void {
    const [name = '', what = ''] = line.split(' ');
    this.nowUs += 1_000;
    if (name === 'wait') this.nowUs += Number(what) * 1e6;
    else {
      if (['failed', 'exited', 'stopped'].includes(what))
        this.drafts.push(this.dependencies.explained(end(`${name}.service`, what)));
      this.dependencies.changed(`${name}.service`, state(what, this.nowUs));
    }
  }
}

function end(service: string, kind: string): Draft {
  const type = kind === 'stopped' ? 'stopped' : kind === 'exited' ? 'exited' : 'failed';
  const result = { active_state: '', sub_state: '', n_restarts: 0, result: '' };
  const data = { ...result, reason: 'signal' } as const;
  return { time: '', service, severity: 'error', event_type: type, data };
}

const activeStates: Readonly<Record<string, ActiveState>> = {
  failed: 'failed',
  exited: 'activating',
  stopped: 'inactive',
  going: 'deactivating',
  starting: 'activating',
};

function state(what: string, nowUs: number) {
  return {
    ...newUnitState(),
    activeState: activeStates[what] ?? 'active',
    subState: what === 'exited' ? 'auto-restart' : what,
    jobId: what === 'job' ? 7 : 0,
    endJobId: what === 'stopped' ? 7 : 0,
    stateChangeUs: nowUs,
  };
}

function serviceNames(units: UnitTable): UnitTable {
  const named = ([name, words]: [string, string]) => [
    `${name}.service`,
    words.replace(/=(\w)\b/g, '=$1.service'),
  ];
  return Object.fromEntries(Object.entries(units).map(named));
}

function whoBegan(story: Story, heard: readonly string[]): string[] {
  for (const line of heard) story.hear(line);
  return story.drafts.map(({ service, caused_by }) =>
    [service, caused_by].filter(Boolean).join('<-').replaceAll('.service', ''),
  );
}

describe('when several fail together', () => {
  for (const { name, given, heard, want } of cases) {
    test(name, () => {
      assert.deepEqual(whoBegan(new Story(serviceNames(given)), heard), want);
    });
    test(`${name}, without time for foretelling`, () => {
      const story = new Story(serviceNames(given)).withoutTime();
      assert.deepEqual(whoBegan(story, heard), want);
      for (const draft of story.drafts) assert.equal(draft.affects, undefined);
    });
  }

  test('a unit that was unloaded and is up again when it is read stands for itself', () => {
    const story = new Story(serviceNames({ a: '', b: 'BindsTo=a' }));
    for (const line of ['a stopped', 'b stopped']) story.hear(line);
    story.dependencies.removed('b.service');
    story.dependencies.unit(unit('b.service', 'BindsTo=a.service'));
    story.hear('wait 10');
    assert.deepEqual(whoBegan(story, ['b failed']), ['a', 'b<-a', 'b']);
  });

  test('the root lists what it takes along, its consequences do not', () => {
    const story = new Story(serviceNames({ a: '', b: 'BindsTo=a', c: 'Wants=a' }));
    for (const line of ['a failed', 'b stopped']) story.hear(line);
    const [root, consequence] = story.drafts;
    assert.deepEqual(root?.affects, {
      hard: { count: 1, names: ['b.service'] },
      soft: { count: 1, names: ['c.service'] },
    });
    assert.equal(consequence?.affects, undefined);
    assert.deepEqual(consequence?.depends_on, ['a.service']);
  });

  test('detectors see no crash and no restart in a consequence', () => {
    const story = new Story(serviceNames({ a: '', b: 'BindsTo=a' }));
    const happened = (kind: Transition['kind']): Transition => ({
      ...{ kind, unit: 'b.service', timeUs: 1, count: 1, inferred: false, resync: false },
      ...{ invocation: '', pid: 1, nRestarts: 0 },
      ending: { reason: 'exit-code', result: 'exit-code', coreDump: false },
    });
    const own = happened('failed');
    assert.equal(story.dependencies.ownStory(own), own);
    story.hear('a failed');
    assert.equal(story.dependencies.ownStory(happened('failed'))?.kind, 'stopped');
    assert.equal(story.dependencies.ownStory(happened('failed'))?.ending?.reason, 'clean');
    assert.equal(story.dependencies.ownStory(happened('restarted'))?.kind, 'started');
    assert.equal(story.dependencies.ownStory(happened('restarting')), undefined);
  });

  test('a start that is given up names the unit that failed', () => {
    const story = new Story(serviceNames({ a: 'failed', b: 'Requires=a down' }));
    for (const [name, result] of [
      ['x', 'done'],
      ['a', 'failed'],
      ['b', 'dependency'],
      ['c', 'dependency'],
    ] as const)
      story.dependencies.jobRemoved(`${name}.service`, result);
    assert.deepEqual(
      story.drafts.map(({ service, caused_by }) => [service, caused_by]),
      [
        ['b.service', 'a.service'],
        ['c.service', 'a.service'],
      ],
    );
  });

  test('checks suffer with what they depend on', () => {
    const story = new Story(serviceNames({ a: '' }));
    const check = (name: string, dependsOn: readonly string[]): CheckView => ({
      ...{ name, kind: 'tcp', state: 'up', sinceUs: 0, checkedUs: 0, durationUs: 0, reason: '' },
      ...{ dependsOn, outage: false },
    });
    story.dependencies.updateChecks([check('port', ['a']), check('page', ['port'])]);
    story.hear('a failed');
    const names = story.drafts[0]?.affects;
    assert.deepEqual(names, {
      hard: { count: 0, names: [] },
      soft: { count: 1, names: ['check:port'] },
    });
    story.hear('a up');
    story.dependencies.updateChecks([]);
    story.hear('a failed');
    assert.deepEqual(story.drafts[1]?.affects, {
      hard: { count: 0, names: [] },
      soft: { count: 0, names: [] },
    });
  });
});
