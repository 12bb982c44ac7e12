import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** The cgroup hierarchies of this host in which a throw-away systemd gets a cgroup of its own. */
export interface Hierarchies {
  /** Where cgroup2 is mounted; undefined where it is not. */
  readonly unified: string | undefined;
  /** Where the v1 hierarchies are mounted that systemd would use. */
  readonly legacy: readonly string[];
  /** The memory controller is among the v1 ones: systemd has to see them, or memory goes uncounted. */
  readonly legacyMemory: boolean;
}

/**
 * Reads /proc/self/mountinfo, proc(5): field 5 is the mount point, after " - " come the file system
 * type, the source and the options of the super block, which name v1's controllers.
 *
 * systemd, once it uses one v1 hierarchy, mounts all that the kernel has and makes its slices in
 * them, so each needs a cgroup that is the namespace's root, or the slices would lie among the
 * host's. Only `cpuset` is left out: systemd makes nothing in it, and a process cannot enter a
 * cpuset before its CPUs are set.
 */
export function hierarchiesIn(mountinfo: string): Hierarchies {
  let unified: string | undefined;
  const legacy = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const mountPoint = left.split(' ')[4] ?? '';
    const [type, , options = ''] = right.split(' ');
    if (type === 'cgroup2') unified ??= mountPoint;
    const controllers = options.replace(/^r[ow],/, '');
    if (type === 'cgroup' && !legacy.has(controllers)) legacy.set(controllers, mountPoint);
  }
  const legacyMemory = legacy.has('memory');
  legacy.delete('cpuset');
  return { unified, legacy: [...legacy.values()], legacyMemory };
}

let booted = 0;

/**
 * A name that says whose it is: `unitwatch-NAMESPACE-PID-STARTTIME-N`. PID and start time together
 * name a process for good, also after its number has been given to another one; containers that
 * share a cgroup hierarchy number their processes each in a PID namespace of its own.
 */
export function cgroupName(): string {
  booted += 1;
  return `${prefix()}${process.pid}-${startTime(process.pid)}-${booted}`;
}

function prefix(): string {
  return `unitwatch-${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}-`;
}

/** Field 22 of /proc/PID/stat, in clock ticks since the boot; undefined if there is no such process. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name in parentheses may hold spaces; field 3 is the first after it.
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .at(19);
  } catch {
    return undefined;
  }
}

/** Makes a cgroup in each of the hierarchies: all of them, or none and an error. */
export function makeCgroups(hierarchies: readonly string[], name: string): string[] {
  const made: string[] = [];
  try {
    for (const hierarchy of hierarchies) {
      const directory = join(hierarchy, name);
      mkdirSync(directory);
      made.push(directory);
    }
    return made;
  } catch (cause) {
    made.forEach(removeCgroup);
    throw cause;
  }
}

/** Removes a cgroup and those below it. One that still holds a process stays, and so do its parents. */
export function removeCgroup(directory: string): void {
  let entries: string[];
  try {
    entries = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return;
  }
  for (const name of entries) removeCgroup(join(directory, name));
  try {
    rmdirSync(directory);
  } catch {
    // It holds a process, or somebody else has removed it.
  }
}

function allOf(hierarchies: Hierarchies): string[] {
  return [
    ...(hierarchies.unified === undefined ? [] : [hierarchies.unified]),
    ...hierarchies.legacy,
  ];
}

/** Removes what a process left behind that was killed together with its guard. */
export function sweepCgroups(hierarchies: Hierarchies): void {
  const own = prefix();
  for (const hierarchy of allOf(hierarchies)) {
    for (const name of readdirSync(hierarchy)) {
      if (!name.startsWith(own)) continue;
      const [, pid, start] = /^(\d+)-(\d+)-\d+$/.exec(name.slice(own.length)) ?? [];
      if (pid === undefined || startTime(Number(pid)) === start) continue;
      removeCgroup(join(hierarchy, name));
    }
  }
}
