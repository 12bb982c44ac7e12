import { networkInterfaces } from 'node:os';
import { hostAddresses, isPlan, planOf } from './checks/process/hosts.ts';
import { type ProcessCheckSettings, ProcessChecks } from './checks/process/process-checks.ts';
import type { Config } from './config/keys.ts';
import { platformOf } from './config/platform.ts';
import type { CheckView } from './model/check.ts';
import type { Draft } from './model/event.ts';
import type { ComponentUse } from './model/platform.ts';
import type { Clock } from './model/time.ts';
import type { UnitView } from './model/unit.ts';

export interface CheckingOptions {
  readonly config: Config;
  /** Picks the list of components. */
  readonly host: string;
  readonly clock: Clock;
  readonly uid: number;
  readonly lookUpUnit: (name: string) => UnitView | undefined;
  readonly onDraft: (draft: Draft) => void;
  readonly log: { warn(fields: object, message: string): void };
}

/** The checks at work: components of the host's list are looked for, and what changes is told. */
export class Checking {
  private readonly options: CheckingOptions;
  private checks: ProcessChecks | undefined;

  constructor(options: CheckingOptions) {
    this.options = options;
  }

  /** Begins to check, or goes over to another configuration. */
  async configure(config: Config): Promise<void> {
    const settings = this.settingsOf(config);
    if (settings === undefined) {
      const ended = this.checks;
      this.checks = undefined;
      await ended?.stop();
    } else if (this.checks) {
      this.checks.reload(settings);
    } else {
      const { clock, uid, lookUpUnit, onDraft } = this.options;
      this.checks = new ProcessChecks({
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

  views(): readonly CheckView[] {
    return this.checks?.views() ?? [];
  }

  uses(): readonly ComponentUse[] {
    return this.checks?.uses() ?? [];
  }

  /** A full check; resolves when everything has been looked at. */
  async now(): Promise<void> {
    await this.checks?.checkNow();
  }

  async stop(): Promise<void> {
    await this.checks?.stop();
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
      addresses: hostAddresses(networkInterfaces()),
      thresholds: { down: checks.failures, up: checks.successes, graceUs: checks.grace * 1_000 },
      intervalMs: checks.interval,
      timeoutMs: checks.timeout,
    };
  }
}
