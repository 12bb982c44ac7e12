import type { Finding } from '../model/finding.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { AnomalyDetector, type AnomalyOptions } from './anomaly.ts';
import { type AnomalyInput, type AnomalyVerdict, timeOf } from './anomaly-contract.ts';
import { savedAnomalies } from './baseline/saved-anomalies.ts';
import type { DetectorCounters } from './runner.ts';
import { isAmount, isFinding, isObject } from './saved.ts';

/** A saved state, bytes of JSON: 10,000 services that have all restarted. */
const savedBytes = 8_388_608;

/**
 * The anomaly detector with findings instead of verdicts. It is no row of detectors.ts: one instance
 * follows all services, because what befalls many at once (a boot, an upgrade) is no anomaly of one,
 * and what it says about one may come with news of another.
 */
export class AnomalyFindings {
  readonly counters: DetectorCounters = {
    pattern: 'anomaly',
    detections: 0,
    errors: 0,
    spentUs: 0,
    lastError: '',
  };
  /** Findings opened so far, before a restart of the agent too: their ids go on from there. */
  private opened = 0;
  private readonly options: AnomalyOptions;
  private readonly now: () => DurationUs;
  private detector: AnomalyDetector;
  private readonly open: Map<string, Finding> = new Map();

  /** @param now for measuring only */
  constructor(options: AnomalyOptions, now: () => DurationUs = () => 0) {
    this.options = options;
    this.now = now;
    this.detector = new AnomalyDetector(options);
  }

  observe(input: AnomalyInput): readonly Finding[] {
    const fromUs = this.now();
    try {
      return this.detector.observe(input).map((verdict) => this.find(verdict));
    } catch (error) {
      this.counters.errors += 1;
      this.counters.lastError = error instanceof Error ? error.message : String(error);
      this.detector = new AnomalyDetector(this.options);
      return this.end([...this.open.keys()], timeOf(input), 'what was known of it is lost');
    } finally {
      this.counters.spentUs += this.now() - fromUs;
    }
  }

  /**
   * A unit that is gone; it is met anew when it comes back. One that keeps a rhythm is waited for.
   * @param forGood nobody watches it any more, rhythm or not
   */
  forget(service: string, timeUs: RealtimeUs, forGood: boolean): readonly Finding[] {
    if (!this.detector.forget(service, forGood)) return [];
    return this.end([service], timeUs, 'it is no longer watched');
  }

  /** Services that are known. */
  names(): Iterable<string> {
    return this.detector.names();
  }

  openFindings(): Iterable<Finding> {
    return this.open.values();
  }

  /** Services that have not been watched for long enough to be judged. */
  learning(nowUs: RealtimeUs): number {
    return this.detector.counts(nowUs).learning;
  }

  /**
   * What was learned, as JSON text of at most about `maxBytes`, in pieces of a service each: services
   * that have never restarted and no longer fit are met anew. `restore` takes the whole back parsed.
   */
  *save(maxBytes: number = savedBytes): Generator<string, void> {
    const { sinceUs, services, lives } = this.detector.save();
    const head = JSON.stringify({ opened: this.opened, open: [...this.open.values()], sinceUs });
    yield `${head.slice(0, -1)},"lives":[`;
    const left = yield* list(lives, maxBytes - head.length);
    yield '],"services":[';
    yield* list(services, left);
    yield ']}\n';
  }

  /**
   * Takes up what can be used of it: a service with one wrong value is met anew.
   * @returns why not, where nothing can be used
   */
  restore(data: unknown): string | undefined {
    if (data === null || data === undefined) return undefined;
    const saved = savedAnomalies(data);
    if (saved === undefined || !isObject(data))
      return 'the form of the saved anomalies is not known';
    this.detector.restore(saved);
    const { open, opened } = data;
    this.opened = isAmount(opened) ? Math.trunc(opened) : 0;
    const known = new Set(saved.services.flatMap((one) => (one.open ? [one.service] : [])));
    for (const finding of Array.isArray(open) ? open : []) {
      // A finding that no aspect holds open would never be cleared.
      if (!isFinding(finding) || finding.pattern !== 'anomaly') continue;
      if (known.has(finding.service)) this.open.set(finding.service, finding);
    }
    return undefined;
  }

  private end(services: readonly string[], timeUs: RealtimeUs, sentence: string): Finding[] {
    const ended = services.flatMap((service) => this.open.get(service) ?? []);
    for (const { service } of ended) this.open.delete(service);
    const over = { phase: 'cleared', severity: 'info', sentence, timeUs } as const;
    return ended.map((finding) => ({
      ...finding,
      ...over,
      evidence: { cleared_by: 'forgotten' },
    }));
  }

  private find(verdict: AnomalyVerdict): Finding {
    const known = this.open.get(verdict.service);
    if (known === undefined) {
      this.opened += 1;
      this.counters.detections += 1;
    }
    const id = known?.id ?? `anomaly-${Math.trunc(verdict.timeUs).toString(36)}-${this.opened}`;
    const finding: Finding = { ...verdict, pattern: 'anomaly', id };
    if (verdict.phase === 'cleared') this.open.delete(verdict.service);
    else this.open.set(verdict.service, finding);
    return finding;
  }
}

/** The values as members of a JSON list, up to `maxBytes`; answers what is left of these. */
function* list(values: Iterable<unknown>, maxBytes: number): Generator<string, number> {
  let left = maxBytes;
  let comma = '';
  for (const value of values) {
    const text = JSON.stringify(value);
    left -= text.length + 2;
    if (left < 0) return 0;
    yield `${comma}${text}`;
    comma = ',\n';
  }
  return left;
}
