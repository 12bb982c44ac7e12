import type { Pattern } from '../src/model/finding.ts';
import type { Random } from './random.ts';
import { day, hour, minute, Recorder, type Shape, second } from './trace.ts';

function healthy(
  name: string,
  live: (recorder: Recorder, random: Random) => void,
  tolerated: readonly Pattern[] = [],
): Shape {
  return {
    name,
    tolerated,
    make(random) {
      const recorder = new Recorder(random);
      live(recorder, random);
      return { inputs: recorder.inputs };
    },
  };
}

/** Moments of a working day, as people deploy: between nine and five, not at weekends. */
function* officeHours(random: Random, fromUs: number, days: number): Generator<number> {
  const midnightUs = Math.floor(fromUs / day) * day;
  for (let n = 1; n <= days; n++) {
    const weekday = (Math.floor((midnightUs + n * day) / day) + 4) % 7;
    if (weekday === 0 || weekday === 6) continue;
    const times = Array.from({ length: random.whole(0, 4) }, () => random.between(9, 17) * hour);
    for (const time of times.sort((a, b) => a - b)) yield midnightUs + n * day + time;
  }
}

/** What is not a finding, though it looks like one. */
export const healthyShapes: readonly Shape[] = [
  healthy('deployments: stop and start', (r, x) => {
    r.start();
    for (let n = 0; n < 40; n++)
      r.wait(x.between(0.05, 2) * day)
        .stop()
        .wait(x.between(1, 60) * second)
        .start();
  }),
  healthy('a bad afternoon: a deployment each few minutes', (r, x) => {
    r.start().wait(day);
    for (let n = 0; n < 12; n++)
      r.wait(x.between(1, 6) * minute)
        .stop()
        .wait(3 * second)
        .start();
  }),
  healthy('manual restarts', (r, x) => {
    r.start();
    for (let n = 0; n < 60; n++) r.wait(x.exponential(8 * hour)).restartByHand();
  }),
  healthy('a person looks for a fault: a few manual restarts', (r, x) => {
    r.start();
    for (let n = 0; n < 5; n++) {
      r.wait(day);
      for (let k = x.whole(2, 7); k > 0; k--) r.wait(x.between(4, 90) * second).restartByHand();
    }
  }),
  healthy('restarts in office hours', (r, x) => {
    r.start();
    for (const at of officeHours(x, r.nowUs, 30)) r.until(at).restartByHand();
  }),
  healthy('noisy but healthy: crashes at random, a few a week', (r, x) => {
    r.start();
    const meanUs = x.between(0.4, 3) * day;
    for (let n = 0; n < 40; n++) r.wait(x.exponential(meanUs)).crash();
  }),
  // Five within a minute are no loop; of a service that had one now and then, they are unusual.
  healthy(
    'a crash or four, then it runs',
    (r, x) => {
      r.start();
      for (let n = 0; n < 12; n++) {
        r.wait(x.exponential(4 * day) + 2 * hour);
        for (let k = x.whole(1, 4); k > 0; k--) r.wait(x.between(0.1, 10) * second).crash(second);
      }
    },
    ['anomaly'],
  ),
  healthy('wears out: crashes after days that vary by half', (r, x) => {
    r.start();
    for (let n = 0; n < 40; n++) r.wait(2 * day * Math.max(0.1, 1 + 0.5 * x.normal())).crash();
  }),
  healthy('socket-activated a thousand times', (r, x) => {
    for (let n = 0; n < 1000; n++)
      r.start()
        .wait(x.between(0.05, 3) * second)
        .stop()
        .wait(x.exponential(40 * second));
  }),
  healthy('a timer job every five minutes that succeeds', (r, x) => {
    for (let n = 0; n < 500; n++)
      r.start()
        .timer('job.timer')
        .wait(x.between(1, 9) * second)
        .stop()
        .wait(5 * minute);
  }),
  healthy('a job that fails now and then', (r, x) => {
    for (let n = 0; n < 300; n++) {
      r.start().wait(x.between(1, 60) * second);
      if (x.chance(0.04)) r.fail();
      else r.stop();
      r.wait(x.between(20, 80) * minute);
    }
  }),
  healthy('reboots', (r, x) => {
    for (let n = 0; n < 30; n++)
      r.start()
        .wait(x.exponential(2 * day) + minute)
        .stop()
        .wait(x.between(20, 200) * second);
  }),
  healthy('package upgrades at night', (r, x) => {
    r.start();
    const midnightUs = Math.ceil(r.nowUs / day) * day;
    for (let n = 0; n < 40; n++) {
      if (x.chance(0.4)) r.until(midnightUs + n * day + 6 * hour + x.next() * hour).restartByHand();
    }
  }),
];
