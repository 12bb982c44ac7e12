import { hostname } from 'node:os';
import { addressReader } from '../src/checks/process/addresses.ts';
import { isPlan, planOf } from '../src/checks/process/hosts.ts';
import { ProcessChecks } from '../src/checks/process/process-checks.ts';
import { busAddress } from '../src/collector/address.ts';
import { BusError } from '../src/collector/bus.ts';
import { systemClock } from '../src/collector/system-clock.ts';
import { tellingSink } from '../src/collector/tell.ts';
import { Watch } from '../src/collector/watch.ts';
import type { Config } from '../src/config/keys.ts';
import { platformOf } from '../src/config/platform.ts';
import { shown } from '../src/config/shown.ts';
import { filterOf } from '../src/config/unit-filter.ts';
import type { Component } from '../src/model/platform.ts';
import type { CommandIo } from './io.ts';

/** A bus that has not shown its units by then is busy or hangs; 5,000 units take a second or two. */
const connectMs = 10_000;
/** Known hosts that a sentence names. */
const hostsShown = 50;

/** What is on this host: its components, and the units of its systemd, read when first asked for. */
export class Site {
  /** Whose list of components it is. */
  readonly host: string;
  /** In the order of the configuration. */
  readonly components: readonly Component[];
  readonly checks: ProcessChecks;
  /** Why there are no components although some are configured; empty where there is nothing to say. */
  readonly note: string;
  readonly #config: Config;
  readonly #env: CommandIo['env'];
  #watch: Watch | undefined;
  #connecting: Promise<Watch | { readonly fault: string }> | undefined;

  /** @param host whose list; undefined for this host's own */
  static open(
    config: Config,
    io: CommandIo,
    host: string | undefined,
  ): Site | { readonly wrong: string } {
    const name = host ?? config.host ?? hostname();
    const plan = planOf(platformOf(config), name);
    if (isPlan(plan)) return new Site(config, io, { ...plan, note: '' });
    const known = plan.known.slice(0, hostsShown).map((one) => shown(one));
    const more = plan.known.length > hostsShown ? ', ...' : '';
    const wrong = `${shown(plan.reason, 200)}; known hosts: ${known.join(', ')}${more}`;
    if (host !== undefined) return { wrong };
    const none = { host: name, groups: [], components: [], variables: {}, ip: '' };
    return new Site(config, io, { ...none, note: `No components: ${wrong}.` });
  }

  private constructor(
    config: Config,
    io: CommandIo,
    plan: Extract<ReturnType<typeof planOf>, { components: unknown }> & { readonly note: string },
  ) {
    const { checks } = config;
    this.host = plan.host;
    this.components = plan.components;
    this.note = plan.note;
    this.#config = config;
    this.#env = io.env;
    this.checks = new ProcessChecks({
      plan,
      // A component that lacks them says so itself.
      addresses: addressReader(() => {}),
      // Nobody hears events here: what is seen is what is shown.
      thresholds: { down: 1, up: 1, graceUs: 0 },
      intervalMs: checks.interval,
      timeoutMs: checks.timeout,
      lookUpUnit: (unit) => this.#watch?.follower.table.get(unit),
      clock: systemClock,
      onChange: () => {},
      uid: uidOfUs(),
    });
  }

  /** The units that are known now: none before `units` was asked. */
  get unitNames(): readonly string[] {
    return [...(this.#watch?.follower.table.all() ?? [])].map(({ name }) => name);
  }

  /**
   * A watch of this host's systemd, or one sentence that says why there is none. One that could not
   * connect tries again when it is asked for again.
   */
  async units(): Promise<Watch | { readonly fault: string }> {
    this.#connecting ??= this.#connect();
    const connected = await this.#connecting;
    if ('fault' in connected) this.#connecting = undefined;
    else this.#watch = connected;
    return connected;
  }

  close(): void {
    this.#watch?.stop();
  }

  async #connect(): Promise<Watch | { readonly fault: string }> {
    let watch: Watch;
    try {
      watch = this.#makeWatch();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return { fault: error.message };
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<{ fault: string }>((resolve) => {
      const fault = `systemd did not answer within ${connectMs / 1_000} s.`;
      timer = setTimeout(resolve, connectMs, { fault });
    });
    const started = watch.start().then(
      () => watch,
      (error: unknown) => {
        if (error instanceof BusError) return { fault: error.message };
        throw error;
      },
    );
    const first = await Promise.race([started, late]).finally(() => clearTimeout(timer));
    if ('fault' in first) watch.stop();
    return first;
  }

  #makeWatch(): Watch {
    const uid = uidOfUs();
    const named = this.components.map(({ unit }) => unit).filter((unit) => unit !== '');
    const watch: Watch = new Watch({
      address: busAddress(this.#config.bus, { ...this.#env, uid }),
      uid,
      bufferBytes: this.#config.signal_buffer_size * 1_024,
      filter: filterOf(this.#config, named),
      clock: systemClock,
      random: Math.random,
      sink: tellingSink(systemClock, { draft: () => {} }, () => watch.follower.table.size),
    });
    return watch;
  }
}

/** The user who asks. */
export function uidOfUs(): number {
  return process.getuid?.() ?? -1;
}
