import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hierarchiesIn } from '../src/demo/cgroups.ts';

/** The build: whatever has it in its command line was started by a test. */
const built = fileURLToPath(new URL('../', import.meta.url));

/** What tests could leave on a machine. */
export interface Host {
  readonly mounts: ReadonlySet<string>;
  /** Cgroups of throw-away systemds. */
  readonly cgroups: ReadonlySet<string>;
  /** Programs of this build, by process ID and time of start. */
  readonly processes: ReadonlyMap<string, string>;
}

export function hostNow(): Host {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return { mounts: new Set(mounts), cgroups: new Set(bedCgroups()), processes: ownProcesses() };
}

/** What is there now and was not, in words. */
export function leftBehind(earlier: Host, now: Host): string[] {
  const mounts = [...now.mounts].filter((mount) => !earlier.mounts.has(mount));
  // Beds of others that test on this machine at the same time have an owner that lives.
  const cgroups = [...now.cgroups].filter(
    (path) => !earlier.cgroups.has(path) && !existsSync(`/proc/${ownerOf(path)}`),
  );
  const processes = [...now.processes].filter(([key]) => !earlier.processes.has(key));
  return [
    ...mounts.map((mount) => `mount ${mount}`),
    ...cgroups.map((path) => `cgroup ${path}`),
    ...processes.map(([key, command]) => `process ${key}: ${command}`),
  ];
}

function bedCgroups(): string[] {
  const { unified, legacy } = hierarchiesIn(readFileSync('/proc/self/mountinfo', 'utf8'));
  return [...(unified === undefined ? [] : [unified]), ...legacy].flatMap((hierarchy) =>
    readdirSync(hierarchy)
      .filter((name) => /^unitwatch-\d+-\d+-/.test(name))
      .map((name) => join(hierarchy, name)),
  );
}

/** The process that booted it: `unitwatch-BOOT-PID-NUMBER`. */
function ownerOf(cgroup: string): string {
  return /unitwatch-\d+-(\d+)-/.exec(cgroup)?.[1] ?? '';
}

function ownProcesses(): Map<string, string> {
  const found = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    if (Number(pid) === process.pid || !command.includes(built)) continue;
    const started = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ')[19];
    if (started !== undefined) found.set(`${pid}/${started}`, command);
  }
  return found;
}

/** Empty where the process has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
