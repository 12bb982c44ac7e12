import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DetectorFactory, Follower } from '../../src/patterns/detector.ts';
import { detectors } from '../../src/patterns/detectors.ts';
import { PatternRunner } from '../../src/patterns/runner.ts';
import { defaultSettings } from '../../src/patterns/settings.ts';
import {
  crash,
  day,
  hour,
  mondayUs,
  newRunner,
  play,
  second,
  transition,
  unit,
} from './pattern-inputs.ts';

/** A detector that says what it is told to. */
function scripted(follower: Omit<Follower, 'save' | 'deadlineUs'>): DetectorFactory {
  return () => ({
    pattern: 'anomaly',
    listensTo: ['transition'],
    follow: () => ({ deadlineUs: Number.POSITIVE_INFINITY, save: () => ({}), ...follower }),
  });
}

const tell = () => ({
  severity: 'warning' as const,
  sentence: 'something is unusual',
  evidence: {},
});

test('a throw is counted under the name of its detector, and the others go on', () => {
  const broken = scripted({
    transition: () => {
      throw new Error('a fault of ours');
    },
  });
  const runner = new PatternRunner({
    settings: defaultSettings,
    detectors: { broken, ...detectors },
  });
  const findings = play(
    runner,
    [0, 1, 2, 3, 4].flatMap((n) => crash(n * second, 0.5 * second)),
  );
  assert.deepEqual(
    findings.map(({ pattern }) => pattern),
    ['crash_loop'],
  );
  assert.equal(runner.counters['broken']?.errors, 15);
  assert.equal(runner.counters['broken']?.lastError, 'a fault of ours');
  assert.equal(runner.counters['crashLoop']?.errors, 0);
  assert.equal(runner.counters['crashLoop']?.detections, 1);
});

test('what a detector had open is cleared when it throws', () => {
  let calls = 0;
  const fickle = scripted({
    transition: () => {
      calls += 1;
      if (calls > 1) throw new Error('later');
      return [{ holds: true, rank: 1, level: 1, tell }];
    },
  });
  const runner = new PatternRunner({ settings: defaultSettings, detectors: { fickle } });
  assert.equal(runner.transition(transition('started', 0))[0]?.phase, 'opened');
  assert.equal(runner.transition(transition('started', 1))[0]?.phase, 'cleared');
  assert.deepEqual([...runner.openFindings()], []);
});

test('updated at a higher rank or twice the level; subjects are findings of their own', () => {
  const verdicts = [
    { holds: true, rank: 1, level: 5, tell },
    { holds: true, rank: 1, level: 9, tell },
    { holds: true, rank: 1, level: 10, tell },
    { holds: true, rank: 2, level: 3, tell },
    { holds: true, rank: 1, level: 4, subject: 'memory', tell },
    { holds: false, rank: 0, level: 0, tell },
    { holds: false, rank: 0, level: 0, tell },
  ];
  let at = 0;
  const scriptedOne = scripted({ transition: () => verdicts.slice(at, at + 1) });
  const runner = new PatternRunner({ settings: defaultSettings, detectors: { scriptedOne } });
  const phases = verdicts.map((_, n) => {
    at = n;
    return runner
      .transition(transition('started', n))
      .map(({ phase }) => phase)
      .join();
  });
  assert.deepEqual(phases, ['opened', '', 'updated', 'updated', 'opened', 'cleared', '']);
  assert.equal(new Set([...runner.openFindings()].map(({ id }) => id)).size, 1);
});

test('a clock set back an hour is smoothed over; set back a day, the service starts anew', () => {
  const runner = newRunner();
  play(
    runner,
    [0, 1, 2, 3].flatMap((n) => crash(2 * hour + n * second, 0.5 * second)),
  );
  assert.deepEqual(
    runner
      .transition(transition('restarting', 1.5 * hour, { cause: 'automatic' }))
      .map(({ phase }) => phase),
    ['opened'],
  );
  const back = runner.transition(transition('restarting', -day, { cause: 'automatic' }));
  assert.deepEqual(
    back.map(({ phase, sentence }) => `${phase}: ${sentence}`),
    ['cleared: the clock was set back'],
  );
});

test('a state that cannot be used starts empty, with the reason', () => {
  const reasons = [null, 7, [], {}, { version: 2, services: [] }, { version: 1 }].map((data) =>
    newRunner().restore(data),
  );
  assert.deepEqual(reasons, [
    'the saved state is not an object',
    'the saved state is not an object',
    'the saved state is not an object',
    'the saved state has version undefined, not 1',
    'the saved state has version 2, not 1',
    'the saved state has no list of services',
  ]);
});

test('a saved state is bounded: open findings stay, quiet services are left out and counted', () => {
  const runner = newRunner();
  play(
    runner,
    [0, 1, 2, 3, 4].flatMap((n) => crash(n * second, 0.5 * second)),
  );
  for (let n = 0; n < 2000; n++) {
    const other = { ...transition('failed', 10 * second), unit: `other-${n}.service` };
    runner.transition(other);
  }
  const text = [...runner.save(100_000)].join('');
  assert.ok(text.length < 110_000, `${text.length}`);
  const saved: unknown = JSON.parse(text);
  const restored = newRunner();
  assert.equal(restored.restore(saved), undefined);
  assert.deepEqual(
    [...restored.openFindings()].map(({ service }) => service),
    [unit],
  );
  assert.ok(restored.size > 50 && restored.size < 500);
  assert.equal((saved as { leftOut: number }).leftOut, 2001 - restored.size);
});

test('nothing to wait for means no deadline; a tick too early says nothing', () => {
  const runner = newRunner();
  assert.equal(runner.nextDeadlineUs, Number.POSITIVE_INFINITY);
  play(
    runner,
    [0, 1, 2, 3, 4].flatMap((n) => crash(n * second, 0.5 * second)),
  );
  assert.equal(runner.nextDeadlineUs, mondayUs + 4 * second + 1.1e5 + 30 * second);
  assert.deepEqual(runner.tick(runner.nextDeadlineUs - 1), []);
  assert.equal(runner.tick(runner.nextDeadlineUs)[0]?.phase, 'cleared');
  assert.equal(runner.nextDeadlineUs, Number.POSITIVE_INFINITY);
});

test('a service that is no longer watched is forgotten', () => {
  const runner = newRunner();
  play(
    runner,
    [0, 1, 2, 3, 4].flatMap((n) => crash(n * second, 0.5 * second)),
  );
  assert.equal(runner.forget(unit, mondayUs + hour)[0]?.phase, 'cleared');
  assert.equal(runner.size, 0);
  assert.deepEqual(runner.forget(unit, mondayUs + hour), []);
});
