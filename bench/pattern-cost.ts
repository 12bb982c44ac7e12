import type { ResourceSample } from '../src/model/resource.ts';
import type { Transition } from '../src/model/transition.ts';
import { AnomalyFindings } from '../src/patterns/anomaly-findings.ts';
import { detectors } from '../src/patterns/detectors.ts';
import { PatternRunner } from '../src/patterns/runner.ts';
import { defaultSettings } from '../src/patterns/settings.ts';
import { Random } from './random.ts';
import { day, hour, minute, second } from './trace.ts';

const startUs = Date.UTC(2026, 2, 2) * 1000;

export interface PatternCost {
  readonly services: number;
  /** Growth of the heap and of buffers for each service that runs quietly and is measured. */
  readonly restBytes: number;
  /** The same after 20 crashes each. */
  readonly crashedBytes: number;
  readonly restartUs: number;
  readonly loopRestartUs: number;
  readonly sampleUs: number;
  readonly saveMs: number;
  /** What one turn of the event loop has to bear at the least while it is saved. */
  readonly longestPieceMs: number;
  readonly savedBytes: number;
}

/** What the detectors cost, measured on `services` services that live for `days`. */
export function patternCost(services: number, samplesEach: number): PatternCost {
  const all = new AllDetectors();
  const random = new Random(1);
  const names = Array.from({ length: services }, (_, n) => `cost-${n}.service`);
  const before = memoryBytes();
  for (const unit of names) all.transition({ ...plain, kind: 'started', unit, timeUs: startUs });
  const samples = timed(() => {
    for (let n = 0; n < samplesEach; n++) {
      for (const service of names) {
        const timeUs = startUs + (n + 1) * 30 * second;
        const anonBytes = 5e7 * (1 + 0.05 * random.next());
        all.sample({ service, invocation: 'a', timeUs, anonBytes, source: 'cgroup' });
      }
    }
  });
  const restBytes = (memoryBytes() - before) / services;
  let nowUs = startUs + 2 * day;
  let apart = 0;
  for (let n = 0; n < 20; n++, nowUs += 5 * hour) {
    apart += crashEach(all, names, () => nowUs + random.between(0, 4 * hour));
  }
  const crashedBytes = (memoryBytes() - before) / services;
  nowUs += day;
  let loops = 0;
  for (let n = 0; n < 20; n++, nowUs += 3 * second) {
    loops += crashEach(all, names, () => nowUs);
  }
  let savedBytes = 0;
  let longestPieceUs = 0;
  const pieces = all.save()[Symbol.iterator]();
  const saving = timed(() => {
    for (let done = false; !done; ) {
      longestPieceUs = Math.max(
        longestPieceUs,
        timed(() => {
          const next = pieces.next();
          done = next.done === true;
          savedBytes += done ? 0 : String(next.value).length;
        }),
      );
    }
  });
  return {
    services,
    restBytes,
    crashedBytes,
    restartUs: apart / (20 * services),
    loopRestartUs: loops / (20 * services),
    sampleUs: samples / (samplesEach * services),
    saveMs: saving / 1000,
    longestPieceMs: longestPieceUs / 1000,
    savedBytes,
  };
}

/** What the agent has at work: the runner's detectors, and anomaly beside them. */
class AllDetectors {
  readonly #runner = new PatternRunner({ settings: defaultSettings, detectors });
  readonly #anomalies = new AnomalyFindings(defaultSettings);

  transition(transition: Transition): void {
    this.#runner.transition(transition);
    this.#anomalies.observe({ kind: 'transition', transition });
  }

  sample(sample: ResourceSample): void {
    this.#runner.sample(sample);
    this.#anomalies.observe({ kind: 'sample', ...sample });
  }

  *save(): Generator<string, void> {
    yield* this.#runner.save();
    yield* this.#anomalies.save();
  }
}

const plain = {
  count: 1,
  inferred: false,
  resync: false,
  invocation: '',
  pid: 1,
  nRestarts: 0,
} as const;

/** The three transitions of one automatic restart, after a run of an hour or a second. */
function crash(unit: string, timeUs: number): Transition[] {
  const ending = { reason: 'exit-code', result: 'exit-code', coreDump: false } as const;
  const restarting = { ...plain, cause: 'automatic', unit, ending } as const;
  return [
    { ...plain, kind: 'exited', unit, timeUs, ending },
    { ...restarting, kind: 'restarting', timeUs: timeUs + 1e5 },
    { ...restarting, kind: 'restarted', timeUs: timeUs + 2e5 },
  ];
}

/** Each of them crashes once; that the transitions had to be made is none of the detectors' cost. */
function crashEach(all: AllDetectors, names: readonly string[], timeUs: () => number): number {
  const transitions = names.flatMap((unit) => crash(unit, timeUs()));
  return timed(() => {
    for (const transition of transitions) all.transition(transition);
  });
}

/** CPU time, microseconds: other work on the machine does not count. */
function timed(work: () => void): number {
  const from = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(from);
  return user + system;
}

function memoryBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function main(): void {
  const cost = patternCost(10_000, Number(process.argv[2] ?? (2 * hour) / minute));
  if (globalThis.gc === undefined) process.stdout.write('without --expose-gc memory is a guess\n');
  for (const [name, value] of Object.entries(cost)) {
    process.stdout.write(`${name.padEnd(16)} ${Number(value.toFixed(2))}\n`);
  }
}

if (process.argv[1] === import.meta.filename) main();
