import { Histogram } from './histogram.ts';
import type { RealtimeUs } from './time.ts';
import type { Transition } from './transition.ts';

/** Seconds; the goals are 1, 10 and 50 ms, and whole seconds mean that systemd is held up. */
const bounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** How long changes took from systemd to the agent. */
export class SignalDelay {
  readonly histogram: Histogram = new Histogram(bounds);

  /** Only what a signal showed counts; a restart's scheduling has no timestamp in systemd. */
  observe({ resync, inferred, kind, timeUs }: Transition, nowUs: RealtimeUs): void {
    if (resync || inferred || kind === 'restarting') return;
    this.histogram.observe(Math.max(0, nowUs - timeUs) / 1e6);
  }
}
