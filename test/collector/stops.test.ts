import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stops, type StopWorld } from '../../src/collector/stops.ts';
import { limits } from '../../src/model/limits.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';

const state = (more: Partial<UnitState>): UnitState => ({ ...newUnitState(), ...more });
const up = state({ activeState: 'active', activeEnterUs: 10 });

/** `unit` ran, and ended under a job. */
function stop(stops: Stops, unit: string, jobId: number): void {
  const stopping = state({ activeState: 'deactivating', jobId, endJobId: jobId });
  stops.changed(unit, up, stopping);
  stops.changed(unit, stopping, state({ endJobId: jobId, activeExitUs: 20, inactiveEnterUs: 21 }));
}

const world = (
  above: Readonly<Record<string, readonly string[]>>,
  states: Readonly<Record<string, UnitState>> = {},
): StopWorld => ({
  stopsWith: (unit) => above[unit] ?? [],
  boundTo: (unit) => above[unit] ?? [],
  state: (unit) => states[unit],
});

test('a chain of stops leads to the one that was asked for', () => {
  const stops = new Stops();
  for (const [i, unit] of ['a', 'b', 'c'].entries()) stop(stops, unit, 7 + i);
  const chain = world({ c: ['b'], b: ['a'] });
  assert.deepEqual(stops.cause('c', chain), { by: 'hand', of: 'a' });
  stops.ours(7);
  assert.deepEqual(stops.cause('c', chain), { by: 'unitwatch', of: 'a' });
  assert.deepEqual(stops.cause('a', chain), { by: 'unitwatch' });
});

test('units that stop one another are no endless walk', () => {
  const stops = new Stops();
  for (const [i, unit] of ['a', 'b', 'c'].entries()) stop(stops, unit, 7 + i);
  const circle = world({ a: ['c'], b: ['a'], c: ['b'] });
  assert.deepEqual(stops.cause('c', circle), { by: 'hand', of: 'a' });
});

test('an end of what it is bound to counts only while it ran itself', () => {
  const stops = new Stops();
  stop(stops, 'a', 7);
  const bound = { a: ['b'] };
  const a = state({ activeEnterUs: 10, activeExitUs: 20 });
  const cause = (exitUs: number) =>
    stops.cause('a', world(bound, { a, b: state({ activeExitUs: exitUs }) }));
  assert.deepEqual(cause(5), { by: 'hand' });
  assert.deepEqual(cause(15), { by: 'systemd', of: 'b' });
  assert.deepEqual(cause(30), { by: 'hand' });
});

test('while its job is there it may be a restart; a job that fails was one', () => {
  const stops = new Stops();
  stop(stops, 'a', 7);
  assert.equal(stops.cause('a', world({}, { a: state({ jobId: 7 }) })), undefined);
  assert.deepEqual(stops.cause('a', world({}, { a: state({}) })), { by: 'hand' });
  stops.jobRemoved(7, 'a', 'failed');
  assert.equal(stops.cause('a', world({})), undefined);
});

test('the oldest of too many is forgotten', () => {
  const stops = new Stops();
  for (let i = 0; i <= limits.rememberedStops; i++) stop(stops, `u${i}`, i + 1);
  assert.equal(stops.get('u0'), undefined);
  assert.ok(stops.get('u1'));
});
