import type { Clock } from '../model/time.ts';

/** Beyond this the wall clock was stepped, or the two have drifted apart. */
const toleratedMs = 1.5;

let originMs = performance.timeOrigin;

/**
 * The real clock, for `cmd/` and for users of the library; every stage takes its time as an argument. Date.now() alone counts
 * whole milliseconds, too coarse beside systemd's microseconds, so the monotonic clock adds the rest.
 */
export const systemClock: Clock = {
  realtimeUs: () => {
    const wall = Date.now();
    const since = performance.now();
    if (Math.abs(originMs + since - wall) > toleratedMs) originMs = wall - since;
    return Math.round((originMs + since) * 1_000);
  },
  monotonicUs: () => performance.now() * 1_000,
};
