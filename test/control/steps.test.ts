import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DependencyOrder } from '../../src/checks/process/dependencies.ts';
import { harmOf } from '../../src/control/harm.ts';
import {
  type Hands,
  hasWorked,
  type Stepped,
  sentenceOf,
  stepsOf,
  takeSteps,
} from '../../src/control/steps.ts';
import { componentNamed, nameOf, type Target, unitOf } from '../../src/control/target.ts';
import { controlUnit } from '../../src/control/unit.ts';
import { type Component, defaultComponent } from '../../src/model/platform.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import type { JobEnd, UnitVerb } from '../../src/model/unit-control.ts';

/** bottom ← middle, side ← top; `server` is a unit. */
const components: readonly Component[] = [
  { ...defaultComponent, name: 'top', dependsOn: ['middle', 'side'] },
  { ...defaultComponent, name: 'middle', dependsOn: ['bottom'] },
  { ...defaultComponent, name: 'side', dependsOn: ['bottom'] },
  { ...defaultComponent, name: 'bottom' },
  { ...defaultComponent, name: 'server', unit: 'server', dependsOn: ['bottom'] },
];
const order = new DependencyOrder(components);
const world = {
  component: (name: string) => components.find((one) => one.name === name),
  startOrder: (name: string) => order.startOrder(name),
  stopOrder: (name: string) => order.stopOrder(name),
};

function component(name: string): Target {
  const found = componentNamed(components, name);
  assert.ok(found);
  return { kind: 'component', component: found };
}

const orders: readonly [verb: UnitVerb, target: Target, all: boolean, want: string[]][] = [
  ['start', component('top'), false, ['start bottom', 'start middle', 'start side', 'start top']],
  ['start', component('server'), false, ['start bottom', 'start server']],
  ['start', { kind: 'unit', unit: 'web.service' }, false, ['start web.service']],
  ['stop', component('bottom'), false, ['stop bottom']],
  ['stop', component('middle'), true, ['stop top', 'stop middle']],
  ['stop', { kind: 'unit', unit: 'web.service' }, true, ['stop web.service']],
  ['restart', component('middle'), false, ['stop middle', 'start bottom', 'start middle']],
  ['restart', component('server'), false, ['restart server']],
  ['restart', { kind: 'unit', unit: 'web.service' }, false, ['restart web.service']],
];
for (const [verb, target, all, want] of orders) {
  test(`the steps of ${verb} ${nameOf(target)}${all ? ', and all that depends on it' : ''}`, () => {
    const steps = stepsOf({ verb, target, all }, world);
    assert.deepEqual(
      steps.map((step) => `${step.verb} ${nameOf(step.what)}`),
      want,
    );
  });
}

test('stopping all that depends on something ends with itself, and with each before what it needs', () => {
  const steps = stepsOf({ verb: 'stop', target: component('bottom'), all: true }, world);
  const names = steps.map(({ what }) => nameOf(what));
  assert.equal(names.at(-1), 'bottom');
  assert.equal(new Set(names).size, 5);
  for (const one of components)
    for (const needed of one.dependsOn)
      assert.ok(names.indexOf(one.name) < names.indexOf(needed), `${one.name} before ${needed}`);
});

test('a name in any case, where only one is meant', () => {
  const twins = [
    { ...defaultComponent, name: 'Twin' },
    { ...defaultComponent, name: 'twin' },
  ];
  assert.equal(componentNamed(components, 'TOP')?.name, 'top');
  assert.equal(componentNamed(twins, 'twin')?.name, 'twin');
  assert.equal(componentNamed(twins, 'TWIN'), undefined);
  assert.equal(unitOf(component('server')), 'server.service');
  assert.equal(unitOf(component('top')), undefined);
});

const ok: Stepped = { outcome: 'ok', words: 'runs', output: [] };

/** Hands that note what they do; `fails` does not work. */
function hands(fails = ''): Hands & { readonly log: string[] } {
  const log: string[] = [];
  const act = async (what: string): Promise<Stepped> => {
    log.push(what);
    return what.endsWith(` ${fails}`)
      ? { outcome: 'failed', words: 'its start command ended with status 3', output: ['a', 'b'] }
      : ok;
  };
  return {
    log,
    unit: (verb, unit) => act(`${verb} unit ${unit}`),
    startComponent: ({ name }) => act(`start ${name}`),
    stopComponent: ({ name }) => act(`stop ${name}`),
  };
}

test('steps are taken one after the other; a unit is asked for by its own name', async () => {
  const one = hands();
  const wish = { verb: 'start' as const, target: component('server'), all: false };
  const heard: string[] = [];
  const taken = await takeSteps(stepsOf(wish, world), one, async (step, ended) => {
    heard.push(`${step.verb} ${nameOf(step.what)}`);
    assert.equal(one.log.length, heard.length, 'none before the one before it has ended');
    await ended;
  });
  assert.deepEqual(one.log, ['start bottom', 'start unit server.service']);
  assert.deepEqual(heard, ['start bottom', 'start server']);
  assert.equal(taken.ok, true);
  assert.equal(sentenceOf(wish, taken), 'server was started.');
});

test('what was to do already is said as it is', () => {
  const wish = { verb: 'start' as const, target: component('bottom'), all: false };
  const skipped: Stepped = { outcome: 'skipped', words: 'already runs', output: [] };
  const [step] = stepsOf(wish, world);
  assert.ok(step);
  const taken = { ok: true, steps: [{ ...step, ...skipped }] };
  assert.equal(sentenceOf(wish, taken), 'bottom already runs.');
});

test('nothing is begun after a step that failed, and the sentence names it and what it wrote', async () => {
  const one = hands('middle');
  const wish = { verb: 'start' as const, target: component('top'), all: false };
  const taken = await takeSteps(stepsOf(wish, world), one, async () => {});
  assert.deepEqual(one.log, ['start bottom', 'start middle']);
  assert.equal(taken.ok, false);
  assert.equal(
    sentenceOf(wish, taken),
    'top was not started: middle, on which it depends: its start command ended with status 3. It wrote: a / b',
  );
});

test('who leaves is told at once, nothing more is begun, and what was begun ends by itself', async () => {
  const leaving = new AbortController();
  let end: (stepped: Stepped) => void = () => {};
  const one = {
    ...hands(),
    startComponent: () => new Promise<Stepped>((resolve) => (end = resolve)),
  };
  const wish = { verb: 'start' as const, target: component('top'), all: false };
  const work = takeSteps(stepsOf(wish, world), one, async () => {}, leaving.signal);
  leaving.abort();
  const taken = await work;
  assert.equal(taken.ok, false);
  assert.deepEqual(
    taken.steps.map(({ outcome, words }) => [outcome, words]),
    [['lost', 'not waited for any longer; what was begun goes on']],
  );
  end(ok);
  const none = await takeSteps(stepsOf(wish, world), one, async () => {}, leaving.signal);
  assert.deepEqual(none, { ok: false, steps: [] });
  assert.equal(sentenceOf(wish, none), 'top was not started.');
});

const up: Partial<UnitState> = { activeState: 'active', subState: 'running' };
const down: Partial<UnitState> = { activeState: 'inactive', subState: 'dead' };
const failed: Partial<UnitState> = { activeState: 'failed', result: 'exit-code' };
const waits: Partial<UnitState> = { activeState: 'activating', subState: 'auto-restart' };

const units: readonly {
  name: string;
  verb: UnitVerb;
  before: Partial<UnitState>;
  job?: JobEnd;
  after?: Partial<UnitState>;
  want: string;
}[] = [
  { name: 'runs already', verb: 'start', before: up, want: 'skipped: already runs' },
  { name: 'runs', verb: 'start', before: down, after: up, want: 'ok: runs' },
  { name: 'runs after a failure', verb: 'start', before: failed, after: up, want: 'ok: runs' },
  {
    name: 'ends well at once',
    verb: 'start',
    before: down,
    after: down,
    want: 'ok: has run, and has ended well',
  },
  {
    name: 'ends badly at once',
    verb: 'start',
    before: down,
    after: failed,
    want: 'failed: it ended at once (exit-code)',
  },
  {
    name: 'is to be restarted at once',
    verb: 'restart',
    before: up,
    after: { ...waits, result: 'signal' },
    want: 'failed: it ended at once (signal)',
  },
  { name: 'does not run', verb: 'stop', before: down, want: 'skipped: does not run' },
  { name: 'has failed', verb: 'stop', before: failed, want: 'skipped: does not run' },
  { name: 'waits for its restart', verb: 'stop', before: waits, after: down, want: 'ok: stopped' },
  { name: 'runs', verb: 'stop', before: up, after: down, want: 'ok: stopped' },
  { name: 'runs', verb: 'restart', before: up, after: up, want: 'ok: runs' },
  {
    name: 'may not be started',
    verb: 'start',
    before: down,
    job: { result: 'refused', reason: 'systemd does not permit this user to start it.' },
    want: 'refused: systemd does not permit this user to start it.',
  },
  {
    name: 'takes too long',
    verb: 'start',
    before: down,
    job: { result: 'late', reason: '' },
    want: 'timeout: its job ended with "late"',
  },
  {
    name: 'cannot start what it needs',
    verb: 'start',
    before: down,
    job: { result: 'dependency', reason: 'A dependency failed.' },
    want: 'failed: A dependency failed.',
  },
  {
    name: 'is asked for when the bus goes',
    verb: 'stop',
    before: up,
    job: { result: 'lost', reason: 'The bus is lost.' },
    want: 'lost: The bus is lost.',
  },
];
for (const { name, verb, before, after = before, job, want } of units) {
  test(`${verb} of a unit that ${name}`, async () => {
    let asked = '';
    const statuses = [before, after].map((state) => ({
      loadState: 'loaded',
      state: { ...newUnitState(), ...state },
    }));
    const act = (what: UnitVerb) => async (unit: string, limitMs: number) => {
      asked = `${what} ${unit} ${limitMs}`;
      return job ?? { result: 'done' as const, reason: '' };
    };
    const hands = {
      status: async () => statuses.shift(),
      startUnit: act('start'),
      stopUnit: act('stop'),
      restartUnit: act('restart'),
    };
    const stepped = await controlUnit(verb, 'web.service', 7_000, hands, async () => {});
    assert.equal(`${stepped.outcome}: ${stepped.words}`, want);
    assert.equal(asked, stepped.outcome === 'skipped' ? '' : `${verb} web.service 7000`);
    assert.equal(hasWorked(stepped), /^(ok|skipped)/.test(want));
  });
}

test('a unit that nobody can be asked about after its job is lost', async () => {
  const statuses = [{ loadState: 'loaded', state: { ...newUnitState(), ...down } }];
  const act = async () => ({ result: 'done' as const, reason: '' });
  const status = async () => statuses.shift();
  const hands = { status, startUnit: act, stopUnit: act, restartUnit: act };
  const stepped = await controlUnit('start', 'web.service', 7_000, hands, async () => {});
  assert.equal(stepped.outcome, 'lost');
  assert.match(stepped.words, /could not be asked/);
  assert.equal(hasWorked(stepped), false);
});

test('a program that ends a moment after its job was done does not run', async () => {
  let state = down;
  let sinceMs = 0;
  const act = async () => {
    state = up;
    return { result: 'done' as const, reason: '' };
  };
  const status = async () => ({ loadState: 'loaded', state: { ...newUnitState(), ...state } });
  const hands = { status, startUnit: act, stopUnit: act, restartUnit: act };
  const stepped = await controlUnit('start', 'web.service', 7_000, hands, async (ms) => {
    sinceMs += ms;
    if (sinceMs > 50) state = failed;
  });
  assert.equal(`${stepped.outcome}: ${stepped.words}`, 'failed: it ended at once (exit-code)');
});

test('who suffers: components first, then units, those with the longest way first, each once', () => {
  const reached = (unit: string, length: number) => ({ unit, path: Array(length).fill('x') });
  const all = {
    stopped: [reached('api.service', 1), reached('web.service', 2)],
    restarted: [reached('again.service', 1)],
    degraded: [reached('far.service', 3), reached('api.service', 1)],
  };
  assert.deepEqual(harmOf(['reader'], 'stop', all).names, [
    ...['reader', 'far.service', 'web.service', 'api.service'],
  ]);
  assert.deepEqual(harmOf([], 'restart', all).names, [
    ...['far.service', 'web.service', 'api.service', 'again.service'],
  ]);
  assert.deepEqual(harmOf(['reader'], 'stop', { wrong: 'no bus' }), {
    names: ['reader'],
    doubt: 'no bus',
  });
  assert.deepEqual(harmOf(['reader'], 'stop', undefined), { names: ['reader'], doubt: '' });
});
