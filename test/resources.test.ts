import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { resourceCost } from '../bench/resource-cost.ts';
import { ResourceReader } from '../src/collector/resources.ts';

const folder = mkdtempSync(join(tmpdir(), 'unitwatch-resources-'));
after(() => rmSync(folder, { recursive: true }));

/** A tree of files, and a reader on it. */
function fixture(name: string, files: Readonly<Record<string, string>>): ResourceReader {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return new ResourceReader({ cgroup: join(root, 'cgroup'), proc: join(root, 'proc') });
}

const host = { 'proc/meminfo': 'MemTotal:        8000000 kB\nMemFree: 5 kB\n' };
const web = 'system.slice/web.service';
const v2 = {
  ...host,
  'cgroup/cgroup.procs': '',
  'cgroup/cgroup.controllers': 'cpu io memory pids\n',
  [`cgroup/${web}/memory.stat`]:
    'anon 104857600\nfile 999999999\nkernel 5\nanon_thp 7\nswapcached 3\n',
  [`cgroup/${web}/memory.swap.current`]: '4096\n',
  [`cgroup/${web}/memory.max`]: 'max\n',
  'cgroup/system.slice/memory.max': '2147483648\n',
  [`cgroup/${web}/cpu.stat`]: 'usage_usec 1234567\nuser_usec 1\n',
};
const target = { cgroup: `/${web}`, pid: 0 };

test('cgroup v2: anonymous memory and swap, without page cache; the limit of the slice above', () => {
  assert.deepEqual(fixture('v2', v2).read(target), {
    anonBytes: 104_861_696,
    source: 'cgroup',
    cpuUs: 1_234_567,
    limitBytes: 2_147_483_648,
  });
});

const v1 = {
  ...host,
  'cgroup/memory/memory.stat': 'cache 1\n',
  'cgroup/cpuacct/cpuacct.usage': '1\n',
  [`cgroup/memory/${web}/memory.stat`]:
    'cache 900\nrss 10\nswap 1\nhierarchical_memory_limit 9223372036854771712\ntotal_cache 900\ntotal_rss 5000\ntotal_swap 200\n',
  [`cgroup/cpuacct/${web}/cpuacct.usage`]: '7000000\n',
};

test('cgroup v1: total_rss and total_swap; no limit is the memory of the host', () => {
  assert.deepEqual(fixture('v1', v1).read(target), {
    anonBytes: 5200,
    source: 'cgroup',
    cpuUs: 7000,
    limitBytes: 8_192_000_000,
  });
});

test('both side by side: memory from v1, CPU time from v2', () => {
  const reader = fixture('hybrid', {
    ...v1,
    'cgroup/unified/cgroup.procs': '',
    'cgroup/unified/cgroup.controllers': '\n',
    [`cgroup/unified/${web}/cpu.stat`]: 'usage_usec 42\n',
  });
  assert.deepEqual(reader.read(target), {
    anonBytes: 5200,
    source: 'cgroup',
    cpuUs: 42,
    limitBytes: 8_192_000_000,
  });
});

test('without a memory controller: MemoryCurrent, then the main process, then nothing', () => {
  const reader = fixture('bare', {
    ...host,
    'cgroup/cgroup.procs': '',
    'cgroup/cgroup.controllers': 'cpu pids\n',
    'proc/77/status': 'Name:\tweb\nRssAnon:\t    1000 kB\nVmSwap:\t      24 kB\n',
  });
  const limitBytes = 8_192_000_000;
  assert.deepEqual(reader.read({ ...target, memoryCurrentBytes: 5 }), {
    anonBytes: 5,
    source: 'dbus',
    limitBytes,
  });
  const unset = 2 ** 64 - 1;
  assert.deepEqual(reader.read({ ...target, pid: 77, memoryCurrentBytes: unset }), {
    anonBytes: 1_048_576,
    source: 'proc',
    limitBytes,
  });
  assert.equal(reader.read({ ...target, pid: 78 }), undefined);
});

test('a path that leads elsewhere is not followed, an empty file is no number', () => {
  const reader = fixture('odd', {
    ...v2,
    [`cgroup/${web}/memory.stat`]: '',
    'outside/memory.stat': 'anon 5\n',
  });
  assert.equal(reader.read(target), undefined);
  assert.equal(reader.read({ cgroup: '/../outside', pid: 0 }), undefined);
  assert.equal(reader.read({ cgroup: 'outside', pid: 0 }), undefined);
});

test('the limit is read anew now and then', () => {
  const reader = fixture('limit', v2);
  assert.equal(reader.read(target)?.limitBytes, 2_147_483_648);
  writeFileSync(join(folder, 'limit/cgroup', web, 'memory.max'), '1048576\n');
  const limits = Array.from({ length: 11 }, () => reader.read(target)?.limitBytes);
  assert.deepEqual([limits[0], limits.at(-1)], [2_147_483_648, 1_048_576]);
});

/** Where the kernel keeps memory cgroups here; undefined where we may not make one. */
function realMemoryRoot(): string | undefined {
  const roots = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'];
  return roots.find((root) => existsSync(join(root, 'memory.stat')) && process.getuid?.() === 0);
}

test('a real cgroup: what a process has touched is what is read', async (t) => {
  const root = realMemoryRoot();
  const name = `unitwatch-test-${process.pid}`;
  const made = root === undefined ? undefined : join(root, name);
  if (made !== undefined) mkdirSync(made);
  const script =
    'const b = Buffer.alloc(64e6, 1); process.stdout.write("ready"); setInterval(() => b.length, 1e6)';
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    if (made !== undefined) rmdirSync(made);
  });
  const pid = child.pid as number;
  if (made !== undefined) execFileSync('/bin/sh', ['-c', `echo ${pid} > ${made}/cgroup.procs`]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const reader = new ResourceReader();
  const reading = reader.read({ cgroup: made === undefined ? '' : `/${name}`, pid });
  assert.ok(reading);
  assert.equal(reading.source, made === undefined ? 'proc' : 'cgroup');
  assert.ok(reading.anonBytes >= 64e6 && reading.anonBytes < 200e6, `${reading.anonBytes}`);
  assert.ok((reading.limitBytes ?? 0) > 64e6);
});

test('reading cgroups costs what it may: a thousand each 30 s below half a percent of a core', () => {
  const cost = resourceCost(50, 20);
  // Another process may take the cache away: the goal with room, the bench has the figure.
  if (cost !== undefined)
    assert.ok(cost.readingUs * 1000 < 4 * 0.005 * 30e6, `${cost.readingUs} µs`);
  else assert.equal(realMemoryRoot(), undefined);
});
