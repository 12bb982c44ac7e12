import { Histogram } from '../model/histogram.ts';
import type { RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';

/** Seconds; the goals are 1, 10 and 50 ms, and whole seconds mean that systemd is held up. */
const bounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** How long changes take from systemd to here, in seconds. */
export function signalDelay(): Histogram {
  return new Histogram(bounds);
}

/** A restart's scheduling has no timestamp in systemd, and neither has what no signal told. */
export function measure(delay: Histogram, what: Transition, nowUs: RealtimeUs): void {
  if (what.resync || what.inferred || what.kind === 'restarting') return;
  delay.observe(Math.max(0, nowUs - what.timeUs) / 1e6);
}
