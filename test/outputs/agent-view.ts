import type { CheckView } from '../../src/model/check.ts';
import type { Finding, Pattern } from '../../src/model/finding.ts';
import { Histogram } from '../../src/model/histogram.ts';
import type { MonitorFigures } from '../../src/model/monitor.ts';
import type { ComponentUse } from '../../src/model/platform.ts';
import type { EndpointUse, ProbeResult } from '../../src/model/probe.ts';
import type { RepairFigures } from '../../src/model/repair.ts';
import type { StoreView } from '../../src/model/store.ts';
import type { UnitState, UnitView } from '../../src/model/unit.ts';
import { newUnitState } from '../../src/model/unit.ts';
import { unitType } from '../../src/model/unit-name.ts';
import type { AgentView } from '../../src/model/view.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A view whose values a test may change while it is being served. */
export interface TestView extends Mutable<AgentView> {
  counters: Mutable<AgentView['counters']>;
  unitMap: Map<string, UnitView>;
  openFindings: Finding[];
}

export const startedUs = 1_763_693_400_000_000;

/** Names that systemd allows, names that only a configuration can hold, and names that try it on. */
export const hostileNames: readonly string[] = [
  'dev-disk-by\\x2duuid.service',
  'quote"in.service',
  'line\nfeed.service',
  'ends-in-backslash\\',
  '\\"\n\\n.service',
  '"} 1\nfake_metric{a="b.service',
  'tab\tand\rreturn.service',
  'grün-日本-🙂.service',
  '{a="b",c="d"} # HELP x.service',
  `${'a'.repeat(247)}.service`,
];

export function unitView(
  name: string,
  state: Partial<UnitState> = {},
  rest: Partial<UnitView> = {},
): UnitView {
  return {
    name,
    type: unitType(name),
    loadState: 'loaded',
    state: { ...newUnitState(), ...state },
    restarts: { automatic: 0, manual: 0, unitwatch: 0 },
    container: false,
    cgroup: '',
    missing: false,
    ...rest,
  };
}

export function testView(units: readonly UnitView[] = []): TestView {
  const unitMap = new Map(units.map((unit) => [unit.name, unit]));
  const openFindings: TestView['openFindings'] = [];
  return {
    version: '1.2.3',
    startedUs,
    ready: true,
    bus: 'connected',
    systemdVersion: '252.39-1~deb12u1',
    counters: {
      signalsReceived: 101,
      signalsWatched: 51,
      signalsMalformed: 3,
      bytesReceived: 88_000,
      reconnects: 2,
      resyncs: 5,
      callsTimedOut: 7,
      callsFailed: 11,
    },
    events: { started: 4, failed: 1 },
    dropped: { stdout: { buffer_full: 9, closed: 0 } },
    signalDelay: new Histogram([0.001, 0.01, 0.1]),
    findings: {
      learning: 3,
      spentUs: { crash_loop: 2_500_000 },
      faults: { memory_leak: 1 },
      opened: { crash_loop: 2, anomaly: 1 },
      open: () => openFindings,
    },
    units: () => unitMap.values(),
    unitMap,
    openFindings,
  };
}

/** One of each kind of unit that matters to a metric, and the hostile names. */
export function busyView(): TestView {
  const view = testView([
    unitView(
      'web.service',
      { activeState: 'active', activeEnterUs: startedUs + 1_500_000, stateChangeUs: startedUs },
      { restarts: { automatic: 3, manual: 2, unitwatch: 1 } },
    ),
    unitView(
      'loop.service',
      { activeState: 'activating', subState: 'auto-restart', nRestarts: 17 },
      { restarts: { automatic: 40, manual: 0, unitwatch: 0 } },
    ),
    unitView('db.service', { activeState: 'failed' }),
    unitView('end.service', { activeState: 'deactivating' }),
    unitView('reload.service', { activeState: 'reloading', activeEnterUs: startedUs }),
    unitView('clean.service', { activeState: 'maintenance', activeEnterUs: startedUs }),
    unitView('docker.service', { activeState: 'active' }, { container: true }),
    unitView('backup.timer', { activeState: 'active' }),
    unitView('home.mount', { activeState: 'active' }),
    unitView('sda.device', { activeState: 'active' }),
    unitView('absent.service', {}, { missing: true, loadState: 'not-found' }),
    ...hostileNames.map((name) => unitView(name, { activeState: 'failed' })),
  ]);
  view.openFindings.push(
    finding('crash_loop', 'loop.service', '1'),
    finding('memory_leak', 'quote"in.service', '2'),
    finding('crash_loop', 'loop.service', '3'),
  );
  const names = ['shop', ...hostileNames];
  view.checks = () => [
    ...names.map((name) => check(name)),
    { ...check('planned'), kind: 'tcp', state: 'down', outage: true, subscriptions: 3 },
  ];
  view.outages = () => [
    { name: 'sunday', untilUs: 1_763_700_000e6, checks: ['planned'] },
    ...hostileNames.map((name) => ({ name, untilUs: startedUs, checks: hostileNames })),
  ];
  view.monitor = () => monitorFigures;
  view.endpoints = () => names.map((name) => endpoint(name));
  view.endpointStats = () => ({
    running: 3,
    waiting: 1,
    lateness: view.signalDelay,
    latenessMaxSeconds: 5,
    late: 1,
    skipped: 2,
  });
  view.components = () => ['kafka server', ...hostileNames].map((name) => use(name));
  view.repairs = () => repairFigures;
  view.store = () => storeFigures;
  for (const delay of [0.0005, 0.002, 0.003, 5]) view.signalDelay.observe(delay);
  return view;
}

function check(name: string): CheckView {
  return {
    name,
    kind: 'http',
    state: 'up',
    sinceUs: startedUs,
    checkedUs: startedUs,
    durationUs: 1_500,
    reason: '',
    dependsOn: [],
    outage: false,
  };
}

function endpoint(name: string): EndpointUse {
  const last: ProbeResult = {
    name,
    kind: 'http',
    timeUs: startedUs,
    up: true,
    reason: '',
    durationSeconds: 0.0015,
    phaseSeconds: { first_byte: 0.001 },
    attempts: 0,
    status: 200,
    certificateEndUs: startedUs,
  };
  const results = { up: 5, refused: 1 };
  return { name, kind: 'http', target: '', last, results, skipped: 0, latenessSeconds: 0 };
}

const monitorFigures: MonitorFigures = {
  records: { services: 1, callers: 2, subscriptions: 5, outages: 3 },
  waiting: 2,
  oldestUs: startedUs,
  attempts: { sent: 7, retrying: 8, given_up: 1 },
  held: 4,
  lost: 6,
  isWritten: false,
};

const storeFigures: StoreView = {
  carried: 1,
  accepted: { result: 2, event: 3 },
  queued: 1,
  written: 5,
  waiting: 3,
  exported: 2,
  deleted: 1,
  lost: {
    memory_full: 0,
    disk_full: 0,
    write_failed: 0,
    size: 0,
    age: 0,
    rejected: 0,
    damaged: 0,
    closed: 0,
  },
  usedBytes: 4_096,
  fileBytes: 8_192,
  oldestUs: startedUs,
  lastExportUs: startedUs,
  localUp: true,
  postgresUp: true,
};

const repairFigures: RepairFigures = {
  attempts: { ok: 3, failed: 2, timeout: 1, refused: 0, skipped: 0, lost: 0 },
  repairs: { settled: 3, given_up: 1, cancelled: 0 },
  circuits: hostileNames.map((process) => ({ process, state: 'open', failures: 3 })),
  openAlarms: 2,
  oldestAgeUs: 90e6,
  budget: { perHour: 30, atOnce: 3, left: 24, active: 1 },
  sources: [{ name: 'mysql', up: false }],
  leftOut: 0,
  invalid: 0,
  suppressed: 0,
  unsettled: 1,
};

function finding(pattern: Pattern, service: string, id: string): Finding {
  const sentence = 'It restarted 5 times within a minute.';
  return {
    pattern,
    service,
    id,
    sentence,
    phase: 'opened',
    timeUs: startedUs,
    severity: 'warning',
    evidence: { restarts: 5 },
  };
}

function use(name: string): ComponentUse {
  return {
    name,
    up: true,
    processes: 2,
    cpuUserSeconds: 3.5,
    cpuSystemSeconds: 0.25,
    residentBytes: 65_536,
    virtualBytes: 131_072,
    swappedBytes: 4_096,
    threads: 17,
    oldestStartSeconds: 1_763_693_000,
  };
}
