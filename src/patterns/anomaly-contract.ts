import type { Severity } from '../model/event.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type { SavedLives } from './baseline/lives.ts';
import type { SavedService } from './baseline/service-state.ts';
import type { Evidence } from './baseline/suspicion.ts';

/** What a service uses now. */
export interface ResourceSample {
  readonly kind: 'sample';
  readonly service: string;
  readonly invocation: string;
  readonly timeUs: RealtimeUs;
  /** Memory that cannot be given back: anonymous pages and swap. */
  readonly anonBytes: number;
  /** CPU time the service has used since it started. */
  readonly cpuUs?: DurationUs;
}

/** What the detector hears. Time comes only from here. */
export type AnomalyInput =
  | { readonly kind: 'transition'; readonly transition: Transition }
  | ResourceSample
  | { readonly kind: 'tick'; readonly nowUs: RealtimeUs };

/** What the detector says of one service: it has one open anomaly at a time, of one or more aspects. */
export interface AnomalyVerdict {
  readonly phase: 'opened' | 'updated' | 'cleared';
  readonly service: string;
  readonly timeUs: RealtimeUs;
  readonly severity: Severity;
  readonly sentence: string;
  readonly evidence: Evidence;
}

/**
 * What is kept over a restart of the agent: plain data for one JSON file. Each service is read when
 * it is asked for, so that time may pass between two of them.
 */
export interface SavedAnomalies {
  readonly sinceUs: RealtimeUs;
  readonly services: Iterable<SavedService>;
  readonly lives: Iterable<SavedLives>;
}

/** When it happened. */
export function timeOf(input: AnomalyInput): RealtimeUs {
  if (input.kind === 'tick') return input.nowUs;
  return input.kind === 'sample' ? input.timeUs : input.transition.timeUs;
}
