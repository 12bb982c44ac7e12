import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { compileRegex } from './checks/regex.ts';
import type { Watch } from './collector/watch.ts';
import type { Config } from './config/keys.ts';
import type { DependencyGraph } from './deps/graph.ts';
import type { CheckView } from './model/check.ts';
import type { Draft } from './model/event.ts';
import type { Finding } from './model/finding.ts';
import type { RepairFigures } from './model/repair.ts';
import type { RepairView } from './model/status.ts';
import { type Clock, rfc3339 } from './model/time.ts';
import type { UnitView } from './model/unit.ts';
import { isUnitName, withType } from './model/unit-name.ts';
import { type StateFile, stateFile } from './outputs/state-file.ts';
import { hooksOf } from './repair-hooks.ts';
import { repairRules } from './repair-rules.ts';
import { type IsLocal, type MakeSources, sourcesOf } from './repair-sources.ts';
import { RepairUnits } from './repair-units.ts';
import { Commands } from './restart/command.ts';
import { SourceError } from './restart/contract.ts';
import { hostEffects } from './restart/effects.ts';
import { Engine } from './restart/engine.ts';
import type { HookCall, Rules } from './restart/engine-contract.ts';
import type { Hooks } from './restart/hooks.ts';
import { findProcesses } from './restart/processes.ts';
import { RepairRunner } from './restart/runner.ts';
import { criterionOf } from './restart/strategies-process.ts';
import { ownUnits } from './restart/strategies-protected.ts';
import type { Log } from './surroundings.ts';

export interface RepairsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: () => number;
  /** In notes, claims and what hooks are told. */
  readonly host: string;
  readonly bootId: string;
  readonly keepState: boolean;
  readonly watch: Watch;
  readonly graph: () => DependencyGraph | undefined;
  readonly checks: () => readonly CheckView[];
  /** Looks at the checks of these names now. */
  readonly lookAt: (names: readonly string[]) => Promise<void>;
  /** Those that are open. */
  readonly findings: () => Iterable<Finding>;
  readonly onDraft: (draft: Draft) => void;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/** Commands that change something may end by themselves for so long when the agent does. */
const closeMs = 1_500;
/** How long repairs wait at the start until it is known what units are called and depend on. */
const namesMs = 30_000;

/**
 * Repairs at work: alarms out of the database, findings, checks and units go to the restart engine,
 * and what it decides is done on this host. Loaded only where `restart.enabled` is set.
 */
export class Repairs {
  private readonly options: RepairsOptions;
  private readonly engine: Engine;
  private readonly runner: RepairRunner;
  private readonly commands: Commands;
  private readonly ownUnit: string;
  private readonly units: RepairUnits;
  private config: Config;
  private rules: Rules;
  private hooks: Hooks;
  private namesTimer: NodeJS.Timeout | undefined;

  /** Takes up the journal, tells the units' states, and begins to ask for alarms. */
  static async begin(options: RepairsOptions): Promise<Repairs> {
    const { config, keepState } = options;
    const own = ownUnits(await readFile('/proc/self/cgroup', 'utf8').catch(() => ''));
    const file = (name: string): StateFile | undefined =>
      keepState ? stateFile(join(config.state_directory, name)) : undefined;
    const journal = file('repairs.json');
    const repairs = new Repairs(options, own, journal, await sourcesOf(options, file));
    await repairs.takeUp(journal);
    return repairs;
  }

  private constructor(
    options: RepairsOptions,
    own: ReadonlySet<string>,
    journal: StateFile | undefined,
    makeSources: MakeSources,
  ) {
    const { config, random, watch, bootId, onDraft, log } = options;
    const clock = sinceBoot(options.clock);
    this.options = { ...options, clock };
    this.config = config;
    this.ownUnit = [...own].at(-1) ?? '';
    this.commands = new Commands(clock);
    this.rules = this.makeRules();
    this.hooks = hooksOf(config, this.commands, this.options.random);
    this.engine = new Engine({ rules: this.rules, random, bootId });
    const sleep = async (ms: number): Promise<void> => {
      await pause(ms);
    };
    const isLocal: IsLocal = (process) => this.isLocal(process);
    this.runner = new RepairRunner({
      ...{ engine: this.engine, rules: this.rules, clock },
      sources: makeSources(isLocal),
      effects: hostEffects({ units: watch, commands: this.commands, own, search, sleep }),
      look: (processes) => this.look(processes),
      hook: (call) => this.callHook(call),
      checkIntervalMs: config.restart.check_interval,
      write: async (text) => journal?.write([text]),
      tell: onDraft,
      report: (sentence) => log.warn({}, sentence),
    });
    this.units = new RepairUnits({ watch, graph: options.graph, runner: this.runner });
  }

  private async takeUp(journal: StateFile | undefined): Promise<void> {
    const { clock, log } = this.options;
    const saved = await journal?.read();
    // From here on nothing is awaited: dependencies that have been read are told to `dependenciesRead`.
    const areTracked = this.config.track_dependencies && !this.options.watch.isOff;
    if (areTracked && this.options.graph() === undefined) {
      this.engine.unnamed();
      this.namesTimer = setTimeout(() => this.dependenciesRead(), namesMs).unref();
    }
    const now = { wallUs: clock.realtimeUs(), monoUs: clock.monotonicUs() };
    const fault = saved === undefined ? undefined : this.engine.restore(saved, now);
    if (fault !== undefined) log.warn({ reason: fault }, 'What was under repair is not known.');
    this.holdPlanned(this.options.checks());
    this.seen();
    this.runner.start();
    const { driver } = this.config.database;
    log.info({ driver, dryRun: this.rules.dryRun }, 'Repairs are on.');
  }

  /** What all units are called and depend on is known, as far as it can be. */
  dependenciesRead(): void {
    clearTimeout(this.namesTimer);
    this.runner.named();
  }

  /** Takes a new configuration; a repair under way ends by the one that it began with. */
  configure(config: Config): void {
    this.config = config;
    this.rules = this.makeRules();
    this.hooks = hooksOf(config, this.commands, this.options.random);
    this.runner.configure(this.rules, config.restart.check_interval);
    // What is down already may be an alarm now.
    this.seen();
  }

  private seen(): void {
    const { checks, findings } = this.options;
    for (const finding of findings()) this.runner.finding({ ...finding, phase: 'opened' });
    this.units.seen();
    for (const { name, unit, state, reason } of checks())
      this.runner.check(name, unit || name, state, reason);
    this.checksChanged();
  }

  /** Which checks there are may have changed; alarms of those that nobody looks at any more go. */
  checksChanged(): void {
    const followed = this.options.checks().filter(({ idle }) => !idle);
    this.runner.checks(new Set(followed.map(({ name }) => name)));
  }

  /** What the checks of these processes say after another look. */
  private async look(processes: readonly string[]): Promise<readonly CheckView[]> {
    const { checks, lookAt } = this.options;
    const theirs = () =>
      checks().filter(({ name, unit }) =>
        [name, unit || name].some((one) => processes.includes(one)),
      );
    await lookAt(theirs().map(({ name }) => name));
    return theirs();
  }

  /** A unit's state is this now. */
  changed(unit: UnitView): void {
    this.units.changed(unit);
  }

  /** A unit is unloaded, or nobody follows it any more. */
  gone(unit: UnitView): void {
    this.units.gone(unit);
  }

  finding(finding: Finding): void {
    this.runner.finding(finding);
  }

  /** Anything that is told: checks ask for repairs, and a consequence waits for what began it. */
  told(draft: Draft): void {
    if (draft.event_type === 'check') this.checked(draft);
    this.units.told(draft);
  }

  private checked({ service, data }: Extract<Draft, { event_type: 'check' }>): void {
    const views = this.options.checks();
    const view = views.find(({ name }) => name === service);
    // Before the check itself: what is in an outage is not repaired for what the check says.
    this.holdPlanned(views);
    this.runner.check(service, view?.unit || service, data.state, data.reason ?? '');
  }

  private holdPlanned(views: readonly CheckView[]): void {
    const planned = views.filter(({ outage }) => outage);
    this.runner.outages(
      new Map(planned.flatMap(({ name, unit }) => [name, unit || name].map((one) => [one, name]))),
    );
  }

  views(): readonly RepairView[] {
    return this.engine.repairs();
  }

  figures(): RepairFigures {
    const { oldestRaisedUs, ...figures } = this.engine.view();
    const nowUs = this.options.clock.realtimeUs();
    const oldestAgeUs = oldestRaisedUs === undefined ? 0 : Math.max(0, nowUs - oldestRaisedUs);
    return { ...figures, oldestAgeUs };
  }

  /** Ends within 2 s; what is under way is in the journal. */
  async stop(): Promise<void> {
    clearTimeout(this.namesTimer);
    this.hooks.close();
    const [, left] = await Promise.all([this.runner.stop(), this.commands.close(closeMs)]);
    if (left.length > 0) this.options.log.warn({ commands: left }, 'Commands are still running.');
  }

  private makeRules(): Rules {
    const { graph, checks } = this.options;
    const rootOf = (unit: string) => this.units.rootOf(unit);
    return repairRules(this.config, { graph, checks, rootOf, ownUnit: this.ownUnit });
  }

  private callHook({ hook, process, repairId, attempts, reason }: HookCall) {
    const { host, clock } = this.options;
    const time = rfc3339(clock.realtimeUs());
    const told = { hook, time, host, process, repair_id: repairId, attempts, reason };
    return this.hooks.fire(hook, JSON.stringify(told));
  }

  /** Whether this host has it: an entry of the configuration, a unit, or a process of that name. */
  private async isLocal(process: string): Promise<boolean> {
    if (this.config.restart.processes.has(process)) return true;
    const settings = this.rules.process(process)?.settings;
    if (settings === undefined || settings.strategy === 'custom') return true;
    const unit = withType(settings.unit || process);
    const known = isUnitName(unit) ? await this.options.watch.knows(unit) : false;
    if (known === undefined) throw new SourceError('down', 'systemd cannot be asked now');
    if (known) return true;
    const criterion = await criterionOf(process, settings, search);
    return typeof criterion !== 'string' && (await findProcesses(criterion)).length > 0;
  }
}

/** A search that no argument list makes run for ever. */
async function search(pattern: string): Promise<(text: string) => boolean> {
  const regex = await compileRegex(pattern);
  if ('fault' in regex) throw new SyntaxError(regex.fault);
  return (text) => regex.test(text);
}

/** The same clock, its monotonic time counted from boot: two runs of the agent can compare it. */
function sinceBoot(clock: Clock): Clock {
  const offsetUs = Number(process.hrtime.bigint() / 1_000n) - clock.monotonicUs();
  return {
    realtimeUs: () => clock.realtimeUs(),
    monotonicUs: () => clock.monotonicUs() + offsetUs,
  };
}
