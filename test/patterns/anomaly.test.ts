import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { seeded } from '../../bench/series-shapes.ts';
import type { Transition, TransitionKind } from '../../src/model/transition.ts';
import { AnomalyDetector } from '../../src/patterns/anomaly.ts';
import type { AnomalyInput, AnomalyVerdict } from '../../src/patterns/anomaly-contract.ts';

const minute = 60e6;
const hour = 60 * minute;
const day = 24 * hour;
const start = 1_700_006_400e6; // a midnight, UTC

function transition(
  kind: TransitionKind,
  unit: string,
  timeUs: number,
  more: Partial<Transition> = {},
): AnomalyInput {
  return {
    kind: 'transition',
    transition: {
      kind,
      unit,
      timeUs,
      count: 1,
      inferred: false,
      resync: false,
      invocation: `${unit}-${timeUs}`,
      pid: 1,
      nRestarts: 0,
      ...more,
    },
  };
}

/** A crash that systemd repairs: ended, restart scheduled, running again. */
function crash(unit: string, timeUs: number, uptimeUs = hour): AnomalyInput[] {
  return [
    transition('exited', unit, timeUs, { uptimeUs }),
    transition('restarting', unit, timeUs + 1000, { cause: 'automatic' }),
    transition('restarted', unit, timeUs + 200_000, { cause: 'automatic' }),
  ];
}

const restartedByHand = (unit: string, timeUs: number) => [
  transition('restarted', unit, timeUs, { cause: 'manual' }),
];

function tick(nowUs: number): AnomalyInput {
  return { kind: 'tick', nowUs };
}

const timeOf = (input: AnomalyInput) =>
  input.kind === 'tick'
    ? input.nowUs
    : input.kind === 'sample'
      ? input.timeUs
      : input.transition.timeUs;

/** The inputs in order, with a tick every five minutes among them, as the agent would send them. */
function play(detector: AnomalyDetector, inputs: readonly AnomalyInput[], untilUs: number) {
  const verdicts: AnomalyVerdict[] = [];
  const sorted = [...inputs].sort((a, b) => timeOf(a) - timeOf(b));
  let next = 0;
  for (let now = start; now <= untilUs; now += 5 * minute) {
    for (; next < sorted.length && timeOf(sorted[next] as AnomalyInput) <= now; next++) {
      verdicts.push(...detector.observe(sorted[next] as AnomalyInput));
    }
    verdicts.push(...detector.observe(tick(now)));
  }
  return verdicts;
}

const told = (verdicts: readonly AnomalyVerdict[]) =>
  verdicts.map((v) => `${v.phase} ${v.service} ${v.evidence['aspect']}`);

const days = (count: number) => Array.from({ length: count }, (_, i) => start + i * day);

/** Nights at about three o'clock. */
function nightly(unit: string, count: number, random: () => number): AnomalyInput[] {
  return days(count).flatMap((midnight) =>
    restartedByHand(unit, midnight + 3 * hour + random() * 5 * minute),
  );
}

interface Case {
  readonly name: string;
  readonly given: () => readonly AnomalyInput[];
  readonly until: number;
  readonly want: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: 'a first restart after ten days of watching is told, and cleared a day later',
    given: () => crash('db.service', start + 10 * day),
    until: start + 12 * day,
    want: ['opened db.service first_restart', 'cleared db.service first_restart'],
  },
  {
    name: 'a restart while the baseline is being learned is not told',
    given: () =>
      [0, 1, 2, 3].flatMap((n) => crash('db.service', start + 2 * hour + n * 9 * minute)),
    until: start + 3 * day,
    want: [],
  },
  {
    name: 'more restarts than a service ever had are told, and cleared when they stop',
    given: () => [
      ...days(30).flatMap((midnight, i) =>
        crash('api.service', midnight + (9 + 2 * (i % 5)) * hour),
      ),
      ...Array.from({ length: 8 }, (_, n) =>
        crash('api.service', start + 30 * day + 15 * hour + n * 6 * minute),
      ).flat(),
    ],
    until: start + 34 * day,
    want: ['opened api.service restart_rate', 'cleared api.service restart_rate'],
  },
  {
    name: 'a service that restarts in bursts every week is told in the first week only',
    given: () =>
      days(70)
        .filter((_, i) => i % 7 === 1)
        .flatMap((midnight) =>
          Array.from({ length: 10 }, (_, n) =>
            crash('batch.service', midnight + 4 * hour + n * 3 * minute),
          ).flat(),
        )
        .filter((input) => timeOf(input) > start + 20 * day),
    until: start + 71 * day,
    want: [
      'opened batch.service first_restart',
      'updated batch.service restart_rate',
      'updated batch.service restart_rate',
      'cleared batch.service first_restart',
    ],
  },
  {
    name: 'a nightly restart is usual; a night without is told until it starts',
    given: () =>
      nightly('cache.service', 20, seeded(1)).filter(
        (input) => Math.floor((timeOf(input) - start) / day) !== 15,
      ),
    until: start + 20 * day,
    want: ['opened cache.service missed_start', 'cleared cache.service missed_start'],
  },
  {
    name: 'a nightly job stopped by hand after a long run is not expected',
    given: () => [
      ...nightly('cache.service', 12, seeded(2)),
      transition('stopped', 'cache.service', start + 11 * day + 20 * hour, { uptimeUs: 17 * hour }),
    ],
    until: start + 16 * day,
    want: [],
  },
  {
    name: 'twenty services that restart at once are nobody’s anomaly',
    given: () =>
      Array.from({ length: 20 }, (_, n) =>
        crash(`unit-${n}.service`, start + 10 * day + n * 1e6),
      ).flat(),
    until: start + 12 * day,
    want: [],
  },
  {
    name: 'deployments are no anomaly',
    given: () =>
      [8, 9, 9.1, 9.2, 9.3, 9.4].flatMap((at) => restartedByHand('web.service', start + at * day)),
    until: start + 12 * day,
    want: [],
  },
  {
    name: 'restarts that a resync found belong to no hour',
    given: () => [
      transition('restarting', 'db.service', start + 10 * day, { count: 40, resync: true }),
    ],
    until: start + 12 * day,
    want: [],
  },
  {
    name: 'one that starts irregularly is never expected',
    given: () => {
      const random = seeded(3);
      return days(20).map((midnight) =>
        transition('started', 'job.service', midnight + random() * day),
      );
    },
    until: start + 24 * day,
    want: [],
  },
];

describe('anomaly', () => {
  for (const { name, given, until, want } of cases) {
    it(name, () => {
      assert.deepEqual(told(play(new AnomalyDetector(), given(), until)), want);
    });
  }

  it('says what it rests on in a sentence and in numbers', () => {
    const inputs = crash('db.service', start + 10 * day);
    const [opened] = play(new AnomalyDetector(), inputs, start + 11 * day);
    assert.equal(opened?.sentence, 'restarted by itself for the first time in 10 d of watching');
    assert.deepEqual(opened?.evidence, {
      aspect: 'first_restart',
      watched_s: 864_000,
      restarts: 1,
    });
  });

  it('judges what a life used against the lives before it', () => {
    const verdicts = play(new AnomalyDetector(), livesThenOne(400), start + 42 * day);
    assert.deepEqual(
      told(verdicts).filter((line) => !line.includes('restart')),
      ['opened app.service memory', 'cleared app.service memory'],
    );
    assert.match(verdicts[0]?.sentence ?? '', /^used up to 400 MiB .* 100 MiB is/);
  });

  it('a life like the others is no anomaly', () => {
    assert.deepEqual(play(new AnomalyDetector(), livesThenOne(104), start + 42 * day), []);
  });

  it('a life much shorter than the others is told', () => {
    const random = seeded(5);
    const inputs = days(40).flatMap((midnight, i) =>
      crash('app.service', midnight + hour, i === 38 ? 20e6 : day * (0.95 + 0.1 * random())),
    );
    const aspects = told(play(new AnomalyDetector(), inputs, start + 42 * day));
    assert.deepEqual(aspects.slice(0, 2), [
      'opened app.service uptime',
      'cleared app.service uptime',
    ]);
  });

  it('does not expect what may have happened while nobody watched', () => {
    const detector = new AnomalyDetector();
    play(detector, nightly('cache.service', 10, seeded(6)), start + 9 * day + 12 * hour);
    assert.deepEqual(detector.observe(tick(start + 12 * day + 4 * hour)), []);
    const late = detector.observe(tick(start + 12 * day + 5 * hour));
    assert.deepEqual(late, [], 'the night of the pause may have been kept');
    const after = play2(detector, start + 12 * day + 5 * hour, start + 13 * day + 12 * hour);
    assert.deepEqual(told(after), ['opened cache.service missed_start']);
  });

  it('waits for one that is unloaded between its starts, not for one that nobody watches', () => {
    const detector = new AnomalyDetector();
    play(detector, nightly('cache.service', 10, seeded(6)), start + 9 * day + 12 * hour);
    assert.equal(detector.forget('cache.service', false), false);
    assert.deepEqual([...detector.names()], ['cache.service']);
    assert.equal(detector.forget('cache.service', true), true);
    const after = play2(detector, start + 9 * day + 12 * hour, start + 13 * day);
    assert.deepEqual(told(after), []);
  });

  it('goes on from what it saved as if it had never stopped', () => {
    const inputs = [
      ...livesThenOne(400),
      ...nightly('cache.service', 35, seeded(7)),
      ...days(39).flatMap((midnight) => crash('api.service', midnight + 9 * hour)),
      ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) =>
        crash('api.service', start + 39 * day + 15 * hour + n * 6 * minute),
      ),
    ];
    const whole = play(new AnomalyDetector(), inputs, start + 42 * day);
    const middle = start + 30 * day + 12 * hour;
    const first = new AnomalyDetector();
    const before = play(
      first,
      inputs.filter((i) => timeOf(i) <= middle),
      middle,
    );
    const second = new AnomalyDetector();
    const { sinceUs, services, lives } = first.save();
    const saved = { sinceUs, services: [...services], lives: [...lives] };
    second.restore(JSON.parse(JSON.stringify(saved)));
    const rest = inputs.filter((i) => timeOf(i) > middle).sort((a, b) => timeOf(a) - timeOf(b));
    const after = playFrom(second, rest, middle + 5 * minute, start + 42 * day);
    assert.ok(told(whole).length >= 4);
    assert.deepEqual(told([...before, ...after]), told(whole));
  });

  it('keeps learning apart for its metrics', () => {
    const detector = new AnomalyDetector();
    play(detector, restartedByHand('a.service', start + hour), start + 2 * day);
    detector.observe(transition('started', 'b.service', start + 2 * day));
    assert.deepEqual(detector.counts(start + 2 * day), { services: 2, learning: 1 });
    assert.equal(detector.isLearning('b.service', start + 2 * day), true);
    assert.equal(detector.isLearning('b.service', start + 3 * day), false);
  });

  it('ten thousand services cost less than 1 KB each at rest, and a restart less than 20 µs', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const detector = new AnomalyDetector();
    detector.observe(tick(start));
    collect();
    const before = used();
    for (let n = 0; n < 10_000; n++) {
      detector.observe(transition('started', `unit-${n}.service`, start + n * 1000));
    }
    collect();
    const each = (used() - before) / 10_000;
    assert.ok(each < 1024, `${each} bytes a service`);
    const began = process.cpuUsage().user;
    for (let n = 0; n < 10_000; n++) {
      for (const input of crash(`unit-${n}.service`, start + 2 * day + n * 1e6)) {
        detector.observe(input);
      }
    }
    const cost = (process.cpuUsage().user - began) / 10_000;
    assert.ok(cost < 60, `${cost} µs a restart, three times what is allowed on a quiet machine`);
  });
});

function used(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** 38 lives of a day that peak at 95 to 105 MiB, then one of `mebibytes`, then ordinary ones. */
function livesThenOne(mebibytes: number): AnomalyInput[] {
  const random = seeded(4);
  return days(40).flatMap((midnight, i) => {
    const peak = i === 38 ? mebibytes : 95 + 10 * random();
    const sample = (timeUs: number, share: number): AnomalyInput => ({
      kind: 'sample',
      service: 'app.service',
      invocation: `life-${i}`,
      timeUs,
      anonBytes: peak * share * 1_048_576,
    });
    return [
      sample(midnight + 2 * hour, 0.5),
      sample(midnight + 20 * hour, 1),
      transition('stopped', 'app.service', midnight + 21 * hour, { uptimeUs: 19 * hour }),
    ];
  });
}

function playFrom(
  detector: AnomalyDetector,
  sorted: readonly AnomalyInput[],
  fromUs: number,
  untilUs: number,
): AnomalyVerdict[] {
  const verdicts: AnomalyVerdict[] = [];
  let next = 0;
  for (let now = fromUs; now <= untilUs; now += 5 * minute) {
    for (; next < sorted.length && timeOf(sorted[next] as AnomalyInput) <= now; next++) {
      verdicts.push(...detector.observe(sorted[next] as AnomalyInput));
    }
    verdicts.push(...detector.observe(tick(now)));
  }
  return verdicts;
}

function play2(detector: AnomalyDetector, fromUs: number, untilUs: number): AnomalyVerdict[] {
  return playFrom(detector, [], fromUs, untilUs);
}
