import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Whether this user may mount one: what `skip` of a test wants. */
export const cannotMount =
  process.getuid?.() === 0 ? false : 'mounting a small file system needs root';

/** A small file system in a mount namespace of its own, which ends with the test. */
export interface SmallDisk {
  /** Runs a program that has it at `folder`. */
  readonly before: readonly string[];
  /** Where this process sees it. */
  readonly seen: string;
  /** Others write until not a byte is left. */
  fill(): void;
  /** What others wrote is deleted. */
  free(): void;
}

/** @param folder where programs find it */
export async function smallDisk(
  t: TestContext,
  folder: string,
  mebibytes: number,
): Promise<SmallDisk> {
  const mount = `mount -t tmpfs -o size=${mebibytes}m none "$0" && echo mounted && exec cat`;
  const holder = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', mount, folder],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const gone = once(holder, 'exit');
  t.after(async () => {
    holder.stdin.end();
    await gone;
  });
  const [said] = await Promise.race([once(holder.stdout, 'data'), gone]);
  if (!String(said).startsWith('mounted')) throw new Error('the small file system is not mounted');
  const seen = join(`/proc/${holder.pid}/root`, folder);
  const filler = join(seen, 'filler');
  return {
    before: ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`],
    seen,
    fill: () => fillUp(filler),
    free: () => rmSync(filler, { force: true }),
  };
}

/** Writes a file until not a byte is left on its disk. */
export function fillUp(filler: string): void {
  const file = openSync(filler, 'a');
  try {
    for (const size of [65_536, 4_096, 1]) {
      const some = Buffer.alloc(size, 1);
      try {
        for (;;) writeSync(file, some);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Bytes that are free on the disk of a folder. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
