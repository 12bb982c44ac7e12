import Registry from 'prom-client/lib/registry.js';
import type { UnitView } from '../model/unit.ts';
import type { AgentView } from '../model/view.ts';
import { checkMetrics } from './check-metrics.ts';
import { endpointMetrics } from './endpoint-metrics.ts';
import { escapeLabel, familyPieces, headerOf } from './exposition.ts';
import type { AgentMetric, Source, Tally } from './metric.ts';
import type { MetricSet } from './metric-table.ts';
import { findingsOpen, metricSets } from './metric-table.ts';
import { outageMetrics } from './monitor-metrics.ts';
import { readProcess } from './process-figures.ts';
import { type UnitFamily, unitFamily } from './unit-family.ts';

/** Which other exporters' names are served beside unitwatch's own. */
export interface MetricsSettings {
  /** `node_systemd_*`, as node_exporter's systemd collector names them. */
  readonly nodeExporterNames: boolean;
  /** `systemd_*`, as prometheus-community/systemd_exporter names them. */
  readonly systemdExporterNames: boolean;
  /** `namedprocess_namegroup_*`, as ncabatoff/process-exporter names them. */
  readonly processExporterNames: boolean;
}

export interface Metrics {
  readonly contentType: string;
  /**
   * Reads the agent and writes every family, piece by piece; between two pieces everything else
   * that waits has had its turn. Nothing is kept: a reader that stops early costs nothing.
   */
  render(): AsyncGenerator<string, void>;
}

/**
 * Characters of a piece: about 0.2 ms of work, so that a scrape of any number of units does not hold
 * signals up, and small enough for V8 to throw away cheaply. Whole texts as Buffers left 10 MB behind
 * after a few scrapes of 1,000 units.
 */
const PIECE_CHARS = 32_768;

/**
 * Families without a unit go through prom-client's registry. Families with lines for each unit are
 * written here: prom-client needs about 1.5 µs and several objects for a line, this 0.2 µs, and a
 * thousand services have 11,000 lines.
 */
export function createMetrics(view: AgentView, settings: MetricsSettings): Metrics {
  const sets: MetricSet[] = [metricSets.unitwatch];
  if (settings.nodeExporterNames) sets.push(metricSets.nodeExporter);
  if (settings.systemdExporterNames) sets.push(metricSets.systemdExporter);
  if (settings.processExporterNames) sets.push(metricSets.processExporter);
  const families = sets.flatMap((set) => set.unit).map(unitFamily);
  let source: Source | undefined;
  const registry = registryOf(
    sets.flatMap((set) => set.agent),
    () => source,
  );

  async function* render(): AsyncGenerator<string, void> {
    const lagSeconds = await nextTurn();
    // A unit that goes and comes back while the event loop turns stands in it once: a series that
    // stands twice in a scrape is an error for Prometheus.
    const units = [...view.units()];
    // The registry asks each family before it waits for the first time, so that renderings that
    // run side by side do not meet in `source`.
    source = { view, process: readProcess(lagSeconds), tally: tallyOf(units) };
    const text = registry.metrics();
    source = undefined;
    yield await text;
    yield* inPieces(findingLines(view));
    yield* inPieces(checkLines(view));
    for (const family of families) yield* unitPieces(family, units);
  }

  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, render };
}

/** Lets everything else that waits have its turn; returns the seconds that it took. */
async function nextTurn(): Promise<number> {
  const before = performance.now();
  await new Promise((resolve) => setImmediate(resolve));
  return (performance.now() - before) / 1000;
}

async function* inPieces(lines: Iterable<string>): AsyncGenerator<string, void> {
  let piece = '';
  for (const line of lines) {
    piece += line;
    if (piece.length >= PIECE_CHARS) {
      yield piece;
      piece = '';
      await nextTurn();
    }
  }
  if (piece !== '') yield piece;
}

/** As `inPieces`, without a generator for the lines: it would take a fifth of the time. */
async function* unitPieces(
  family: UnitFamily,
  units: readonly UnitView[],
): AsyncGenerator<string, void> {
  let piece = family.header;
  for (const unit of units) {
    piece += family.lines(unit);
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
    await nextTurn();
  }
  if (piece !== '') yield piece;
}

function tallyOf(units: Iterable<UnitView>): Tally {
  const tally: Tally = { units: 0, containers: 0, states: new Map() };
  for (const { container, missing, state } of units) {
    tally.units += 1;
    if (container) tally.containers += 1;
    if (missing) continue;
    tally.states.set(state.activeState, (tally.states.get(state.activeState) ?? 0) + 1);
  }
  return tally;
}

function registryOf(
  metrics: readonly AgentMetric[],
  sourceNow: () => Source | undefined,
): Registry {
  const registry = new Registry();
  for (const metric of metrics) {
    const { name, help, type } = metric;
    registry.registerMetric({
      name,
      help,
      type,
      get: async () => {
        const source = sourceNow();
        return { name, help, type, values: source ? metric.samples(source) : [] };
      },
    });
  }
  return registry;
}

/** Some thousand checks have a hundred thousand lines: a snapshot is read, and written piece by piece. */
function* checkLines(view: AgentView): Generator<string, void> {
  const checks = [...(view.checks?.() ?? [])];
  for (const metric of checkMetrics) yield* familyPieces(metric, checks);
  const outages = [...(view.outages?.() ?? [])];
  for (const metric of outageMetrics) yield* familyPieces(metric, outages);
  const endpoints = [...(view.endpoints?.() ?? [])];
  for (const metric of endpointMetrics) yield* familyPieces(metric, endpoints);
}

function* findingLines(view: AgentView): Generator<string, void> {
  yield headerOf(findingsOpen);
  const written = new Set<string>();
  for (const { pattern, service } of view.findings?.open() ?? []) {
    const line = `${findingsOpen.name}{pattern="${pattern}",name="${escapeLabel(service)}"} 1\n`;
    if (written.has(line)) continue;
    written.add(line);
    yield line;
  }
}
