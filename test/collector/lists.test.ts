import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitFilter } from '../../src/collector/filter.ts';
import { Follower } from '../../src/collector/follower.ts';
import { Lists } from '../../src/collector/lists.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';

const second = 1e6;
const nowUs = 1_000 * second;

/** A follower that has seen no list, and what it tells. */
function begin(whitelist: readonly string[]) {
  const told: string[] = [];
  let clockUs = nowUs - 20 * second;
  const follower = new Follower({
    filter: unitFilter({
      ...{ monitorAll: true, whitelist, blacklist: [], containersOnly: false },
      unitTypes: ['service'],
    }),
    clock: { realtimeUs: () => clockUs, monotonicUs: () => clockUs },
    sink: {
      transition: ({ kind, ending }) => told.push(`${kind} ${ending?.reason}`),
      missing: ({ name }) => told.push(`missing ${name}`),
      loadFailed: () => {},
      gone: ({ name }) => told.push(`gone ${name}`),
      lookUp: () => {},
      hold: () => {},
    },
  });
  follower.passingStates = false;
  const pass = (us: number): void => {
    clockUs += us;
  };
  return { follower, lists: new Lists(follower), told, pass };
}

const row = { name: 'a.service', loadState: 'masked', activeState: 'active', subState: 'running' };

/** Its state while it runs, for a minute. */
const running: UnitState = {
  ...newUnitState(),
  activeState: 'active',
  subState: 'running',
  invocation0: 1,
  activeEnterUs: nowUs - 60 * second,
  stateChangeUs: nowUs - 60 * second,
};

/** A running unit that a first list has shown, and what is told from then on. */
function following(whitelist: readonly string[] = []) {
  const { follower, lists, told, pass } = begin(whitelist);
  const first = lists.takeList([row], nowUs - 20 * second, false);
  lists.dropUnlisted(first.listed, nowUs - 20 * second);
  const unit = first.toRead[0] ?? assert.fail('it is to be read');
  const up = running;
  follower.changed(unit, up);
  pass(20 * second);
  return { follower, lists, unit, up, told, pass };
}

/** As its signals say it after a clean end. */
function ended(up: UnitState): UnitState {
  const at = { activeExitUs: nowUs, inactiveEnterUs: nowUs, stateChangeUs: nowUs };
  return { ...up, activeState: 'inactive', subState: 'dead', result: 'success', ...at };
}

test('a unit that a list leaves out has stopped unseen', () => {
  const { lists, told } = following();
  const { listed } = lists.takeList([], nowUs, false);
  lists.dropUnlisted(listed, nowUs);
  assert.deepEqual(told, ['stopped other', 'gone a.service']);
});

test('a list that overtakes the signals of an end: what they say is told, once', () => {
  const { follower, lists, unit, up, told } = following();
  const { listed } = lists.takeList([], nowUs, false);
  follower.changed(unit, ended(up));
  follower.unitRemoved('a.service');
  lists.dropUnlisted(listed, nowUs);
  assert.deepEqual(told, ['stopped clean', 'gone a.service']);
});

test('a list that was asked for before a reload began does not end it', () => {
  const { follower, lists, told } = following();
  follower.reloading(true);
  const listed = lists.takeList([], nowUs - second, false).listed;
  follower.unitRemoved('a.service');
  assert.deepEqual(told, [], 'a reload takes all units out and puts them in again');
  assert.equal(listed.size, 0);
});

test('a list that was asked for in a reload shows that it is over', () => {
  const { follower, lists, told, pass } = following();
  follower.reloading(true);
  pass(second);
  lists.takeList([], nowUs + second, false);
  follower.unitRemoved('a.service');
  assert.deepEqual(told, ['stopped other', 'gone a.service']);
});

test('an end that is held back, of a unit that is let go of meanwhile, is not told behind its going', () => {
  const { follower, unit, up, told } = following();
  follower.passingStates = true;
  unit.restartPolicy = 'always';
  follower.changed(unit, ended(up));
  assert.deepEqual(told, [], 'it is held back');
  follower.drop(unit);
  follower.settle(unit, { kind: 'error', name: 'gone', text: '' });
  assert.deepEqual(told, ['gone a.service']);
});

test('a reload before the first list: units that it puts in again have not just been started', () => {
  const { follower, lists, told } = begin([]);
  follower.reloading(true);
  follower.unitNew('a.service');
  follower.reloading(false);
  const [unit] = lists.takeList([row], nowUs, false).toRead;
  assert.ok(unit, 'it is read');
  follower.changed(unit, { ...running, nRestarts: 7 });
  assert.deepEqual(told, []);
  assert.equal(unit.restarts.automatic, 0);
});

test('a unit that is new in a reload, and is started: that is told', () => {
  const { follower, told } = following();
  follower.reloading(true);
  follower.unitNew('b.service');
  follower.reloading(false);
  const unit = follower.table.get('b.service') ?? assert.fail('it is followed');
  const at = { inactiveExitUs: nowUs, activeEnterUs: nowUs, stateChangeUs: nowUs };
  follower.changed(unit, { ...running, ...at });
  assert.deepEqual(told, ['started undefined']);
});

test('a wanted unit that is started while a list without it is on its way runs on', () => {
  const { follower, lists, unit, up, told, pass } = following(['a.service']);
  follower.changed(unit, ended(up));
  follower.unitRemoved('a.service');
  pass(second);
  const { listed } = lists.takeList([], nowUs + second, false);
  const at = { inactiveExitUs: nowUs + second, activeEnterUs: nowUs + second };
  follower.changed(unit, { ...up, ...at, invocation0: 2, stateChangeUs: nowUs + second });
  lists.dropUnlisted(listed, nowUs + second);
  assert.deepEqual(told, ['stopped clean', 'started undefined']);
  assert.equal(unit.state.activeState, 'active');
});
