import type { EndpointUse, ProbeFault, ProbeResult } from '../model/probe.ts';

interface Known {
  readonly target: string;
  readonly last: ProbeResult;
  readonly results: Partial<Record<'up' | ProbeFault, number>>;
}

/** What the probes of monitored services have found: the last of each, and how often what. */
export class MonitorResults {
  readonly #known = new Map<string, Known>();

  /** @param target `host:port` or the URL, without what may be secret in it */
  take(result: ProbeResult, target: string): void {
    const { name, fault } = result;
    const results = this.#known.get(name)?.results ?? {};
    const outcome = fault ?? 'up';
    results[outcome] = (results[outcome] ?? 0) + 1;
    this.#known.set(name, { target, last: result, results });
  }

  last(name: string): ProbeResult | undefined {
    return this.#known.get(name)?.last;
  }

  /** Lets go of all others. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
  }

  /** Those that have been looked at. Their schedule is the monitor's, which leaves out no look. */
  uses(): readonly EndpointUse[] {
    return [...this.#known].map(([name, { target, last, results }]) => ({
      ...{ name, kind: last.kind, target, last, results },
    }));
  }
}
