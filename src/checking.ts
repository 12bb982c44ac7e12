import type { EndpointChecks } from './checks/endpoints.ts';
import { addressReader } from './checks/process/addresses.ts';
import { isPlan, planOf } from './checks/process/hosts.ts';
import type { ProcessCheckSettings, ProcessChecks } from './checks/process/process-checks.ts';
import type { ThresholdSettings } from './checks/threshold.ts';
import { endpointsOf } from './config/endpoints.ts';
import type { Config } from './config/keys.ts';
import { platformOf } from './config/platform.ts';
import type { CheckView } from './model/check.ts';
import type { Draft } from './model/event.ts';
import type { ComponentUse } from './model/platform.ts';
import type { EndpointStats, EndpointUse, ProbeResult } from './model/probe.ts';
import type { Clock } from './model/time.ts';
import type { UnitView } from './model/unit.ts';
import type { Routes } from './outputs/http-routes.ts';
import { probeRoute } from './outputs/probe-route.ts';

export interface CheckingOptions {
  readonly config: Config;
  /** Picks the list of components. */
  readonly host: string;
  readonly clock: Clock;
  readonly uid: number;
  readonly lookUpUnit: (name: string) => UnitView | undefined;
  readonly onDraft: (draft: Draft) => void;
  /** Endpoints that others look at, for `/probe`. */
  readonly otherEndpoints: () => readonly EndpointUse[];
  /** What a probe of an endpoint found. */
  readonly onResult: (result: ProbeResult) => void;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/**
 * The checks at work: components of the host's list are looked for, endpoints are probed, and what
 * changes is told.
 */
export class Checking {
  private readonly options: CheckingOptions;
  /** Undefined where there are none, as the next: then their code is not even loaded. */
  private checks: ProcessChecks | undefined;
  private endpoints: EndpointChecks | undefined;
  private configured: Promise<void> = Promise.resolve();
  private readonly addresses: () => readonly string[];

  /** Pages about checks. */
  readonly routes: Routes;

  constructor(options: CheckingOptions) {
    this.options = options;
    this.addresses = addressReader((error) => {
      const reason = error instanceof Error ? error.message : String(error);
      const message = 'The addresses of this machine cannot be read, and host.ip has no value.';
      options.log.warn({ reason }, message);
    });
    const probes = probeRoute(() => [...this.endpointUses(), ...options.otherEndpoints()]);
    this.routes = new Map(
      options.config.checks.blackbox_exporter_names ? [['/probe', probes]] : [],
    );
  }

  /** Begins to check, or goes over to another configuration: one after the other. */
  configure(config: Config): Promise<void> {
    this.configured = this.configured.then(async () => {
      await Promise.all([this.configureProcesses(config), this.configureEndpoints(config)]);
    });
    return this.configured;
  }

  private async configureEndpoints(config: Config): Promise<void> {
    const settings = { endpoints: endpointsOf(config), thresholds: thresholdsOf(config) };
    const { clock, onDraft, onResult, log } = this.options;
    if (settings.endpoints.length === 0) {
      const ended = this.endpoints;
      this.endpoints = undefined;
      await ended?.stop();
      return;
    }
    if (this.endpoints) {
      this.endpoints.reload(settings);
    } else {
      const module = await import('./checks/endpoints.ts');
      this.endpoints = new module.EndpointChecks({
        ...settings,
        ...{ clock, onChange: onDraft, onResult },
      });
      this.endpoints.start();
    }
    const count = settings.endpoints.length;
    const { total, average } = this.endpoints.requestsPerMinute();
    const perMinute = `${total.toFixed(1)} requests a minute, ${average.toFixed(1)} on average`;
    log.info(
      { requests_per_minute: total, average_per_minute: average },
      `Probing ${count === 1 ? '1 endpoint' : `${count} endpoints`}: ${perMinute}.`,
    );
  }

  private async configureProcesses(config: Config): Promise<void> {
    const settings = this.settingsOf(config);
    if (settings === undefined) {
      const ended = this.checks;
      this.checks = undefined;
      await ended?.stop();
    } else if (this.checks) {
      this.checks.reload(settings);
    } else {
      const { clock, uid, lookUpUnit, onDraft } = this.options;
      const module = await import('./checks/process/process-checks.ts');
      this.checks = new module.ProcessChecks({
        ...settings,
        ...{ clock, uid, lookUpUnit, onChange: onDraft, procRoot: config.proc_root },
      });
      this.checks.start();
    }
  }

  /** Those of processes; undefined where this host has no components. */
  get processes(): ProcessChecks | undefined {
    return this.checks;
  }

  /** Those that can depend on each other. */
  components(): readonly CheckView[] {
    return this.checks?.views() ?? [];
  }

  views(): readonly CheckView[] {
    return [...this.components(), ...(this.endpoints?.views() ?? [])];
  }

  /** Of endpoints: what is known beside their state, and how well their schedule is kept. */
  endpointUses(): readonly EndpointUse[] {
    return this.endpoints?.uses() ?? [];
  }

  endpointStats(): EndpointStats | undefined {
    return this.endpoints?.stats();
  }

  uses(): readonly ComponentUse[] {
    return this.checks?.uses() ?? [];
  }

  /** A full check; resolves when everything has been looked at. */
  async now(): Promise<void> {
    await Promise.all([this.checks?.checkNow(), this.endpoints?.checkNow()]);
  }

  /** Looks at some of them; resolves when they have been looked at. */
  async lookAt(names: readonly string[]): Promise<void> {
    const looks: (Promise<unknown> | undefined)[] = [];
    // One look sees the processes of all components.
    if (names.some((name) => this.checks?.component(name))) looks.push(this.checks?.checkNow());
    for (const name of names) looks.push(this.endpoints?.checkNow(name));
    await Promise.all(looks);
  }

  async stop(): Promise<void> {
    await Promise.all([this.checks?.stop(), this.endpoints?.stop()]);
  }

  private settingsOf(config: Config): ProcessCheckSettings | undefined {
    const { checks } = config;
    if (checks.components.size === 0) return undefined;
    const plan = planOf(platformOf(config), this.options.host);
    if (!isPlan(plan)) {
      const { known, reason } = plan;
      this.options.log.warn({ known }, `No component is checked: ${reason}.`);
      return undefined;
    }
    return {
      plan,
      addresses: this.addresses,
      thresholds: thresholdsOf(config),
      intervalMs: checks.interval,
      timeoutMs: checks.timeout,
    };
  }
}

function thresholdsOf({ checks }: Config): ThresholdSettings {
  return { down: checks.failures, up: checks.successes, graceUs: checks.grace * 1_000 };
}
