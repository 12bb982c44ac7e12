import type { DurationUs, RealtimeUs } from './time.ts';

/**
 * Where a memory figure comes from: the unit's cgroup (anonymous memory and swap), systemd's
 * MemoryCurrent (page cache included), the main process alone, or a recorded file.
 */
export type ResourceSource = 'cgroup' | 'dbus' | 'proc' | 'file';

/** What one run of one service used at one moment. */
export interface ResourceSample {
  readonly service: string;
  /** InvocationID of the run; a new one is a new life. Empty where it is not known. */
  readonly invocation: string;
  readonly timeUs: RealtimeUs;
  /** Memory that cannot be given back: anonymous memory and swap. */
  readonly anonBytes: number;
  /** CPU time that the run has used so far. */
  readonly cpuUs?: DurationUs;
  /** The least of MemoryMax, the limits of the slices above, and the host's memory. */
  readonly limitBytes?: number;
  readonly source: ResourceSource;
}

/** A systemd timer or a cron entry fired. */
export interface TimerElapse {
  /** The timer unit, or a name for the cron entry. */
  readonly timer: string;
  /** What it starts. */
  readonly unit: string;
  readonly timeUs: RealtimeUs;
}
