import { checkMetrics } from '../../src/outputs/check-metrics.ts';
import { endpointMetrics } from '../../src/outputs/endpoint-metrics.ts';
import type { Declared } from '../../src/outputs/metric.ts';
import type { MetricSet } from '../../src/outputs/metric-table.ts';
import { findingsOpen, metricSets } from '../../src/outputs/metric-table.ts';
import { outageMetrics } from '../../src/outputs/monitor-metrics.ts';
import { probeMetrics } from '../../src/outputs/probe-metrics.ts';

/** docs/metrics.md, made from the one table of metrics. */
export function metricsDocument(): string {
  return `# Metrics

\`/metrics\` answers in Prometheus' text format 0.0.4. Every value is read from the running agent when the scrape comes; counters count from the agent's start (\`unitwatch_start_time_seconds\`). This page is made from \`src/outputs/metric-table.ts\`.

## unitwatch

${table([...metricSets.unitwatch.agent, findingsOpen, ...checkMetrics, ...outageMetrics, ...endpointMetrics, ...metricSets.unitwatch.unit])}

- A unit that the configuration names and systemd does not know has its lines too: \`missing\` is 1, its restarts are 0.
- \`state\` is exactly one of its six values for every unit. Units that are \`reloading\` or \`refreshing\` run: they count as \`active\`. A unit in \`maintenance\` is \`inactive\` (that is how org.freedesktop.systemd1(5) defines it). A unit that waits for its automatic restart is \`activating\`, as for systemd.
- \`cause\` is \`automatic\` (systemd's \`Restart=\`), \`manual\` (a person or a script) or \`unitwatch\`. All three lines are always there. \`reset-failed\` and manual restarts do not set them to 0, which they do to systemd's own NRestarts.
- \`reason\` of a dropped event is \`buffer_full\`, \`closed\` or \`rate_limit\`.
- What cannot be read from /proc is left out, not 0.
- There is no metric with a PID as its value: a number that names something is not a quantity. PIDs stand in the events.

## With node_exporter's names

With \`metrics.node_exporter_names: true\`, beside the above. Names, labels and meaning are those of node_exporter's systemd collector, and so is its default choice of units: loaded ones, without automount, device, mount, scope and slice units.

${table(allOf(metricSets.nodeExporter))}

- The label \`type\` of \`node_systemd_unit_state\` is always empty. There it is the service's \`Type=\`, which no signal carries; node_exporter leaves it empty where it cannot read it.
- \`node_systemd_units\` counts the units that unitwatch follows; node_exporter counts all that systemd has loaded. An alert on failed mounts needs mounts among \`unit_types\`.
- As there, a unit that is reloading, refreshing or under maintenance has 0 in all five states, and the restart counter is systemd's NRestarts, which a manual restart sets to 0.
- Restarts and start times are served without a flag of their own; node_exporter wants \`--collector.systemd.enable-restarts-metrics\` and \`--collector.systemd.enable-start-time-metrics\`.
- Not covered, because unitwatch does not hold the data: \`node_systemd_system_running\`, \`node_systemd_virtualization_info\`, \`node_systemd_timer_last_trigger_seconds\`, \`node_systemd_socket_accepted_connections_total\`, \`node_systemd_socket_current_connections\`, \`node_systemd_socket_refused_connections_total\`, \`node_systemd_unit_tasks_current\`, \`node_systemd_unit_tasks_max\`.

## With systemd_exporter's names

With \`metrics.systemd_exporter_names: true\`, beside the above. Names, labels and meaning are those of prometheus-community/systemd_exporter; \`type\` is the unit's type (\`service\`, \`timer\`, ...). Devices are left out, as there.

${table(allOf(metricSets.systemdExporter))}

- Not covered, because unitwatch does not hold the data: \`systemd_unit_info\`, \`systemd_unit_cpu_seconds_total\`, \`systemd_unit_tasks_current\`, \`systemd_unit_tasks_max\`, \`systemd_timer_last_trigger_seconds\`, \`systemd_socket_*\`, \`systemd_service_ip_*\`, \`systemd_boot_*\`, \`systemd_watchdog_*\`.

## With process-exporter's names

With \`checks.process_exporter_names: true\`, beside the above: a component of \`checks.components\` is a group. Names, labels and meaning are those of ncabatoff/process-exporter.

${table(allOf(metricSets.processExporter))}

- Not covered: I/O, file descriptors, page faults and context switches.

## With blackbox_exporter's names

With \`checks.blackbox_exporter_names: true\`, at \`/probe?target=...&module=...\`, from the latest result of one endpoint: [checks.md](checks.md).

${table(probeMetrics)}

## The server

| path | answer |
|---|---|
| \`/metrics\` | this page's metrics |
| \`/probe\` | the metrics of one endpoint, where it is on: above |
| \`/healthz\` | 200, or 503 when there has been no bus for more than 60 s; a JSON object that says so |
| \`/readyz\` | 200 when the bus is connected and every unit's state has been read, or \`bus\` is \`off\`; 503 before; a JSON object |
| \`/\`, \`/service/\`, \`/api/\` | the status page and its JSON: [page.md](page.md) |

- Only GET and HEAD are understood, but for the page's actions and changes under \`/api/monitor/\`. At most 64 connections; a request has 5 s and 8 KiB for its headers; an answer has 10 s, and its reader may not stand still for 3 s.
- \`/metrics\`, \`/probe\`, \`/healthz\` and \`/readyz\` answer under any host name: scrapers and probes use whatever name the host has, and nothing can be changed there. Pages check the Host header against DNS rebinding: an IP address, \`localhost\`, the name in \`listen\` and the names in \`allowed_hosts\` are answered, others get 403.
- The text is made piece by piece, with a turn of the event loop in between, and never held as a whole. Up to four scrapes are answered side by side; those that come meanwhile share the next one.
- gzip is used for clients on other hosts that ask for it. On loopback it would save nothing and cost memory.
- OpenMetrics is not offered: unitwatch has neither exemplars nor units that the text format could not carry. A client that asks for both gets the text format.
`;
}

function allOf(set: MetricSet): readonly Declared[] {
  return [...set.agent, ...set.unit];
}

function table(metrics: readonly Declared[]): string {
  const rows = metrics.map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  );
  return ['| name | type | labels | what it is |', '|---|---|---|---|', ...rows].join('\n');
}
