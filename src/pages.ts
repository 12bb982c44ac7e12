import type { Control } from './control.ts';
import type { PictureAsked } from './deps/detail-picture.ts';
import type { CheckView } from './model/check.ts';
import type { Event } from './model/event.ts';
import type { Finding } from './model/finding.ts';
import type { ResourceSample } from './model/resource.ts';
import {
  type DependencyPicture,
  type OpenFinding,
  type OutageView,
  type RepairView,
  type ServiceDetail,
  type StatusView,
  serviceStatus,
} from './model/status.ts';
import type { Clock, RealtimeUs } from './model/time.ts';
import type { UnitView } from './model/unit.ts';
import type { AgentView } from './model/view.ts';
import type { Routes } from './outputs/http-routes.ts';
import type { Acted } from './outputs/page/context.ts';
import { History } from './outputs/page/history.ts';
import { pageRoutes } from './outputs/page/routes.ts';

export interface PagesOptions {
  readonly host: string;
  readonly clock: Clock;
  /** Who knows it may act; undefined: nobody may. */
  readonly token: string | undefined;
  readonly view: AgentView;
  readonly unit: (name: string) => UnitView | undefined;
  readonly checks: () => readonly CheckView[];
  readonly repairs: () => readonly RepairView[];
  /** Those that are on now. */
  readonly outages: () => readonly OutageView[];
  readonly picture: (asked: PictureAsked) => DependencyPicture | undefined;
  /** Loaded when somebody wants to start or stop something. */
  readonly control: () => Promise<Control>;
  /** Looks at every unit and every check now. */
  readonly refresh: () => Promise<void>;
}

/** Readers of events at one time are limited by the server; this is what the agent itself allows. */
const listenersMax = 64;

/** The status page at work: keeps what it shows of the past, and makes the rest when asked. */
export class Pages {
  readonly routes: Routes;
  private readonly options: PagesOptions;
  private readonly history: History = new History();
  private readonly listeners: Set<(event: Event) => void> = new Set();
  /** When the findings that are open were opened, by ID. */
  private readonly openedUs: Map<string, RealtimeUs> = new Map();
  private readonly acknowledged: Set<string> = new Set();
  private checkedUs: RealtimeUs = 0;

  constructor(options: PagesOptions) {
    this.options = options;
    this.routes = pageRoutes({
      ...{ clock: options.clock, token: options.token },
      status: () => this.status(),
      service: (name) => this.service(name),
      subscribe: (listener) => this.subscribe(listener),
      actions: {
        start: async (name) => (await options.control()).ask('start', name),
        stop: async (name) => (await options.control()).ask('stop', name),
        restart: async (name) => (await options.control()).ask('restart', name),
        acknowledge: async (id) => this.acknowledge(id),
        refresh: async () => {
          await options.refresh();
          this.checkedUs = options.clock.realtimeUs();
        },
      },
    });
  }

  event(event: Event): void {
    this.history.event(event);
    for (const listener of this.listeners) listener(event);
  }

  /** A finding opened, went on or was cleared. */
  finding({ id, phase, timeUs }: Finding): void {
    if (phase === 'opened') this.openedUs.set(id, timeUs);
    if (phase !== 'cleared') return;
    this.openedUs.delete(id);
    this.acknowledged.delete(id);
  }

  sample(sample: ResourceSample): void {
    this.history.sample(sample);
  }

  gone(name: string): void {
    this.history.gone(name);
  }

  private subscribe(listener: (event: Event) => void): () => void {
    if (this.listeners.size >= listenersMax) throw new Error('Too many readers of events.');
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private status(): StatusView {
    const { view, host, clock, checks, repairs, outages } = this.options;
    const services = [...view.units()].map((unit) =>
      serviceStatus(unit, this.history.memoryBytes(unit.name)),
    );
    return {
      ...{ host, version: view.version, timeUs: clock.realtimeUs(), checkedUs: this.checkedUs },
      ...{ bus: view.bus, services, checks: checks(), findings: this.findings() },
      ...{ repairs: repairs(), outages: outages() },
    };
  }

  private service(name: string): ServiceDetail | undefined {
    const { unit: lookUp, checks: all, clock, picture } = this.options;
    const unit = lookUp(name);
    const checks = all().filter((check) => check.name === name || check.unit === name);
    if (unit === undefined && checks.length === 0) return undefined;
    const dependencies = picture({ name, isUnit: unit !== undefined });
    return {
      name,
      timeUs: clock.realtimeUs(),
      ...(unit && { service: serviceStatus(unit, this.history.memoryBytes(name)) }),
      checks,
      findings: this.findings().filter(({ service }) => service === name),
      history: this.history.of(name),
      ...(dependencies && { dependencies }),
    };
  }

  private findings(): readonly OpenFinding[] {
    const open: OpenFinding[] = [];
    for (const finding of this.options.view.findings?.open() ?? []) {
      const { id, pattern, service, severity, sentence, timeUs } = finding;
      const acknowledged = this.acknowledged.has(id);
      const openedUs = this.openedUs.get(id) ?? timeUs;
      open.push({ id, pattern, service, severity, sentence, openedUs, acknowledged });
    }
    return open;
  }

  private acknowledge(id: string): Acted {
    const isOpen = this.findings().some((finding) => finding.id === id);
    if (!isOpen) return { ok: false, sentence: 'No finding with that ID is open.' };
    this.acknowledged.add(id);
    return { ok: true, sentence: 'The finding is acknowledged.' };
  }
}
