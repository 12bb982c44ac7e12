import { readCronTables } from './collector/cron-files.ts';
import { Sampler } from './collector/sampler.ts';
import type { UnitTable } from './collector/units.ts';
import type { Config } from './config/keys.ts';
import { loopSettings, patternSettings } from './config/pattern-settings.ts';
import type { Finding } from './model/finding.ts';
import { localClock } from './model/local-time.ts';
import type { ResourceSample, TimerElapse } from './model/resource.ts';
import type { Clock, DurationUs, RealtimeUs } from './model/time.ts';
import type { Transition } from './model/transition.ts';
import { phaseOf, type UnitView } from './model/unit.ts';
import type { FindingCounts } from './model/view.ts';
import { type StateFile, stateFile } from './outputs/state-file.ts';
import { AnomalyFindings } from './patterns/anomaly-findings.ts';
import { CronClock, cronEntries } from './patterns/cron.ts';
import type { Standing } from './patterns/detector.ts';
import { detectors } from './patterns/detectors.ts';
import { type DetectorCounters, PatternRunner } from './patterns/runner.ts';
import type { PatternSettings } from './patterns/settings.ts';

export interface AnalysisOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** IANA name of the host's time zone: timetables follow it. */
  readonly timeZone: string;
  /** What no key of the configuration sets: an hour in seconds, say. */
  readonly patternSettings?: Partial<PatternSettings>;
  /** Keep what was learned in `state_directory`. */
  readonly keepState: boolean;
  readonly table: UnitTable;
  /** Whether the configuration wants this unit to be watched. */
  readonly follows: (unit: string) => boolean;
  readonly onFinding: (finding: Finding) => void;
  readonly onSample: (sample: ResourceSample) => void;
  readonly log: { warn(fields: object, message: string): void };
}

/** How often findings are looked at that time alone decides. */
const tickMs = 1_000;
/** A finding stays open this long without its unit: one that comes and goes is the same trouble. */
const absentUs = 86_400_000_000;
/** The same for anomalies, as a share of the hour that they are counted by: 5 s. */
const anomalyTickHours = 1 / 720;
/** How often cron's tables are read: who writes a new one does not wait for its first crash. */
const cronMs = 300_000;
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
  /** What a reload changes of it counts at once: detectors read it anew. */
  private readonly settings: PatternSettings;
  /** Undefined where `anomaly_detection` is off. */
  private anomalies: AnomalyFindings | undefined;
  private readonly sampler: Sampler;
  private readonly state: StateFile | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  /** Since when there has been no unit to an open finding. */
  private readonly absentSinceUs: Map<string, RealtimeUs> = new Map();
  private readonly cron: CronClock;
  private readonly hourUs: DurationUs;
  private saving: Promise<void> = Promise.resolve();

  constructor(options: AnalysisOptions) {
    const { config, clock } = options;
    this.options = options;
    const settings = {
      ...patternSettings(config, options.timeZone),
      ...options.patternSettings,
    };
    this.settings = settings;
    const runner = new PatternRunner({ settings, detectors, now: () => clock.monotonicUs() });
    this.runner = runner;
    this.hourUs = settings.hourUs;
    this.cron = new CronClock(localClock(settings.timeZone));
    this.anomalies = this.anomaliesOf(config);
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
        this.tell(this.anomalies?.observe({ kind: 'sample', ...sample }));
        options.onSample(sample);
      },
    });
    const anomalies = (): AnomalyFindings | undefined => this.anomalies;
    const byPattern = (read: (counters: DetectorCounters) => number) =>
      Object.fromEntries(
        [...Object.values(runner.counters), anomalies()?.counters].flatMap((counters) =>
          counters ? [[counters.pattern, read(counters)]] : [],
        ),
      );
    this.counts = {
      get opened() {
        return byPattern(({ detections }) => detections);
      },
      get spentUs() {
        return byPattern(({ spentUs }) => spentUs);
      },
      get faults() {
        return byPattern(({ errors }) => errors);
      },
      get learning() {
        return anomalies()?.learning(clock.realtimeUs()) ?? 0;
      },
      *open() {
        yield* runner.openFindings();
        yield* anomalies()?.openFindings() ?? [];
      },
    };
  }

  transition(what: Transition): void {
    for (const elapse of this.cron.advance(what.timeUs)) this.runner.timerElapsed(elapse);
    this.tell(this.runner.transition(what));
    this.tell(this.anomalies?.observe({ kind: 'transition', transition: what }));
  }

  /** A timer fired. */
  timerElapsed(elapse: TimerElapse): void {
    this.runner.timerElapsed(elapse);
  }

  /**
   * A unit is unloaded, or is not to be watched any more. One that ran well is forgotten, as transient
   * units come by the thousand; one that was in trouble is remembered, for when it comes back.
   */
  gone(unit: UnitView): void {
    const { automatic, manual, unitwatch } = unit.restarts;
    const troubled = automatic + manual + unitwatch > 0 || unit.state.result !== 'success';
    const unwanted = !this.options.follows(unit.name);
    if (troubled && !unwanted) return;
    this.forget(unit.name, this.options.clock.realtimeUs(), unwanted);
  }

  /** Takes a new configuration, after the units that it does not want have gone. */
  configure(config: Config): void {
    Object.assign(this.settings, loopSettings(config), this.options.patternSettings);
    this.sampler.pace(config.poll_interval);
    if (!config.anomaly_detection) this.endAnomalies();
    else this.anomalies ??= this.anomaliesOf(config);
    this.forgetUnwanted();
  }

  private anomaliesOf({ anomaly_detection }: Config): AnomalyFindings | undefined {
    const { clock } = this.options;
    return anomaly_detection
      ? new AnomalyFindings(this.settings, () => clock.monotonicUs())
      : undefined;
  }

  private endAnomalies(): void {
    const nowUs = this.options.clock.realtimeUs();
    for (const name of [...(this.anomalies?.names() ?? [])])
      this.tell(this.anomalies?.forget(name, nowUs, true));
    this.anomalies = undefined;
  }

  /** Units that the configuration does not want, loaded or not. */
  private forgetUnwanted(): void {
    const nowUs = this.options.clock.realtimeUs();
    for (const name of [...(this.anomalies?.names() ?? [])])
      if (!this.options.follows(name)) this.forget(name, nowUs, true);
  }

  /** What was saved may be of other times: a unit has been repaired, or has failed, meanwhile. */
  private resume(): void {
    const { table, clock } = this.options;
    for (const { service } of [...this.runner.openFindings()]) {
      const unit = table.get(service);
      if (unit) this.runner.resume(service, standingOf(unit, clock.realtimeUs()));
    }
    this.forgetUnwanted();
  }

  private forget(unit: string, nowUs: RealtimeUs, forGood: boolean): void {
    this.absentSinceUs.delete(unit);
    this.tell(this.runner.forget(unit, nowUs));
    this.tell(this.anomalies?.forget(unit, nowUs, forGood));
  }

  /** Ends the findings that no event will end: what the configuration or the host no longer has. */
  private forgetAbsent(nowUs: RealtimeUs): void {
    const { table, follows } = this.options;
    const absent = new Set<string>();
    for (const { service } of this.counts.open())
      if (table.get(service) === undefined) absent.add(service);
    for (const unit of this.absentSinceUs.keys())
      if (!absent.has(unit)) this.absentSinceUs.delete(unit);
    for (const unit of absent) {
      const sinceUs = this.absentSinceUs.get(unit) ?? nowUs;
      this.absentSinceUs.set(unit, sinceUs);
      if (!follows(unit) || nowUs - sinceUs >= absentUs) this.forget(unit, nowUs, true);
    }
  }

  /** Begins to read what units use, and to let time pass. */
  async start(): Promise<void> {
    this.resume();
    this.sampler.start();
    const { clock } = this.options;
    const anomalyTick = (): void =>
      this.tell(this.anomalies?.observe({ kind: 'tick', nowUs: clock.realtimeUs() }));
    anomalyTick();
    await this.readCron();
    this.timers.push(
      setInterval(() => this.tick(clock.realtimeUs()), tickMs),
      setInterval(anomalyTick, Math.max(tickMs, (anomalyTickHours * this.hourUs) / 1_000)),
      setInterval(() => void this.save(), saveMs),
      setInterval(() => void this.readCron(), cronMs),
    );
  }

  private tick(nowUs: RealtimeUs): void {
    for (const elapse of this.cron.advance(nowUs)) this.runner.timerElapsed(elapse);
    this.tell(this.runner.tick(nowUs));
    this.forgetAbsent(nowUs);
  }

  /** A bus that was named may be another machine's: this one's cron has nothing to do with it. */
  private async readCron(): Promise<void> {
    if (this.options.config.bus !== 'system') return;
    const tables = await readCronTables('/');
    this.cron.use(tables.flatMap(({ path, text }) => cronEntries(path, text)));
  }

  /** Takes up what was learned before; to be called before anything is heard. */
  async takeUp(): Promise<void> {
    const saved = await this.state?.read();
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

  /** One after the other: they write the same file. */
  private save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      const failed = await this.state?.write(this.saved());
      if (failed) this.options.log.warn({ reason: failed }, 'What was learned is not kept.');
    });
    return this.saving;
  }

  private *saved(): Generator<string, void> {
    yield '{"patterns":';
    yield* this.runner.save();
    yield ',"anomalies":';
    yield* this.anomalies?.save() ?? ['null'];
    yield '}\n';
  }
}

/** What has not run since the boot has no times. */
function standingOf({ state }: UnitView, nowUs: RealtimeUs): Standing {
  const phase = phaseOf(state);
  const sinceUs = phase === 'up' ? state.activeEnterUs : state.stateChangeUs;
  return { phase, sinceUs: sinceUs || nowUs };
}
