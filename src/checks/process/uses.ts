import type { ComponentUse } from '../../model/platform.ts';
import type { ProcessStat } from './proc-table.ts';

interface CpuTimes {
  readonly user: number;
  readonly system: number;
}

/** What one component has used: processes come and go, its counters only grow. */
export class Uses {
  /** CPU time when last seen, of the processes that were there; by PID and start. */
  #seen = new Map<string, CpuTimes>();
  #userSeconds = 0;
  #systemSeconds = 0;
  #last: readonly ProcessStat[] = [];

  /** Takes in what is there now. What a process used between the last look and its end is not known. */
  take(processes: readonly ProcessStat[]): void {
    const seen = new Map<string, CpuTimes>();
    for (const { pid, startTicks, userSeconds, systemSeconds } of processes) {
      const key = `${pid} ${startTicks}`;
      const before = this.#seen.get(key) ?? { user: 0, system: 0 };
      this.#userSeconds += Math.max(0, userSeconds - before.user);
      this.#systemSeconds += Math.max(0, systemSeconds - before.system);
      seen.set(key, { user: userSeconds, system: systemSeconds });
    }
    this.#seen = seen;
    this.#last = processes;
  }

  /** @param startSeconds makes wall time of clock ticks since boot */
  use(name: string, up: boolean, startSeconds: (ticks: number) => number): ComponentUse {
    const last = this.#last;
    const sum = (value: (one: ProcessStat) => number): number =>
      last.reduce((total, one) => total + value(one), 0);
    const oldest = last.reduce((least, { startTicks }) => Math.min(least, startTicks), Infinity);
    return {
      name,
      up,
      processes: last.length,
      cpuUserSeconds: this.#userSeconds,
      cpuSystemSeconds: this.#systemSeconds,
      residentBytes: sum((one) => one.residentBytes),
      virtualBytes: sum((one) => one.virtualBytes),
      swappedBytes: sum((one) => one.swappedBytes),
      threads: sum((one) => one.threads),
      oldestStartSeconds: last.length === 0 ? 0 : startSeconds(oldest),
    };
  }
}
