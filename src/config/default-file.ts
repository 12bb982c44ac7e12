import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Surroundings } from './key.ts';

/** The configuration of a host's agent, which systemd runs. */
export const hostFile = '/etc/unitwatch/unitwatch.yaml';

/** Who runs this program, and where. */
export function surroundings(env: Surroundings['env']): Surroundings {
  return { env, uid: process.getuid?.() ?? -1, home: env['HOME'] || homedir() };
}

/** Neither root nor a service manager runs it: somebody's own agent keeps its files in his home. */
export function isSomebodys({ env, uid }: Surroundings): boolean {
  return uid !== 0 && !env['STATE_DIRECTORY'];
}

/** The file that `config create` makes where none is named. */
export function ownFile(around: Surroundings): string {
  return isSomebodys(around) ? join(around.home, '.unitwatch', 'unitwatch.yaml') : hostFile;
}

/** The file that counts where none is named: one's own, or the host's where that is the only one. */
export async function defaultFile(around: Surroundings, hosts = hostFile): Promise<string> {
  if (!isSomebodys(around)) return hosts;
  const own = ownFile(around);
  return (await exists(own)) || !(await exists(hosts)) ? own : hosts;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
