/**
 * What /metrics says of the components of a platform: under unitwatch's own names, and under those of
 * ncabatoff/process-exporter, which dashboards and alert rules are written for.
 */
import type { ComponentUse } from '../model/platform.ts';
import type { Declared, Sample } from './metric.ts';

/** A family with a line or a few for each component. */
export interface ComponentMetric extends Declared {
  samples(components: Iterable<ComponentUse>): Sample[];
}

type Read = (component: ComponentUse) => number | undefined;

/** One line for each component; none where the value is undefined. */
function each(declared: Declared, label: string, read: Read): ComponentMetric {
  const samples = (components: Iterable<ComponentUse>): Sample[] =>
    [...components].flatMap((component) => {
      const value = read(component);
      return value === undefined ? [] : [{ labels: { [label]: component.name }, value }];
    });
  return { ...declared, samples };
}

/** One line for each component and each value of a second label. */
function eachOf(
  declared: Declared,
  label: string,
  second: string,
  reads: Readonly<Record<string, Read>>,
): ComponentMetric {
  const samples = (components: Iterable<ComponentUse>): Sample[] =>
    [...components].flatMap((component) =>
      Object.entries(reads).map(([value, read]) => ({
        labels: { [label]: component.name, [second]: value },
        value: read(component) ?? 0,
      })),
    );
  return { ...declared, samples };
}

const cpu = {
  system: (component: ComponentUse) => component.cpuSystemSeconds,
  user: (component: ComponentUse) => component.cpuUserSeconds,
};
const oldest: Read = ({ processes, oldestStartSeconds }) =>
  processes > 0 ? oldestStartSeconds : undefined;

export const componentMetrics: readonly ComponentMetric[] = [
  each(
    {
      name: 'unitwatch_component_up',
      type: 'gauge',
      help: '1 while the component runs, degraded or not, 0 while it does not or is not known.',
      labels: ['name'],
    },
    'name',
    ({ up }) => (up ? 1 : 0),
  ),
  each(
    {
      name: 'unitwatch_component_processes',
      type: 'gauge',
      help: 'Processes of the component.',
      labels: ['name'],
    },
    'name',
    ({ processes }) => processes,
  ),
  eachOf(
    {
      name: 'unitwatch_component_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time of the component, of processes that have ended too.',
      labels: ['name', 'mode'],
    },
    'name',
    'mode',
    cpu,
  ),
  each(
    {
      name: 'unitwatch_component_resident_memory_bytes',
      type: 'gauge',
      help: "Resident memory of the component's processes; what they share counts for each.",
      labels: ['name'],
    },
    'name',
    ({ residentBytes }) => residentBytes,
  ),
  each(
    {
      name: 'unitwatch_component_oldest_start_time_seconds',
      type: 'gauge',
      help: 'When the oldest process of the component started, seconds since 1970; nothing without one.',
      labels: ['name'],
    },
    'name',
    oldest,
  ),
];

/** Names, labels and HELP texts: ncabatoff/process-exporter, collector/process_collector.go. */
export const processExporterMetrics: readonly ComponentMetric[] = [
  each(
    {
      name: 'namedprocess_namegroup_num_procs',
      type: 'gauge',
      help: 'number of processes in this group',
      labels: ['groupname'],
    },
    'groupname',
    ({ processes }) => processes,
  ),
  each(
    {
      name: 'namedprocess_namegroup_num_threads',
      type: 'gauge',
      help: 'Number of threads',
      labels: ['groupname'],
    },
    'groupname',
    ({ threads }) => threads,
  ),
  eachOf(
    {
      name: 'namedprocess_namegroup_cpu_seconds_total',
      type: 'counter',
      help: 'Cpu user usage in seconds',
      labels: ['groupname', 'mode'],
    },
    'groupname',
    'mode',
    cpu,
  ),
  eachOf(
    {
      name: 'namedprocess_namegroup_memory_bytes',
      type: 'gauge',
      help: 'number of bytes of memory in use',
      labels: ['groupname', 'memtype'],
    },
    'groupname',
    'memtype',
    {
      resident: ({ residentBytes }) => residentBytes,
      virtual: ({ virtualBytes }) => virtualBytes,
      swapped: ({ swappedBytes }) => swappedBytes,
    },
  ),
  each(
    {
      name: 'namedprocess_namegroup_oldest_start_time_seconds',
      type: 'gauge',
      help: 'start time in seconds since 1970/01/01 of oldest process in group',
      labels: ['groupname'],
    },
    'groupname',
    oldest,
  ),
];
