import type { CheckView } from './check.ts';
import { type CheckState, isWell } from './check.ts';
import type { EventType, Severity } from './event.ts';
import type { Pattern } from './finding.ts';
import type { RepairStep } from './repair.ts';
import type { DurationUs, RealtimeUs } from './time.ts';
import type { ActiveState, Phase, RestartCounts, UnitView } from './unit.ts';
import { phaseOf } from './unit.ts';

/**
 * - `connected`: signals flow.
 * - `lost`: there is no connection, and should be one: nothing that is said about services is news.
 * - `off`: the configuration wants no bus, and there are no services.
 */
export type BusState = 'connected' | 'lost' | 'off';

/**
 * What the status page, `/api/` and the commands `status` and `shell` show. Everything is made when
 * somebody asks, and never kept; only histories are (`outputs/page/history.ts`).
 */
export interface StatusView {
  readonly host: string;
  readonly version: string;
  /** When this view was made. */
  readonly timeUs: RealtimeUs;
  /** When every check and every unit was last looked at together; 0 for never. */
  readonly checkedUs: RealtimeUs;
  readonly bus: BusState;
  readonly services: readonly ServiceStatus[];
  readonly checks: readonly CheckView[];
  /** Findings that are open now. */
  readonly findings: readonly OpenFinding[];
  /** Alarms that stand and repairs under way. */
  readonly repairs: readonly RepairView[];
  readonly outages: readonly OutageView[];
}

/** `missing`: the configuration names it, and systemd does not know it. */
export type ServiceState = Phase | 'missing';

/** One unit. */
export interface ServiceStatus {
  readonly name: string;
  /** `service`, `timer`, ... */
  readonly type: string;
  /** The slice it lies in, by its cgroup; empty where it has none. */
  readonly slice: string;
  readonly state: ServiceState;
  readonly activeState: ActiveState;
  readonly subState: string;
  /** systemd's Result of the last run: `success`, `exit-code`, ... */
  readonly result: string;
  /** Since when it has been up; 0 where it is not. */
  readonly upSinceUs: RealtimeUs;
  /** When its state last changed; 0 for never. */
  readonly changedUs: RealtimeUs;
  /** Since the agent began to watch it. */
  readonly restarts: RestartCounts;
  /** Main process; 0 for none. */
  readonly pid: number;
  /** Memory that it cannot give back, where it is sampled. */
  readonly memoryBytes?: number;
}

export interface OpenFinding {
  readonly id: string;
  readonly pattern: Pattern;
  readonly service: string;
  readonly severity: Severity;
  readonly sentence: string;
  readonly openedUs: RealtimeUs;
  /** Somebody has seen it; it is still open. */
  readonly acknowledged: boolean;
}

export interface RepairView {
  readonly process: string;
  /** The repair's last step; `raised` where the alarm stands and no repair has begun. */
  readonly state: RepairStep | 'raised';
  /** One sentence; empty where there is none. */
  readonly reason: string;
  /** 0 before the first. */
  readonly attempt: number;
}

/** A planned outage that is on now. */
export interface OutageView {
  readonly name: string;
  /** 0 where it has no end. */
  readonly untilUs: RealtimeUs;
  /** Names of the checks that it covers. */
  readonly checks: readonly string[];
}

/** Everything about one unit or one check. */
export interface ServiceDetail {
  readonly name: string;
  readonly timeUs: RealtimeUs;
  /** The unit of that name, where there is one. */
  readonly service?: ServiceStatus;
  /** Checks of that name, or of that unit. */
  readonly checks: readonly CheckView[];
  readonly findings: readonly OpenFinding[];
  readonly history: ServiceHistory;
  /** What it depends on and what depends on it; undefined where that is not tracked. */
  readonly dependencies?: DependencyPicture;
}

/** What a unit or a check was for a time. */
export type HistoryState = ServiceState | 'running' | 'degraded' | 'too_many' | 'unreachable';

/** One thing that happened to it. */
export interface HistoryEntry {
  readonly timeUs: RealtimeUs;
  readonly type: EventType;
  readonly severity: Severity;
  /** What happened, in short words or one sentence. */
  readonly words: string;
  /** What it was from then on; undefined where the event does not say. */
  readonly state?: HistoryState;
}

export interface MemoryPoint {
  readonly timeUs: RealtimeUs;
  readonly bytes: number;
}

/** The line that a leak follows. */
export interface LeakSlope {
  readonly bytesPerHour: number;
  /** How long it has been seen growing. */
  readonly observedUs: DurationUs;
}

export interface ServiceHistory {
  /** Oldest first. */
  readonly entries: readonly HistoryEntry[];
  /** Older ones that were let go. */
  readonly forgotten: number;
  /** Oldest first. */
  readonly memory: readonly MemoryPoint[];
  /** What its memory may not go beyond, where there is such a limit. */
  readonly limitBytes?: number;
  /** Set while a leak is open. */
  readonly slope?: LeakSlope;
}

/** Units and what ties them, as the dependency graph draws them. */
export interface DependencyPicture {
  readonly nodes: readonly DependencyNode[];
  /** From a unit to what it depends on. */
  readonly edges: readonly DependencyEdge[];
}

export interface DependencyNode {
  readonly name: string;
  /** `elsewhere`: a component that another host has; it is shown, not checked, and has no page here. */
  readonly kind: 'unit' | 'component' | 'elsewhere';
  /** Of units the first four; of components what their check says. */
  readonly state: 'up' | 'failed' | 'down' | 'changing' | Exclude<CheckState, 'up' | 'down'>;
}

export interface DependencyEdge {
  readonly from: string;
  readonly to: string;
  /** `Requires`, `Wants`, ... */
  readonly kind: string;
  /** It cannot run without. */
  readonly hard: boolean;
}

/**
 * - `well`: nothing to do.
 * - `attention`: something runs badly: a finding is open, a restart is due, a component is degraded.
 * - `down`: something that should run does not.
 * - `blind`: there is no connection to the bus, and should be one.
 */
export type OverallState = 'well' | 'attention' | 'down' | 'blind';

/** The worst of everything. What is in a planned outage is well. */
export function overallState(view: StatusView): OverallState {
  if (view.bus === 'lost') return 'blind';
  if (view.services.some(isDownService) || view.checks.some(isDownCheck)) return 'down';
  const open = view.findings.some((finding) => !finding.acknowledged);
  const hurt = view.services.some(({ state }) => state === 'waiting');
  const doubtful = view.checks.some((check) => isProblemCheck(check));
  return open || hurt || doubtful ? 'attention' : 'well';
}

/** Inactive alone is not down: most units that ran and ended well are. */
function isDownService({ state }: ServiceStatus): boolean {
  return state === 'failed' || state === 'missing';
}

/** Somebody should look at it. */
export function isProblemService(service: ServiceStatus, hasFinding: boolean): boolean {
  return isDownService(service) || service.state === 'waiting' || hasFinding;
}

export function isDownCheck({ state, outage }: CheckView): boolean {
  return !outage && (state === 'missing' || state === 'down' || state === 'too_many');
}

export function isProblemCheck({ state, outage, idle }: CheckView): boolean {
  return !outage && !idle && !isWell(state);
}

/** One unit of the agent's table, as pages and commands show it. */
export function serviceStatus(unit: UnitView, memoryBytes?: number): ServiceStatus {
  const { state } = unit;
  const phase = phaseOf(state);
  const isUp = phase === 'up' || phase === 'stopping';
  return {
    name: unit.name,
    type: unit.type,
    slice: sliceOf(unit.cgroup),
    state: unit.missing ? 'missing' : phase,
    activeState: state.activeState,
    subState: state.subState,
    result: state.result,
    upSinceUs: isUp ? state.activeEnterUs : 0,
    changedUs: state.stateChangeUs,
    restarts: unit.restarts,
    pid: state.mainPid,
    ...(memoryBytes !== undefined && { memoryBytes }),
  };
}

/** The last slice in the path: `/system.slice/system-getty.slice/getty@tty1.service`. */
function sliceOf(cgroup: string): string {
  const parts = cgroup.split('/');
  return parts.findLast((part) => part.endsWith('.slice')) ?? '';
}
