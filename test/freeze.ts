import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const limitMs = 10_000;

/**
 * Stops a process and waits until each of its threads stands: the signal only asks for that, and
 * meanwhile a thread on another core may answer what it is asked.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const deadline = performance.now() + limitMs;
  while (!stands(pid)) {
    assert.ok(performance.now() < deadline, `${pid} still runs`);
    await sleep(5);
  }
}

/** proc_pid_stat(5): the state follows the name, which is in parentheses and may hold any character. */
function stands(pid: number): boolean {
  const stat = (thread: string) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
  return readdirSync(`/proc/${pid}/task`).every((thread) => /\) T [^)]*$/.test(stat(thread)));
}
