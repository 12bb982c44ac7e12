import { Sampler } from './collector/sampler.ts';
import type { UnitTable } from './collector/units.ts';
import type { Config } from './config/keys.ts';
import type { Finding } from './model/finding.ts';
import type { Clock } from './model/time.ts';
import type { Transition } from './model/transition.ts';
import type { FindingCounts } from './model/view.ts';
import { type StateFile, stateFile } from './outputs/state-file.ts';
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
  readonly log: { warn(fields: object, message: string): void };
}

/** How often findings are looked at that time alone decides. */
const tickMs = 1_000;
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
    this.state = options.keepState
      ? stateFile(`${config.state_directory}/patterns.json`)
      : undefined;
    this.sampler = new Sampler({
      table: options.table,
      roots: { cgroup: config.cgroup_root, proc: config.proc_root },
      everyMs: config.poll_interval,
      clock,
      onSample: (sample) => this.tell(runner.sample(sample)),
    });
    this.counts = {
      get opened() {
        const counters = Object.values(runner.counters);
        return Object.fromEntries(counters.map((one) => [one.pattern, one.detections]));
      },
      open: () => runner.openFindings(),
    };
  }

  transition(what: Transition): void {
    this.tell(this.runner.transition(what));
  }

  /** Takes up what was learned before, and begins to read what units use. */
  async start(): Promise<void> {
    const saved = await this.state?.read();
    const unused = saved === undefined ? undefined : this.runner.restore(saved);
    if (unused) this.options.log.warn({ reason: unused }, 'What was learned before is not used.');
    this.sampler.start();
    const { clock } = this.options;
    this.timers.push(
      setInterval(() => this.tell(this.runner.tick(clock.realtimeUs())), tickMs),
      setInterval(() => void this.save(), saveMs),
    );
  }

  async stop(): Promise<void> {
    this.sampler.stop();
    for (const timer of this.timers) clearInterval(timer);
    await this.save();
  }

  private tell(findings: readonly Finding[]): void {
    for (const finding of findings) this.options.onFinding(finding);
  }

  private async save(): Promise<void> {
    const failed = await this.state?.write(this.runner.save());
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
