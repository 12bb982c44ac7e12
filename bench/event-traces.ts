import type { Random } from './random.ts';
import {
  by,
  day,
  hour,
  minute,
  Recorder,
  type Shape,
  type Strength,
  second,
  type Trace,
  timeOf,
} from './trace.ts';

const threshold = 5;

/** How many crashes a loop has: a weak one is hardly over the threshold. */
function crashes(random: Random, strength: Strength): number {
  return by(strength, random.whole(5, 7), random.whole(10, 25), random.whole(60, 200));
}

/** A loop is to be told at the event that makes it one. */
function atOnce({ inputs }: Recorder, crossingUs: number): Trace {
  return { inputs, crossingUs, deadlineUs: crossingUs + second };
}

/** Crashes that keep a timetable: from the fifth (date with one) on, told at the 17th at the latest. */
function byEpisodes({ inputs }: Recorder, times: readonly number[]): Trace {
  const crossingUs = times[4] ?? 0;
  // A crash and its restart are up to a second apart, and a burst of three a minute.
  const deadlineUs = (times[16] ?? times.at(-1) ?? 0) + minute;
  return { inputs, crossingUs, deadlineUs };
}

function loop(
  name: string,
  crash: (recorder: Recorder, random: Random, n: number) => void,
  count: (random: Random, strength: Strength) => number = crashes,
): Shape {
  return {
    name,
    expected: 'crash_loop',
    make(random, strength) {
      const recorder = new Recorder(random).start().wait(random.between(hour, 3 * day));
      const total = count(random, strength);
      for (let n = 0; n < total; n++) crash(recorder, random, n);
      recorder.wait(random.between(1, 3) * day).stop();
      return atOnce(recorder, timeOf(recorder.inputs, 'restarting', threshold));
    },
  };
}

const loops: readonly Shape[] = [
  loop('fast loop', (r, x) =>
    r.wait(x.between(0.02, 4) * second).crash(x.between(0.1, 2) * second),
  ),
  loop('loop slower than the window', (r, x) =>
    r.wait(x.between(5, 60) * second).crash(x.between(2, 8) * minute),
  ),
  loop('growing gaps (RestartSteps)', (r, _x, n) =>
    r.wait(0.3 * second).crash(Math.min(2.1 * 2.2 ** n, 300) * second),
  ),
  loop('capped back-off of 15 min', (r, x, n) =>
    r.wait(x.between(1, 3) * second).crash(Math.min(10 * 2 ** n, 900) * second),
  ),
  loop('exit status 0 under Restart=always', (r, x) =>
    r.wait(x.between(1, 40) * second).crash(0.1 * second, 'clean'),
  ),
  loop('killed by its watchdog', (r, x) =>
    r.wait(x.between(50, 70) * second).crash(second, 'watchdog'),
  ),
  loop('several crashes in one signal', (r, x) =>
    r.wait(0.5 * second).crash(0.1 * second, 'signal', x.whole(1, 4)),
  ),
];

const startLimit: Shape = {
  name: 'start limit hit',
  expected: 'crash_loop',
  make(random, strength) {
    const recorder = new Recorder(random).start().wait(random.between(hour, day));
    const tries = by(strength, 2, 4, 9);
    for (let n = 0; n < tries; n++) recorder.wait(random.between(0.02, 1) * second).crash();
    recorder.wait(random.between(0.02, 1) * second);
    // Public journals show both: systemd often keeps the Result of the last try.
    recorder.fail(random.chance(0.5) ? 'start-limit-hit' : 'exit-code');
    const crossingUs = Math.min(
      recorder.nowUs,
      timeOf(recorder.inputs, 'restarting', threshold) || recorder.nowUs,
    );
    recorder.wait(2 * day).start();
    return atOnce(recorder.wait(day).stop(), crossingUs);
  },
};

const failing: Shape = {
  name: 'fails each time it is started, without Restart=',
  expected: 'crash_loop',
  make(random, strength) {
    const recorder = new Recorder(random);
    const everyUs = random.between(1, 15) * minute;
    const total = crashes(random, strength);
    for (let n = 0; n < total; n++) {
      recorder
        .start()
        .wait(random.between(0.1, 20) * second)
        .fail()
        .wait(everyUs * random.between(0.5, 1.5));
    }
    const crossingUs = timeOf(recorder.inputs, 'failed', threshold);
    return atOnce(recorder.start().wait(hour).stop(), crossingUs);
  },
};

const flapping: Shape = {
  name: 'flapping: lives past the healthy time, too often a day',
  expected: 'crash_loop',
  make(random, strength) {
    const recorder = new Recorder(random).start();
    const [few, many] = by(strength, [13, 15], [18, 26], [40, 60]);
    const perDay = random.between(few as number, many as number);
    const meanUs = day / perDay;
    const endUs = recorder.nowUs + 3 * day;
    const times: number[] = [];
    while (recorder.nowUs < endUs) {
      recorder
        .wait(Math.max(11 * minute, random.exponential(meanUs - 11 * minute) + 11 * minute))
        .crash();
      times.push(recorder.nowUs);
    }
    const nth = times.findIndex((at, i) => i >= 11 && at - (times[i - 11] as number) <= day);
    const crossingUs = times[nth] ?? Number.NaN;
    const { inputs } = recorder.wait(2 * day).stop();
    return { inputs, crossingUs, deadlineUs: crossingUs + 6 * hour };
  },
};

const scripted: Shape = {
  name: 'a script restarts it over and over',
  expected: 'crash_loop',
  make(random, strength) {
    const recorder = new Recorder(random).start().wait(day);
    const total = by(strength, 11, random.whole(15, 40), 300);
    const everyUs = random.between(1, 25) * second;
    for (let n = 0; n < total; n++) recorder.restartByHand().wait(everyUs);
    return atOnce(recorder.wait(day).stop(), timeOf(recorder.inputs, 'restarted', 10));
  },
};

/** One to three crashes close together: an episode. */
function episode(recorder: Recorder, random: Random, burst: boolean): void {
  recorder.crash();
  if (!burst) return;
  for (let n = random.whole(0, 2); n > 0; n--)
    recorder.wait(random.between(1, 20) * second).crash();
}

function schedule(
  name: string,
  burst: boolean,
  extra: number,
  periodOf: (x: Random) => number,
): Shape {
  return {
    name,
    expected: 'periodic_crash',
    make(random, strength) {
      const recorder = new Recorder(random).start();
      const periodUs = periodOf(random);
      const jitter = by(strength, 0.06, 0.025, 0.005);
      const missing = by(strength, 0.35, 0.15, 0.03);
      const cycles = by(strength, 14, 22, 35);
      const startUs = recorder.nowUs;
      const at: number[] = [];
      for (let k = 1; k <= cycles; k++) {
        const spread = Math.min(periodUs * jitter, hour);
        if (!random.chance(missing)) at.push(startUs + k * periodUs + random.normal() * spread);
        if (random.chance(extra)) at.push(startUs + (k + random.next()) * periodUs);
      }
      for (const time of at.sort((a, b) => a - b)) episode(recorder.until(time), random, burst);
      return byEpisodes(recorder.wait(8 * periodUs).stop(), at);
    },
  };
}

const delayed: Shape = {
  name: 'a delay after each start',
  expected: 'periodic_crash',
  tolerated: ['crash_loop'],
  make(random, strength) {
    const recorder = new Recorder(random).start();
    const periodUs = random.between(0.5, 30) * hour;
    const jitter = by(strength, 0.08, 0.04, 0.01);
    const times: number[] = [];
    for (let n = 0; n < by(strength, 14, 22, 35); n++) {
      recorder.wait(periodUs * Math.max(0.3, 1 + jitter * random.normal())).crash();
      times.push(recorder.nowUs);
    }
    return byEpisodes(recorder.wait(8 * periodUs).stop(), times);
  },
};

const byHour: Shape = {
  name: 'clusters by hour of the day',
  expected: 'periodic_crash',
  make(random, strength) {
    const recorder = new Recorder(random).start();
    const midnightUs = Math.ceil(recorder.nowUs / day) * day;
    const fromHour = random.between(0, 24);
    const width = by(strength, 6, 3, 1);
    const dates = new Map<number, number>();
    for (let n = 0; n < by(strength, 30, 30, 25); n++) {
      const at: number[] = [];
      for (let k = random.whole(0, 2); k > 0; k--) at.push(fromHour + width * random.next());
      for (const h of at.sort((a, b) => a - b)) {
        recorder.until(midnightUs + n * day + h * hour).crash();
        const date = Math.floor(recorder.nowUs / day);
        if (!dates.has(date)) dates.set(date, recorder.nowUs);
      }
    }
    return byEpisodes(recorder.wait(20 * day).stop(), [...dates.values()]);
  },
};

const afterTimer: Shape = {
  name: 'after a timer that fires irregularly',
  expected: 'periodic_crash',
  make(random, strength) {
    const recorder = new Recorder(random).start();
    const times: number[] = [];
    for (let n = 0; n < 40; n++) {
      recorder.wait(random.between(1, 20) * hour).timer('backup.timer');
      if (random.chance(by(strength, 0.4, 0.15, 0))) continue;
      recorder.wait(random.between(5, by(strength, 120, 40, 8)) * second).crash();
      times.push(recorder.nowUs);
    }
    return byEpisodes(recorder.wait(10 * day).stop(), times);
  },
};

/** Crash loops, crashes with a timetable. */
export const eventShapes: readonly Shape[] = [
  ...loops,
  startLimit,
  failing,
  flapping,
  scripted,
  schedule('a period of 25 min to 20 h', false, 0, (x) => x.between(25 / 60, 20) * hour),
  schedule('the same, in bursts', true, 0, (x) => x.between(25 / 60, 20) * hour),
  schedule(
    'the same, with a tenth of unrelated crashes',
    false,
    0.1,
    (x) => x.between(1, 20) * hour,
  ),
  schedule('every day', true, 0, () => day),
  schedule('every week', false, 0, () => 7 * day),
  delayed,
  byHour,
  afterTimer,
].map((shape) =>
  shape.expected === 'periodic_crash' ? { ...shape, tolerated: ['crash_loop'] as const } : shape,
);
