import type { Finding } from '../model/finding.ts';
import type { RealtimeUs } from '../model/time.ts';
import { AnomalyDetector, type AnomalyOptions } from './anomaly.ts';
import type { AnomalyInput, AnomalyVerdict, SavedAnomalies } from './anomaly-contract.ts';

/**
 * The anomaly detector with findings instead of verdicts. It is no row of detectors.ts: one instance
 * follows all services, because what befalls many at once (a boot, an upgrade) is no anomaly of one,
 * and what it says about one may come with news of another.
 */
export class AnomalyFindings {
  /** Findings opened so far. */
  opened = 0;
  /** Inputs that made the detector throw: a fault of ours, which costs what it knew. */
  errors = 0;
  private readonly options: AnomalyOptions;
  private detector: AnomalyDetector;
  private readonly open: Map<string, Finding> = new Map();

  constructor(options: AnomalyOptions) {
    this.options = options;
    this.detector = new AnomalyDetector(options);
  }

  observe(input: AnomalyInput): readonly Finding[] {
    try {
      return this.detector.observe(input).map((verdict) => this.find(verdict));
    } catch {
      this.errors += 1;
      this.detector = new AnomalyDetector(this.options);
      return [];
    }
  }

  /** A unit that is gone; it is met anew when it comes back. */
  forget(service: string): void {
    this.detector.forget(service);
    this.open.delete(service);
  }

  openFindings(): Iterable<Finding> {
    return this.open.values();
  }

  /** Services that have not been watched for long enough to be judged. */
  learning(nowUs: RealtimeUs): number {
    return this.detector.counts(nowUs).learning;
  }

  save(): unknown {
    return { anomalies: this.detector.save(), open: [...this.open.values()], opened: this.opened };
  }

  /** @returns why not, where what was saved cannot be used */
  restore(saved: unknown): string | undefined {
    const { anomalies, open, opened } = (saved ?? {}) as Readonly<Record<string, unknown>>;
    try {
      this.detector.restore(anomalies as SavedAnomalies);
      for (const finding of open as Finding[]) this.open.set(finding.service, finding);
      this.opened = Number(opened) || 0;
      return undefined;
    } catch {
      this.detector = new AnomalyDetector(this.options);
      this.open.clear();
      return 'its form is not known';
    }
  }

  private find(verdict: AnomalyVerdict): Finding {
    const known = this.open.get(verdict.service);
    if (known === undefined) this.opened += 1;
    const id = known?.id ?? `anomaly-${Math.trunc(verdict.timeUs).toString(36)}-${this.opened}`;
    const finding: Finding = { ...verdict, pattern: 'anomaly', id };
    if (verdict.phase === 'cleared') this.open.delete(verdict.service);
    else this.open.set(verdict.service, finding);
    return finding;
  }
}
