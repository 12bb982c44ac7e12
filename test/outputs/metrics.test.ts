import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkMetrics } from '../../src/outputs/check-metrics.ts';
import { endpointMetrics } from '../../src/outputs/endpoint-metrics.ts';
import type { Declared } from '../../src/outputs/metric.ts';
import { findingsOpen, metricSets } from '../../src/outputs/metric-table.ts';
import { createMetrics } from '../../src/outputs/metrics.ts';
import { outageMetrics } from '../../src/outputs/monitor-metrics.ts';
import { debianBinary } from '../debian.ts';
import { busyView, hostileNames, startedUs, testView, unitView } from './agent-view.ts';
import { metricsDocument } from './metrics-doc.ts';
import { allNames, ownNames, parse, render, valueIn } from './metrics-text.ts';

const declared: readonly Declared[] = [
  ...Object.values(metricSets).flatMap((set): Declared[] => [...set.agent, ...set.unit]),
  findingsOpen,
  ...checkMetrics,
  ...outageMetrics,
  ...endpointMetrics,
];

/** `_bucket`, `_sum` and `_count` belong to the histogram. */
function familyOf(name: string): string {
  return declared.some((metric) => metric.name === name)
    ? name
    : name.replace(/_(bucket|sum|count)$/, '');
}

test('every metric of the table is emitted, and every line is in the table', async () => {
  const lines = parse(await render(busyView(), allNames));
  const emitted = new Set(lines.map(({ name }) => familyOf(name)));
  assert.deepEqual([...emitted].sort(), declared.map(({ name }) => name).sort());
  for (const { name, labels } of lines) {
    const metric = declared.find((candidate) => candidate.name === familyOf(name));
    const wanted =
      metric?.type === 'histogram' && !name.endsWith('_bucket') ? [] : (metric?.labels ?? []);
    assert.deepEqual(Object.keys(labels).sort(), [...wanted].sort(), name);
  }
});

test('each family stands together, once, behind its HELP and TYPE', async () => {
  const text = await render(busyView(), allNames);
  const families = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# HELP'))
    .map((line) => familyOf(/^(?:# TYPE )?(\w+)/.exec(line)?.[1] ?? ''));
  const runs = families.filter((name, i) => name !== families[i - 1]);
  assert.equal(runs.length, new Set(runs).size);
  for (const { name, type, help } of declared) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
  }
});

test('no series stands twice', async () => {
  const series = (await render(busyView(), allNames))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.equal(new Set(series).size, series.length);
});

test('names follow the conventions', () => {
  for (const { name, type, help, labels } of declared) {
    assert.match(
      name,
      /^(unitwatch|process|nodejs|node_systemd|systemd|namedprocess)_[a-z_]+[a-z]$/,
    );
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.ok(help.length > 5 && !/[\n\\]/.test(help), name);
    for (const label of labels) assert.match(label, /^[a-z_]+$/);
  }
});

test('the figures of the agent', async () => {
  const lines = parse(await render(busyView()));
  const table: readonly (readonly [string, Record<string, string>, number])[] = [
    ['unitwatch_services_monitored', {}, 11 + hostileNames.length],
    ['unitwatch_container_services', {}, 1],
    ['unitwatch_events_generated_total', { event_type: 'started' }, 4],
    ['unitwatch_events_generated_total', { event_type: 'restarted' }, 0],
    ['unitwatch_events_dropped_total', { output: 'stdout', reason: 'buffer_full' }, 9],
    ['unitwatch_dbus_signals_received_total', {}, 101],
    ['unitwatch_dbus_signals_watched_total', {}, 51],
    ['unitwatch_dbus_messages_malformed_total', {}, 3],
    ['unitwatch_dbus_received_bytes_total', {}, 88_000],
    ['unitwatch_dbus_reconnects_total', {}, 2],
    ['unitwatch_resyncs_total', {}, 5],
    ['unitwatch_dbus_calls_timed_out_total', {}, 7],
    ['unitwatch_dbus_calls_failed_total', {}, 11],
    ['unitwatch_dbus_connected', {}, 1],
    ['unitwatch_patterns_detected_total', { pattern: 'crash_loop' }, 2],
    ['unitwatch_patterns_detected_total', { pattern: 'memory_leak' }, 0],
    ['unitwatch_anomalies_detected_total', {}, 1],
    ['unitwatch_findings_open', { pattern: 'crash_loop', name: 'loop.service' }, 1],
    ['unitwatch_start_time_seconds', {}, startedUs / 1e6],
    ['unitwatch_build_info', { version: '1.2.3', systemd: '252.39-1~deb12u1' }, 1],
    ['unitwatch_signal_delay_seconds_bucket', { le: '0.001' }, 1],
    ['unitwatch_signal_delay_seconds_bucket', { le: '0.01' }, 3],
    ['unitwatch_signal_delay_seconds_bucket', { le: '0.1' }, 3],
    ['unitwatch_signal_delay_seconds_bucket', { le: '+Inf' }, 4],
    ['unitwatch_signal_delay_seconds_count', {}, 4],
    ['unitwatch_signal_delay_seconds_sum', {}, 5.0055],
    ['unitwatch_check_outage', { name: 'shop' }, 0],
    ['unitwatch_check_outage', { name: 'planned' }, 1],
    ['unitwatch_check_subscriptions', { name: 'planned', kind: 'tcp' }, 3],
    [
      'unitwatch_outage_end_timestamp_seconds',
      { outage: 'sunday', name: 'planned' },
      1_763_700_000,
    ],
    ['unitwatch_monitor_records', { collection: 'subscriptions' }, 5],
    ['unitwatch_delivery_attempts_total', { phase: 'retrying' }, 8],
    ['unitwatch_deliveries_waiting', {}, 2],
    ['unitwatch_deliveries_oldest_timestamp_seconds', {}, startedUs / 1e6],
    ['unitwatch_deliveries_held', {}, 4],
    ['unitwatch_deliveries_lost_total', {}, 6],
    ['unitwatch_monitor_file_up', {}, 0],
  ];
  for (const [name, labels, want] of table) assert.equal(valueIn(lines, name, labels), want, name);
});

test('a unit is in exactly one of six states', async () => {
  const lines = parse(await render(busyView()));
  const want: Record<string, string> = {
    'web.service': 'active',
    'loop.service': 'activating',
    'db.service': 'failed',
    'end.service': 'deactivating',
    'reload.service': 'active',
    'clean.service': 'inactive',
    'absent.service': 'missing',
  };
  for (const [name, state] of Object.entries(want)) {
    const states = lines.filter(
      (line) => line.name === 'unitwatch_service_state' && line.labels['name'] === name,
    );
    assert.equal(states.length, 6);
    assert.deepEqual(
      states.filter(({ value }) => value === 1).map(({ labels }) => labels['state']),
      [state],
      name,
    );
  }
});

test('restarts have all three causes, an absent unit 0 of each', async () => {
  const lines = parse(await render(busyView()));
  const restarts = (name: string): (number | undefined)[] =>
    ['automatic', 'manual', 'unitwatch'].map((cause) =>
      valueIn(lines, 'unitwatch_service_restarts_total', { name, cause }),
    );
  assert.deepEqual(restarts('web.service'), [3, 2, 1]);
  assert.deepEqual(restarts('absent.service'), [0, 0, 0]);
});

test('start and change times', async () => {
  const lines = parse(await render(busyView()));
  const start = 'unitwatch_service_start_time_seconds';
  assert.equal(valueIn(lines, start, { name: 'web.service' }), startedUs / 1e6 + 1.5);
  assert.equal(valueIn(lines, start, { name: 'reload.service' }), startedUs / 1e6);
  for (const name of ['db.service', 'clean.service', 'absent.service']) {
    assert.equal(valueIn(lines, start, { name }), 0, name);
  }
  const change = 'unitwatch_service_last_change_timestamp_seconds';
  assert.equal(valueIn(lines, change, { name: 'web.service' }), startedUs / 1e6);
});

test('every hostile name comes back as it was', async () => {
  const lines = parse(await render(busyView()));
  const names = new Set(lines.map(({ labels }) => labels['name']));
  for (const name of hostileNames) assert.ok(names.has(name), JSON.stringify(name));
});

test("the other exporters' names carry their meaning", async () => {
  const lines = parse(await render(busyView(), allNames));
  const node = 'node_systemd_unit_state';
  assert.equal(valueIn(lines, node, { name: 'web.service', state: 'active', type: '' }), 1);
  assert.equal(valueIn(lines, node, { name: 'backup.timer', state: 'active' }), 1);
  for (const name of ['absent.service', 'home.mount', 'sda.device']) {
    assert.equal(valueIn(lines, node, { name, state: 'active' }), undefined, name);
  }
  for (const state of ['active', 'activating', 'deactivating', 'inactive', 'failed']) {
    assert.equal(valueIn(lines, node, { name: 'reload.service', state }), 0, state);
  }
  const restarts = 'node_systemd_service_restart_total';
  assert.equal(valueIn(lines, restarts, { name: 'loop.service' }), 17);
  assert.equal(valueIn(lines, restarts, { name: 'backup.timer' }), undefined);
  const nodeStart = 'node_systemd_unit_start_time_seconds';
  assert.equal(valueIn(lines, nodeStart, { name: 'web.service' }), startedUs / 1e6 + 1.5);
  assert.equal(valueIn(lines, nodeStart, { name: 'reload.service' }), 0);
  assert.equal(valueIn(lines, 'node_systemd_units', { state: 'failed' }), 1 + hostileNames.length);
  assert.equal(valueIn(lines, 'node_systemd_units', { state: 'reloading' }), 1);
  const version = { version: '252.39-1~deb12u1' };
  assert.equal(valueIn(lines, 'node_systemd_version', version), 252.39);

  const mount = { name: 'home.mount', type: 'mount', state: 'active' };
  assert.equal(valueIn(lines, 'systemd_unit_state', mount), 1);
  assert.equal(valueIn(lines, 'systemd_unit_state', { ...mount, name: 'sda.device' }), undefined);
  assert.equal(valueIn(lines, 'systemd_service_restart_total', { name: 'loop.service' }), 17);
  const enter = 'systemd_unit_active_enter_time_seconds';
  assert.equal(valueIn(lines, enter, { name: 'reload.service', type: 'service' }), startedUs / 1e6);
});

test("without the settings there is no other exporter's name", async () => {
  const names = parse(await render(busyView())).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => /^(node_)?systemd_/.test(name)),
    [],
  );
});

test('an agent without units, findings, versions and drops is valid too', async () => {
  const { findings: _none, ...view } = testView();
  const empty = { ...view, systemdVersion: '', dropped: {}, events: {}, bus: 'lost' as const };
  const lines = parse(await render(empty, allNames));
  assert.equal(valueIn(lines, 'unitwatch_services_monitored'), 0);
  assert.equal(valueIn(lines, 'unitwatch_dbus_connected'), 0);
  assert.equal(valueIn(lines, 'unitwatch_patterns_detected_total', { pattern: 'anomaly' }), 0);
  assert.equal(valueIn(lines, 'node_systemd_version'), undefined);
  for (const name of ['unitwatch_monitor_records', 'unitwatch_outage_end_timestamp_seconds']) {
    assert.equal(valueIn(lines, name), undefined, name);
  }
});

test('the process figures agree with the process', async () => {
  const lines = parse(await render(testView()));
  const value = (name: string): number => valueIn(lines, name) ?? Number.NaN;
  const resident = value('process_resident_memory_bytes');
  assert.ok(Math.abs(resident / process.memoryUsage.rss() - 1) < 0.2, String(resident));
  const anonymous = value('unitwatch_process_anonymous_memory_bytes');
  assert.ok(anonymous > 1e6 && anonymous < resident, String(anonymous));
  assert.ok(value('process_virtual_memory_bytes') > resident);
  assert.ok(value('process_open_fds') > 2 && value('process_open_fds') < value('process_max_fds'));
  assert.ok(value('process_cpu_seconds_total') > 0.01);
  const age = Date.now() / 1000 - value('process_start_time_seconds');
  assert.ok(Math.abs(age - process.uptime()) < 2, String(age));
  assert.ok(value('nodejs_eventloop_lag_seconds') < 1);
});

test('a unit that goes and comes back during a scrape is told once', async () => {
  const names = Array.from({ length: 3000 }, (_, i) => `unit-${i}.service`);
  const view = testView(names.map((name) => unitView(name)));
  let text = '';
  for await (const piece of createMetrics(view, ownNames).render()) {
    text += piece;
    for (const name of names.slice(0, 100)) {
      const unit = view.unitMap.get(name);
      assert.ok(unit);
      view.unitMap.delete(name);
      view.unitMap.set(name, unit);
    }
  }
  const series = text.split('\n').filter((line) => line.startsWith('unitwatch_service_'));
  assert.equal(series.length, 3000 * 11);
  assert.equal(new Set(series).size, series.length);
});

test('renderings side by side do not disturb each other', async () => {
  const view = testView(Array.from({ length: 2000 }, (_, i) => unitView(`unit-${i}.service`)));
  const metrics = createMetrics(view, ownNames);
  const lengths = await Promise.all(
    [1, 2, 3].map(async () => {
      let lines = 0;
      for await (const piece of metrics.render()) lines += piece.split('\n').length - 1;
      return lines;
    }),
  );
  assert.equal(new Set(lengths).size, 1);
});

test('10,000 units are written in pieces that do not hold the event loop', async () => {
  const units = Array.from({ length: 10_000 }, (_, i) => unitView(`my-service-${i}.service`));
  const metrics = createMetrics(testView(units), ownNames);
  for await (const _piece of metrics.render()) {
    // The first one compiles.
  }
  let longest = 0;
  let going = true;
  let before = performance.now();
  const watch = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    if (going) setImmediate(watch);
  };
  setImmediate(watch);
  let pieces = 0;
  let largest = 0;
  for await (const piece of metrics.render()) {
    pieces += 1;
    largest = Math.max(largest, piece.length);
  }
  going = false;
  assert.ok(pieces > 200, `${pieces} pieces`);
  assert.ok(largest < 40_000, `${largest} characters in a piece`);
  assert.ok(longest < 100, `the event loop was held for ${longest} ms`);
});

test('promtool has nothing to say', async () => {
  const promtool = await debianBinary('prometheus', '/usr/bin/promtool');
  for (const settings of [ownNames, allNames]) {
    const text = await render(busyView(), settings);
    const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    child.stdin.end(text);
    const status = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(said, '');
    assert.equal(status, 0);
  }
});

test('docs/metrics.md is what the table says (UPDATE=1 rewrites it)', () => {
  const path = fileURLToPath(new URL('../../../docs/metrics.md', import.meta.url));
  const document = metricsDocument();
  if (process.env['UPDATE'] === '1') writeFileSync(path, document);
  assert.equal(readFileSync(path, 'utf8'), document);
});
