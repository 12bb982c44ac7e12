import type { Severity } from './event.ts';
import type { RealtimeUs } from './time.ts';

export const patterns = ['crash_loop', 'periodic_crash', 'anomaly', 'memory_leak'] as const;
export type Pattern = (typeof patterns)[number];

/** What a detector says about one service. The runner gives it its identity and its life. */
export interface Finding {
  readonly pattern: Pattern;
  readonly service: string;
  readonly phase: 'opened' | 'updated' | 'cleared';
  readonly timeUs: RealtimeUs;
  readonly severity: Severity;
  /** One sentence that a person understands without knowing unitwatch. */
  readonly sentence: string;
  /** The numbers it rests on; each name ends in its unit. */
  readonly evidence: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  /** The same in every event of one finding. */
  readonly id: string;
}
