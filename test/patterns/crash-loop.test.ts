import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transition } from '../../src/model/transition.ts';
import {
  crash,
  day,
  hour,
  minute,
  mondayUs,
  newRunner,
  play,
  second,
  told,
  transition,
  unit,
} from './pattern-inputs.ts';

function crashes(
  n: number,
  gap: number,
  uptime = Math.min(gap - second, gap * 0.9),
  from = 0,
): Transition[] {
  return Array.from({ length: n }, (_, i) => crash(from + i * gap, uptime)).flat();
}

/** Dies 0.2 s after each start; systemd waits longer each time. */
function growing(delays: readonly number[]): Transition[] {
  let at = 0;
  return delays.flatMap((delay) => {
    const cause = 'automatic';
    const died = at + 0.2 * second;
    at = died + delay * second;
    return [
      transition('exited', died, { uptimeUs: 0.2 * second, reason: 'exit-code' }),
      transition('restarting', at, { cause, reason: 'exit-code' }),
      transition('restarted', at + 1000, { cause, reason: 'exit-code' }),
    ];
  });
}

test('opens at the very restart that crosses the threshold, and not one before', () => {
  for (let n = 1; n <= 8; n++) {
    const findings = play(newRunner(), crashes(n, 3 * second));
    if (n < 5) assert.deepEqual(findings, []);
    else assert.equal(findings[0]?.timeUs, mondayUs + 4 * 3 * second + 1e5);
  }
});

test('the threshold and the window are settings', () => {
  const settings = { restartThreshold: 3, restartWindowUs: hour };
  // Runs of 11 minutes are healthy; three of them within the hour are what the user called a loop.
  const opened = play(newRunner(settings), crashes(3, 12 * minute, 11 * minute));
  assert.deepEqual(told(opened), ['opened crash_loop loop']);
  assert.deepEqual(
    play(
      newRunner({ ...settings, restartWindowUs: 20 * minute }),
      crashes(3, 12 * minute, 11 * minute),
    ),
    [],
  );
});

const shapes: { name: string; inputs: Transition[]; want: string[] }[] = [
  {
    name: 'a loop slower than the window',
    inputs: crashes(5, 9 * minute, 10 * second),
    want: ['opened crash_loop loop'],
  },
  {
    name: 'gaps that grow as RestartSteps makes them',
    inputs: growing([2.1, 4.6, 10.4, 23.4, 52.9, 119]),
    want: ['opened crash_loop loop'],
  },
  {
    name: 'exit status 0 under Restart=always',
    inputs: Array.from({ length: 5 }, (_, i) => crash(i * 10 * second, 9 * second, 'clean')).flat(),
    want: ['opened crash_loop loop'],
  },
  {
    name: 'four crashes that one signal hid, and one more',
    inputs: [
      transition('restarting', 0, { cause: 'automatic', count: 4 }),
      ...crashes(1, second, 0, second),
    ],
    want: ['opened crash_loop loop'],
  },
  {
    name: 'never up: restarting without restarted',
    inputs: Array.from({ length: 5 }, (_, i) =>
      transition('restarting', i * second, { cause: 'automatic' }),
    ),
    want: ['opened crash_loop loop'],
  },
  {
    name: 'never up, RestartSec of 20 minutes',
    inputs: Array.from({ length: 5 }, (_, i) => [
      transition('exited', i * 20 * minute, { reason: 'exit-code' }),
      transition('restarting', (i + 1) * 20 * minute, { cause: 'automatic', reason: 'exit-code' }),
    ]).flat(),
    want: ['opened crash_loop loop'],
  },
  {
    name: 'the start limit, named by systemd',
    inputs: [
      ...crashes(2, second),
      transition('failed', 2 * second, { reason: 'start-limit-hit' }),
    ],
    want: ['opened crash_loop stopped_trying'],
  },
  {
    name: 'the start limit, with the Result of the last try',
    inputs: [
      ...crashes(4, second),
      transition('failed', 4 * second, { reason: 'exit-code', uptimeUs: 1e5 }),
    ],
    want: ['opened crash_loop stopped_trying'],
  },
  {
    name: 'a loop that ends at the start limit gets worse',
    inputs: [
      ...crashes(6, second),
      transition('failed', 6 * second, { reason: 'start-limit-hit' }),
    ],
    want: ['opened crash_loop loop', 'updated crash_loop stopped_trying'],
  },
  {
    name: 'fails five times in a row without Restart=',
    inputs: Array.from({ length: 5 }, (_, i) =>
      transition('failed', i * 5 * minute, { reason: 'exit-code', uptimeUs: 0 }),
    ),
    want: ['opened crash_loop failing'],
  },
  {
    name: 'a script that restarts it every five seconds',
    inputs: Array.from({ length: 10 }, (_, i) =>
      transition('restarted', i * 5 * second, { cause: 'manual' }),
    ),
    want: ['opened crash_loop manual'],
  },
  {
    name: 'a person who restarts it nine times',
    inputs: Array.from({ length: 9 }, (_, i) =>
      transition('restarted', i * 5 * second, { cause: 'manual' }),
    ),
    want: [],
  },
  {
    name: 'a socket that starts it anew for each connection, too fast for its ends to be seen',
    inputs: Array.from({ length: 50 }, (_, i) =>
      transition('restarted', i * 0.1 * second, { cause: 'manual', inferred: true }),
    ),
    want: [],
  },
  {
    name: 'a script that restarts it, now and then too fast for the end to be seen',
    inputs: Array.from({ length: 20 }, (_, i) =>
      transition('restarted', i * 5 * second, { cause: 'manual', inferred: i % 2 === 0 }),
    ),
    want: ['opened crash_loop manual'],
  },
  {
    name: 'a crash a day',
    inputs: crashes(30, day, 0.9 * day),
    want: [
      'opened periodic_crash period',
      'updated periodic_crash period',
      'updated periodic_crash period',
    ],
  },
  {
    name: 'a deployment each two minutes',
    inputs: Array.from({ length: 20 }, (_, i) => [
      transition('stopped', i * 2 * minute, { reason: 'clean' }),
      transition('started', i * 2 * minute + second),
    ]).flat(),
    want: [],
  },
  {
    name: 'socket-activated a thousand times',
    inputs: Array.from({ length: 1000 }, (_, i) => [
      transition('started', i * 3 * second),
      transition('stopped', i * 3 * second + second, { reason: 'clean' }),
    ]).flat(),
    want: [],
  },
  {
    name: 'four crashes, a healthy run, four crashes',
    inputs: [
      ...crashes(4, second),
      ...crashes(1, second, 20 * minute, 20 * minute),
      ...crashes(3, second, 0, 20 * minute + second),
    ],
    want: [],
  },
];

for (const { name, inputs, want } of shapes) {
  test(`crash loop: ${name}`, () => {
    assert.deepEqual(told(play(newRunner(), inputs)), want);
  });
}

test('flapping: irregular, after healthy runs, twelve times within a day', () => {
  const gaps = [40, 130, 60, 200, 35, 90, 150, 70, 45, 110, 50, 80];
  let at = 0;
  const inputs = [
    crash(0, hour),
    ...gaps.map((gap) => {
      at += gap * minute;
      return crash(at, (gap - 1) * minute);
    }),
  ];
  assert.deepEqual(told(play(newRunner(), inputs.flat())), ['opened crash_loop flapping']);
});

test('an hourly crash is a timetable, not flapping', () => {
  const findings = play(newRunner(), crashes(24, hour, 0.99 * hour));
  assert.deepEqual(
    told(findings).filter((line) => line.startsWith('opened')),
    ['opened periodic_crash period'],
  );
});

test('is cleared by a run longer than its own longest gap, not by a shorter one', () => {
  const runner = newRunner();
  const loop = crashes(6, 2 * minute, minute);
  const lastUp = 5 * 2 * minute + 1.1e5;
  assert.deepEqual(told(play(runner, loop, lastUp + 2 * minute)), ['opened crash_loop loop']);
  const cleared = play(runner, [], lastUp + 10 * minute);
  assert.deepEqual(told(cleared), ['cleared crash_loop loop']);
  // One and a half of the longest gap.
  assert.equal(cleared[0]?.timeUs, mondayUs + lastUp + 3 * minute);
});

test('is cleared by a late tick and by the next transition alike', () => {
  const late = newRunner();
  play(late, crashes(6, second));
  const findings = late.transition(transition('stopped', hour, { reason: 'clean' }));
  assert.equal(findings[0]?.phase, 'cleared');
  assert.equal(findings[0]?.evidence['cleared_by'], 'stable');
});

test('a loop that is restarted by hand goes on; a fast script is told once', () => {
  const byHand = (at: number) => [
    transition('stopped', at, { reason: 'clean' }),
    transition('restarted', at + 1e5, { cause: 'manual', reason: 'clean' }),
  ];
  const loop = [
    ...crashes(5, second, 0.5 * second),
    ...byHand(6 * second),
    ...crashes(3, second, 0.5 * second, 7 * second),
  ];
  assert.deepEqual(told(play(newRunner(), loop, 20 * second)), ['opened crash_loop loop']);
  const script = Array.from({ length: 30 }, (_, n) => byHand(n * second)).flat();
  assert.deepEqual(told(play(newRunner(), script, 40 * second)), [
    'opened crash_loop manual',
    'updated crash_loop manual',
  ]);
  assert.deepEqual(
    told(play(newRunner(), script, 70 * second)).at(-1),
    'cleared crash_loop manual',
  );
});

test('is cleared when somebody stops it, also while systemd waits to restart it', () => {
  const runner = newRunner();
  const stop = transition('stopped', 7 * second, { reason: 'clean', restartCanceled: true });
  const inputs = [...crashes(6, second), transition('exited', 6.5 * second), stop];
  const findings = play(runner, inputs, 7 * second + 30 * second);
  assert.deepEqual(told(findings), ['opened crash_loop loop', 'cleared crash_loop loop']);
  assert.equal(findings[1]?.id, findings[0]?.id);
  assert.deepEqual(
    play(runner, crashes(4, second, 0, minute)),
    [],
    'what was before no longer counts',
  );
});

test('tells again only when it has become twice as bad', () => {
  const findings = play(newRunner(), crashes(100, second));
  assert.deepEqual(
    findings.map((finding) => `${finding.phase} ${finding.evidence['restarts']}`),
    ['opened 5', 'updated 10', 'updated 20', 'updated 40', 'updated 80'],
  );
});

test('says in one sentence what happens, with the numbers', () => {
  const [opened] = play(newRunner(), crashes(5, 3 * second));
  assert.equal(
    opened?.sentence,
    'crashed 5 times in a row within 12 s, and systemd restarts it each time (exit-code)',
  );
  assert.equal(opened?.severity, 'error');
  assert.deepEqual(opened?.evidence['gaps_s'], [3, 3, 3, 3]);
  assert.equal(opened?.evidence['growing_gaps'], false);
});

test('a start that the limit refuses after a stop is not over because of that stop', () => {
  const inputs = [
    ...crashes(2, second),
    transition('stopped', 3 * second),
    transition('failed', 40 * second, { reason: 'start-limit-hit' }),
  ];
  assert.deepEqual(told(play(newRunner(), inputs, hour)), ['opened crash_loop stopped_trying']);
});

for (const { phase, want } of [
  { phase: 'up' as const, want: ['cleared crash_loop loop'] },
  { phase: 'down' as const, want: ['cleared crash_loop loop'] },
  { phase: 'failed' as const, want: [] },
  { phase: 'waiting' as const, want: [] },
])
  test(`a loop that was saved in the midst of a run, of a unit that is ${phase} now`, () => {
    const before = newRunner();
    assert.deepEqual(told(play(before, crashes(6, second))), ['opened crash_loop loop']);
    const runner = newRunner();
    assert.equal(runner.restore(JSON.parse([...before.save()].join(''))), undefined);
    const sinceUs = mondayUs + day;
    runner.resume(unit, { phase, sinceUs });
    assert.deepEqual(runner.tick(sinceUs + 20 * second), [], 'not for what was before');
    assert.deepEqual(told(play(runner, [], 3 * day)), want);
  });
