import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceSource } from '../model/resource.ts';
import type { DurationUs } from '../model/time.ts';

/** The largest file read here is a memory.stat of 40 lines; what is longer is cut, never grown. */
const bufferBytes = 16_384;
/** Limits change when somebody changes a unit: they are read on every tenth reading only. */
const limitEvery = 10;
/** Cgroups whose limit is remembered; the longest unread is forgotten. */
const limitsMax = 20_000;
/** A cgroup nested deeper than this is not systemd's. */
const depthMax = 32;
/** v1 writes "no limit" as the largest multiple of the page size; nothing real comes near. */
const unlimitedBytes = 2 ** 60;

/** The fields that are read, as they stand at the beginning of a line. */
const fields = {
  anon: Buffer.from('\nanon '),
  limit: Buffer.from('\nhierarchical_memory_limit '),
  memTotal: Buffer.from('\nMemTotal:'),
  rssAnon: Buffer.from('\nRssAnon:'),
  totalRss: Buffer.from('\ntotal_rss '),
  totalSwap: Buffer.from('\ntotal_swap '),
  usageUsec: Buffer.from('\nusage_usec '),
  vmSwap: Buffer.from('\nVmSwap:'),
} as const;

/** What was read of one unit. */
export interface ResourceReading {
  /** Anonymous memory and swap: what cannot be given back. */
  readonly anonBytes: number;
  readonly cpuUs?: DurationUs;
  readonly limitBytes?: number;
  readonly source: ResourceSource;
}

export interface ResourceTarget {
  /** Path below the cgroup root, as systemd's ControlGroup; empty where it is not known. */
  readonly cgroup: string;
  /** Main process; 0 for none. */
  readonly pid: number;
  /** systemd's MemoryCurrent, where somebody has asked for it: page cache included. */
  readonly memoryCurrentBytes?: number;
}

export interface ResourceRoots {
  /** Usually /sys/fs/cgroup. */
  readonly cgroup: string;
  /** Usually /proc. */
  readonly proc: string;
}

/** Where each controller's tree begins; undefined where the controller is not there. */
interface Trees {
  readonly memory: string | undefined;
  readonly memoryIsV2: boolean;
  readonly cpu: string | undefined;
  readonly cpuIsV2: boolean;
}

/**
 * Reads what a unit uses: out of memory.stat of its cgroup (v2, v1, or both side by side), else
 * MemoryCurrent, else its main process. Small synchronous reads into one buffer: a file in
 * sysfs or procfs answers from memory, and a thread for each would cost more than the reading.
 */
export class ResourceReader {
  readonly #roots: ResourceRoots;
  readonly #trees: Trees;
  readonly #hostBytes: number;
  /** Begins with a line feed, as every other line does that is looked for. */
  readonly #buffer = Buffer.alloc(bufferBytes, '\n');
  readonly #limits = new Map<string, { bytes: number; age: number }>();

  constructor(roots: ResourceRoots = { cgroup: '/sys/fs/cgroup', proc: '/proc' }) {
    this.#roots = roots;
    this.#trees = this.#findTrees();
    this.#hostBytes = (this.#field(join(roots.proc, 'meminfo'), fields.memTotal) ?? 0) * 1024;
  }

  /** undefined where nothing can be read: the unit has just ended, or we may not. */
  read(target: ResourceTarget): ResourceReading | undefined {
    const cgroup = isPath(target.cgroup) ? target.cgroup : '';
    const anonBytes = cgroup === '' ? undefined : this.#anonOf(cgroup);
    const cpuUs = cgroup === '' ? undefined : this.#cpuOf(cgroup);
    const limitBytes = this.#limitOf(cgroup);
    const rest = { ...(cpuUs !== undefined && { cpuUs }), ...(limitBytes > 0 && { limitBytes }) };
    if (anonBytes !== undefined) return { anonBytes, source: 'cgroup', ...rest };
    const { memoryCurrentBytes: current, pid } = target;
    if (current !== undefined && current >= 0 && current < unlimitedBytes) {
      return { anonBytes: current, source: 'dbus', ...rest };
    }
    const own = pid > 0 ? this.#anonOfProcess(pid) : undefined;
    return own === undefined ? undefined : { anonBytes: own, source: 'proc', ...rest };
  }

  #findTrees(): Trees {
    const { cgroup } = this.#roots;
    const unified = [cgroup, join(cgroup, 'unified')].find((root) =>
      this.#has(root, 'cgroup.procs'),
    );
    const controllers = unified && this.#text(join(unified, 'cgroup.controllers'));
    const isPure = unified === cgroup;
    const hasMemory = isPure && (controllers ?? '').split(/\s/).includes('memory');
    const v1Memory = [join(cgroup, 'memory')].find((root) => this.#has(root, 'memory.stat'));
    const v1Cpu = ['cpu,cpuacct', 'cpuacct', 'cpuacct,cpu']
      .map((name) => join(cgroup, name))
      .find((root) => this.#has(root, 'cpuacct.usage'));
    const memory = hasMemory ? unified : v1Memory;
    // cpu.stat's usage_usec is there without the cpu controller, since Linux 4.15.
    return {
      memory,
      memoryIsV2: memory !== undefined && memory === unified,
      cpu: unified ?? v1Cpu,
      cpuIsV2: unified !== undefined,
    };
  }

  #anonOf(cgroup: string): number | undefined {
    const { memory, memoryIsV2 } = this.#trees;
    if (memory === undefined) return undefined;
    const folder = memory + cgroup;
    const end = this.#load(`${folder}/memory.stat`);
    if (end === undefined) return undefined;
    if (!memoryIsV2) {
      const rss = this.#find(fields.totalRss, end);
      const swap = this.#find(fields.totalSwap, end) ?? 0;
      return rss === undefined ? undefined : rss + swap;
    }
    const anon = this.#find(fields.anon, end);
    return anon === undefined
      ? undefined
      : anon + (this.#number(`${folder}/memory.swap.current`) ?? 0);
  }

  #cpuOf(cgroup: string): DurationUs | undefined {
    const { cpu, cpuIsV2 } = this.#trees;
    if (cpu === undefined) return undefined;
    if (cpuIsV2) return this.#field(`${cpu}${cgroup}/cpu.stat`, fields.usageUsec);
    const nanoseconds = this.#number(`${cpu}${cgroup}/cpuacct.usage`);
    return nanoseconds === undefined ? undefined : nanoseconds / 1000;
  }

  /** The least of the unit's limit, those of the slices above it, and the host's memory. */
  #limitOf(cgroup: string): number {
    const known = this.#limits.get(cgroup);
    if (known !== undefined && known.age < limitEvery) {
      known.age += 1;
      return known.bytes;
    }
    const own = cgroup === '' ? 0 : this.#readLimit(cgroup);
    const bytes =
      own > 0 && (this.#hostBytes === 0 || own < this.#hostBytes) ? own : this.#hostBytes;
    this.#limits.delete(cgroup);
    this.#limits.set(cgroup, { bytes, age: 0 });
    const oldest = this.#limits.keys().next();
    if (this.#limits.size > limitsMax && oldest.done !== true) this.#limits.delete(oldest.value);
    return bytes;
  }

  /** 0 for none. */
  #readLimit(cgroup: string): number {
    const { memory, memoryIsV2 } = this.#trees;
    if (memory === undefined) return 0;
    if (!memoryIsV2) {
      const bytes = this.#field(`${memory}${cgroup}/memory.stat`, fields.limit) ?? 0;
      return bytes < unlimitedBytes ? bytes : 0;
    }
    let least = 0;
    let path = cgroup;
    for (let depth = 0; depth < depthMax && path !== '' && path !== '/'; depth++) {
      // "max", for no limit, is no number.
      const bytes = this.#number(`${memory}${path}/memory.max`) ?? 0;
      if (bytes > 0 && (least === 0 || bytes < least)) least = bytes;
      path = path.slice(0, path.lastIndexOf('/'));
    }
    return least;
  }

  #anonOfProcess(pid: number): number | undefined {
    const end = this.#load(`${this.#roots.proc}/${pid}/status`);
    if (end === undefined) return undefined;
    const rss = this.#find(fields.rssAnon, end);
    return rss === undefined ? undefined : (rss + (this.#find(fields.vmSwap, end) ?? 0)) * 1024;
  }

  #has(folder: string, file: string): boolean {
    return this.#load(join(folder, file)) !== undefined;
  }

  #text(file: string): string | undefined {
    const end = this.#load(file);
    return end === undefined ? undefined : this.#buffer.toString('latin1', 1, end);
  }

  #field(file: string, field: Buffer): number | undefined {
    const end = this.#load(file);
    return end === undefined ? undefined : this.#find(field, end);
  }

  #number(file: string): number | undefined {
    const end = this.#load(file);
    return end === undefined ? undefined : this.#digits(1, end);
  }

  /** The file's beginning into the buffer, behind a line feed; its end there, or undefined. */
  #load(file: string): number | undefined {
    let descriptor: number;
    try {
      descriptor = openSync(file, 'r');
    } catch {
      return undefined;
    }
    try {
      return 1 + readSync(descriptor, this.#buffer, 1, bufferBytes - 1, 0);
    } catch {
      return undefined;
    } finally {
      closeSync(descriptor);
    }
  }

  /** The number behind a field's name; what lies beyond `end` was left there by a longer file. */
  #find(field: Buffer, end: number): number | undefined {
    const at = this.#buffer.indexOf(field);
    return at < 0 || at >= end ? undefined : this.#digits(at + field.length, end);
  }

  #digits(from: number, end: number): number | undefined {
    let at = from;
    while (at < end && (this.#buffer[at] === 32 || this.#buffer[at] === 9)) at++;
    let value = 0;
    const first = at;
    for (; at < end; at++) {
      const digit = (this.#buffer[at] as number) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return at === first ? undefined : value;
  }
}

/** systemd's ControlGroup: absolute, and going nowhere but down. */
function isPath(cgroup: string): boolean {
  return cgroup.startsWith('/') && cgroup.length < 4096 && !cgroup.split('/').includes('..');
}
