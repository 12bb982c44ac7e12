import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { bootSystemd } from '../../src/demo/boot.ts';
import { hierarchiesIn } from '../../src/demo/cgroups.ts';
import { CannotBoot, checkRequirements } from '../../src/demo/requirements.ts';
import {
  calm,
  crashLoopUnit,
  idleUnit,
  killBus,
  manyUnits,
  prepareForBeds,
  scheduledRestarts,
  show,
  startAtOnce,
  startUnits,
  until,
  withBed,
} from '../bed.ts';

const { unified, legacy } = hierarchiesIn(readFileSync('/proc/self/mountinfo', 'utf8'));
const hierarchies = [unified ?? assert.fail('no cgroup2 here'), ...legacy];

interface Life {
  readonly pid: number;
  readonly started: string;
}

function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function lifeOf(pid: number): Life {
  return { pid, started: fieldsOf(pid)[19] ?? '' };
}

/** A zombie does not: it waits for its new parent, which is none of ours. */
function lives({ pid, started }: Life): boolean {
  try {
    return lifeOf(pid).started === started && fieldsOf(pid)[0] !== 'Z';
  } catch {
    return false;
  }
}

function parentOf(pid: number): number {
  return Number(fieldsOf(pid)[1]);
}

/** systemd, all below it, and what stands between it and us: unshare and the guard. */
function processesOf(init: number): Life[] {
  const below = (pid: number): number[] => {
    const own = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return own.filter(Boolean).flatMap((child) => [Number(child), ...below(Number(child))]);
  };
  const unshare = parentOf(init);
  return [parentOf(unshare), unshare, init, ...below(init)].map(lifeOf);
}

/** Cgroups at the top of each hierarchy, without those of beds that other processes run. */
function cgroups(): string[] {
  return hierarchies
    .flatMap((hierarchy) =>
      readdirSync(hierarchy, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(hierarchy, entry.name)),
    )
    .filter((path) => !path.includes('/unitwatch-') || ownCgroup(path, process.pid))
    .sort();
}

function ownCgroup(path: string, owner: number): boolean {
  return new RegExp(`/unitwatch-\\d+-${owner}-`).test(path);
}

/** The cgroups of the beds that process `owner` runs. */
function ownCgroups(owner: number): string[] {
  return hierarchies.flatMap((hierarchy) =>
    readdirSync(hierarchy)
      .map((name) => join(hierarchy, name))
      .filter((path) => ownCgroup(path, owner)),
  );
}

/** What a boot could spoil on the host outside of its namespaces. */
function hostState(): Record<string, unknown> {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    cgroups: cgroups(),
    devices: readdirSync('/dev').sort(),
    units: readdirSync('/etc/systemd/system').sort(),
    run: readdirSync('/run').sort(),
    fileMax: readFileSync('/proc/sys/fs/file-max', 'utf8'),
    nrOpen: readFileSync('/proc/sys/fs/nr_open', 'utf8'),
    corePattern: readFileSync('/proc/sys/kernel/core_pattern', 'utf8'),
    hostname: readFileSync('/proc/sys/kernel/hostname', 'utf8'),
  };
}

before(prepareForBeds);

describe('a throw-away systemd', () => {
  let bed: ThrowAwaySystemd;
  before(async () => {
    bed = await bootSystemd({
      journal: true,
      units: { 'early.service': idleUnit(['MemoryAccounting=yes']) },
    });
  });
  after(() => bed.stop());

  test('has finished its start without a failed unit', async () => {
    assert.equal((await bed.systemctl('is-system-running')).trim(), 'running');
    assert.equal((await bed.systemctl('--failed', '--plain', '--no-legend')).trim(), '');
  });

  test('knows the units it was given before the boot, runs them and counts their memory', async () => {
    await bed.systemctl('start', 'early.service');
    const unit = await show(bed, 'early.service', 'ActiveState', 'MemoryCurrent', 'ControlGroup');
    assert.equal(unit['ActiveState'], 'active');
    assert.equal(unit['ControlGroup'], '/system.slice/early.service');
    const bytes = Number(unit['MemoryCurrent']);
    if (legacy.some((path) => path.endsWith('memory')))
      assert.ok(bytes > 4096 && bytes < 2 ** 30, `MemoryCurrent=${unit['MemoryCurrent']}`);
    await bed.systemctl('stop', 'early.service');
  });

  test('is reached from outside by the path of its bus, as root', async () => {
    assert.match(await signIn(bed), /^OK [0-9a-f]{32}\r\n$/);
  });

  test('runs commands inside: this Node too, with input, status and a time limit', async () => {
    const program =
      'process.stdin.pipe(process.stdout).on("finish", () => 0); process.exitCode = 7';
    const outcome = await bed.exec([process.execPath, '-e', program], { input: 'text\n' });
    assert.deepEqual(outcome, { status: 7, signal: null, stdout: 'text\n', stderr: '' });
    await assert.rejects(
      bed.exec(['sleep', '60'], { timeoutMs: 100 }),
      /sleep 60: no end after 100 ms/,
    );
    const running = await bed.exec(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
    assert.match(running.stdout, /dbus-daemon/);
    assert.doesNotMatch(running.stdout, /sleep 60/);
  });

  test('says what systemctl says where that fails', async () => {
    await assert.rejects(
      bed.systemctl('start', 'absent.service'),
      /systemctl start absent\.service ended with 5: .*absent\.service not found/,
    );
  });

  test('keeps a record of each automatic restart', async () => {
    const units = manyUnits('loop', 20, crashLoopUnit({ restartSec: '20ms' }));
    const names = Object.keys(units);
    await startAtOnce(bed, units);
    const counts = () =>
      Promise.all(
        names.map(async (name) => Number((await show(bed, name, 'NRestarts'))['NRestarts'])),
      );
    await until('ten restarts of each', async () => (await counts()).every((n) => n >= 10));
    await calm(bed, names);
    const recorded = await scheduledRestarts(bed);
    assert.deepEqual(
      names.map((name) => recorded.get(name)),
      await counts(),
    );
    await bed.systemctl('stop', ...names);
  });

  test('has templates, escaped names and transient units', async () => {
    bed.writeUnit('t@.service', idleUnit());
    await bed.systemctl('daemon-reload');
    await bed.systemctl('start', 't@one.service', 't@a\\x2db.service');
    assert.equal((await show(bed, 't@a\\x2db.service', 'ActiveState'))['ActiveState'], 'active');
    const run = await bed.exec(['systemd-run', '--unit=passing', 'sleep', 'infinity']);
    assert.equal(run.status, 0, run.stderr);
    assert.equal((await show(bed, 'passing', 'Transient'))['Transient'], 'yes');
    await bed.systemctl('stop', 't@*', 'passing');
  });

  test('reloads, and executes itself anew', async () => {
    await bed.systemctl('start', 'early.service');
    await bed.systemctl('daemon-reload');
    await bed.systemctl('daemon-reexec');
    assert.equal((await show(bed, 'early.service', 'ActiveState'))['ActiveState'], 'active');
  });

  test('gets its bus back when that is killed: the socket starts it again', async () => {
    const old = (await show(bed, 'dbus.service', 'MainPID'))['MainPID'];
    await killBus(bed);
    assert.match(await signIn(bed), /^OK /);
    await until('systemd is on the new bus', async () => {
      const name = 'org.freedesktop.systemd1';
      return (await bed.exec(['busctl', 'status', name])).status === 0;
    });
    assert.notEqual((await show(bed, 'dbus.service', 'MainPID'))['MainPID'], old);
  });

  test("has a user's own systemd with a bus of its own", async () => {
    await bed.systemctl('start', 'user@0.service');
    const env = { XDG_RUNTIME_DIR: '/run/user/0' };
    const version = await bed.exec(
      [
        'busctl',
        '--user',
        'get-property',
        'org.freedesktop.systemd1',
        '/org/freedesktop/systemd1',
        'org.freedesktop.systemd1.Manager',
        'Version',
      ],
      { env },
    );
    assert.match(version.stdout, /^s "2\d\d/, version.stderr);
    assert.ok(existsSync(join(bed.root, 'run/user/0/bus')));
    await bed.systemctl('stop', 'user@0.service');
  });
});

/** The bus' answer to the first line of SASL: EXTERNAL as user 0 ("30" is the digit 0 in hex). */
async function signIn(bed: ThrowAwaySystemd): Promise<string> {
  const socket = connect(bed.busAddress.slice('unix:path='.length));
  socket.write('\0AUTH EXTERNAL 30\r\n');
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(10_000) });
  socket.destroy();
  return String(answer);
}

describe('the end of a throw-away systemd', () => {
  test('an orderly stop leaves the host as it was', async () => {
    const marker = join(mkdtempSync(join(tmpdir(), 'unitwatch-test-')), 'marker');
    writeFileSync(marker, 'the files of the real /tmp stay');
    const earlier = hostState();
    const processes = await withBed({}, async (bed) => {
      await startUnits(bed, { 'loop.service': crashLoopUnit(), 'idle.service': idleUnit() });
      await until('it crashes', async () => (await scheduledRestarts(bed)).has('loop.service'));
      assert.equal(ownCgroups(process.pid).length, hierarchies.length);
      return processesOf(bed.pid);
    });
    assert.ok(processes.length >= 6, `${processes.length} processes`);
    assert.deepEqual(processes.filter(lives), []);
    assert.deepEqual(hostState(), earlier);
    assert.equal(readFileSync(marker, 'utf8'), 'the files of the real /tmp stay');
    rmSync(join(marker, '..'), { recursive: true });
  });

  test('two at once do not meet, and each may be stopped twice', async () => {
    const [one, other] = await Promise.all([bootSystemd(), bootSystemd()]);
    one.writeUnit('own.service', idleUnit());
    await one.systemctl('start', 'own.service');
    assert.equal((await show(other, 'own.service', 'LoadState'))['LoadState'], 'not-found');
    await Promise.all([one.stop(), one.stop()]);
    assert.equal((await other.systemctl('is-system-running')).trim(), 'running');
    await assert.rejects(one.exec(['true']), /^Error: true: the throw-away systemd has ended$/);
    await other.stop();
    await other.stop();
    assert.deepEqual(ownCgroups(process.pid), []);
  });

  test('it may end by itself', async () => {
    const bed = await bootSystemd();
    const processes = processesOf(bed.pid);
    let gone = false;
    void bed.gone.then(() => {
      gone = true;
    });
    await bed.exec(['systemctl', 'poweroff', '--force', '--force']);
    await until('it is gone', () => gone);
    assert.deepEqual(processes.filter(lives), []);
    assert.deepEqual(ownCgroups(process.pid), []);
    await bed.stop();
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    test(`${signal} to the process that booted it leaves nothing`, async () => {
      const child = await bootInChild();
      child.kill(signal);
      await until('all processes are gone', () => !child.processes.some(lives));
      await until('the cgroups are gone', () => child.cgroups().length === 0);
    });
  }

  test('where the guard is killed as well, no process stays, and the next boot removes the rest', async () => {
    const child = await bootInChild();
    const [guard] = child.processes;
    process.kill(guard?.pid ?? assert.fail('no guard'), 'SIGKILL');
    child.kill('SIGKILL');
    await until('all processes are gone', () => !child.processes.some(lives));
    assert.equal(child.cgroups().length, hierarchies.length);
    await (await bootSystemd()).stop();
    assert.deepEqual(child.cgroups(), []);
  });

  test('a process that forgets to stop it ends all the same', async () => {
    const child = await bootInChild('');
    await until('all processes are gone', () => !child.processes.some(lives));
    await until('the cgroups are gone', () => child.cgroups().length === 0);
  });
});

interface Child {
  readonly processes: readonly Life[];
  /** What is left of its cgroups. */
  cgroups(): string[];
  kill(signal: NodeJS.Signals): void;
}

/** Boots in a process of its own, which then does nothing, for a minute unless told otherwise. */
async function bootInChild(then = 'setTimeout(() => {}, 60_000);'): Promise<Child> {
  const module = JSON.stringify(new URL('../../src/demo/boot.js', import.meta.url).href);
  const script = `
    const { bootSystemd } = await import(${module});
    const bed = await bootSystemd();
    await new Promise((resolve) => process.stdout.write(bed.pid + '\\n', resolve));
    process.stdin.once('data', () => { process.stdin.destroy(); ${then} });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const owner = child.pid ?? assert.fail('no child');
  const [line] = await once(createInterface(child.stdout), 'line');
  const processes = processesOf(Number(line));
  child.stdin.write('\n');
  return {
    processes,
    cgroups: () => ownCgroups(owner),
    kill: (signal) => child.kill(signal),
  };
}

describe('where it cannot be booted', () => {
  const boot = new URL('../../src/demo/boot.js', import.meta.url).href;
  const script = `
    const { bootSystemd } = await import(${JSON.stringify(boot)});
    await bootSystemd(JSON.parse(process.argv[1])).then(
      (bed) => bed.stop().then(() => console.log('it boots')),
      (error) => console.log(error.code, error.message));`;
  const bootWith = async (wrapper: readonly string[], options = {}): Promise<string> => {
    const argv = ['--input-type=module', '-e', script, JSON.stringify(options)];
    const [file = '', ...rest] = [...wrapper, process.execPath, ...argv];
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    await once(child, 'close');
    return text;
  };

  test('not root', () => {
    assert.throws(() => checkRequirements('/', 1000), {
      code: 'CANNOT_BOOT',
      message:
        'A throw-away systemd needs root, for its namespaces and mounts: run it as root (sudo).',
    });
  });

  test('root that may not make namespaces', async () => {
    assert.equal(
      await bootWith(['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin']),
      'CANNOT_BOOT A throw-away systemd needs to make namespaces, mounts and cgroups, which is ' +
        'refused here (unshare: unshare failed: Operation not permitted): run it on a machine, ' +
        'or in a container that may (privileged).\n',
    );
  });

  test('a tree without systemd and dbus-daemon', async () => {
    const root = mkdtempSync(join(tmpdir(), 'unitwatch-test-'));
    const error = await bootSystemd({ root }).catch((reason: unknown) => reason);
    rmSync(root, { recursive: true });
    assert.ok(error instanceof CannotBoot);
    assert.equal(
      error.message,
      `A throw-away systemd needs programs that are not in ${root} or on this machine: ` +
        'systemctl (package systemd), unshare (package util-linux), mount (package mount), ' +
        'umount (package mount), dbus-daemon (package dbus); install them and try again.',
    );
  });

  test('a start that takes too long', async () => {
    const units = {
      'slow.service':
        '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep 60\n',
      'basic.target.d/slow.conf': '[Unit]\nRequires=slow.service\nAfter=slow.service\n',
    };
    await assert.rejects(bootSystemd({ units, readyTimeoutMs: 1500 }), (error: Error) => {
      assert.equal(error.message, 'The throw-away systemd did not start: it said nothing.');
      assert.match(String(error.cause), /no end after 1500 ms/);
      return true;
    });
    assert.deepEqual(ownCgroups(process.pid), []);
  });

  test('cgroups that cannot be made', async () => {
    const readOnly = `for f in $(findmnt -rno TARGET -t cgroup,cgroup2); do mount -o remount,bind,ro $f; done; exec "$@"`;
    assert.match(
      await bootWith(['unshare', '--mount', 'sh', '-c', readOnly, 'sh']),
      /^CANNOT_BOOT A throw-away systemd needs to make cgroups in \S+, which is refused here: run it/,
    );
  });

  test('no cgroup2', async () => {
    const without = 'umount -l $(findmnt -rno TARGET -t cgroup2); exec "$@"';
    assert.match(
      await bootWith(['unshare', '--mount', 'sh', '-c', without, 'sh']),
      /^CANNOT_BOOT A throw-away systemd needs a cgroup2 file system, and none is mounted here/,
    );
  });

  test('but it boots on a host that has only cgroup2', async () => {
    const only =
      'umount -R -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';
    assert.equal(await bootWith(['unshare', '--mount', 'sh', '-c', only, 'sh']), 'it boots\n');
  });
});

test('hierarchies are read from mountinfo', () => {
  const line = (mountPoint: string, type: string, options: string) =>
    `41 31 0:38 / ${mountPoint} rw,relatime shared:9 - ${type} ${type} ${options}`;
  const cases = [
    {
      name: 'pure v2',
      given: [line('/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate')],
      want: { unified: '/sys/fs/cgroup', legacy: [], legacyMemory: false },
    },
    {
      name: 'hybrid, memory on v1, one of them mounted twice',
      given: [
        line('/sys/fs/cgroup/unified', 'cgroup2', 'rw'),
        line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
        line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
        line('/elsewhere', 'cgroup', 'rw,memory'),
        line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
        line('/sys/fs/cgroup/cpuset', 'cgroup', 'rw,cpuset'),
      ],
      want: {
        unified: '/sys/fs/cgroup/unified',
        legacy: ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/cpu,cpuacct'],
        legacyMemory: true,
      },
    },
    {
      name: 'none',
      given: [line('/', 'ext4', 'rw')],
      want: { unified: undefined, legacy: [], legacyMemory: false },
    },
  ];
  for (const { name, given, want } of cases)
    assert.deepEqual(hierarchiesIn(given.join('\n')), want, name);
});
