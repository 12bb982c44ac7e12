import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Monitor } from './checks/monitor.ts';
import { outageDraft, stateDraft, type Told } from './checks/monitor-drafts.ts';
import { MonitorResults } from './checks/monitor-results.ts';
import { windowOf } from './checks/outages.ts';
import { SqliteError } from './checks/sqlite.ts';
import { handleApi } from './checks/subscriptions/api.ts';
import type { SmtpSettings } from './checks/subscriptions/channel-email.ts';
import type { MonitorEvent } from './checks/subscriptions/monitor-event.ts';
import { notificationDraft } from './checks/subscriptions/notification-event.ts';
import type { OutageRecord, ServiceRecord } from './checks/subscriptions/resources.ts';
import { agentDraft } from './collector/tell.ts';
import { reservedName, tableOfCheck } from './config/check-names.ts';
import type { Config } from './config/keys.ts';
import { type CheckKind, type CheckView, checkKinds } from './model/check.ts';
import type { Draft } from './model/event.ts';
import type { MonitorFigures } from './model/monitor.ts';
import type { EndpointUse, ProbeResult } from './model/probe.ts';
import type { OutageView } from './model/status.ts';
import type { Clock } from './model/time.ts';
import { type ApiAnswer, guardedApi } from './outputs/guarded-api.ts';
import type { Routes } from './outputs/http-routes.ts';

export interface MonitoringOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** From 0 to 1, for the spread of retries. */
  readonly random: () => number;
  readonly onDraft: (draft: Draft) => void;
  /** Every probe. */
  readonly onResult: (result: ProbeResult) => void;
  /** Which services there are has changed, or which of them are looked at. */
  readonly onServices: () => void;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/**
 * Deliveries under way are waited for so long when the agent ends, which must write its events within
 * the same 2 s; what has not arrived is kept.
 */
const stopMs = 500;

/**
 * The monitor at work in the agent: services of callers are looked at, and what it tells becomes
 * events. Loaded only where `monitor.enabled` is set.
 */
export class Monitoring {
  /** For `startHttp`. Answers 503 before the start. */
  readonly routes: Routes;
  private readonly options: MonitoringOptions;
  private readonly monitor: Monitor;
  /** What the probes found; services that are gone are let go of with the next change. */
  private readonly results: MonitorResults = new MonitorResults();
  /** What the monitor told while it started, once for each service: it cannot be asked before. */
  private readonly early: MonitorEvent[] = [];
  /** Read once after each change. */
  private listed: Listed | undefined;
  private phase: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  private config: Config;

  constructor(options: MonitoringOptions) {
    const { config, clock, random } = options;
    this.options = options;
    this.config = config;
    this.monitor = new Monitor({
      ...{ clock, random, ...smtpOf(config) },
      path: config.monitor.path ?? join(config.state_directory, 'monitor.sqlite'),
      onEvent: (event) => this.event(event),
      reserved: (name) => reservedName(this.config, name),
      onResult: (result, target) => {
        this.results.take(result, target);
        const outage = this.phase === 'running' && this.monitor.inOutage(result.name);
        options.onResult({ ...result, outage });
      },
    });
    const answer = (method: string, path: string, body: unknown) => this.answer(method, path, body);
    const token = config.page.token?.reveal();
    this.routes = new Map([['/api/monitor/', guardedApi({ token, clock, answer })]]);
  }

  /**
   * Goes on where the last run ended.
   * @throws SqliteError with a sentence where the file cannot be used, or another agent has it
   * @throws TypeError with one where the configuration has a check of a service's name
   */
  async start(): Promise<void> {
    await this.monitor.start();
    const clash = this.clash(this.config);
    if (clash !== undefined) {
      await this.monitor.stop();
      throw new TypeError(clash);
    }
    this.phase = 'running';
    for (const event of this.early.splice(0)) this.event(event);
    const { services } = this.lists();
    this.options.log.info({ services: services.length }, 'The monitor is on.');
  }

  /** Why a configuration cannot be used beside the services that there are; undefined where it can. */
  clash(config: Config): string | undefined {
    if (this.phase === 'stopping' || this.phase === 'stopped') return undefined;
    const { services } = this.lists();
    for (const { name } of services) {
      const table = tableOfCheck(config, name);
      if (table === undefined) continue;
      const shown = JSON.stringify(name);
      return `${table} has a check ${shown}, and the monitor a service of that name: rename the check, or remove the service with unitwatch services remove.`;
    }
    return undefined;
  }

  /** Takes what a reload may change. */
  configure(config: Config): void {
    this.config = config;
  }

  /** Ends within `stopMs`; what waits is kept in the file. */
  async stop(): Promise<void> {
    if (this.phase !== 'running') return;
    this.phase = 'stopping';
    const done = this.monitor.stop().then(() => true);
    const ended = await Promise.race([done, pause(stopMs, false, { ref: false })]);
    if (!ended) this.options.log.warn({}, 'Deliveries are still under way; they are made again.');
    this.phase = 'stopped';
  }

  /** Services as checks. */
  views(): readonly CheckView[] {
    if (this.phase !== 'running') return [];
    return this.lists().services.flatMap((service) => this.viewOf(service));
  }

  /** Looks at these of its services, all where none is named; resolves when that is done. */
  async lookAt(names?: readonly string[]): Promise<void> {
    if (this.phase !== 'running') return;
    const services = this.lists().services.map(({ name }) => name);
    const wanted = names ? services.filter((name) => names.includes(name)) : services;
    await Promise.all(wanted.map((name) => this.monitor.lookNow(name)));
  }

  /** Services as endpoints: what their last probes found. */
  endpointUses(): readonly EndpointUse[] {
    return this.results.uses();
  }

  /** Undefined where it does not run. */
  figures(): MonitorFigures | undefined {
    return this.phase === 'running' ? this.monitor.figures() : undefined;
  }

  /** Planned outages that are on now. */
  outages(): readonly OutageView[] {
    if (this.phase !== 'running') return [];
    const nowUs = this.options.clock.realtimeUs();
    const inside = new Map<string, boolean>();
    return this.lists().outages.flatMap((outage) => {
      const { id, service } = outage;
      if (!inside.has(service)) inside.set(service, this.monitor.inOutage(service));
      // Most are not on, and their services say so at once.
      const window = inside.get(service) ? windowOf(outage, nowUs) : undefined;
      return window?.inside ? [{ name: id, untilUs: window.untilUs, checks: [service] }] : [];
    });
  }

  private viewOf({ name, kind: given }: ServiceRecord): readonly CheckView[] {
    const kind = checkKindOf(given);
    const view = this.monitor.view(name);
    if (!kind || !view) return [];
    const { state, sinceUs, outage, subscriptions } = view;
    const isIdle = view.intervalUs === undefined;
    const last = this.results.last(name);
    const known = isIdle
      ? 'nobody has subscribed'
      : view.reason || last?.reason || 'not looked yet';
    const reason = state === 'up' ? '' : known;
    return [
      {
        ...{ name, kind, state, sinceUs, reason, outage, subscriptions },
        ...(isIdle && { idle: true }),
        checkedUs: last?.timeUs ?? 0,
        durationUs: (last?.durationSeconds ?? 0) * 1e6,
        dependsOn: [],
      },
    ];
  }

  private lists(): Listed {
    this.listed ??= {
      services: this.monitor.list('services'),
      outages: this.monitor.list('outages'),
    };
    return this.listed;
  }

  private answer(method: string, path: string, body: unknown): ApiAnswer {
    if (this.phase !== 'running')
      return { status: 503, json: { error: 'The monitor does not run now.' } };
    const { monitor } = this;
    const allowCommands = this.config.monitor.allow_commands;
    const planned = method === 'GET' ? [] : this.views().filter(({ outage }) => outage);
    const secretsOf = (kind: string): readonly string[] =>
      monitor.notifications.get(kind)?.secrets ?? monitor.kinds.get(kind)?.secrets ?? [];
    try {
      const logOf = monitor.log.bind(monitor);
      return handleApi({ book: monitor, logOf, secretsOf, allowCommands }, method, path, body);
    } catch (error) {
      if (!(error instanceof SqliteError)) throw error;
      return { status: 503, json: { error: error.message } };
    } finally {
      if (method !== 'GET') this.changed(planned);
    }
  }

  /** @param planned services that were in an outage before */
  private changed(planned: readonly CheckView[]): void {
    this.listed = undefined;
    const names = new Set(this.lists().services.map(({ name }) => name));
    this.results.keep(names);
    const timeUs = this.options.clock.realtimeUs();
    // The monitor says nothing of a service that is gone, and restarts are held until somebody does.
    for (const view of planned.filter(({ name }) => !names.has(name))) {
      const ended = { type: 'outage', service: view.name, inside: false, timeUs } as const;
      this.options.onDraft(outageDraft(ended, view));
    }
    this.options.onServices();
  }

  private event(event: MonitorEvent): void {
    if (this.phase === 'new') {
      this.early.push(event);
      return;
    }
    // Nobody listens any more to what is still under way.
    if (this.phase === 'stopped') return;
    switch (event.type) {
      case 'notification':
        this.options.onDraft(notificationDraft(event, event.timeUs));
        return;
      case 'state':
        this.tell(event.service, (service) => stateDraft(event, service));
        return;
      case 'outage':
        this.tell(event.service, (service) => outageDraft(event, service));
        return;
      case 'trouble':
        this.trouble(event);
    }
  }

  private trouble({ phase, reason }: Told<'trouble'>): void {
    const severity = phase === 'back' ? 'info' : 'error';
    const message = `Monitor: ${reason}`;
    this.options.onDraft(agentDraft(`monitor_${phase}`, severity, message, this.options.clock));
    if (phase !== 'back') this.options.log.warn({ reason }, 'The file of the monitor has trouble.');
  }

  /** Nothing where the service is gone, or of no kind that events know. */
  private tell(service: string, draftOf: (view: CheckView) => Draft): void {
    if (this.phase !== 'running') return;
    const record = this.lists().services.find(({ name }) => name === service);
    const [view] = record ? this.viewOf(record) : [];
    if (view) this.options.onDraft(draftOf(view));
  }
}

interface Listed {
  readonly services: readonly ServiceRecord[];
  readonly outages: readonly OutageRecord[];
}

function checkKindOf(kind: string): CheckKind | undefined {
  return checkKinds.find((one) => one === kind);
}

function smtpOf({ monitor }: Config): { readonly smtp?: SmtpSettings } {
  const { host, port, tls, ca_file: caFile, user, password, from } = monitor.smtp;
  if (host === undefined) return {};
  const signIn = { ...(user !== undefined && { user }), ...(password && { password }) };
  return { smtp: { host, port, tls, from, ...signIn, ...(caFile !== undefined && { caFile }) } };
}
