import { Sampler } from './collector/sampler.ts';
import type { UnitTable } from './collector/units.ts';
import type { Config } from './config/keys.ts';
import type { Finding } from './model/finding.ts';
import type { ResourceSample } from './model/resource.ts';
import type { Clock } from './model/time.ts';
import type { Transition } from './model/transition.ts';
import type { UnitView } from './model/unit.ts';
import type { FindingCounts } from './model/view.ts';
import { type StateFile, stateFile } from './outputs/state-file.ts';
import { AnomalyFindings } from './patterns/anomaly-findings.ts';
import { detectors } from './patterns/detectors.ts';
import { PatternRunner } from './patterns/runner.ts';
import { defaultSettings, type PatternSettings } from './patterns/settings.ts';

export interface AnalysisOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** IANA name of the host's time zone: timetables follow it. */
  readonly timeZone: string;
  /** Keep what was learned in `state_directory`. */
  readonly keepState: boolean;
  readonly table: UnitTable;
  readonly onFinding: (finding: Finding) => void;
  readonly onSample: (sample: ResourceSample) => void;
  readonly log: { warn(fields: object, message: string): void };
}

/** How often findings are looked at that time alone decides. */
const tickMs = 1_000;
/** The same for anomalies, which wait a minute for what happens to others. */
const anomalyTickMs = 60_000;
/** How often what was learned is kept: what a crash of the agent costs at the most. */
const saveMs = 300_000;

/**
 * The detectors at work: what happens and what units use goes in, findings come out; what was
 * learned is kept over a restart of the agent.
 */
export class Analysis {
  readonly counts: FindingCounts;
  private readonly options: AnalysisOptions;
  private readonly runner: PatternRunner;
  /** Undefined where `anomaly_detection` is off. */
  private readonly anomalies: AnomalyFindings | undefined;
  private readonly sampler: Sampler;
  private readonly state: StateFile | undefined;
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(options: AnalysisOptions) {
    const { config, clock } = options;
    this.options = options;
    const runner = new PatternRunner({
      settings: patternSettings(config, options.timeZone),
      detectors,
      now: () => clock.monotonicUs(),
    });
    this.runner = runner;
    const anomalies = config.anomaly_detection
      ? new AnomalyFindings({ baselinePeriodUs: config.baseline_period * 1_000 })
      : undefined;
    this.anomalies = anomalies;
    this.state = options.keepState
      ? stateFile(`${config.state_directory}/patterns.json`)
      : undefined;
    this.sampler = new Sampler({
      table: options.table,
      roots: { cgroup: config.cgroup_root, proc: config.proc_root },
      everyMs: config.poll_interval,
      clock,
      onSample: (sample) => {
        this.tell(runner.sample(sample));
        this.tell(anomalies?.observe({ kind: 'sample', ...sample }));
        options.onSample(sample);
      },
    });
    this.counts = {
      get opened() {
        const counters = Object.values(runner.counters);
        const opened = counters.map((one) => [one.pattern, one.detections]);
        return Object.fromEntries([...opened, ['anomaly', anomalies?.opened ?? 0]]);
      },
      get learning() {
        return anomalies?.learning(clock.realtimeUs()) ?? 0;
      },
      *open() {
        yield* runner.openFindings();
        if (anomalies) yield* anomalies.openFindings();
      },
    };
  }

  transition(what: Transition): void {
    this.tell(this.runner.transition(what));
    this.tell(this.anomalies?.observe({ kind: 'transition', transition: what }));
  }

  /**
   * A unit is unloaded. One that ran well is forgotten, as transient units come by the thousand; one
   * that was in trouble is remembered, for when it comes back.
   */
  gone(unit: UnitView): void {
    const { automatic, manual, unitwatch } = unit.restarts;
    if (automatic + manual + unitwatch > 0 || unit.state.result !== 'success') return;
    this.tell(this.runner.forget(unit.name, this.options.clock.realtimeUs()));
    this.anomalies?.forget(unit.name);
  }

  /** Takes up what was learned before, and begins to read what units use. */
  async start(): Promise<void> {
    this.takeUp(await this.state?.read());
    this.sampler.start();
    const { clock } = this.options;
    const anomalyTick = (): void =>
      this.tell(this.anomalies?.observe({ kind: 'tick', nowUs: clock.realtimeUs() }));
    anomalyTick();
    this.timers.push(
      setInterval(() => this.tell(this.runner.tick(clock.realtimeUs())), tickMs),
      setInterval(anomalyTick, anomalyTickMs),
      setInterval(() => void this.save(), saveMs),
    );
  }

  private takeUp(saved: unknown): void {
    if (typeof saved !== 'object' || saved === null) return;
    const { patterns, anomalies } = saved as Readonly<Record<string, unknown>>;
    const unused = [this.runner.restore(patterns), this.anomalies?.restore(anomalies)];
    for (const reason of unused)
      if (reason) this.options.log.warn({ reason }, 'What was learned before is not used.');
  }

  async stop(): Promise<void> {
    this.sampler.stop();
    for (const timer of this.timers) clearInterval(timer);
    await this.save();
  }

  private tell(findings: readonly Finding[] | undefined): void {
    for (const finding of findings ?? []) this.options.onFinding(finding);
  }

  private async save(): Promise<void> {
    const failed = await this.state?.write(
      `{"patterns":${this.runner.save()},"anomalies":${JSON.stringify(this.anomalies?.save() ?? null)}}`,
    );
    if (failed) this.options.log.warn({ reason: failed }, 'What was learned is not kept.');
  }
}

/** What the configuration says to the detectors. */
export function patternSettings(config: Config, timeZone: string): PatternSettings {
  return {
    ...defaultSettings,
    restartThreshold: config.restart_threshold,
    restartWindowUs: config.restart_window * 1_000,
    baselinePeriodUs: config.baseline_period * 1_000,
    timeZone,
  };
}
