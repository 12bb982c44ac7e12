import type { Checking } from './checking.ts';
import type { CheckView } from './model/check.ts';
import type { MonitorFigures } from './model/monitor.ts';
import type { EndpointUse } from './model/probe.ts';
import type { OutageView } from './model/status.ts';
import type { Monitoring, MonitoringOptions } from './monitoring.ts';
import type { Routes } from './outputs/http-routes.ts';

/** Everything that is checked: what the configuration names, and what the monitor was given. */
export class Checked {
  readonly checking: Checking;
  /** Undefined where `monitor.enabled` is off: then its code is not even loaded. */
  monitoring: Monitoring | undefined;

  constructor(checking: Checking) {
    this.checking = checking;
  }

  async loadMonitoring(options: MonitoringOptions): Promise<void> {
    const module = await import('./monitoring.ts');
    this.monitoring = new module.Monitoring(options);
  }

  /** What each of them serves. */
  get routes(): Routes {
    return new Map([...this.checking.routes, ...(this.monitoring?.routes ?? [])]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.checking.stop(), this.monitoring?.stop()]);
  }

  /** A full check; resolves when everything has been looked at. */
  async now(): Promise<void> {
    await Promise.all([this.checking.now(), this.monitoring?.lookAt()]);
  }

  /** Looks at some of them; resolves when they have been looked at. */
  async lookAt(names: readonly string[]): Promise<void> {
    await Promise.all([this.checking.lookAt(names), this.monitoring?.lookAt(names)]);
  }

  checks(): readonly CheckView[] {
    return [...this.checking.views(), ...(this.monitoring?.views() ?? [])];
  }

  endpoints(): readonly EndpointUse[] {
    return [...this.checking.endpointUses(), ...this.monitoredEndpoints()];
  }

  monitoredEndpoints(): readonly EndpointUse[] {
    return this.monitoring?.endpointUses() ?? [];
  }

  /** Planned outages that are on now. */
  outages(): readonly OutageView[] {
    return this.monitoring?.outages() ?? [];
  }

  figures(): MonitorFigures | undefined {
    return this.monitoring?.figures();
  }
}
