/** What /metrics says of repairs: nothing where they are off. */
import {
  type CircuitState,
  circuitStates,
  type RepairFigures,
  stepOutcomes,
} from '../model/repair.ts';
import type { AgentMetric, Declared, Sample } from './metric.ts';

/** One family; its lines are made from the figures of one moment. */
function family(
  declared: Declared,
  read: (figures: RepairFigures) => Iterable<Sample>,
): AgentMetric {
  return {
    ...declared,
    samples: ({ view }) => {
      const figures = view.repairs?.();
      return figures === undefined ? [] : read(figures);
    },
  };
}

/** A family of one line. */
function scalar(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (figures: RepairFigures) => number,
): AgentMetric {
  return family({ name, type, help, labels: [] }, (figures) => [
    { labels: {}, value: read(figures) },
  ]);
}

const circuitNumber: Readonly<Record<CircuitState, number>> = { closed: 0, half_open: 1, open: 2 };

export const repairMetrics: readonly AgentMetric[] = [
  family(
    {
      name: 'unitwatch_repair_attempts_total',
      type: 'counter',
      help: 'Attempts at a repair that ended, by how they ended.',
      labels: ['outcome'],
    },
    ({ attempts }) =>
      stepOutcomes.map((outcome) => ({ labels: { outcome }, value: attempts[outcome] })),
  ),
  family(
    {
      name: 'unitwatch_repairs_total',
      type: 'counter',
      help: 'Repairs that ended: settled, given up, or cancelled because nobody asked any more.',
      labels: ['end'],
    },
    ({ repairs }) => Object.entries(repairs).map(([end, value]) => ({ labels: { end }, value })),
  ),
  family(
    {
      name: 'unitwatch_circuit_state',
      type: 'gauge',
      help: `Circuit breaker of a process: ${circuitStates
        .map((state) => `${circuitNumber[state]} ${state}`)
        .join(', ')}; nothing for one that has counted no failure.`,
      labels: ['name'],
    },
    ({ circuits }) =>
      circuits.map(({ process, state }) => ({
        labels: { name: process },
        value: circuitNumber[state],
      })),
  ),
  scalar(
    'gauge',
    'unitwatch_alarms_open',
    'Alarms that stand and are not settled.',
    (figures) => figures.openAlarms,
  ),
  scalar(
    'gauge',
    'unitwatch_alarm_oldest_age_seconds',
    'How long the oldest open alarm has stood; 0 without one.',
    ({ oldestAgeUs }) => oldestAgeUs / 1e6,
  ),
  scalar(
    'gauge',
    'unitwatch_alarms_unsettled',
    'Alarms whose repair has ended and whose source could not be told yet.',
    (figures) => figures.unsettled,
  ),
  family(
    {
      name: 'unitwatch_alarm_source_up',
      type: 'gauge',
      help: '1 where the source of alarms could be asked the last time, 0 where it could not.',
      labels: ['source'],
    },
    ({ sources }) =>
      sources.map(({ name, up }) => ({ labels: { source: name }, value: up ? 1 : 0 })),
  ),
  scalar(
    'gauge',
    'unitwatch_restart_budget_left',
    'Restarts that may still begin within this hour.',
    ({ budget }) => budget.left,
  ),
  scalar(
    'gauge',
    'unitwatch_repairs_active',
    'Attempts at a repair that are under way.',
    ({ budget }) => budget.active,
  ),
];
