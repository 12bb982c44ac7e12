/** What suffers when something is stopped or restarted. */
export interface Harm {
  /** Running components and units, in the order in which they would have to be stopped. */
  readonly names: readonly string[];
  /** Why it may be more; empty where all is known. */
  readonly doubt: string;
}

/** One unit that systemd stops, restarts or leaves without what it wants, and the way that leads to it. */
interface Reached {
  readonly unit: string;
  readonly path: readonly unknown[];
}

export interface UnitHarm {
  readonly stopped: readonly Reached[];
  readonly restarted: readonly Reached[];
  readonly degraded: readonly Reached[];
}

/**
 * Components that depend on it and run, and units that systemd stops with it or leaves without it.
 * @param units undefined where it is no unit
 */
export function harmOf(
  components: readonly string[],
  on: 'stop' | 'restart',
  units: UnitHarm | { readonly wrong: string } | undefined,
): Harm {
  if (units === undefined) return { names: components, doubt: '' };
  if ('wrong' in units) return { names: components, doubt: units.wrong };
  const restarted = on === 'restart' ? units.restarted : [];
  // Those that hang on it by the longest way come first.
  const all = [...units.degraded, ...restarted, ...units.stopped].toSorted(
    (a, b) => b.path.length - a.path.length,
  );
  return { names: [...new Set([...components, ...all.map(({ unit }) => unit)])], doubt: '' };
}
