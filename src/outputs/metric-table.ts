import type { RestartCause, UnitView } from '../model/unit.ts';
import { agentMetrics } from './agent-metrics.ts';
import {
  type ComponentMetric,
  componentMetrics,
  processExporterMetrics,
} from './component-metrics.ts';
import { type EndpointStatsMetric, endpointStatsMetrics } from './endpoint-metrics.ts';
import {
  nodeExporterAgentMetrics,
  nodeExporterUnitMetrics,
  systemdExporterUnitMetrics,
} from './exporter-names.ts';
import type { AgentMetric, Declared, UnitMetric } from './metric.ts';
import { monitorMetrics } from './monitor-metrics.ts';
import { repairMetrics } from './repair-metrics.ts';
import { type StoreMetric, storeMetrics } from './store-metrics.ts';

const causes = Object.keys({
  automatic: true,
  manual: true,
  unitwatch: true,
} satisfies Record<RestartCause, true>) as readonly RestartCause[];

/** What `state` can be in unitwatch_service_state. */
const serviceStates = [
  'active',
  'activating',
  'deactivating',
  'inactive',
  'failed',
  'missing',
] as const;

/**
 * Exactly one of the states for every unit. Reloading and refreshing units run, and `systemctl
 * is-active` says so; a unit under maintenance is inactive, org.freedesktop.systemd1(5).
 */
function serviceState(unit: UnitView): (typeof serviceStates)[number] {
  if (unit.missing) return 'missing';
  switch (unit.state.activeState) {
    case 'reloading':
    case 'refreshing':
      return 'active';
    case 'maintenance':
      return 'inactive';
    default:
      return unit.state.activeState;
  }
}

/** Every family of unitwatch's own with lines for each unit. */
const unitMetrics: readonly UnitMetric[] = [
  {
    name: 'unitwatch_service_state',
    type: 'gauge',
    help: '1 for the state that the unit is in, 0 for the others.',
    labels: ['name', 'state'],
    oneOf: { label: 'state', values: serviceStates },
    which: serviceState,
  },
  {
    name: 'unitwatch_service_restarts_total',
    type: 'counter',
    help: 'Restarts of the unit since the agent began to watch it, by whose restart it was.',
    labels: ['name', 'cause'],
    each: { label: 'cause', values: causes },
    value: (unit, cause) => unit.restarts[cause as RestartCause],
  },
  {
    name: 'unitwatch_service_start_time_seconds',
    type: 'gauge',
    help: 'When the unit became active, seconds since 1970; 0 while it is not active.',
    labels: ['name'],
    value: (unit) => (serviceState(unit) === 'active' ? unit.state.activeEnterUs / 1e6 : 0),
  },
  {
    name: 'unitwatch_service_last_change_timestamp_seconds',
    type: 'gauge',
    help: 'When the unit last changed its state, seconds since 1970; 0 for never.',
    labels: ['name'],
    value: (unit) => unit.state.stateChangeUs / 1e6,
  },
];

/** Lines for findings, not for units: they are written from the list of open findings. */
export const findingsOpen: Declared = {
  name: 'unitwatch_findings_open',
  type: 'gauge',
  help: '1 while a finding of the pattern is open for the service; nothing when none is.',
  labels: ['pattern', 'name'],
};

/** Families that are served together. */
export interface MetricSet {
  readonly agent: readonly AgentMetric[];
  readonly unit: readonly UnitMetric[];
}

/** A host has some dozens of components: they are asked for like the agent's own figures. */
function ofComponents(metrics: readonly ComponentMetric[]): readonly AgentMetric[] {
  return metrics.map((metric) => ({
    ...metric,
    samples: ({ view }) => metric.samples(view.components?.() ?? []),
  }));
}

/** About the schedule of endpoints, where there are any. */
function ofSchedule(metrics: readonly EndpointStatsMetric[]): readonly AgentMetric[] {
  return metrics.map((metric) => ({
    ...metric,
    samples: ({ view }) => {
      const stats = view.endpointStats?.();
      return stats ? metric.samples(stats) : [];
    },
  }));
}

/** About the store, where there is one. */
function ofStore(metrics: readonly StoreMetric[]): readonly AgentMetric[] {
  return metrics.map((metric) => ({
    ...metric,
    samples: ({ view }) => {
      const store = view.store?.();
      return store ? metric.samples(store) : [];
    },
  }));
}

/** Every family there is: /metrics and docs/metrics.md are both made from this. */
export const metricSets = {
  unitwatch: {
    agent: [
      ...agentMetrics,
      ...ofComponents(componentMetrics),
      ...ofSchedule(endpointStatsMetrics),
      ...repairMetrics,
      ...monitorMetrics,
      ...ofStore(storeMetrics),
    ],
    unit: unitMetrics,
  },
  nodeExporter: { agent: nodeExporterAgentMetrics, unit: nodeExporterUnitMetrics },
  systemdExporter: { agent: [], unit: systemdExporterUnitMetrics },
  processExporter: { agent: ofComponents(processExporterMetrics), unit: [] },
} as const satisfies Readonly<Record<string, MetricSet>>;
