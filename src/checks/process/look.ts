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
  /** Processes that may not be read; more of them may not even be seen. */
  readonly hidden: 'none' | 'some';
}

/** Goes through all processes once, with a turn of the event loop every few milliseconds. */
export async function lookAtProcesses(
  table: ProcTable,
  matcher: Matcher,
  wanted: readonly Wanted[],
  clock: Pick<Clock, 'monotonicUs'>,
): Promise<Look> {
  const found: ProcessStat[][] = wanted.map(() => []);
  const pids = table.pids();
  // Every PID namespace has a process 1: who does not see it, sees only some (hidepid=2).
  let isHidden = !pids.includes(1);
  let sliceEndUs = clock.monotonicUs() + sliceUs;
  matcher.begin();
  for (const pid of pids) {
    const list = table.arguments(pid);
    if (list === 'denied') isHidden = true;
    else if (list !== 'none') take(table, pid, matcher.match(list), wanted, found);
    if (clock.monotonicUs() < sliceEndUs) continue;
    await turn();
    sliceEndUs = clock.monotonicUs() + sliceUs;
  }
  return { found, hidden: isHidden ? 'some' : 'none' };
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
