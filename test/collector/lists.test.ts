import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitFilter } from '../../src/collector/filter.ts';
import { Follower } from '../../src/collector/follower.ts';
import { Lists } from '../../src/collector/lists.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';

const second = 1e6;
const nowUs = 1_000 * second;

/** A running unit that a first list has shown, and what is told from then on. */
function following() {
  const told: string[] = [];
  let clockUs = nowUs - 20 * second;
  const follower = new Follower({
    filter: unitFilter({
      ...{ monitorAll: true, whitelist: [], blacklist: [], containersOnly: false },
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
  const lists = new Lists(follower);
  const row = {
    name: 'a.service',
    loadState: 'masked',
    activeState: 'active',
    subState: 'running',
  };
  const first = lists.takeList([row], nowUs - 20 * second, false);
  lists.dropUnlisted(first.listed, nowUs - 20 * second);
  const unit = first.toRead[0] ?? assert.fail('it is to be read');
  const up: UnitState = {
    ...newUnitState(),
    activeState: 'active',
    subState: 'running',
    invocation0: 1,
    activeEnterUs: nowUs - 60 * second,
    stateChangeUs: nowUs - 60 * second,
  };
  follower.changed(unit, up);
  clockUs = nowUs;
  const pass = (us: number): void => {
    clockUs += us;
  };
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
