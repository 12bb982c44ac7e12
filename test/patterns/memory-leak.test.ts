import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../bench/random.ts';
import type { ResourceSample } from '../../src/model/resource.ts';
import type { Transition } from '../../src/model/transition.ts';
import { FloorLadder } from '../../src/patterns/floor-ladder.ts';
import { growthNeeded } from '../../src/patterns/leak-trend.ts';
import {
  day,
  hour,
  minute,
  mondayUs,
  newRunner,
  play,
  sample,
  second,
  told,
  transition,
} from './pattern-inputs.ts';

const mb = 1e6;

function* course(
  length: number,
  every: number,
  bytes: (at: number) => number,
  more: Partial<ResourceSample> = {},
): Generator<ResourceSample> {
  for (let at = 0; at < length; at += every) yield sample(at, bytes(at), more);
}

test('ten percent a day is found within three days, twenty within two', () => {
  for (const [rate, within] of [
    [0.1, 3 * day],
    [0.2, 2 * day],
  ] as const) {
    const random = new Random(1);
    const bytes = (at: number) => 200 * mb * (1 + (rate * at) / day) + 2 * mb * random.normal();
    const [opened] = play(newRunner(), course(within, minute, bytes));
    assert.equal(opened?.pattern, 'memory_leak');
    const slope = Number(opened?.evidence['bytes_per_hour']);
    assert.ok(Math.abs(slope / ((200 * mb * rate) / 24) - 1) < 0.1, `${slope}`);
  }
});

test('many MB a minute are found in minutes, with the time that is left', () => {
  const limitBytes = 1000 * mb;
  const findings = play(
    newRunner(),
    course(20 * minute, 30 * second, (at) => 20 * mb + (20 * mb * at) / minute, { limitBytes }),
  );
  const [opened] = findings;
  assert.ok(opened && opened.timeUs - mondayUs <= 10 * minute, `${opened?.timeUs}`);
  assert.equal(opened.severity, 'error');
  const left = Number(opened.evidence['limit_in_s']);
  const truth = (limitBytes - Number(opened.evidence['memory_bytes'])) / ((20 * mb) / 60);
  assert.ok(Math.abs(left / truth - 1) < 0.05, `${left} and not ${truth}`);
  assert.match(opened.sentence, /grows by 1\.2 GB an hour.*reaches its limit of 1 GB in/);
});

test('a leak a second, where tests compress time by their settings', () => {
  const settings = { warmUpUs: 2 * second, leakSpanUs: 10 * second };
  const [opened] = play(
    newRunner(settings),
    course(minute, second, (at) => 10 * mb + (4 * mb * at) / second),
  );
  assert.ok(opened && opened.timeUs - mondayUs < 30 * second);
});

const healthy: { name: string; length: number; every: number; bytes: (at: number) => number }[] = [
  { name: 'it stays', length: 7 * day, every: minute, bytes: () => 300 * mb },
  {
    name: 'a collector with teeth of ten minutes',
    length: 2 * day,
    every: 30 * second,
    bytes: (at) => 100 * mb + (150 * mb * (at % (10 * minute))) / (10 * minute),
  },
  {
    name: 'a cache that fills within the hour',
    length: 2 * day,
    every: 30 * second,
    bytes: (at) => 100 * mb + 300 * mb * (1 - Math.exp(-at / (20 * minute))),
  },
  {
    name: 'day and night',
    length: 9 * day,
    every: 2 * minute,
    bytes: (at) => 400 * mb * (1.5 - 0.5 * Math.cos((2 * Math.PI * at) / day)),
  },
  {
    name: 'one step up, for good',
    length: 7 * day,
    every: minute,
    bytes: (at) => (at < 2.5 * day ? 200 : 320) * mb,
  },
  {
    name: 'grows by less than a megabyte in all',
    length: 7 * day,
    every: minute,
    bytes: (at) => 500_000 + (100_000 * at) / day,
  },
];

for (const { name, length, every, bytes } of healthy) {
  test(`no leak: ${name}`, () => {
    assert.deepEqual(play(newRunner(), course(length, every, bytes)), []);
  });
}

test('the teeth of a collector hide no leak below them', () => {
  const bytes = (at: number) =>
    100 * mb * (1 + (0.3 * at) / day) + (80 * mb * (at % (7 * minute))) / (7 * minute);
  assert.deepEqual(told(play(newRunner(), course(2 * day, 30 * second, bytes))).slice(0, 1), [
    'opened memory_leak',
  ]);
});

test('cleared when memory no longer grows, when it stops, and when nobody measures it', () => {
  const growing = (at: number) => 50 * mb * (1 + Math.min(at, hour) / (10 * minute));
  const flat = play(newRunner(), course(3 * hour, 30 * second, growing));
  assert.equal(flat.at(-1)?.evidence['cleared_by'], 'flat');
  const stopped = newRunner();
  play(stopped, course(hour, 30 * second, growing));
  const [end] = stopped.transition(transition('stopped', hour, { reason: 'clean' }));
  assert.equal(end?.evidence['cleared_by'], 'stopped');
  const unseen = play(newRunner(), course(hour, 30 * second, growing), 3 * day);
  assert.equal(unseen.at(-1)?.evidence['cleared_by'], 'unseen');
});

/** Lives of `minutes` each, growing to `factor` times 50 MB and dying. */
function lives(
  n: number,
  minutes: number,
  factor: number,
  reason: 'oom-kill' | 'clean',
): (ResourceSample | Transition)[] {
  const inputs: (ResourceSample | Transition)[] = [];
  for (let life = 0; life < n; life++) {
    const from = life * minutes * minute;
    for (let at = 0; at < minutes * minute; at += 30 * second) {
      const bytes = 50 * mb * (1 + ((factor - 1) * at) / (minutes * minute));
      inputs.push(
        sample(from + at, bytes, { invocation: `life ${life}`, limitBytes: 50 * mb * factor }),
      );
    }
    inputs.push(transition('exited', from + minutes * minute - 1, { reason }));
  }
  return inputs;
}

test('lives too short to judge alone, that all end at the limit, are a leak together', () => {
  const findings = play(newRunner(), lives(6, 8, 3, 'oom-kill'));
  assert.equal(findings[0]?.pattern, 'memory_leak');
  assert.ok(Number(findings[0]?.evidence['lives']) >= 3);
  assert.ok(Number(findings[0]?.evidence['confidence']) > 0.9);
  assert.deepEqual(play(newRunner(), lives(6, 8, 3, 'clean')), [], 'a job that ends well is none');
});

test('a service that is killed at its limit each 45 s leaks, though no life outlasts the warm-up', () => {
  const inputs = Array.from({ length: 8 }, (_, life) => {
    const from = life * 45 * second;
    const limitBytes = 200 * mb;
    const samples = Array.from({ length: 9 }, (_, n) =>
      sample(from + n * 5 * second, (10 + 20 * n) * mb, { invocation: `${life}`, limitBytes }),
    );
    return [...samples, transition('exited', from + 44 * second, { reason: 'oom-kill' })];
  });
  assert.deepEqual(told(play(newRunner(), inputs.flat())), ['opened memory_leak']);
});

test('a slope seen in lives before asks for less growth in this one', () => {
  const slow = play(newRunner(), lives(4, 8 * 60, 2.4, 'clean'));
  assert.equal(slow[0]?.pattern, 'memory_leak');
  assert.ok(Number(slow[0]?.evidence['lives']) >= 2);
  assert.deepEqual(play(newRunner(), lives(1, 8 * 60, 2.4, 'clean')), []);
});

test('asks for less growth, the longer it has watched, once half a day cannot explain it', () => {
  assert.ok(growthNeeded(12 * hour) >= growthNeeded(hour));
  let before = growthNeeded(12 * hour);
  for (let hours = 12; hours < 2000; hours *= 1.3) {
    const needed = growthNeeded(hours * hour);
    assert.ok(needed <= before && needed >= 0.12);
    before = needed;
  }
});

test('the ladder holds the floor of each length of time, and survives being saved at any block', () => {
  const ladder = new FloorLadder();
  let copy = new FloorLadder();
  const seen: number[] = [];
  for (let n = 0; n < 3000; n++) {
    const bytes = 1024 * (1000 + (n % 9) * 10);
    ladder.add(mondayUs + n * 30 * second, bytes, (step) => seen.push(step));
    copy.add(mondayUs + n * 30 * second, bytes, () => {});
    if (n % 97 === 0) {
      const restored = new FloorLadder();
      assert.ok(restored.restore(JSON.parse(JSON.stringify(copy.save()))));
      copy = restored;
    }
  }
  assert.equal(ladder.blockUs(2), 9 * 30 * second);
  assert.deepEqual(
    ladder.floors(2, 24),
    Array(24).fill(1_024_000),
    'each nine samples hold the lowest',
  );
  assert.deepEqual(copy.save(), ladder.save());
  assert.equal(seen.filter((step) => step === 1).length, Math.floor(2999 / 3));
});

test('a hole in the samples is a hole, and a long one a new beginning', () => {
  const ladder = new FloorLadder();
  for (let n = 0; n < 20; n++) ladder.add(mondayUs + n * minute, 5e6, () => {});
  ladder.add(mondayUs + 25 * minute, 5e6, () => {});
  ladder.add(mondayUs + 26 * minute, 5e6, () => {});
  assert.deepEqual(
    ladder.floors(0, 7).map((floor) => floor > 0),
    [true, false, false, false, false, false, true],
  );
  ladder.add(mondayUs + 30 * day, 5e6, () => {});
  assert.equal(ladder.steps, 0);
});
