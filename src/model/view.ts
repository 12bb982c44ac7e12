import type { CheckView } from './check.ts';
import type { EventType } from './event.ts';
import type { Finding, Pattern } from './finding.ts';
import type { Histogram } from './histogram.ts';
import type { MonitorFigures } from './monitor.ts';
import type { ComponentUse } from './platform.ts';
import type { EndpointStats, EndpointUse } from './probe.ts';
import type { RepairFigures } from './repair.ts';
import type { BusState, OutageView } from './status.ts';
import type { StoreView } from './store.ts';
import type { RealtimeUs } from './time.ts';
import type { UnitView } from './unit.ts';

/** Plain counters of the signal path, read at scrape time. All count from the agent's start. */
export interface CollectorCounters {
  /** D-Bus signals read, whatever they were about. */
  signalsReceived: number;
  /** Of those, signals about units that are followed. */
  signalsWatched: number;
  /** Messages that were no valid D-Bus or not what systemd sends: skipped. */
  signalsMalformed: number;
  bytesReceived: number;
  reconnects: number;
  resyncs: number;
  callsTimedOut: number;
  callsFailed: number;
}

/** What the detectors have found, for counting only. */
export interface FindingCounts {
  /** Findings opened since the agent started, by pattern. */
  readonly opened: Readonly<Partial<Record<Pattern, number>>>;
  /** Time that each detector has taken, microseconds. */
  readonly spentUs: Readonly<Partial<Record<Pattern, number>>>;
  /** Faults of a detector itself; each cost it what it knew of one service (`anomaly`: of all). */
  readonly faults: Readonly<Partial<Record<Pattern, number>>>;
  /** Services whose usual behaviour is not known yet: no anomaly is called for them. */
  readonly learning: number;
  /** Findings that are open now. */
  open(): Iterable<Finding>;
}

/** What `/metrics`, `/healthz` and `status` may ask of the running agent. Nothing here is kept. */
export interface AgentView {
  readonly version: string;
  readonly startedUs: number;
  /** The signal connection is up and the table has been read. */
  readonly ready: boolean;
  readonly bus: BusState;
  /** Since when there has been no bus; read only while it is lost. */
  readonly busLostUs?: RealtimeUs;
  readonly systemdVersion: string;
  readonly counters: Readonly<CollectorCounters>;
  /** Events made, by type. */
  readonly events: Readonly<Partial<Record<EventType, number>>>;
  /** Events an output could not take, by output and reason (`buffer_full`, `closed`, `rate_limit`). */
  readonly dropped: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Seconds from systemd's timestamp to the event. */
  readonly signalDelay: Histogram;
  readonly findings?: FindingCounts;
  /** What the components of a platform use; nothing where this host has none. */
  components?(): Iterable<ComponentUse>;
  /** All checks, whatever their kind. */
  checks?(): Iterable<CheckView>;
  /** What is known of endpoints beside their state, and how well their schedule is kept. */
  endpoints?(): Iterable<EndpointUse>;
  endpointStats?(): EndpointStats | undefined;
  /** Planned outages that are on now. */
  outages?(): Iterable<OutageView>;
  /** Undefined where the monitor is off. */
  monitor?(): MonitorFigures | undefined;
  /** Undefined where nothing is stored. */
  store?(): StoreView | undefined;
  /** Undefined where repairs are off. */
  repairs?(): RepairFigures | undefined;
  /** May be walked in several turns of the event loop, while units come and go. */
  units(): Iterable<UnitView>;
}
