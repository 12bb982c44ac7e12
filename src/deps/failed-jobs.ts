import type { DurationUs } from '../model/time.ts';
import { remember } from './cause.ts';
import type { DependencyGraph } from './graph.ts';
import { needs } from './kinds.ts';
import { failed } from './states.ts';

/** How long a failed job explains the jobs that waited for it: the longest that a start usually has. */
const explainsUs: DurationUs = 90_000_000;
/** Jobs that failed lately; more at once are no longer read by anybody. */
const keptMax = 1_000;
/** Units looked at, upwards from the one whose start was given up. */
const searchMax = 1_000;

/** Job results that mean: it did not come up. org.freedesktop.systemd1(5), JobRemoved. */
const results: ReadonlySet<string> = new Set(['failed', 'timeout', 'dependency', 'canceled']);

/** Remembers which jobs failed, to name the unit behind a job result `dependency`. Monotonic times. */
export class FailedJobs {
  private readonly jobs: Map<string, { result: string; atUs: DurationUs }> = new Map();

  ended(unit: string, result: string, nowUs: DurationUs): void {
    if (!results.has(result)) return;
    this.jobs.delete(unit);
    remember(this.jobs, unit, { result, atUs: nowUs }, keptMax);
  }

  /** The nearest unit that `unit` needs and whose own start or run failed. */
  above(graph: DependencyGraph, unit: string, nowUs: DurationUs): string | undefined {
    const root = graph.find(unit);
    if (root === undefined) return undefined;
    const seen = new Set([root]);
    for (const at of seen) {
      if (at !== root && this.failedItself(graph, at, nowUs)) return graph.name(at);
      for (const other of graph.others(at, needs)) if (seen.size < searchMax) seen.add(other);
    }
    return undefined;
  }

  private failedItself(graph: DependencyGraph, unit: number, nowUs: DurationUs): boolean {
    if (graph.states[unit] === failed) return true;
    const job = this.jobs.get(graph.name(unit));
    return job !== undefined && job.result !== 'dependency' && nowUs - job.atUs <= explainsUs;
  }
}
