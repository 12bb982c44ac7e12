import { openOutput } from './agent-output.ts';
import { agentPages } from './agent-pages.ts';
import { agentView } from './agent-view.ts';
import { Analysis } from './analysis.ts';
import { Checked } from './checked.ts';
import { Checking } from './checking.ts';
import { busAddress } from './collector/address.ts';
import { agentDraft, tellingSink } from './collector/tell.ts';
import { Watch } from './collector/watch.ts';
import { changedKeys } from './config/changes.ts';
import { httpSettings } from './config/http-settings.ts';
import type { Config } from './config/keys.ts';
import { filterOf } from './config/unit-filter.ts';
import { Dependencies } from './dependencies.ts';
import type { Draft, Event } from './model/event.ts';
import { limits } from './model/limits.ts';
import type { ProbeResult } from './model/probe.ts';
import type { TimerElapse } from './model/resource.ts';
import { SignalDelay } from './model/signal-delay.ts';
import { Stamp } from './model/stamp.ts';
import type { RealtimeUs } from './model/time.ts';
import type { Transition } from './model/transition.ts';
import type { UnitView } from './model/unit.ts';
import type { AgentView } from './model/view.ts';
import { type HttpOutput, startHttp } from './outputs/http.ts';
import type { Output } from './outputs/output.ts';
import type { Pages } from './pages.ts';
import { findingEvent } from './patterns/finding-event.ts';
import type { Repairs } from './repairs.ts';
import type { Storing } from './storing.ts';
import type { AgentOptions } from './surroundings.ts';

/**
 * The one place where stages are joined:
 *
 *     Watch ──transition──► events ──► Dependencies (explained) ──► Stamp ──► output, /metrics
 *               └──► Analysis ──finding──► events ──┘
 *
 * The arrow never turns back in here: what a restart did comes in again as signals.
 */
export class Agent {
  readonly view: AgentView;
  private config: Config;
  private readonly options: AgentOptions;
  private readonly watch: Watch;
  private readonly analysis: Analysis;
  private readonly dependencies: Dependencies;
  private readonly checking: Checking;
  private readonly checked: Checked;
  /** Undefined where repairs are off: then their code is not even loaded. */
  private repairs: Repairs | undefined;
  /** Undefined where nothing is stored; the same. */
  private storing: Storing | undefined;
  /** Undefined where nobody can ask for them. */
  private readonly pages: Pages | undefined;
  private readonly stamp: Stamp;
  private readonly output: Output | undefined;
  private readonly delay: SignalDelay = new SignalDelay();
  private http: HttpOutput | undefined;
  private busLostUs: RealtimeUs | undefined;

  /** @throws TypeError, SyntaxError with a sentence for the user where a setting cannot be used */
  constructor(options: AgentOptions) {
    const { config, clock } = options;
    this.options = options;
    this.config = config;
    this.stamp = new Stamp(options.host, options.bootId);
    this.output = openOutput(options, (draft) => this.tell(draft));
    this.dependencies = new Dependencies({
      ...options,
      follows: (unit) => this.watch.follower.table.get(unit) !== undefined,
      onDraft: (draft) => this.tell(draft),
      onRead: () => this.repairs?.dependenciesRead(),
    });
    const listener = {
      transition: (what: Transition) => {
        options.listener?.transition(what);
        this.delay.observe(what, clock.realtimeUs());
        const own = this.dependencies.ownStory(what);
        if (own) this.analysis.transition(own);
      },
      changed: (unit: UnitView) => {
        this.dependencies.followed(unit);
        this.repairs?.changed(unit);
      },
      gone: (unit: UnitView) => {
        this.analysis.gone(unit);
        this.repairs?.gone(unit);
        this.pages?.gone(unit.name);
      },
      timerElapsed: (elapse: TimerElapse) => this.analysis.timerElapsed(elapse),
      draft: (draft: Draft) => this.tell(draft),
    };
    this.watch = new Watch({
      address: busAddress(config.bus, { ...options.env, uid: options.uid }),
      uid: options.uid,
      bufferBytes: config.signal_buffer_size * 1_024,
      filter: filterOf(config),
      clock,
      random: options.random,
      sink: tellingSink(clock, listener, () => this.watch.follower.table.size),
      units: this.dependencies,
    });
    this.analysis = new Analysis({
      ...options,
      table: this.watch.follower.table,
      follows: (unit) => this.watch.follower.filter.follows(unit),
      onFinding: (finding) => {
        this.pages?.finding(finding);
        this.tell(findingEvent(finding));
        this.repairs?.finding(finding);
      },
      onSample: (sample) => {
        options.listener?.sample(sample);
        this.pages?.sample(sample);
      },
    });
    this.checking = new Checking({
      ...options,
      lookUpUnit: (name) => this.unit(name),
      onDraft: (draft) => {
        this.tell(draft);
        this.dependencies.updateChecks(this.checking.components());
      },
      onResult: (result) => this.probed(result),
      otherEndpoints: () => this.checked.monitoredEndpoints(),
    });
    this.checked = new Checked(this.checking);
    this.view = agentView({
      ...{ version: options.version, startedUs: clock.realtimeUs(), delay: this.delay.histogram },
      ...{ watch: this.watch, stamp: this.stamp, output: this.output },
      ...{ analysis: this.analysis, checked: this.checked },
      lostUs: () => this.busLostUs,
      repairs: () => this.repairs?.figures(),
      store: () => this.storing?.view,
    });
    this.pages =
      config.listen === 'off'
        ? undefined
        : agentPages({
            ...{ options, watch: this.watch, checked: this.checked, view: this.view },
            dependencies: this.dependencies,
            graceMs: () => this.config.restart.default.stop_grace,
            repairs: () => this.repairs?.views() ?? [],
            onDraft: (draft) => this.tell(draft),
          });
  }

  /**
   * Listens, connects and reads the table; resolves when signals flow.
   * @throws Error with a sentence that says what to do: port in use, no bus, not permitted
   */
  async start(): Promise<void> {
    const { config, clock, version, log } = this.options;
    if (config.monitor.enabled) {
      await this.checked.loadMonitoring({
        ...this.options,
        onDraft: (draft) => this.tell(draft),
        onResult: (result) => this.probed(result),
        onServices: () => this.repairs?.checksChanged(),
      });
    }
    if (config.listen !== 'off') {
      const parts = [this.dependencies, this.checked, this.pages];
      this.http = await startHttp({
        listen: config.listen,
        ...{ ...httpSettings(config), view: this.view, clock },
        routes: new Map(parts.flatMap((part) => [...(part?.routes ?? [])])),
        report: (error) => log.error({ err: error }, 'A request failed.'),
      });
    }
    this.tell(agentDraft('started', 'info', `unitwatch ${version} started.`, clock, { version }));
    try {
      if (config.store.enabled) await this.beginStoring();
      await this.analysis.takeUp();
      await this.checked.monitoring?.start();
      await this.watch.start();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.tell(agentDraft('stopping', 'error', `unitwatch ends: ${reason}`, clock, { reason }));
      await this.close();
      throw error;
    }
    await this.analysis.start();
    await this.checking.configure(config);
    this.dependencies.updateChecks(this.checking.components());
    if (config.restart.enabled) await this.beginRepairs();
    const { size } = this.watch.follower.table;
    log.info(
      { units: size, systemd: this.watch.systemdVersion, listen: this.http?.address },
      this.watch.isOff ? 'Watching no units: bus is off.' : `Watching ${size} units.`,
    );
  }

  /** Where `/metrics` is served; undefined when it is off. */
  get address(): { readonly host: string; readonly port: number } | undefined {
    return this.http?.address;
  }

  /**
   * Takes a new configuration; names the changed keys that only a restart of the agent applies. One
   * that cannot be used beside what the monitor has is told of, and the old one stays.
   */
  reload(config: Config): readonly string[] {
    const { clock } = this.options;
    const { monitoring } = this.checked;
    const clash = monitoring?.clash(config);
    if (clash !== undefined) {
      this.reloadFailed(clash);
      return [];
    }
    const changes = changedKeys(this.config, config);
    this.config = config;
    this.dependencies.configure(config);
    this.watch.refilter(filterOf(config));
    // Which checks there are decides which alarms stay.
    void this.checking.configure(config).then(() => {
      this.dependencies.updateChecks(this.checking.components());
      this.repairs?.configure(config);
    });
    this.analysis.configure(config);
    this.output?.limitTo(config.max_events_per_second);
    monitoring?.configure(config);
    const waiting = changes.filter((key) => key.needsRestart).map((key) => key.path);
    const note = waiting.length > 0 ? ` A restart is needed for ${waiting.join(', ')}.` : '';
    const message = `Configuration reloaded, ${changes.length} keys changed.${note}`;
    this.options.log.info({ changes: changes.map((key) => key.path) }, message);
    this.tell(agentDraft('reloaded', 'info', message, clock));
    return waiting;
  }

  /** The new configuration cannot be used; the old one stays. */
  reloadFailed(reason: string): void {
    const message = `The configuration was not reloaded: ${reason}`;
    this.options.log.error({}, message);
    this.tell(agentDraft('reload_failed', 'error', message, this.options.clock, { reason }));
  }

  /** Ends everything, with what waits written, within `limits.shutdownMs`. */
  async stop(reason: string): Promise<void> {
    const { clock } = this.options;
    this.watch.stop();
    await Promise.all([this.analysis.stop(), this.checked.stop(), this.repairs?.stop()]);
    this.tell(agentDraft('stopping', 'info', `unitwatch stops: ${reason}.`, clock, { reason }));
    await this.close();
  }

  private async close(): Promise<void> {
    await this.checked.monitoring?.stop();
    const waitMs = limits.shutdownMs - 500;
    await Promise.all([this.http?.close(), this.output?.close(waitMs), this.storing?.stop(waitMs)]);
  }

  private tell(draft: Draft): void {
    const event: Event = this.stamp.event(this.dependencies.explained(draft));
    this.options.listener?.event(event);
    if (draft.event_type === 'agent') this.noteBus(draft.data.phase);
    this.output?.push(event);
    this.pages?.event(event);
    this.storing?.event(event);
    this.repairs?.told(event);
  }

  private probed(result: ProbeResult): void {
    this.options.listener?.result(result);
    this.storing?.result(result);
  }

  private async beginStoring(): Promise<void> {
    const module = await import('./storing.ts');
    const onDraft = (draft: Draft): void => this.tell(draft);
    this.storing = await module.Storing.begin({ ...this.options, onDraft });
  }

  private async beginRepairs(): Promise<void> {
    const { options, watch, checked, dependencies } = this;
    const module = await import('./repairs.ts');
    this.repairs = await module.Repairs.begin({
      ...{ ...options, watch },
      graph: () => dependencies.units,
      checks: () => checked.checks(),
      lookAt: (names) => checked.lookAt(names),
      findings: () => this.analysis.counts.open(),
      onDraft: (draft) => this.tell(draft),
    });
  }

  private unit(name: string): UnitView | undefined {
    return this.watch.follower.table.get(name);
  }

  private noteBus(phase: string): void {
    if (phase === 'bus_lost') this.busLostUs = this.options.clock.realtimeUs();
    else if (phase === 'bus_back') this.busLostUs = undefined;
    else return;
    const how = phase === 'bus_lost' ? 'lost' : 'back';
    this.options.log.warn({ phase }, `The bus is ${how}.`);
  }
}
