import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineLimits } from '../../src/restart/engine-contract.ts';
import { alarm, Bench } from './engine-bench.ts';
import { hour, second } from './simulated-world.ts';

const fail = (count: number) => Array<'failed'>(count).fill('failed');

test('the documented example: a health check fails twice, then passes', () => {
  const bench = new Bench();
  bench.health = fail(2);
  bench.poll(alarm('web'));
  bench.wait(60);
  assert.deepEqual(bench.restarts, [0, 5, 15]);
  assert.deepEqual(
    bench.endings.map((e) => [e.worked, e.attempts]),
    [[true, 3]],
  );
});

test('the documented example: waits of 5 s, 10 s and 20 s between four attempts', () => {
  const bench = new Bench({ maxAttempts: 4 });
  bench.health = fail(3);
  bench.poll(alarm('web'));
  bench.wait(60);
  assert.deepEqual(bench.restarts, [0, 5, 15, 35]);
  const waits = bench.steps.filter(({ step }) => step === 'waiting').map(({ wait_s }) => wait_s);
  assert.deepEqual(waits, [5, 10, 20]);
  assert.equal(bench.steps.at(-1)?.step, 'settled');
});

test('an alarm is repaired, settled and gone', () => {
  const bench = new Bench({ preRestartCommand: ['/bin/true'] });
  bench.poll(alarm('web'));
  assert.deepEqual(
    bench.done.map(({ what }) => what),
    ['claim', 'pre_restart_command', 'restart', 'health_check', 'settle'],
  );
  assert.deepEqual(
    bench.steps.map(({ step, outcome }) => `${step} ${outcome}`),
    ['accepted ok', 'pre_restart_command ok', 'restart ok', 'health_check ok', 'settled ok'],
  );
  bench.wait(30);
  bench.poll();
  assert.deepEqual(
    bench.events.flatMap((e) => (e.event_type === 'alarm' ? [e.data.phase] : [])),
    ['raised', 'cleared'],
  );
  assert.equal(bench.engine.view().openAlarms, 0);
});

test('the command before the restart fails: no restart', () => {
  const bench = new Bench({ preRestartCommand: ['/bin/false'], maxAttempts: 2 });
  bench.preRestart = 'failed';
  bench.poll(alarm('web'));
  bench.wait(30);
  assert.deepEqual(bench.restarts, []);
  assert.ok(bench.steps.some(({ step }) => step === 'given_up'));
});

test('stopped by hand while the command before the restart runs: no restart', () => {
  const bench = new Bench({ preRestartCommand: ['/bin/true'] });
  bench.silent = ['pre_restart_command'];
  bench.poll(alarm('web'));
  bench.engine.unit('web.service', 'stopped_by_hand', bench.now);
  bench.answer(bench.unanswered[0], { outcome: 'ok', reason: '' });
  assert.deepEqual([bench.restarts, bench.waits], [[], ['web: stopped_by_hand']]);
  assert.equal(bench.engine.view().budget.active, 0);
  bench.silent = [];
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  assert.deepEqual(bench.restarts, [0]);
});

test('what is refused is given up at once', () => {
  const bench = new Bench();
  bench.restartOutcome = 'refused';
  bench.poll(alarm('web'));
  bench.wait(30);
  assert.deepEqual(bench.restarts, [0]);
  assert.ok(bench.steps.some(({ step }) => step === 'given_up'));
});

test('attempts used up: given up, told, hook called, claim given back, cooled down, tried again', () => {
  const bench = new Bench({ maxAttempts: 2 });
  bench.health = fail(2);
  bench.poll(alarm('web'));
  bench.wait(10);
  assert.deepEqual(bench.restarts, [0, 5]);
  assert.deepEqual(bench.waits, ['web: cool_down']);
  assert.ok(bench.done.some(({ what, name }) => what === 'hook' && name === 'repair_failed'));
  assert.deepEqual(
    bench.endings.map(({ worked }) => worked),
    [false],
  );
  bench.wait(60);
  assert.deepEqual(bench.restarts, [0, 5, 65]);
});

test('breaker: open after failed repairs, one trial, open again, one trial, closed', () => {
  const bench = new Bench({ maxAttempts: 2 });
  bench.health = fail(5);
  bench.poll(alarm('web'));
  bench.wait(100);
  assert.deepEqual(bench.restarts, [0, 5, 65, 70]);
  assert.deepEqual(bench.waits, ['web: circuit']);
  bench.wait(600);
  assert.deepEqual(bench.restarts, [0, 5, 65, 70, 670], 'a trial is one attempt');
  bench.wait(600);
  assert.deepEqual(bench.circuits, ['open', 'half_open', 'open', 'half_open', 'closed']);
  assert.deepEqual(bench.restarts, [0, 5, 65, 70, 670, 1270]);
  assert.ok(bench.done.some(({ name }) => name === 'circuit_opened'));
});

test('breaker and budget survive a kill, whatever the wall clock does', () => {
  const bench = new Bench({ maxAttempts: 1, maxRestartFailures: 1 });
  bench.health = fail(1);
  bench.poll(alarm('web'));
  bench.wait(100);
  bench.wallOffsetUs += 48 * hour;
  bench.kill();
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: circuit']);
  assert.equal(bench.engine.view().budget.left, 99);
  bench.wait(499);
  assert.deepEqual(bench.restarts, [0]);
  bench.wait(2);
  assert.deepEqual(bench.restarts, [0, 600]);
});

test('two names of one unit are one repair', () => {
  const bench = new Bench({ unit: 'web.service' });
  bench.poll(alarm('web', 1), alarm('www', 2));
  assert.equal(bench.restarts.length, 1);
  assert.equal(bench.endings.length, 2);
});

test('systemd is about to restart it: waits, looks, and settles without a restart', () => {
  const bench = new Bench();
  bench.engine.unit('web.service', 'auto_restart', bench.now);
  bench.poll(alarm('web'));
  bench.wait(30);
  assert.deepEqual(bench.waits, ['web: auto_restart']);
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  assert.deepEqual(bench.restarts, []);
  assert.deepEqual(
    bench.endings.map(({ worked }) => worked),
    [true],
  );
});

test('stopped by hand: left alone until somebody starts it, also after a kill', () => {
  const bench = new Bench();
  bench.engine.unit('web.service', 'stopped_by_hand', bench.now);
  bench.poll(alarm('web'));
  bench.engine.unit('web.service', 'down', bench.now);
  bench.settleDown();
  bench.kill();
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: stopped_by_hand']);
  assert.equal(bench.steps.at(-1)?.step, 'ignored');
  bench.engine.unit('web.service', 'starting', bench.now);
  bench.settleDown();
  assert.deepEqual(bench.restarted, ['web']);
});

test('a planned outage holds a repair, and its end lets it go on', () => {
  const bench = new Bench();
  bench.engine.outages(new Map([['web', 'night']]), bench.now);
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: outage']);
  bench.engine.outages(new Map(), bench.now);
  bench.settleDown();
  assert.deepEqual(bench.restarted, ['web']);
});

test('protected units are restarted only where they are named', () => {
  for (const name of ['unitwatch', 'dbus', 'systemd-journald', 'multi-user.target', 'init.scope']) {
    const bench = new Bench();
    bench.poll(alarm(name));
    assert.deepEqual(bench.waits, [`${name}: protected`]);
    bench.named = true;
    bench.engine.tick(bench.now);
    bench.settleDown();
    assert.deepEqual(bench.restarted, [name]);
  }
});

test('the root first; what became well with it is settled without a restart', () => {
  const order = () =>
    new Map([
      ['app.service', ['db.service']],
      ['web.service', ['app.service', 'db.service']],
    ]);
  const bench = new Bench({}, { order });
  // The root's own check, those of the two that depend on it: app is well by then, web is not.
  bench.health = ['ok', 'ok', 'failed', 'ok'];
  bench.poll(alarm('web', 1), alarm('app', 2), alarm('db', 3));
  assert.deepEqual(bench.restarted, ['db', 'web']);
  assert.deepEqual(
    bench.endings.map(({ attempts }) => attempts),
    [1, 0, 1],
  );
});

test('what depends on a thing that cannot be repaired is held back with a reason', () => {
  const bench = new Bench(
    { maxAttempts: 1 },
    { order: () => new Map([['web.service', ['db.service']]]) },
  );
  bench.health = fail(1);
  bench.poll(alarm('web', 1), alarm('db', 2));
  assert.deepEqual(bench.restarted, ['db']);
  assert.deepEqual(bench.waits, ['web: dependency', 'db: cool_down']);
});

test('dry_run: every step told once, nothing done', () => {
  const bench = new Bench({}, { dryRun: true });
  for (let i = 0; i < 5; i++) {
    bench.poll(alarm('web'));
    bench.wait(30);
  }
  assert.deepEqual(bench.done, []);
  assert.deepEqual(
    bench.steps.map(({ step, dry_run }) => [step, dry_run]),
    [
      ['accepted', true],
      ['restart', true],
      ['health_check', true],
      ['ignored', true],
    ],
  );
  assert.equal(bench.engine.view().openAlarms, 1);
});

test('the budget an hour and at once', () => {
  const bench = new Bench({}, { budget: { perHour: 3, atOnce: 2 } });
  bench.silent = ['restart'];
  bench.poll(...[1, 2, 3, 4, 5].map((row) => alarm(`p${row}`, row)));
  assert.equal(bench.restarts.length, 2);
  assert.deepEqual(bench.waits, ['p3: budget', 'p4: budget', 'p5: budget']);
  for (const action of [...bench.unanswered]) bench.answer(action, { outcome: 'ok', reason: '' });
  assert.equal(bench.restarts.length, 3, 'three an hour');
  bench.answer(bench.unanswered[0], { outcome: 'ok', reason: '' });
  bench.wait(3_599);
  assert.equal(bench.restarts.length, 3);
  bench.silent = [];
  bench.wait(2);
  assert.equal(bench.restarts.length, 5);
});

test('an alarm that goes while its repair waits: cancelled and told', () => {
  const bench = new Bench();
  bench.engine.outages(new Map([['web', 'night']]), bench.now);
  bench.poll(alarm('web'));
  bench.poll();
  bench.engine.outages(new Map(), bench.now);
  bench.settleDown();
  assert.deepEqual(bench.done, []);
  assert.equal(bench.steps.at(-1)?.step, 'ignored');
  assert.equal(bench.engine.view().repairs.cancelled, 1);
});

test('an alarm that goes in the middle of an attempt: that one is ended, no other begun', () => {
  const bench = new Bench();
  bench.silent = ['restart'];
  bench.poll(alarm('web'));
  bench.poll();
  bench.health = fail(1);
  bench.answer(bench.unanswered[0], { outcome: 'ok', reason: '' });
  bench.wait(300);
  assert.deepEqual(bench.restarts, [0]);
  assert.equal(bench.done.filter(({ what }) => what === 'health_check').length, 1);
  assert.ok(bench.steps.some(({ step }) => step === 'given_up'));
});

test('the source is down when a repair ends: settled when it is back, not repaired again', () => {
  const bench = new Bench();
  bench.settle = 'failed';
  bench.poll(alarm('web'));
  bench.engine.sourceDown('mysql', bench.now);
  bench.wait(120);
  bench.poll(alarm('web'));
  assert.equal(bench.engine.view().unsettled, 1);
  bench.settle = 'ok';
  bench.wait(300);
  assert.equal(bench.engine.view().unsettled, 0);
  bench.poll();
  assert.deepEqual(bench.restarts, [0]);
});

test('a repair under way goes on while its source is down', () => {
  const bench = new Bench();
  bench.health = fail(2);
  bench.poll(alarm('web'));
  bench.claim = 'failed';
  bench.engine.sourceDown('mysql', bench.now);
  bench.wait(60);
  assert.deepEqual(bench.restarts, [0, 5, 15]);
});

test('a source that cannot clear: not repaired again for as long as the alarm stands', () => {
  const bench = new Bench();
  for (let i = 0; i < 10; i++) {
    bench.pollReadOnly(alarm('web'));
    bench.wait(60);
  }
  assert.deepEqual(bench.restarts, [0]);
  bench.pollReadOnly();
  bench.wait(60);
  bench.pollReadOnly(alarm('web'));
  assert.deepEqual(bench.restarts, [0, 660]);
});

test('a list that was asked for before the settling does not raise the alarm again', () => {
  const bench = new Bench();
  const askedUs = bench.nowUs - second;
  bench.poll(alarm('web'));
  const raised = { ...alarm('web'), raisedUs: alarm('web').raisedUs + 1 };
  bench.engine.polled(
    { source: 'mysql', alarms: [raised], askedUs, clears: true, dropped: new Map() },
    bench.now,
  );
  bench.settleDown();
  assert.equal(bench.endings.length, 1);
  bench.wait(30);
  bench.poll(raised);
  assert.equal(bench.endings.length, 2, 'a later one does');
  assert.equal(
    bench.restarts.length,
    1,
    'it may be older than the check that passed: it is looked at',
  );
  bench.wait(30);
  bench.poll();
  bench.poll(raised);
  assert.equal(bench.restarts.length, 2, 'it is new for certain');
});

test('killed in the middle of a restart: looked at first; well means settled, not restarted', () => {
  const bench = new Bench();
  bench.silent = ['restart'];
  bench.poll(alarm('web'));
  bench.silent = [];
  bench.kill();
  assert.deepEqual(bench.restarts, [0]);
  assert.deepEqual(
    bench.endings.map(({ worked }) => worked),
    [true],
  );
});

test('killed in the middle of a restart: not well means that the attempt has failed', () => {
  const bench = new Bench({ maxAttempts: 2 });
  bench.silent = ['restart'];
  bench.poll(alarm('web'));
  bench.silent = [];
  bench.health = fail(1);
  bench.kill();
  bench.poll(alarm('web'));
  bench.wait(60);
  // The restart of the killed run may take its time limit of 20 s, a grace of 5 s, and 5 s to be gone.
  assert.deepEqual(bench.restarts, [0, 30]);
  assert.equal(bench.endings.at(-1)?.worked, true);
});

test('an action that is never answered is lost, and the health check decides', () => {
  const bench = new Bench();
  bench.silent = ['restart'];
  bench.poll(alarm('web'));
  bench.wait(60);
  assert.deepEqual(bench.restarts, [0]);
  assert.ok(bench.steps.some(({ step, outcome }) => step === 'restart' && outcome === 'lost'));
  assert.equal(bench.steps.at(-1)?.step, 'settled');
});

test('another agent has it: waits with a reason, and asks again', () => {
  const bench = new Bench();
  bench.claim = 'refused';
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: claim']);
  bench.wait(59);
  bench.claim = 'ok';
  assert.deepEqual(bench.restarts, []);
  bench.wait(2);
  assert.deepEqual(bench.restarts, [60]);
});

test('a flapping alarm does not flood, and is not restarted faster than its delay', () => {
  const bench = new Bench();
  for (let i = 0; i < 500; i++) {
    bench.poll(alarm('web'));
    bench.wait(1);
    bench.poll();
  }
  const { suppressed } = bench.engine.view();
  assert.ok(suppressed > 500, `${suppressed}`);
  const told = bench.events.filter((e) => e.event_type === 'alarm').length;
  assert.ok(told <= engineLimits.eventsPerAlarm, `${told}`);
  for (const [i, at] of bench.restarts.entries())
    assert.ok(i === 0 || at - (bench.restarts[i - 1] ?? 0) >= 5);
});

test('more alarms than are tracked: told once, counted, and taken up when there is room', () => {
  const bench = new Bench({}, { budget: { perHour: 0, atOnce: 1 } });
  const all = Array.from({ length: engineLimits.alarms + 7 }, (_, i) => alarm(`p${i}`, i));
  bench.poll(...all);
  bench.poll(...all);
  assert.equal(bench.engine.view().leftOut, 7);
  assert.equal(bench.steps.filter(({ outcome }) => outcome === 'refused').length, 1);
  bench.poll(...all.slice(7));
  assert.equal(bench.engine.view().leftOut, 7, 'room is made after the list was read');
  bench.poll(...all.slice(7));
  assert.equal(bench.engine.view().leftOut, 0);
});

test('alarms that make no sense are counted, and hostile names are only names', () => {
  const bench = new Bench();
  const long = 'x'.repeat(engineLimits.nameLength + 1);
  bench.poll(alarm(''), alarm(long, 2), { ...alarm('web', 3), raisedUs: Number.NaN });
  assert.equal(bench.engine.view().invalid, 3);
  const hostile = ['; rm -rf /', '$(reboot)', 'a\nb', '../..', '__proto__', '\u00ff'.repeat(255)];
  bench.poll(...hostile.map((name, i) => alarm(name, 10 + i)));
  assert.deepEqual(bench.restarted, hostile);
});

test('a new configuration: what is no longer configured is left alone, what is now is repaired', () => {
  const bench = new Bench();
  const { process } = bench.rules;
  bench.engine.configure({ ...bench.rules, process: () => undefined }, bench.now);
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: not_configured']);
  bench.engine.configure({ ...bench.rules, process }, bench.now);
  bench.settleDown();
  assert.deepEqual(bench.restarted, ['web']);
});

test('a journal that is none is refused; parts that make no sense are left out', () => {
  const fresh = () => new Bench();
  for (const data of [null, 1, 'x', [], {}, { version: 2 }, { version: 1, monoUs: 'x' }])
    assert.equal(typeof fresh().engine.restore(data, fresh().now), 'string');
  const junk = { alarm: { id: 1 }, breaker: 7, key: {}, repair: { attempt: -1 } };
  const data = {
    ...{ version: 1, monoUs: 0, wallUs: 0, bootId: '' },
    ...{ spentUs: [1, null, 'x', 1e300], alarms: [junk, null, 3], things: [junk, null, 3] },
    stoppedByHand: [1, 'web.service', ['web.service', 'run']],
  };
  const bench = fresh();
  assert.equal(bench.engine.restore(data, bench.now), undefined);
  bench.settleDown();
  bench.poll(alarm('db', 1), alarm('web', 2));
  assert.deepEqual(bench.restarted, ['db']);
});

test('killed when its alarm had gone during a claim: what has failed counts', () => {
  const bench = new Bench({ maxAttempts: 3 });
  bench.health = fail(1);
  bench.poll(alarm('web'));
  bench.silent = ['claim'];
  bench.wait(10);
  bench.poll();
  // Anything that has the journal written.
  bench.engine.unit('other.service', 'stopped_by_hand', bench.now);
  bench.settleDown();
  bench.silent = [];
  bench.kill();
  assert.equal(bench.steps.at(-2)?.step, 'given_up');
  assert.equal(bench.engine.view().circuits[0]?.failures, 1);
});

test('looks before a restart take places of the budget, and no restarts of the hour', () => {
  const order = (names: readonly string[]) =>
    new Map(names.map((name) => [name, name.startsWith('app') ? ['base.service'] : []]));
  const bench = new Bench({}, { order, budget: { perHour: 10, atOnce: 2 } });
  bench.silent = ['restart'];
  const apps = Array.from({ length: 5 }, (_, i) => alarm(`app${i}`, i + 2));
  bench.poll(alarm('base'), ...apps);
  bench.silent = ['health_check'];
  bench.answer(bench.unanswered[0], { outcome: 'ok', reason: '' });
  bench.answer(bench.unanswered[0], { outcome: 'ok', reason: '' });
  assert.equal(bench.unanswered.length, 2, 'of five that wait to be looked at');
  const { active, left } = bench.engine.view().budget;
  assert.deepEqual([active, left], [2, 9]);
  while (bench.unanswered.length > 0)
    bench.answer(bench.unanswered[0], { outcome: 'ok', reason: '' });
  assert.deepEqual([bench.restarted, bench.engine.view().budget.active], [['base'], 0]);
  assert.equal(bench.engine.view().repairs.settled, 6);
});

test('a look that found out nothing is made again, and is no reason for a restart', () => {
  const bench = new Bench();
  bench.engine.unit('web.service', 'auto_restart', bench.now);
  bench.poll(alarm('web.service'));
  bench.health = ['lost', 'lost', 'ok'];
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  assert.equal(bench.engine.view().budget.active, 0);
  bench.wait(4);
  assert.equal(bench.checked.length, 1);
  bench.wait(10);
  assert.deepEqual([bench.checked.length, bench.restarts], [3, []]);
  assert.equal(bench.steps.at(-1)?.reason, 'it is healthy without a restart');
  assert.equal(bench.engine.view().budget.active, 0);
});

test('a look that found out nothing, and the alarm goes: nothing is done', () => {
  const bench = new Bench();
  bench.engine.unit('web.service', 'auto_restart', bench.now);
  bench.poll(alarm('web.service'));
  bench.health = ['lost'];
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  bench.poll();
  bench.wait(60);
  assert.deepEqual([bench.checked.length, bench.restarts], [1, []]);
  assert.equal(bench.engine.view().repairs.cancelled, 1);
});

test('a claim that is given back tells of no repair, also after the agent was killed', () => {
  const bench = new Bench();
  bench.silent = ['restart', 'settle'];
  bench.poll(alarm('web'));
  bench.poll();
  bench.kill();
  bench.wait(200);
  const { claimOnly, worked } = bench.endings.at(-1) ?? {};
  assert.deepEqual([claimOnly, worked], [true, false]);
  const given = new Bench({ maxAttempts: 1 });
  given.restartOutcome = 'failed';
  given.poll(alarm('web'));
  assert.deepEqual(
    given.endings.map((ending) => [ending.claimOnly, ending.attempts]),
    [[undefined, 1]],
  );
});

test('alarms by aliases wait until these are read, and are then of their units', () => {
  let isRead = false;
  const canonical = (unit: string) =>
    isRead && unit === 'mysql.service' ? 'mariadb.service' : unit;
  const bench = new Bench({}, { canonical, never: (unit) => unit === 'mariadb.service' });
  bench.engine.unnamed();
  bench.poll(alarm('mysql'), alarm('web', 2));
  bench.wait(20);
  assert.deepEqual([bench.restarts, bench.waits], [[], []]);
  assert.equal(bench.engine.repairs().length, 2);
  isRead = true;
  bench.engine.named(bench.now);
  bench.settleDown();
  assert.deepEqual([bench.restarted, bench.waits], [['web'], ['mysql: protected']]);
});

test('a repair of the journal waits until names are read, too', () => {
  const bench = new Bench();
  bench.restartOutcome = 'failed';
  bench.poll(alarm('web'));
  const { journal } = bench;
  const next = new Bench();
  next.engine.unnamed();
  assert.equal(next.engine.restore(JSON.parse(journal), next.now), undefined);
  next.poll(alarm('web'));
  next.wait(30);
  assert.deepEqual([next.restarts, next.waits], [[], ['web: resolving']]);
  next.engine.named(next.now);
  next.settleDown();
  assert.deepEqual(next.restarts, [30]);
});

test('what was found before names were read, and has not begun, is found anew', () => {
  let isRead = false;
  const canonical = (unit: string) =>
    isRead && unit === 'mysql.service' ? 'mariadb.service' : unit;
  const bench = new Bench({}, { canonical });
  bench.engine.unit('mysql.service', 'auto_restart', bench.now);
  bench.engine.unit('mariadb.service', 'stopped_by_hand', bench.now);
  bench.poll(alarm('mysql'));
  assert.deepEqual(bench.waits, ['mysql: auto_restart']);
  isRead = true;
  bench.engine.named(bench.now);
  bench.settleDown();
  assert.deepEqual(bench.waits, ['mysql: stopped_by_hand']);
});

test('whom a thing waits for is found anew when what units depend on has changed', () => {
  let version = 1;
  const order = (names: readonly string[]) =>
    new Map(
      names.map((name) => [name, version === 2 && name === 'app.service' ? ['db.service'] : []]),
    );
  const bench = new Bench({ restartDelayMs: 60_000 }, { order, orderVersion: () => version });
  bench.engine.unit('app.service', 'auto_restart', bench.now);
  bench.restartOutcome = 'failed';
  bench.poll(alarm('db.service'), alarm('app.service', 2));
  version = 2;
  bench.engine.unit('app.service', 'up', bench.now);
  bench.settleDown();
  assert.ok(bench.waits.includes('app.service: dependency'), bench.waits.join());
});
