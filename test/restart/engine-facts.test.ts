import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alarm, Bench, fact } from './engine-bench.ts';

const fail = (count: number) => Array<'failed'>(count).fill('failed');
const hour = 3_600;

test('a check that asked for a repair is looked at with each health check', () => {
  const bench = new Bench();
  bench.health = fail(1);
  bench.facts('check', [fact('check', 'web')]);
  bench.wait(20);
  assert.deepEqual(bench.restarts, [0, 5]);
  assert.deepEqual(bench.checked, [['web'], ['web']]);
  assert.equal(bench.steps.at(-1)?.step, 'settled');
});

test('a row of a database has no check: only its unit is looked at', () => {
  const bench = new Bench();
  bench.poll(alarm('web'));
  assert.deepEqual(bench.checked, [[]]);
});

test('a check that stays down: attempts, given up, told, tried again, the breaker opens', () => {
  const bench = new Bench({ maxAttempts: 2 });
  bench.health = fail(100);
  bench.facts('check', [fact('check', 'web')]);
  bench.wait(100);
  assert.deepEqual(bench.restarts, [0, 5, 65, 70]);
  assert.deepEqual(bench.circuits, ['open']);
  const hooks = bench.done.filter(({ what }) => what === 'hook').map(({ name }) => name);
  assert.deepEqual(hooks, ['repair_failed', 'repair_failed', 'circuit_opened']);
});

test('a finding: the repair ends when the finding is cleared', () => {
  const bench = new Bench();
  bench.facts('finding', [fact('finding', 'web.service')]);
  bench.wait(60);
  assert.deepEqual(bench.restarts, [0]);
  assert.deepEqual(bench.waits, ['web.service: proof']);
  assert.equal(bench.engine.view().attempts.ok, 0);
  assert.deepEqual(
    bench.engine.repairs().map(({ state, attempt }) => [state, attempt]),
    [['waiting', 1]],
  );
  bench.facts('finding', []);
  assert.equal(bench.steps.at(-1)?.step, 'settled');
  const { attempts, repairs, openAlarms } = bench.engine.view();
  assert.deepEqual([attempts.ok, attempts.failed, repairs.settled, openAlarms], [1, 0, 1, 0]);
  bench.wait(2 * hour);
  assert.deepEqual(bench.restarts, [0]);
});

test('a finding, and the unit falls again: the attempt has failed, up to the breaker', () => {
  const bench = new Bench({ maxAttempts: 2 });
  const finding = fact('finding', 'web.service');
  bench.facts('finding', [finding]);
  for (let i = 0; i < 4; i++) {
    bench.wait(1);
    assert.deepEqual(bench.waits, ['web.service: proof']);
    bench.fall('web.service');
    bench.wait(70);
  }
  assert.deepEqual(bench.restarts, [0, 6, 132, 148]);
  assert.deepEqual(bench.circuits, ['open']);
  assert.equal(bench.engine.view().attempts.failed, 4);
});

test('a finding whose unit looked well without a restart, and fell again, is restarted', () => {
  const bench = new Bench();
  bench.engine.unit('web.service', 'auto_restart', bench.now);
  bench.facts('finding', [fact('finding', 'web.service')]);
  bench.wait(5);
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  assert.deepEqual([bench.restarts, bench.waits], [[], ['web.service: proof']]);
  bench.engine.unit('web.service', 'auto_restart', bench.now);
  bench.fall('web.service');
  bench.wait(5);
  assert.deepEqual([bench.restarts, bench.waits], [[], ['web.service: auto_restart']]);
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  assert.deepEqual([bench.restarts, bench.waits], [[10], ['web.service: proof']]);
  assert.equal(bench.engine.view().attempts.failed, 0, 'looking was no attempt');
  bench.facts('finding', []);
  assert.equal(bench.engine.view().repairs.settled, 1);
});

test('a finding cleared after a look alone: settled without a restart', () => {
  const bench = new Bench();
  bench.engine.unit('web.service', 'auto_restart', bench.now);
  bench.facts('finding', [fact('finding', 'web.service')]);
  bench.engine.unit('web.service', 'up', bench.now);
  bench.settleDown();
  bench.facts('finding', []);
  assert.equal(bench.steps.at(-1)?.reason, 'it is healthy without a restart');
  assert.deepEqual(bench.restarts, []);
  assert.equal(bench.engine.view().attempts.ok, 0);
});

test('a finding that becomes worse after the restart: the attempt has failed', () => {
  const bench = new Bench();
  bench.facts('finding', [fact('finding', 'web.service')]);
  bench.wait(1);
  assert.equal(bench.engine.goesOn('finding:1', bench.now), true);
  bench.wait(10);
  assert.deepEqual(bench.restarts, [0, 6]);
  assert.equal(bench.engine.goesOn('finding:7', bench.now), false);
});

test('what else asked for it is settled by the health check; asked anew, it is tried again', () => {
  const bench = new Bench();
  bench.facts('finding', [fact('finding', 'web')]);
  assert.deepEqual(bench.waits, ['web: proof']);
  bench.wait(10);
  bench.poll();
  bench.poll(alarm('web'));
  bench.wait(10);
  assert.deepEqual(bench.restarts, [0, 15], 'it is in alarm again: the first attempt has failed');
  assert.deepEqual(
    bench.endings.map(({ worked, attempts }) => [worked, attempts]),
    [[true, 2]],
  );
  assert.deepEqual(bench.waits, ['web: proof']);
});

test('an alarm that may be older than the health check: looked at, and the proof goes on', () => {
  const bench = new Bench();
  bench.facts('finding', [fact('finding', 'web')]);
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: recent']);
  bench.wait(5);
  assert.deepEqual([bench.restarts, bench.waits], [[0], ['web: proof']]);
  assert.deepEqual(
    bench.endings.map(({ worked, note }) => [worked, note]),
    [[true, 'repaired with one restart']],
  );
  bench.wait(5);
  bench.health = fail(1);
  bench.poll(alarm('web', 2));
  bench.wait(10);
  assert.equal(bench.engine.view().attempts.failed, 1, 'it did not stay well');
  assert.deepEqual(bench.restarts, [0, 15]);
  bench.fall('web.service');
  assert.equal(bench.engine.view().attempts.failed, 2);
});

test('a finding cleared while another alarm waits to be looked at: the restart has worked', () => {
  const bench = new Bench();
  bench.facts('finding', [fact('finding', 'web')]);
  bench.poll(alarm('web'));
  assert.deepEqual(bench.waits, ['web: recent']);
  bench.facts('finding', []);
  assert.equal(bench.engine.view().attempts.ok, 1);
  bench.fall('web.service');
  assert.equal(bench.engine.view().attempts.failed, 0, 'there is nothing to be proved any more');
  bench.wait(5);
  assert.deepEqual([bench.restarts, bench.engine.view().repairs.settled], [[0], 2]);
  assert.equal(bench.steps.at(-1)?.reason, 'it is healthy without a restart');
  const other = new Bench();
  other.facts('finding', [fact('finding', 'web')]);
  other.poll(alarm('web'));
  other.poll();
  other.facts('finding', []);
  assert.equal(other.steps.at(-1)?.step, 'settled');
});

test('who depends on it does not wait until its finding is cleared', () => {
  const order = (names: readonly string[]) =>
    new Map(names.map((name) => [name, name === 'app.service' ? ['web.service'] : []]));
  const bench = new Bench({}, { order });
  bench.facts('finding', [fact('finding', 'web.service')]);
  bench.poll(alarm('app'));
  assert.deepEqual(bench.restarted, ['web.service', 'app']);
});

test('a finding that stays open while the unit runs for a day is settled with a note', () => {
  const bench = new Bench();
  bench.facts('finding', [fact('finding', 'web.service')]);
  bench.wait(26 * hour);
  assert.deepEqual(bench.restarts, [0]);
  assert.match(bench.steps.at(-1)?.reason ?? '', /still open, and it has been well for a day/);
  assert.equal(bench.engine.view().openAlarms, 0);
});

test('killed while a finding is waited for: waited for on, and a fall counts', () => {
  const bench = new Bench();
  const finding = fact('finding', 'web.service');
  bench.facts('finding', [finding]);
  bench.wait(30);
  bench.kill();
  bench.facts('finding', [finding]);
  assert.deepEqual(bench.waits, ['web.service: proof']);
  bench.kill();
  bench.facts('finding', [finding]);
  bench.fall('web.service');
  bench.wait(20);
  assert.deepEqual(bench.restarts, [0, 35]);
  bench.kill();
  bench.facts('finding', []);
  assert.equal(bench.steps.at(-1)?.step, 'settled');
  assert.deepEqual(bench.steps.at(-1)?.attempt, 2);
});

test('an alarm that the configuration does not want any more goes with a note', () => {
  const bench = new Bench();
  const note = 'repair_on does not have check_down any more';
  const check = fact('check', 'web');
  bench.engine.outages(new Map([['web', 'night']]), bench.now);
  bench.facts('check', [check]);
  bench.facts('check', [], new Map([[check.id, note]]));
  assert.equal(bench.steps.at(-1)?.reason, note);
  const told = bench.events.flatMap((e) => (e.event_type === 'alarm' ? [e.data] : []));
  assert.deepEqual(
    told.map(({ phase, reason }) => [phase, reason]),
    [
      ['raised', undefined],
      ['cleared', note],
    ],
  );
  const finding = fact('finding', 'web');
  bench.engine.outages(new Map(), bench.now);
  bench.facts('finding', [finding]);
  assert.deepEqual(bench.waits, ['web: proof']);
  bench.facts('finding', [], new Map([[finding.id, note]]));
  assert.deepEqual([bench.waits, bench.engine.view().repairs.settled], [[], 1]);
});
