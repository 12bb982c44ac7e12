/**
 * The same state under the names, labels and HELP texts of the two exporters that dashboards and
 * alert rules are written for. Sources: prometheus/node_exporter, collector/systemd_linux.go;
 * prometheus-community/systemd_exporter, systemd/systemd.go. Only what unitwatch knows is here.
 */
import type { UnitView } from '../model/unit.ts';
import type { AgentMetric, Sample, Source, UnitMetric } from './metric.ts';

/** The five states that both exporters know; a unit that is in another has 0 in all of them. */
const exporterStates = ['active', 'activating', 'deactivating', 'inactive', 'failed'] as const;

const isService = (unit: UnitView): boolean => unit.type === 'service';
const activeState = (unit: UnitView): string => unit.state.activeState;

/** Both take ActiveEnterTimestamp while ActiveState is `active`, and 0 in any other state. */
const startSeconds = (unit: UnitView): number =>
  unit.state.activeState === 'active' ? unit.state.activeEnterUs / 1e6 : 0;

/** node_exporter's default for --collector.systemd.unit-exclude. */
const nodeExcluded: ReadonlySet<string> = new Set([
  'automount',
  'device',
  'mount',
  'scope',
  'slice',
]);
const inNodeExporter = (unit: UnitView): boolean =>
  unit.loadState === 'loaded' && !nodeExcluded.has(unit.type);

/** `252.39-1~deb12u1` becomes 252.39; nothing is said before the version is known. */
function versionSamples({ view }: Source): Sample[] {
  const number = /\d{3,}(\.\d+)?/.exec(view.systemdVersion)?.[0];
  if (number === undefined) return [];
  return [{ labels: { version: view.systemdVersion }, value: Number(number) }];
}

export const nodeExporterAgentMetrics: readonly AgentMetric[] = [
  {
    name: 'node_systemd_units',
    type: 'gauge',
    help: 'Summary of systemd unit states, of the units that unitwatch follows',
    labels: ['state'],
    samples: ({ tally }) =>
      [...new Set([...exporterStates, ...tally.states.keys()])].map((state) => ({
        labels: { state },
        value: tally.states.get(state) ?? 0,
      })),
  },
  {
    name: 'node_systemd_version',
    type: 'gauge',
    help: 'Detected systemd version',
    labels: ['version'],
    samples: versionSamples,
  },
];

export const nodeExporterUnitMetrics: readonly UnitMetric[] = [
  {
    name: 'node_systemd_unit_state',
    type: 'gauge',
    help: 'Systemd unit',
    labels: ['name', 'state', 'type'],
    covers: inNodeExporter,
    // The service's Type=, which no signal carries. node_exporter leaves it empty too where it
    // could not read it, so rules have to cope with that.
    unitType: () => '',
    oneOf: { label: 'state', values: exporterStates },
    which: activeState,
  },
  {
    name: 'node_systemd_service_restart_total',
    type: 'counter',
    help: 'Service unit count of Restart triggers',
    labels: ['name'],
    covers: (unit) => inNodeExporter(unit) && isService(unit),
    value: (unit) => unit.state.nRestarts,
  },
  {
    name: 'node_systemd_unit_start_time_seconds',
    type: 'gauge',
    help: 'Start time of the unit since unix epoch in seconds.',
    labels: ['name'],
    covers: inNodeExporter,
    value: startSeconds,
  },
];

/** systemd_exporter leaves out devices only. */
const inSystemdExporter = (unit: UnitView): boolean =>
  unit.loadState === 'loaded' && unit.type !== 'device';
const unitType = (unit: UnitView): string => unit.type;

type TimeField = 'activeEnterUs' | 'activeExitUs' | 'inactiveEnterUs' | 'inactiveExitUs';

function timeMetric(name: string, help: string, field: TimeField): UnitMetric {
  return {
    name,
    type: 'gauge',
    help,
    labels: ['name', 'type'],
    covers: inSystemdExporter,
    unitType,
    value: (unit) => unit.state[field] / 1e6,
  };
}

export const systemdExporterUnitMetrics: readonly UnitMetric[] = [
  {
    name: 'systemd_unit_state',
    type: 'gauge',
    help: 'Systemd unit',
    labels: ['name', 'type', 'state'],
    covers: inSystemdExporter,
    unitType,
    oneOf: { label: 'state', values: exporterStates },
    which: activeState,
  },
  {
    name: 'systemd_unit_start_time_seconds',
    type: 'gauge',
    help: 'Start time of the unit since unix epoch in seconds.',
    labels: ['name', 'type'],
    covers: (unit) => inSystemdExporter(unit) && isService(unit),
    unitType,
    value: startSeconds,
  },
  {
    name: 'systemd_service_restart_total',
    type: 'counter',
    help: 'Service unit count of Restart triggers',
    labels: ['name'],
    covers: (unit) => inSystemdExporter(unit) && isService(unit),
    value: (unit) => unit.state.nRestarts,
  },
  timeMetric(
    'systemd_unit_active_enter_time_seconds',
    'Last time the unit transitioned into the active state',
    'activeEnterUs',
  ),
  timeMetric(
    'systemd_unit_active_exit_time_seconds',
    'Last time the unit transitioned out of the active state',
    'activeExitUs',
  ),
  timeMetric(
    'systemd_unit_inactive_enter_time_seconds',
    'Last time the unit transitioned into the inactive state',
    'inactiveEnterUs',
  ),
  timeMetric(
    'systemd_unit_inactive_exit_time_seconds',
    'Last time the unit transitioned out of the inactive state',
    'inactiveExitUs',
  ),
];
