import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { heldAtFirst, type ThresholdSettings, takeResult } from '../../src/checks/threshold.ts';
import { type CheckState, isWell } from '../../src/model/check.ts';

interface Result {
  readonly state: CheckState;
  readonly afterUs: number;
}
interface Told {
  readonly at: number;
  readonly state: CheckState;
  readonly results: number;
}

/** Runs results through and lists what was told, by the number of the result. */
function told(results: readonly Result[], settings: ThresholdSettings): Told[] {
  let held = heldAtFirst(0);
  let nowUs = 0;
  const all: Told[] = [];
  for (const [at, { state, afterUs }] of results.entries()) {
    nowUs += afterUs;
    const taken = takeResult(held, state, { realtimeUs: nowUs, monotonicUs: nowUs }, settings);
    held = taken.held;
    if (taken.change) all.push({ at, state, results: taken.change.results });
  }
  return all;
}

/** The same by its definition: for each result, the whole past is looked at anew. */
function toldByDefinition(results: readonly Result[], settings: ThresholdSettings): Told[] {
  const timesUs: number[] = [];
  for (const { afterUs } of results) timesUs.push((timesUs.at(-1) ?? 0) + afterUs);
  const all: Told[] = [];
  for (const [at, { state }] of results.entries()) {
    const last = all.at(-1);
    if (state === last?.state) continue;
    const run = runBefore(results.slice((last?.at ?? -1) + 1, at + 1), last?.state);
    const heldUs = (timesUs[at] ?? 0) - (timesUs[at - run + 1] ?? 0);
    const isTold = isWell(state)
      ? run >= settings.up
      : run >= settings.down && heldUs >= settings.graceUs;
    if (isTold) all.push({ at, state, results: run });
  }
  return all;
}

/** How many of the last results are of one kind, and none of them what has been told. */
function runBefore(results: readonly Result[], told: CheckState | undefined): number {
  const kind = isWell(results.at(-1)?.state ?? 'unknown');
  const other = results.findLastIndex(({ state }) => state === told || isWell(state) !== kind);
  return results.length - 1 - other;
}

const result = fc.record({
  state: fc.constantFrom<CheckState>('running', 'missing', 'degraded', 'unknown', 'up', 'down'),
  afterUs: fc.integer({ min: 0, max: 5 }),
});
const settings = fc.record({
  down: fc.integer({ min: 1, max: 4 }),
  up: fc.integer({ min: 1, max: 4 }),
  graceUs: fc.integer({ min: 0, max: 12 }),
});

test('what is told is what the definition says, for any results', () => {
  fc.assert(
    fc.property(fc.array(result, { maxLength: 40 }), settings, (results, how) => {
      assert.deepEqual(told(results, how), toldByDefinition(results, how));
    }),
    { numRuns: 3_000 },
  );
});

test('nothing is told twice, and never with fewer results than asked for', () => {
  fc.assert(
    fc.property(fc.array(result, { maxLength: 60 }), settings, (results, how) => {
      let last: CheckState | undefined;
      for (const { state, results: count } of told(results, how)) {
        assert.notEqual(state, last);
        assert.ok(count >= (isWell(state) ? how.up : how.down));
        last = state;
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a disturbance shorter than the threshold is never told', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 30 }), (down, times) => {
      const good: Result = { state: 'running', afterUs: 1 };
      const bad = Array.from(
        { length: down - 1 },
        (): Result => ({ state: 'missing', afterUs: 1 }),
      );
      const results = Array.from({ length: times }, () => [...bad, good]).flat();
      const all = told(results, { down, up: 1, graceUs: 0 });
      assert.deepEqual(
        all.map(({ state }) => state),
        ['running'],
      );
    }),
  );
});

const day: readonly { name: string; given: string; how: ThresholdSettings; want: string }[] = [
  { name: 'at once', given: 'rrmr', how: { down: 1, up: 1, graceUs: 0 }, want: 'r.mr' },
  {
    name: 'three results',
    given: 'rmmrmmmm',
    how: { down: 3, up: 1, graceUs: 0 },
    want: 'r.....m.',
  },
  {
    name: 'two to be well again',
    given: 'rmrmrr',
    how: { down: 1, up: 2, graceUs: 0 },
    want: '.m...r',
  },
  { name: 'grace alone', given: 'rmmmm', how: { down: 1, up: 1, graceUs: 2 }, want: 'r..m.' },
  {
    name: 'grace begins anew',
    given: 'rmmrmmm',
    how: { down: 1, up: 1, graceUs: 2 },
    want: 'r.....m',
  },
  {
    name: 'two faces of not well',
    given: 'rmdmdd',
    how: { down: 2, up: 1, graceUs: 0 },
    want: 'r.d...',
  },
];
const letters: Readonly<Record<string, CheckState>> = { r: 'running', m: 'missing', d: 'degraded' };
for (const { name, given, how, want } of day) {
  test(`thresholds: ${name}`, () => {
    const results = [...given].map(
      (letter): Result => ({ state: letters[letter] ?? 'unknown', afterUs: 1 }),
    );
    const shown = [...given].map(() => '.');
    for (const { at, state } of told(results, how)) shown[at] = state[0] ?? '';
    assert.equal(shown.join(''), want);
  });
}
