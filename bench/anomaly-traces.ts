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
} from './trace.ts';

/** What a life uses: bytes that cannot be given back at its end, and its share of a CPU. */
interface Use {
  readonly bytes: number;
  readonly cpu: number;
}

const everyUs = 15 * minute;

/** Runs on for `us`, measured now and then; memory fills in the first tenth of the run. */
function live(recorder: Recorder, us: number, { bytes, cpu }: Use): void {
  const untilUs = recorder.nowUs + us;
  const fromUs = recorder.nowUs;
  while (recorder.nowUs + everyUs < untilUs) {
    recorder.wait(everyUs);
    const ranUs = recorder.nowUs - fromUs;
    recorder.sample(bytes * Math.min(1, 0.5 + (5 * ranUs) / us), cpu * ranUs);
  }
  recorder.until(untilUs);
}

/** How late an aspect may be told: a storm goes on for hours, a night is missed when it is over. */
const withinHours: Readonly<Record<string, number>> = { restart_rate: 12, missed_start: 8 };

function shape(
  name: string,
  aspect: string | undefined,
  make: (recorder: Recorder, random: Random, strength: Strength) => number | undefined,
): Shape {
  return {
    name,
    ...(aspect && {
      aspect,
      expected: 'anomaly' as const,
      tolerated: ['crash_loop', 'periodic_crash'] as const,
    }),
    make(random, strength): Trace {
      const recorder = new Recorder(random).start();
      const crossingUs = make(recorder, random, strength);
      const { inputs, nowUs: untilUs } = recorder;
      if (crossingUs === undefined || aspect === undefined) return { inputs, untilUs };
      const deadlineUs = crossingUs + (withinHours[aspect] ?? 0) * hour + minute;
      return { inputs, untilUs, crossingUs, deadlineUs };
    },
  };
}

/**
 * Crashes at random, so many a day, until `untilUs`; each after a run that looks healthy. Never twelve
 * within a day: that is flapping, whatever it comes from.
 */
function crashesAtRandom(r: Recorder, x: Random, perDay: number, untilUs: number): void {
  const last: number[] = [];
  for (;;) {
    const next = r.nowUs + 15 * minute + x.exponential(day / perDay);
    if (next > untilUs) break;
    r.until(Math.max(next, (last.at(-11) ?? Number.NEGATIVE_INFINITY) + day)).crash();
    last.push(r.nowUs);
  }
  r.until(untilUs);
}

const midnightAfter = (us: number) => Math.ceil(us / day) * day;

/** Nights at about three o'clock, up to `jitterUs` late. */
function* nights(r: Recorder, x: Random, count: number, jitterUs: number): Generator<number> {
  const first = midnightAfter(r.nowUs) + 3 * hour;
  for (let n = 0; n < count; n++) yield first + n * day + x.next() * jitterUs;
}

const usual = (x: Random, middle: number, spread: number) => middle * Math.exp(spread * x.normal());

/** Twenty lives or more that are much alike, and then one that is not. */
function lastLife(odd: (usual: Use, runUs: number, k: number) => readonly [Use, number]) {
  return (r: Recorder, x: Random, strength: Strength): number => {
    const middle = { bytes: x.between(20, 2000) * 1e6, cpu: x.between(0.02, 0.6) };
    const runUs = x.between(16, 30) * hour;
    for (let n = 0; n < 24; n++) {
      const use = { bytes: usual(x, middle.bytes, 0.08), cpu: usual(x, middle.cpu, 0.08) };
      live(r, runUs * x.between(0.8, 1.2), use);
      r.crash();
    }
    const k = by(strength, x.between(2.2, 3), x.between(4, 7), x.between(8, 20));
    const [use, lastUs] = odd(middle, runUs, k);
    live(r, lastUs, use);
    r.crash();
    const crossingUs = r.nowUs;
    live(r, 2 * day, middle);
    return crossingUs;
  };
}

/** What is unlike a service's own past. */
export const anomalyShapes: readonly Shape[] = [
  shape('restarts far more often than it ever did', 'restart_rate', (r, x, strength) => {
    crashesAtRandom(r, x, x.between(0.2, 1.5), r.nowUs + x.between(30, 45) * day);
    const crossingUs = r.nowUs;
    const [least, most] = by(strength, [5, 7], [10, 16], [20, 40]);
    const apartUs = by(strength, 40, 25, 15) * minute;
    for (let n = x.whole(least as number, most as number); n > 0; n--)
      r.wait(apartUs * x.between(0.75, 1.25)).crash();
    r.wait(3 * day);
    return crossingUs;
  }),
  shape('has never restarted, and now it does', 'first_restart', (r, x, strength) => {
    r.wait(by(strength, x.between(14, 26), x.between(26, 50), x.between(50, 90)) * day).crash();
    const crossingUs = r.nowUs;
    for (let n = by(strength, 0, 1, 3); n > 0; n--) r.wait(x.between(1, 9) * hour).crash();
    r.wait(3 * day);
    return crossingUs;
  }),
  shape('restarted every night, and then no more', 'missed_start', (r, x, strength) => {
    const [count, jitterUs] = by(strength, [9, hour], [21, 15 * minute], [40, minute]);
    for (const at of nights(r, x, count as number, jitterUs as number)) r.until(at).restartByHand();
    const crossingUs = r.nowUs + day;
    r.wait(4 * day);
    return crossingUs;
  }),
  shape('a nightly job, and then none', 'missed_start', (r, x, strength) => {
    const [count, jitterUs] = by(strength, [9, hour], [21, 15 * minute], [40, minute]);
    r.stop();
    for (const at of nights(r, x, count as number, jitterUs as number)) r.until(at).stop();
    const crossingUs = r.nowUs + day;
    r.wait(4 * day);
    return crossingUs;
  }),
  shape(
    'used far more memory than in its lives before',
    'memory',
    lastLife((use, runUs, k) => [{ ...use, bytes: use.bytes * k + 2e6 * k }, runUs]),
  ),
  shape(
    'used far more CPU than in its lives before',
    'cpu',
    lastLife((use, runUs, k) => [{ ...use, cpu: use.cpu * k }, runUs]),
  ),
  shape(
    'died far sooner than in its lives before',
    'uptime',
    lastLife((use, runUs, k) => [use, runUs / (4 * k)]),
  ),
];

/** Looks unusual, and is not. */
export const ordinaryShapes: readonly Shape[] = [
  shape('crashes at random, a few a day', undefined, (r, x) => {
    crashesAtRandom(r, x, x.between(0.5, 4), r.nowUs + 60 * day);
    return undefined;
  }),
  shape('a rush of restarts each Monday', undefined, (r, x) => {
    const monday = midnightAfter(r.nowUs) + 9 * hour;
    for (let week = 0; week < 10; week++) {
      r.until(monday + week * 7 * day);
      for (let n = x.whole(5, 8); n > 0; n--) r.wait(x.between(11, 40) * minute).restartByHand();
    }
    return undefined;
  }),
  shape('restarted every night, by a clock that is put forward', undefined, (r, x) => {
    for (const [n, at] of [...nights(r, x, 60, 5 * minute)].entries())
      r.until(n < 25 ? at : at - hour).restartByHand();
    return undefined;
  }),
  shape('a nightly job that sometimes takes hours', undefined, (r, x) => {
    r.stop();
    for (const at of nights(r, x, 50, 20 * minute)) {
      r.until(at).start();
      r.wait(x.chance(0.1) ? x.between(2, 6) * hour : x.between(1, 20) * minute).stop();
    }
    return undefined;
  }),
  shape('lives of every length, memory of every size', undefined, (r, x) => {
    const use = { bytes: x.between(20, 2000) * 1e6, cpu: x.between(0.02, 0.6) };
    for (let n = 0; n < 40; n++) {
      live(r, 20 * minute + x.exponential(day), {
        bytes: usual(x, use.bytes, 0.5),
        cpu: usual(x, use.cpu, 0.5),
      });
      if (x.chance(0.7)) r.restartByHand();
      else r.stop().wait(minute).start();
    }
    return undefined;
  }),
  shape('deployments that make it somewhat larger each time', undefined, (r, x) => {
    let bytes = x.between(20, 500) * 1e6;
    for (let n = 0; n < 30; n++) {
      live(r, x.between(0.5, 2) * day, { bytes: usual(x, bytes, 0.05), cpu: usual(x, 0.1, 0.1) });
      bytes *= x.between(1, 1.06);
      r.stop()
        .wait(5 * second)
        .start();
    }
    return undefined;
  }),
];
