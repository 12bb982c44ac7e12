import type { ChildProcess } from 'node:child_process';

/** How often it is looked whether the rest of an ended command's process group is gone. */
const groupLookMs = 20;

/**
 * SIGTERM to the group, and SIGKILL to what is left of it when the grace is over. A process group's
 * number is not given to another process as long as the group has a member.
 */
export async function endGroup(
  child: ChildProcess,
  ended: Promise<unknown>,
  graceMs: number,
): Promise<void> {
  signalGroup(child, 'SIGTERM');
  const gone = ended.then(() => groupGone(child, graceMs));
  await before(graceMs, gone);
  signalGroup(child, 'SIGKILL');
}

/** Resolves when nothing of the group is left, or after `limitMs`. */
async function groupGone(child: ChildProcess, limitMs: number): Promise<void> {
  for (let waited = 0; waited < limitMs && signalGroup(child, 0); waited += groupLookMs)
    await deadline(groupLookMs).over;
}

/** False where the group is gone. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

/** A wait that can be called off, so that none is left behind; it keeps no process alive. */
function deadline(ms: number): { readonly over: Promise<undefined>; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined).unref();
  });
  return { over, cancel: () => clearTimeout(timer) };
}

/** What comes first, `work` or the end of the time: then undefined. */
export async function before<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const limit = deadline(ms);
  try {
    return await Promise.race([work, limit.over]);
  } finally {
    limit.cancel();
  }
}
