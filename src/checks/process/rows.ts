import type { RealtimeUs } from '../../model/time.ts';
import { lookUpUser } from './users.ts';

/** One process as the status page and `status` show it. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Its name; its number where it has none. */
  readonly user: string;
  /** Average over its life, of one core, as ps(1) has it. */
  readonly cpuPercent: number;
  /** Of the machine's memory. */
  readonly memoryPercent: number;
  /** To the second; 0 where it is not known. */
  readonly startedUs: RealtimeUs;
}

/** Names of users do not change while an agent runs; a host has a few hundred. */
const namesMax = 1_000;
const names = new Map<number, string>();

/**
 * The host's process table, by PID. ps-list runs ps(1) twice and costs some hundred times of what
 * finding components does, so that it is asked only when somebody looks at processes.
 */
export async function processRows(
  pids: ReadonlySet<number>,
): Promise<ReadonlyMap<number, ProcessRow>> {
  const { default: psList } = await import('ps-list');
  const rows = new Map<number, ProcessRow>();
  for (const { pid, ppid, uid, cpu = 0, memory = 0, startTime } of await psList()) {
    if (!pids.has(pid)) continue;
    const user = uid === undefined ? '' : await userName(uid);
    const startedUs = (startTime?.getTime() ?? 0) * 1e3;
    rows.set(pid, { pid, parent: ppid, user, cpuPercent: cpu, memoryPercent: memory, startedUs });
  }
  return rows;
}

async function userName(uid: number): Promise<string> {
  const known = names.get(uid);
  if (known !== undefined) return known;
  const name = (await lookUpUser(String(uid)))?.name ?? String(uid);
  if (names.size < namesMax) names.set(uid, name);
  return name;
}
