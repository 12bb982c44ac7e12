import type { CheckView } from '../../model/check.ts';
import type {
  OpenFinding,
  OutageView,
  RepairView,
  ServiceDetail,
  ServiceHistory,
  ServiceStatus,
  StatusView,
} from '../../model/status.ts';
import { overallState } from '../../model/status.ts';
import { type RealtimeUs, rfc3339 } from '../../model/time.ts';

/** What `/api/status` answers, and `unitwatch status --json` prints. Times are RFC 3339, or null. */
export function statusJson(view: StatusView) {
  return {
    host: view.host,
    version: view.version,
    time: rfc3339(view.timeUs),
    checked: timeOrNull(view.checkedUs),
    overall: overallState(view),
    bus_connected: view.bus === 'connected',
    services: view.services.map(serviceJson),
    checks: view.checks.map(checkJson),
    findings: view.findings.map(findingJson),
    repairs: view.repairs.map(repairJson),
    outages: view.outages.map(outageJson),
  };
}

export function serviceJson(service: ServiceStatus) {
  return {
    name: service.name,
    type: service.type,
    slice: service.slice,
    state: service.state,
    active_state: service.activeState,
    sub_state: service.subState,
    result: service.result,
    up_since: timeOrNull(service.upSinceUs),
    changed: timeOrNull(service.changedUs),
    restarts: service.restarts,
    pid: service.pid,
    memory_bytes: service.memoryBytes ?? null,
  };
}

export function checkJson(check: CheckView) {
  return {
    name: check.name,
    kind: check.kind,
    state: check.state,
    since: timeOrNull(check.sinceUs),
    checked: timeOrNull(check.checkedUs),
    duration_s: check.durationUs / 1e6,
    reason: check.reason,
    depends_on: check.dependsOn,
    found: check.found ?? null,
    expected: check.expected ?? null,
    pids: check.pids ?? [],
    unit: check.unit ?? null,
    outage: check.outage,
  };
}

export function findingJson(finding: OpenFinding) {
  return {
    id: finding.id,
    pattern: finding.pattern,
    service: finding.service,
    severity: finding.severity,
    sentence: finding.sentence,
    opened: timeOrNull(finding.openedUs),
    acknowledged: finding.acknowledged,
  };
}

function repairJson({ process, state, reason, attempt }: RepairView) {
  return { process, state, reason, attempt };
}

function outageJson({ name, untilUs, checks }: OutageView) {
  return { name, until: timeOrNull(untilUs), checks };
}

export function detailJson(detail: ServiceDetail) {
  return {
    name: detail.name,
    time: rfc3339(detail.timeUs),
    service: detail.service ? serviceJson(detail.service) : null,
    checks: detail.checks.map(checkJson),
    findings: detail.findings.map(findingJson),
    history: historyJson(detail.history),
    dependencies: detail.dependencies ?? null,
  };
}

function historyJson({ entries, forgotten, memory, limitBytes, slope }: ServiceHistory) {
  return {
    entries: entries.map(({ timeUs, type, severity, words, state }) => ({
      time: rfc3339(timeUs),
      event_type: type,
      severity,
      words,
      state: state ?? null,
    })),
    forgotten,
    memory: memory.map(({ timeUs, bytes }) => ({ time: rfc3339(timeUs), bytes })),
    memory_limit_bytes: limitBytes ?? null,
    leak: slope ? { bytes_per_hour: slope.bytesPerHour, observed_s: slope.observedUs / 1e6 } : null,
  };
}

function timeOrNull(us: RealtimeUs): string | null {
  return us === 0 ? null : rfc3339(us);
}
