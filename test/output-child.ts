/**
 * A real process that writes events to its standard output, for the tests of what the far side can
 * do to it. Its settings are one JSON argument; what it saw goes to descriptor 3 as JSON lines.
 */
import { readFileSync, writeSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { outputs } from '../src/outputs/outputs.ts';
import { eventOfSeq } from './sample-events.ts';

export interface ChildSettings {
  readonly output: keyof typeof outputs;
  /** Events to make in all, and in each 10 ms. */
  readonly events: number;
  readonly each10Ms: number;
  readonly maxEvents: number;
  readonly keptEvery?: number;
  readonly closeDeadlineMs: number;
}
export interface ChildReport {
  readonly made: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly retried: number;
  readonly waitingEventsMax: number;
  readonly waitingBytesMax: number;
  /** Longest delay of the event loop while events were made. */
  readonly lagMs: number;
  /** How long the main thread was ready to run meanwhile and another had the CPU, in all. */
  readonly cpuWaitMs: number;
  readonly closeMs: number;
  readonly closedWith: readonly string[];
  readonly retryingWith: readonly string[];
}

function report(value: object): void {
  writeSync(3, `${JSON.stringify(value)}\n`);
}

/** Second figure of /proc/PID/schedstat: nanoseconds spent waiting on a run queue. */
function cpuWaitedMs(): number {
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
}

async function run(settings: ChildSettings): Promise<void> {
  const closedWith: string[] = [];
  const retryingWith: string[] = [];
  const output = outputs[settings.output](1, {
    host: 'test',
    maxEvents: settings.maxEvents,
    maxPerSecond: 0,
    monotonicUs: () => performance.now() * 1_000,
    onClosed: (error) => closedWith.push(error.code ?? error.message),
    onRetrying: (error) => retryingWith.push(error.code ?? error.message),
  });
  report({ ready: true });
  const lag = monitorEventLoopDelay({ resolution: 1 });
  const waitedBefore = cpuWaitedMs();
  let made = 0;
  let waitingEventsMax = 0;
  let waitingBytesMax = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      // The first round compiles; the delays of that are Node's own.
      if (made > 0) lag.enable();
      for (let i = 0; i < settings.each10Ms && made < settings.events; i++) {
        made++;
        output.push(eventOfSeq(made, settings.keptEvery));
      }
      waitingEventsMax = Math.max(waitingEventsMax, output.waiting.events);
      waitingBytesMax = Math.max(waitingBytesMax, output.waiting.bytes);
      if (made === settings.events) {
        clearInterval(timer);
        resolve();
      }
    }, 10);
  });
  lag.disable();
  const cpuWaitMs = cpuWaitedMs() - waitedBefore;
  const closing = performance.now();
  await Promise.all([output.close(settings.closeDeadlineMs), output.close(1)]);
  await output.close(settings.closeDeadlineMs);
  const end: ChildReport = {
    made,
    dropped: output.dropped,
    retried: output.retried,
    waitingEventsMax,
    waitingBytesMax,
    lagMs: lag.max / 1e6,
    cpuWaitMs,
    closeMs: performance.now() - closing,
    closedWith,
    retryingWith,
  };
  report(end);
  // No process.exit(): the process has to end by itself, since nothing is held any more.
}

await run(JSON.parse(process.argv[2] ?? '') as ChildSettings);
