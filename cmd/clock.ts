import type { Clock } from '../src/model/time.ts';

/** The real clock; everything under `src/` takes its time as an argument. */
export const systemClock: Clock = {
  realtimeUs: () => Date.now() * 1_000,
  monotonicUs: () => performance.now() * 1_000,
};
