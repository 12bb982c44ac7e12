import type { Finding, Pattern } from '../src/model/finding.ts';
import { AnomalyFindings } from '../src/patterns/anomaly-findings.ts';
import { detectors } from '../src/patterns/detectors.ts';
import { PatternRunner } from '../src/patterns/runner.ts';
import { defaultSettings } from '../src/patterns/settings.ts';
import { median } from '../src/patterns/statistics.ts';
import { anomalyShapes, ordinaryShapes } from './anomaly-traces.ts';
import { eventShapes } from './event-traces.ts';
import { healthyShapes } from './healthy-traces.ts';
import { healthyMemoryShapes, leakShapes } from './memory-traces.ts';
import { Random } from './random.ts';
import { day, minute, type Shape, type Strength, type Trace, type TraceInput } from './trace.ts';

export const shapes: readonly Shape[] = [
  ...eventShapes,
  ...leakShapes,
  ...anomalyShapes,
  ...healthyShapes,
  ...healthyMemoryShapes,
  ...ordinaryShapes,
];
export const strengths: readonly Strength[] = ['weak', 'medium', 'strong'];
export const patterns = [
  'crash_loop',
  'periodic_crash',
  'memory_leak',
  'anomaly',
] as const satisfies Pattern[];
type Scored = (typeof patterns)[number];

/** What was said about the traces of one shape and strength. */
export interface Row {
  readonly shape: Shape;
  readonly strength: Strength;
  readonly traces: number;
  /** Traces with at least one finding of each pattern. */
  readonly found: Record<Scored, number>;
  /** Traces with the expected finding, of the expected aspect, after the crossing and in time. */
  readonly inTime: number;
  /** Traces with a finding of the expected pattern before there was anything to find. */
  readonly early: number;
  /** From the crossing to the finding, for the expected pattern, seconds. */
  readonly delaysS: number[];
}

/** As the configuration has it by default. */
const settings = { ...defaultSettings, baselinePeriodUs: 7 * day };
/** The agent lets time pass every few seconds; more often than a service crashes is often enough. */
const tickUs = 10 * minute;
/** A crash, its restart and the run after it are one event: the crossing may be any of them. */
const clockUs = minute;

/** All detectors, in a process of their own, as it were, and what they have found so far. */
class Watched {
  readonly findings: Finding[] = [];
  readonly #runner = new PatternRunner({ settings, detectors });
  readonly #anomalies = new AnomalyFindings(settings);
  #tickedUs = Number.NaN;

  take(input: TraceInput): void {
    this.pass(timeOfInput(input));
    if (input.kind === 'timer') {
      this.#runner.timerElapsed(input.elapse);
    } else if (input.kind === 'sample') {
      this.findings.push(...this.#runner.sample(input.sample));
      this.findings.push(...this.#anomalies.observe({ kind: 'sample', ...input.sample }));
    } else {
      this.findings.push(...this.#runner.transition(input.transition));
      this.findings.push(...this.#anomalies.observe(input));
    }
  }

  /** Lets time pass. */
  pass(timeUs: number): void {
    const runner = this.#runner;
    while (runner.nextDeadlineUs <= timeUs)
      this.findings.push(...runner.tick(runner.nextDeadlineUs));
    if (Number.isNaN(this.#tickedUs)) this.#tickedUs = timeUs;
    for (; this.#tickedUs + tickUs <= timeUs; this.#tickedUs += tickUs) {
      const nowUs = this.#tickedUs + tickUs;
      this.findings.push(...this.#anomalies.observe({ kind: 'tick', nowUs }));
    }
  }

  /** @throws Error where a detector threw: a fault of its own */
  check(): void {
    for (const counters of [...Object.values(this.#runner.counters), this.#anomalies.counters]) {
      if (counters.errors > 0) throw new Error(`${counters.pattern} threw: ${counters.lastError}`);
    }
  }
}

/** Every finding that the detectors make of a trace. */
function findingsOf(trace: Trace): Finding[] {
  const watched = new Watched();
  for (const input of trace.inputs) watched.take(input);
  if (trace.untilUs !== undefined) watched.pass(trace.untilUs);
  watched.check();
  return watched.findings;
}

function timeOfInput(input: TraceInput): number {
  switch (input.kind) {
    case 'timer':
      return input.elapse.timeUs;
    case 'sample':
      return input.sample.timeUs;
    case 'transition':
      return input.transition.timeUs;
  }
}

/** Plays `count` traces of a shape; the same seed makes the same ones. */
export function play(shape: Shape, strength: Strength, count: number, seed: number): Row {
  const random = new Random(seed);
  const found = { crash_loop: 0, periodic_crash: 0, memory_leak: 0, anomaly: 0 };
  const delaysS: number[] = [];
  let early = 0;
  for (let n = 0; n < count; n++) {
    const trace = shape.make(random, strength);
    const opened = findingsOf(trace).filter((finding) => finding.phase === 'opened');
    for (const pattern of patterns) {
      if (opened.some((finding) => finding.pattern === pattern)) found[pattern] += 1;
    }
    const expected = opened.filter((finding) => finding.pattern === shape.expected);
    const { crossingUs = 0, deadlineUs = Number.POSITIVE_INFINITY } = trace;
    if (expected.some(({ timeUs }) => timeUs < crossingUs - clockUs)) early += 1;
    const first = expected.find(({ timeUs, service, evidence }) => {
      const isInTime = timeUs >= crossingUs - clockUs && timeUs <= deadlineUs;
      const isAspect = shape.aspect === undefined || evidence['aspect'] === shape.aspect;
      return isInTime && isAspect && service === 'trace.service';
    });
    if (first !== undefined) delaysS.push((first.timeUs - crossingUs) / 1e6);
  }
  return { shape, strength, traces: count, found, inTime: delaysS.length, early, delaysS };
}

/** All shapes: `count` traces of each shape and strength, healthy ones three times as many. */
export function playAll(count: number, seed: number, only: readonly Strength[] = strengths): Row[] {
  return shapes.flatMap((shape, i) => {
    if (shape.expected === undefined) return [play(shape, 'medium', 3 * count, seed + i * 7919)];
    return only.map((strength, k) => play(shape, strength, count, seed + i * 7919 + k * 104_729));
  });
}

/** A service that crashes is unlike its past as well. */
function isUnusual(expected: Pattern | undefined): boolean {
  return expected === 'crash_loop' || expected === 'periodic_crash';
}

export interface Score {
  readonly pattern: Scored;
  readonly strength: Strength;
  readonly precision: number;
  readonly recall: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly medianDelayS: number;
}

/**
 * False positives are counted among all other traces of the strength, and all healthy ones; a shape
 * may tolerate a pattern that is true as well (a service that crashes each hour flaps).
 */
export function score(rows: readonly Row[], pattern: Scored, strength: Strength): Score {
  let [truePositives, falsePositives, falseNegatives] = [0, 0, 0];
  const delays: number[] = [];
  for (const row of rows) {
    const { expected, tolerated = [] } = row.shape;
    if (expected !== undefined && row.strength !== strength) continue;
    const found = row.found[pattern];
    if (expected === pattern) {
      truePositives += row.inTime;
      falseNegatives += row.traces - row.inTime;
      falsePositives += row.early;
      delays.push(...row.delaysS);
    } else if (!tolerated.includes(pattern) && !(pattern === 'anomaly' && isUnusual(expected))) {
      falsePositives += found;
    }
  }
  const precision = truePositives / Math.max(1, truePositives + falsePositives);
  const recall = truePositives / Math.max(1, truePositives + falseNegatives);
  const medianDelayS = median(delays);
  return {
    pattern,
    strength,
    precision,
    recall,
    truePositives,
    falsePositives,
    falseNegatives,
    medianDelayS,
  };
}
