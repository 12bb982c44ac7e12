import type { Logger } from 'pino';
import { changedKeys, valueAt } from '../src/config/changes.ts';
import { formatValue } from '../src/config/format.ts';
import { keyAt } from '../src/config/key.ts';
import { type Config, keys } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import { serviceRows } from '../src/config/service-rows.ts';
import type { Event } from '../src/model/event.ts';
import type { ProbeResult } from '../src/model/probe.ts';
import type { ResourceSample } from '../src/model/resource.ts';
import type { Transition } from '../src/model/transition.ts';
import type { Listener } from '../src/surroundings.ts';

/** `-vvvvv`: there is nothing more to tell. */
export const verbosityMax = 5;

/** What a log level alone means where no -v was given. */
const verbosityOf: Readonly<Record<string, number>> = { debug: 1, trace: verbosityMax };

/**
 * What each -v adds to the log: the settings and services in effect, then each probe, each event,
 * each change of a unit, and each look at what a unit uses.
 */
export class VerboseLog implements Listener {
  readonly #log: Logger;
  readonly #asked: number;
  #verbosity: number;

  /** @param asked number of -v; with none the level of the log decides */
  constructor(log: Logger, asked: number) {
    this.#log = log;
    this.#asked = asked;
    this.#verbosity = asked || (verbosityOf[log.level] ?? 0);
  }

  /** A configuration is in effect from now on; its log level too. */
  async configured(config: Config): Promise<void> {
    this.#log.level = config.log_level;
    this.#verbosity = this.#asked || (verbosityOf[config.log_level] ?? 0);
    if (this.#verbosity < 1) return;
    const defaults = await loadConfig({ env: {}, defaultFile: false });
    if ('faults' in defaults) return;
    for (const { path } of changedKeys(defaults.config, config)) {
      const key = keyAt(keys, path);
      if (path === 'checks.http' || path === 'checks.tcp' || !key) continue;
      this.#log.debug({ key: path, value: formatValue(key, valueAt(config, path)) }, 'Setting.');
    }
    for (const { name, kind, target, intervalMs, timeoutMs } of serviceRows(config)) {
      const seconds = { interval_s: intervalMs / 1e3, timeout_s: timeoutMs / 1e3 };
      const [where = ''] = target.split(/[?#]/);
      this.#log.debug({ service: name, kind, target: where, ...seconds }, 'Service.');
    }
  }

  result({ name, kind, up, reason, durationSeconds, status }: ProbeResult): void {
    if (this.#verbosity < 2) return;
    const said = { service: name, kind, up, duration_s: durationSeconds };
    this.#log.trace({ ...said, ...(reason && { reason }), ...(status && { status }) }, 'Probe.');
  }

  event({ event_type, service, seq, message }: Event): void {
    if (this.#verbosity < 3) return;
    this.#log.trace({ event_type, service, seq, event: message }, 'Event.');
  }

  transition({ kind, unit, cause, inferred, resync }: Transition): void {
    if (this.#verbosity < 4) return;
    this.#log.trace({ kind, unit, cause, inferred, resync }, 'Transition.');
  }

  sample({ service, anonBytes, cpuUs, source }: ResourceSample): void {
    if (this.#verbosity < 5) return;
    this.#log.trace({ service, anon_bytes: anonBytes, cpu_us: cpuUs, source }, 'Sample.');
  }
}
