import { setImmediate as turn } from 'node:timers/promises';
import type { Component } from '../../model/platform.ts';
import type { Clock, DurationUs } from '../../model/time.ts';
import type { Matcher } from './match.ts';
import type { ProcessStat, ProcTable } from './proc-table.ts';

/** Signals of services are read between two slices: they wait no longer than this. */
const sliceUs: DurationUs = 4_000;

/** A component, and the number of its user; undefined where any user will do. */
export interface Wanted {
  readonly component: Component;
  readonly uid: number | undefined;
}

/** What one look at all processes has shown. */
export interface Look {
  /** Processes of each component, in the order of the components. */
  readonly found: readonly (readonly ProcessStat[])[];
  /** There are processes that may not be read, or perhaps not even be seen. */
  readonly hidden: boolean;
  /** The time was over before all had been looked at. */
  readonly late: boolean;
}

/**
 * Goes through all processes once, with a turn of the event loop every few milliseconds.
 * @param limitUs when it stops, whatever is left
 */
export async function lookAtProcesses(
  table: ProcTable,
  matcher: Matcher,
  wanted: readonly Wanted[],
  clock: Pick<Clock, 'monotonicUs'>,
  limitUs: DurationUs,
): Promise<Look> {
  const found: ProcessStat[][] = wanted.map(() => []);
  const pids = table.pids();
  // Every PID namespace has a process 1: who does not see it, sees only some (hidepid=2).
  let hidden = !pids.includes(1);
  const endUs = clock.monotonicUs() + limitUs;
  let sliceEndUs = clock.monotonicUs() + sliceUs;
  matcher.begin();
  for (const pid of pids) {
    const list = table.arguments(pid);
    if (list === 'denied') hidden = true;
    else if (list !== 'none') take(table, pid, matcher.match(list), wanted, found);
    const nowUs = clock.monotonicUs();
    if (nowUs < sliceEndUs) continue;
    if (nowUs >= endUs) return { found, hidden, late: true };
    await turn();
    sliceEndUs = clock.monotonicUs() + sliceUs;
  }
  return { found, hidden, late: false };
}

function take(
  table: ProcTable,
  pid: number,
  places: readonly number[],
  wanted: readonly Wanted[],
  found: readonly ProcessStat[][],
): void {
  if (places.length === 0) return;
  const stat = table.stat(pid);
  if (stat === undefined) return;
  for (const place of places) {
    const uid = wanted[place]?.uid;
    if (uid === undefined || uid === stat.uid) found[place]?.push(stat);
  }
}
