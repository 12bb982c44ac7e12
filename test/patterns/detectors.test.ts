import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Random } from '../../bench/random.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { ResourceSample } from '../../src/model/resource.ts';
import type { Transition, TransitionKind } from '../../src/model/transition.ts';
import { detectors } from '../../src/patterns/detectors.ts';
import { findingEvent } from '../../src/patterns/finding-event.ts';
import { PatternRunner } from '../../src/patterns/runner.ts';
import { defaultSettings } from '../../src/patterns/settings.ts';
import {
  crash,
  day,
  hour,
  minute,
  mondayUs,
  play,
  sample,
  second,
  transition,
} from './pattern-inputs.ts';

/** A life that every detector has something to say about: loops, a timetable, a leak, lives. */
function eventful(seed: number): (Transition | ResourceSample)[] {
  const random = new Random(seed);
  const inputs: (Transition | ResourceSample)[] = [transition('started', 0)];
  for (let n = 0; n < 12; n++)
    inputs.push(...crash(hour + n * 6 * hour + random.between(0, 60) * second, 5.9 * hour));
  for (let n = 0; n < 12; n++) inputs.push(...crash(80 * hour + n * 3 * second, 2 * second));
  inputs.push(
    transition('failed', 81 * hour, { reason: 'start-limit-hit' }),
    transition('started', 82 * hour),
  );
  for (let at = 0; at < 5 * day; at += 5 * minute) {
    inputs.push(sample(at, Math.round(1e8 * (1 + (0.3 * at) / day) + 1e6 * random.normal())));
  }
  for (let at = 5 * day; at < 6 * day; at += 5 * minute)
    inputs.push(sample(at, 1.1e8, { invocation: 'b' }));
  return inputs.sort((a, b) => a.timeUs - b.timeUs);
}

function runnerOf(name: string): PatternRunner {
  const make = detectors[name as keyof typeof detectors];
  return new PatternRunner({ settings: defaultSettings, detectors: { [name]: make } });
}

function errorsOf(runner: PatternRunner): string[] {
  return Object.values(runner.counters).flatMap(({ errors, lastError }) =>
    errors > 0 ? [lastError] : [],
  );
}

const kinds: TransitionKind[] = [
  'started',
  'exited',
  'restarting',
  'restarted',
  'stopped',
  'failed',
];
const time = fc.oneof(
  fc.integer({ min: mondayUs, max: mondayUs + 30 * day }),
  fc.integer({ min: -(2 ** 50), max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1e300, 0.5),
);
const amount = fc.oneof(fc.double(), fc.constantFrom(0, -1, Number.NaN, 1e18, 2 ** 64, 1e308));
const name = fc.constantFrom(
  'a.service',
  `${'x'.repeat(247)}.service`,
  '',
  'y'.repeat(256),
  '__proto__',
  'constructor',
);
const hostileTransition = fc.record({
  kind: fc.constantFrom(...kinds),
  unit: name,
  timeUs: time,
  count: amount,
  uptimeUs: amount,
  cause: fc.constantFrom('automatic' as const, 'manual' as const, 'unitwatch' as const),
  ending: fc.constantFrom({ reason: 'exit-code' as const, result: '', coreDump: false }),
});
const hostileSample = fc.record({
  service: name,
  invocation: fc.constantFrom('', 'a', 'b', 'z'.repeat(1000)),
  timeUs: time,
  anonBytes: amount,
  limitBytes: amount,
});

for (const id of Object.keys(detectors)) {
  test(`${id}: the same input gives the same findings`, () => {
    const findings = play(runnerOf(id), eventful(1), 40 * day);
    assert.ok(findings.length >= 2, 'the life has something for every detector');
    assert.deepEqual(play(runnerOf(id), eventful(1), 40 * day), findings);
  });

  test(`${id}: each finding is opened once, cleared once, and survives JSON`, () => {
    const findings = play(runnerOf(id), eventful(2), 40 * day);
    const open = new Set<string>();
    for (const finding of findings) {
      assert.equal(
        open.has(finding.id),
        finding.phase !== 'opened',
        `${finding.phase} ${finding.id}`,
      );
      if (finding.phase === 'cleared') open.delete(finding.id);
      else open.add(finding.id);
      assert.deepEqual(JSON.parse(JSON.stringify(finding)), finding);
      assert.ok(
        finding.sentence.length > 10 && JSON.stringify(findingEvent(finding)).length < 4096,
      );
    }
    assert.deepEqual([...open], [], 'nothing stays open when it is over');
  });

  test(`${id}: saved and restored in mid-stream, it says what it would have said`, () => {
    const inputs = eventful(3);
    const whole = play(runnerOf(id), inputs, 40 * day);
    for (const share of [0.05, 0.3, 0.55, 0.75, 0.9]) {
      const cut = Math.floor(inputs.length * share);
      const first = runnerOf(id);
      const before = play(first, inputs.slice(0, cut));
      const second = runnerOf(id);
      assert.equal(second.restore(JSON.parse([...first.save()].join(''))), undefined);
      assert.deepEqual([...second.openFindings()], [...first.openFindings()]);
      assert.deepEqual(
        [...before, ...play(second, inputs.slice(cut), 40 * day)],
        whole,
        `cut at ${share}`,
      );
    }
  });

  test(`${id}: forgets the service that was silent longest, and clears what was open`, () => {
    const make = detectors[id as keyof typeof detectors];
    const runner = new PatternRunner({
      settings: defaultSettings,
      detectors: { [id]: make },
      servicesMax: 10,
    });
    const findings = play(runner, eventful(4));
    const open = [...runner.openFindings()].map((finding) => finding.id);
    const timeUs = mondayUs + 6 * day;
    const ended: Finding[] = [];
    for (let n = 0; n < 50; n++)
      ended.push(
        ...runner.transition({ ...transition('started', 0), timeUs, unit: `${n}.service` }),
      );
    assert.equal(runner.size, 10);
    assert.equal(runner.forgotten, 41);
    assert.deepEqual(
      ended.map((finding) => `${finding.phase} ${finding.id}`),
      open.map((known) => `cleared ${known}`),
    );
    assert.ok(findings.length > 0);
  });

  test(`${id}: never throws, whatever comes in`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(hostileTransition, hostileSample), { maxLength: 60 }),
        (inputs) => {
          const runner = runnerOf(id);
          for (const input of inputs) {
            if ('kind' in input) runner.transition({ ...transition('started', 0), ...input });
            else runner.sample({ ...input, source: 'cgroup' });
            runner.tick(input.timeUs);
          }
          assert.deepEqual(errorsOf(runner), []);
          const copy = runnerOf(id);
          assert.equal(copy.restore(JSON.parse([...runner.save()].join(''))), undefined);
          assert.equal(copy.size, runner.size, 'what was saved can be read again');
        },
      ),
      { numRuns: 400, seed: 20_260_302 },
    );
  });

  test(`${id}: takes any saved state, and never throws on it later`, () => {
    const good = runnerOf(id);
    play(good, eventful(5).slice(0, 900));
    const text = [...good.save()].join('');
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom('null', '-1', '1e999', '"x"', '[]', '{}', '99', 'true'),
        (at, value) => {
          // One value of the state is replaced by another.
          const values = [...text.matchAll(/-?\d+(\.\d+)?(e[+-]\d+)?|true|false|\[\]/g)];
          const victim = values[at % values.length] as RegExpMatchArray & { index: number };
          const bad =
            text.slice(0, victim.index) + value + text.slice(victim.index + victim[0].length);
          const runner = runnerOf(id);
          try {
            runner.restore(JSON.parse(bad));
          } catch (error) {
            assert.ok(error instanceof SyntaxError, String(error));
          }
          play(runner, eventful(5).slice(900, 1100), 6 * day);
          assert.deepEqual(errorsOf(runner), []);
        },
      ),
      { numRuns: 150, seed: 20_260_302 },
    );
  });
}
