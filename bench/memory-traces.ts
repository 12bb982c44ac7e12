import type { Random } from './random.ts';
import {
  by,
  day,
  hour,
  minute,
  type Shape,
  type Strength,
  second,
  type TraceInput,
} from './trace.ts';

const startUs = Date.UTC(2026, 2, 2) * 1000;
const mb = 1e6;

/** Memory at `t` microseconds of a life; a new life begins where `life` rises. */
interface Reading {
  readonly bytes: number;
  readonly life?: number;
}

interface Course {
  readonly everyUs: number;
  readonly lengthUs: number;
  readonly limitBytes?: number;
  /** When the leak begins, and how long after that it must be told at the latest. */
  readonly leaksFromUs?: number;
  readonly withinUs?: number;
  readonly at: (t: number) => Reading;
}

function* samples(random: Random, course: Course): Generator<TraceInput> {
  const { everyUs, lengthUs, limitBytes, at } = course;
  for (let t = 0; t < lengthUs; t += everyUs * random.between(0.98, 1.02)) {
    const { bytes, life = 1 } = at(t);
    const sample = {
      service: 'trace.service',
      invocation: life.toString(16).padStart(32, '0'),
      timeUs: Math.round(startUs + t),
      anonBytes: Math.max(0, Math.round(bytes)),
      source: 'cgroup' as const,
      ...(limitBytes !== undefined && { limitBytes }),
    };
    yield { kind: 'sample', sample };
  }
}

function memory(
  name: string,
  course: (x: Random, strength: Strength) => Course,
  leak: boolean,
): Shape {
  return {
    name,
    ...(leak && { expected: 'memory_leak' as const }),
    make: (random, strength) => {
      const of = course(random, strength);
      const inputs = samples(random, of);
      if (!leak) return { inputs };
      const crossingUs = startUs + (of.leaksFromUs ?? 0);
      const withinUs = of.withinUs ?? by(strength, 5, 3, 2) * day;
      return { inputs, crossingUs, deadlineUs: crossingUs + withinUs };
    },
  };
}

/** Load that comes and goes: an autoregressive noise of standard deviation `size`. */
function noise(random: Random, size: number, memoryOfIt = 0.9): () => number {
  let value = 0;
  const kick = size * Math.sqrt(1 - memoryOfIt ** 2);
  return () => {
    value = memoryOfIt * value + kick * random.normal();
    return value;
  };
}

/** A collector: up by `amplitude` within `toothUs`, then back. */
function tooth(t: number, toothUs: number, amplitude: number): number {
  return (amplitude * (t % toothUs)) / toothUs;
}

const perDay = (x: Random, strength: Strength) =>
  by(strength, x.between(0.05, 0.08), x.between(0.12, 0.25), x.between(0.4, 1.5));

export const leakShapes: readonly Shape[] = [
  memory(
    'days: some percent a day',
    (x, strength) => {
      const base = x.between(30, 2000) * mb;
      const rate = perDay(x, strength);
      const jitter = noise(x, 0.015 * base);
      return {
        everyUs: minute,
        lengthUs: 6 * day,
        at: (t) => ({ bytes: base * (1 + (rate * t) / day) + jitter() }),
      };
    },
    true,
  ),
  memory(
    'days, under the teeth of a collector',
    (x, strength) => {
      const base = x.between(100, 2000) * mb;
      const rate = perDay(x, strength);
      const toothUs = x.between(1, 30) * minute;
      const amplitude = x.between(0.2, 0.8) * base;
      const bytes = (t: number) => base * (1 + (rate * t) / day) + tooth(t, toothUs, amplitude);
      return { everyUs: 30 * second, lengthUs: 6 * day, at: (t) => ({ bytes: bytes(t) }) };
    },
    true,
  ),
  memory(
    'days, on top of a day and night rhythm',
    (x, strength) => {
      const base = x.between(100, 2000) * mb;
      const rate = perDay(x, strength);
      const swing = x.between(0.02, 0.08) * base;
      const jitter = noise(x, 0.01 * base);
      const bytes = (t: number) =>
        base * (1 + (rate * t) / day) + swing * Math.sin((2 * Math.PI * t) / day) + jitter();
      // A rhythm of a day is told from a leak after two of them.
      const withinUs = by(strength, 6, 4, 3) * day;
      return { everyUs: minute, lengthUs: 8 * day, withinUs, at: (t) => ({ bytes: bytes(t) }) };
    },
    true,
  ),
  memory(
    'minutes: many MB a minute',
    (x, strength) => {
      const base = x.between(10, 60) * mb;
      const perMinute = by(strength, 0.06, x.between(0.2, 0.5), x.between(1, 5)) * base;
      const jitter = noise(x, 0.02 * base);
      const bytes = (t: number) => base + (perMinute * t) / minute + jitter();
      return {
        everyUs: 30 * second,
        lengthUs: by(strength, 90, 40, 20) * minute,
        at: (t) => ({ bytes: bytes(t) }),
      };
    },
    true,
  ),
  memory(
    'begins after three quiet days',
    (x, strength) => {
      const base = x.between(50, 2000) * mb;
      const rate = perDay(x, strength);
      const jitter = noise(x, 0.01 * base);
      const bytes = (t: number) => base * (1 + (rate * Math.max(0, t - 3 * day)) / day) + jitter();
      return {
        everyUs: minute,
        lengthUs: 9 * day,
        leaksFromUs: 3 * day,
        at: (t) => ({ bytes: bytes(t) }),
      };
    },
    true,
  ),
  memory(
    'grows, dies, grows again within the day',
    (x, strength) => {
      const base = x.between(50, 500) * mb;
      const lifeUs = x.between(4, 9) * hour;
      const growth = by(strength, 0.5, x.between(1.2, 2), x.between(3, 8)) * base;
      const jitter = noise(x, 0.015 * base);
      return {
        everyUs: 30 * second,
        lengthUs: 3 * day,
        limitBytes: base + growth * 1.05,
        at: (t) => ({
          bytes: base + tooth(t, lifeUs, growth) + jitter(),
          life: 1 + Math.floor(t / lifeUs),
        }),
      };
    },
    true,
  ),
];

export const healthyMemoryShapes: readonly Shape[] = [
  memory(
    'memory that stays, with noise',
    (x) => {
      const base = x.between(20, 2000) * mb;
      const jitter = noise(x, x.between(0.005, 0.1) * base, x.between(0, 0.99));
      return { everyUs: minute, lengthUs: 7 * day, at: () => ({ bytes: base + jitter() }) };
    },
    false,
  ),
  memory(
    'a garbage-collected heap',
    (x) => {
      const base = x.between(50, 500) * mb;
      const toothUs = x.between(0.2, 40) * minute;
      const amplitude = x.between(0.3, 1.8) * base;
      return {
        everyUs: 30 * second,
        lengthUs: 3 * day,
        at: (t) => ({ bytes: base + tooth(t, toothUs, amplitude) }),
      };
    },
    false,
  ),
  memory(
    'a heap whose teeth take hours and vary',
    (x) => {
      const base = x.between(100, 1000) * mb;
      let level = 0;
      let height = x.between(0.3, 0.9) * base;
      const step = height / x.between(60, 600);
      const at = () => {
        level += step * x.between(0.2, 1.8);
        if (level > height) {
          level = 0;
          height = x.between(0.3, 0.9) * base;
        }
        return { bytes: base + level };
      };
      return { everyUs: minute, lengthUs: 7 * day, at };
    },
    false,
  ),
  memory(
    'a cache that fills as the logarithm of time',
    (x) => {
      const base = x.between(50, 500) * mb;
      const perFold = x.between(0.1, 1.5) * base;
      const tauUs = x.between(1, 120) * minute;
      const jitter = noise(x, x.between(0, 0.01) * base);
      return {
        everyUs: minute,
        lengthUs: 7 * day,
        at: (t) => ({ bytes: base + perFold * Math.log(1 + t / tauUs) + jitter() }),
      };
    },
    false,
  ),
  memory(
    'a cache that grows by steps, ever more rarely',
    (x) => {
      const base = x.between(50, 500) * mb;
      const step = x.between(0.2, 1) * base;
      const everyUs = x.between(1, 6) * hour;
      const jitter = noise(x, 0.005 * base);
      const steps = (t: number) => Math.floor(Math.log2(1 + t / everyUs));
      return {
        everyUs: minute,
        lengthUs: 7 * day,
        at: (t) => ({ bytes: base + step * steps(t) + jitter() }),
      };
    },
    false,
  ),
  memory(
    'warm-up: caches fill, then stay',
    (x) => {
      const base = x.between(50, 500) * mb;
      const full = x.between(0.5, 6) * base;
      const tauUs = x.between(1, 300) * minute;
      const jitter = noise(x, 0.01 * base);
      const bytes = (t: number) => base + full * (1 - Math.exp(-t / tauUs)) + jitter();
      return { everyUs: 30 * second, lengthUs: 3 * day, at: (t) => ({ bytes: bytes(t) }) };
    },
    false,
  ),
  memory(
    'day and night',
    (x) => {
      const base = x.between(50, 2000) * mb;
      const swing = x.between(0.1, 0.6) * base;
      const from = x.next() * day;
      const jitter = noise(x, 0.02 * base);
      const bytes = (t: number) =>
        base + swing * (1 + Math.sin((2 * Math.PI * (t + from)) / day)) + jitter();
      return { everyUs: minute, lengthUs: 9 * day, at: (t) => ({ bytes: bytes(t) }) };
    },
    false,
  ),
  memory(
    'steps: a batch loads, and leaves',
    (x) => {
      const base = x.between(50, 1000) * mb;
      const jitter = noise(x, 0.01 * base);
      let extra = 0;
      const at = () => {
        if (x.chance(1 / 400)) extra = x.chance(0.4) ? 0 : x.between(0.1, 2) * base;
        return { bytes: base + extra + jitter() };
      };
      return { everyUs: minute, lengthUs: 7 * day, at };
    },
    false,
  ),
  memory(
    'deployments: a new life each half day',
    (x) => {
      const base = x.between(50, 1000) * mb;
      const lifeUs = x.between(3, 20) * hour;
      const jitter = noise(x, 0.01 * base);
      const bytes = (t: number) =>
        base * (1.3 - 0.3 * Math.exp(-(t % lifeUs) / (10 * minute))) + jitter();
      const at = (t: number) => ({ bytes: bytes(t), life: 1 + Math.floor(t / lifeUs) });
      return { everyUs: minute, lengthUs: 7 * day, at };
    },
    false,
  ),
];
