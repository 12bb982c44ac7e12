import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cgroupName, hierarchiesIn, makeCgroups, removeCgroup, sweepCgroups } from './cgroups.ts';
import { startGuard } from './guard.ts';
import type { ExecOptions, Outcome } from './inside.ts';
import { execInside } from './inside.ts';
import { CannotBoot, checkRequirements } from './requirements.ts';
import { scriptEnvironment } from './scripts.ts';

export interface BootOptions {
  /** The tree to boot; it is only read. The host's own by default. */
  readonly root?: string;
  /** Unit files that are there from the start, in /run/systemd/system: name to text. */
  readonly units?: Readonly<Record<string, string>>;
  /** Run journald, which then keeps every line. Without it services write to nowhere. */
  readonly journal?: boolean;
  /** systemd's log level; `info`, the default, is what the journal needs to count restarts. */
  readonly logLevel?: 'debug' | 'info' | 'notice' | 'warning' | 'err';
  /**
   * Leave out the v1 hierarchies, which systemd 256 and later may refuse (Debian's 257 takes them in
   * a container). Where the memory controller is on v1, memory then goes uncounted.
   */
  readonly cgroupV2Only?: boolean;
  /** Paths of the host that are shown inside, read-only, where the tree does not hold them. */
  readonly binds?: readonly string[];
  /** How long the boot may take, milliseconds. */
  readonly readyTimeoutMs?: number;
}

/** A systemd that is PID 1 of its own namespaces, and all that runs under it. */
export interface ThrowAwaySystemd {
  /** systemd's process, as seen outside. */
  readonly pid: number;
  /** Its root folder, as seen outside. */
  readonly root: string;
  /** D-Bus address of its system bus, as seen outside. */
  readonly busAddress: string;
  /** Runs a command inside. It fails only where the command cannot be run or takes too long. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<Outcome>;
  /** systemctl inside: answers what it printed; a status other than 0 is an error with its words. */
  systemctl(...args: readonly string[]): Promise<string>;
  /** Writes a unit, or a drop-in (`a.service.d/x.conf`), to /run/systemd/system; no daemon-reload. */
  writeUnit(name: string, text: string): void;
  /** Ends every process in it and removes what it was made of. Safe to call twice. */
  stop(): Promise<void>;
  /** Settles when it is gone, whoever ended it. Like the rest, it keeps no process alive. */
  readonly gone: Promise<void>;
}

/** It takes one second on an idle machine. */
const defaultReadyTimeoutMs = 30_000;

/**
 * Boots a throw-away systemd. Rejects with CannotBoot where the machine lacks or forbids what it
 * takes. It does not keep the calling process alive; when that ends, however it ends, everything
 * goes with it.
 */
export async function bootSystemd(options: BootOptions = {}): Promise<ThrowAwaySystemd> {
  const root = options.root ?? '/';
  checkRequirements(root, process.getuid?.());
  const { cgroups, legacy } = ownCgroups(options.cgroupV2Only === true);
  const guard = startGuard(
    scriptEnvironment({
      root,
      binds: options.binds ?? [],
      journal: options.journal ?? false,
      logLevel: options.logLevel ?? 'info',
      machineId: randomBytes(16).toString('hex'),
      cgroups,
      legacy,
    }),
  );
  const stop = async () => {
    await guard.end();
    cgroups.forEach(removeCgroup);
  };
  try {
    const pid = await guard.pid;
    const systemd = throwAwaySystemd(pid, guard.gone, stop);
    for (const [name, text] of Object.entries(options.units ?? {})) systemd.writeUnit(name, text);
    guard.go(pid);
    await untilReady(systemd, options.readyTimeoutMs ?? defaultReadyTimeoutMs);
    guard.unref();
    return systemd;
  } catch (cause) {
    await stop();
    throw cause;
  }
}

function ownCgroups(v2Only: boolean): { cgroups: string[]; legacy: boolean } {
  const hierarchies = hierarchiesIn(readFileSync('/proc/self/mountinfo', 'utf8'));
  const { unified, legacyMemory } = hierarchies;
  if (unified === undefined)
    throw new CannotBoot(
      'A throw-away systemd needs a cgroup2 file system, and none is mounted here: ' +
        'mount one (mount -t cgroup2 none /sys/fs/cgroup) and try again.',
    );
  sweepCgroups(hierarchies);
  const legacy = legacyMemory && !v2Only;
  try {
    const wanted = [unified, ...(legacy ? hierarchies.legacy : [])];
    return { cgroups: makeCgroups(wanted, cgroupName()), legacy };
  } catch (cause) {
    throw new CannotBoot(
      `A throw-away systemd needs to make cgroups in ${unified}, which is refused here: ` +
        'run it on a machine, or in a container that may (privileged).',
      { cause },
    );
  }
}

function throwAwaySystemd(
  pid: number,
  gone: Promise<void>,
  stop: () => Promise<void>,
): ThrowAwaySystemd {
  const root = `/proc/${pid}/root`;
  let ended = false;
  void gone.then(() => {
    ended = true;
  });
  const exec = async (argv: readonly string[], execOptions?: ExecOptions) => {
    // Its number may be another process' by now.
    if (ended) throw new Error(`${argv.join(' ')}: the throw-away systemd has ended`);
    return execInside(pid, argv, execOptions);
  };
  return {
    pid,
    root,
    busAddress: `unix:path=${root}/run/dbus/system_bus_socket`,
    exec,
    async systemctl(...args) {
      const { status, stdout, stderr } = await exec(['systemctl', '--no-pager', ...args]);
      if (status !== 0)
        throw new Error(`systemctl ${args.join(' ')} ended with ${status}: ${stderr.trim()}`);
      return stdout;
    },
    writeUnit(name, text) {
      const path = join(root, 'run/systemd/system', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    },
    stop,
    gone,
  };
}

/** Waits until systemd answers on the bus and has finished its start. */
async function untilReady(systemd: ThrowAwaySystemd, timeoutMs: number): Promise<void> {
  const script =
    'until busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 ' +
    'org.freedesktop.systemd1.Manager Version; do sleep 0.05; done >/dev/null 2>&1; ' +
    'systemctl is-system-running --wait';
  const ended = systemd.gone.then(() => {
    throw new Error('it ended');
  });
  try {
    const asked = systemd.exec(['sh', '-c', script], { timeoutMs });
    const { stdout, stderr } = await Promise.race([ended, asked]);
    const state = stdout.trim();
    if (state !== 'running' && state !== 'degraded') throw new Error(`it is ${state} ${stderr}`);
  } catch (cause) {
    throw new Error(`The throw-away systemd did not start: ${lastWords(systemd.root)}.`, { cause });
  }
}

function lastWords(root: string): string {
  try {
    return readFileSync(join(root, 'run/unitwatch-boot.log'), 'utf8').trim() || 'it said nothing';
  } catch {
    return 'it is gone';
  }
}
