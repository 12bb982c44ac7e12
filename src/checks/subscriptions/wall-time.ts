import type { Clock, DurationUs, RealtimeUs } from '../../model/time.ts';

/** The wall clock was set where it differs by more from the one that never steps. */
const steppedUs: DurationUs = 100_000;

/**
 * The monotonic clock as wall time: it never jumps unseen. Where the wall clock was set, `onStep` is
 * told before the new time is given out, so that times that are kept can follow it.
 */
export function wallTime(
  clock: Clock,
  onStep: (byUs: DurationUs, nowUs: RealtimeUs) => void,
): () => RealtimeUs {
  let offsetUs = clock.realtimeUs() - clock.monotonicUs();
  return () => {
    const now = clock.monotonicUs() + offsetUs;
    const stepped = clock.realtimeUs() - now;
    if (Math.abs(stepped) <= steppedUs) return now;
    offsetUs += stepped;
    onStep(stepped, now + stepped);
    return now + stepped;
  };
}
