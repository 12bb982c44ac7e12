import type { Analysis } from './analysis.ts';
import type { Checked } from './checked.ts';
import type { Watch } from './collector/watch.ts';
import type { Histogram } from './model/histogram.ts';
import type { RepairFigures } from './model/repair.ts';
import type { Stamp } from './model/stamp.ts';
import type { StoreView } from './model/store.ts';
import type { RealtimeUs } from './model/time.ts';
import type { AgentView } from './model/view.ts';
import type { Output } from './outputs/output.ts';

export interface AgentParts {
  readonly version: string;
  readonly startedUs: RealtimeUs;
  readonly watch: Watch;
  readonly stamp: Stamp;
  readonly output: Output | undefined;
  readonly delay: Histogram;
  readonly analysis: Analysis;
  readonly checked: Checked;
  /** Since when there has been no bus; undefined while there is one. */
  readonly lostUs: () => RealtimeUs | undefined;
  readonly repairs: () => RepairFigures | undefined;
  readonly store: () => StoreView | undefined;
}

/** What pages and metrics see of a running agent: made when they ask, never kept. */
export function agentView(parts: AgentParts): AgentView {
  const { version, startedUs, watch, stamp, output, delay, analysis, checked, lostUs } = parts;
  return {
    version,
    startedUs,
    get ready() {
      return watch.ready;
    },
    get bus() {
      if (watch.isOff) return 'off';
      return watch.connected && lostUs() === undefined ? 'connected' : 'lost';
    },
    get busLostUs() {
      return lostUs() ?? startedUs;
    },
    get systemdVersion() {
      return watch.systemdVersion;
    },
    get counters() {
      return watch.counters;
    },
    events: stamp.made,
    dropped: output ? { stdout: output.dropped } : {},
    signalDelay: delay,
    findings: analysis.counts,
    components: () => checked.checking.uses(),
    checks: () => checked.checks(),
    endpoints: () => checked.endpoints(),
    outages: () => checked.outages(),
    monitor: () => checked.figures(),
    endpointStats: () => checked.checking.endpointStats(),
    store: () => parts.store(),
    repairs: () => parts.repairs(),
    units: () => watch.follower.table.all(),
  };
}
