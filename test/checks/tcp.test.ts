import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { httpProber } from '../../src/checks/http/probe.ts';
import { failureOf } from '../../src/checks/tcp/dial.ts';
import { isHostName } from '../../src/checks/tcp/host-name.ts';
import { candidates, parseHosts, parseResolvConf } from '../../src/checks/tcp/name-files.ts';
import { tcpProber } from '../../src/checks/tcp/probe.ts';
import { NameResolver } from '../../src/checks/tcp/resolver.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import type { ProbeResult } from '../../src/model/probe.ts';
import { ensureInstalled, run } from '../debian.ts';
import { freeze } from '../freeze.ts';
import { contextOf, httpEndpoint, Servers } from './endpoint-servers.ts';
import { eventually } from './standing.ts';

const servers = new Servers();
after(() => servers.close());

const quiet = (socket: Socket): void => void socket.resume();

async function probeOnce(
  host: string,
  port: number,
  context = contextOf(),
  timeoutMs = 10_000,
): Promise<ProbeResult> {
  const prober = tcpProber(
    { name: 'db', kind: 'tcp', host, port, intervalMs: 1_000, timeoutMs },
    context,
  );
  try {
    return await prober.probe();
  } finally {
    prober.close();
  }
}

/** Listens, is stopped and full: the kernel answers no further connection. */
async function deaf(host: string, port: number): Promise<{ port: number; close(): void }> {
  const script = `require('net').createServer().listen({host:'${host}',port:${port},backlog:1},
    function () { console.log(this.address().port) })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout, 'data');
  const taken = Number(text);
  await freeze(child.pid ?? assert.fail('it runs'));
  const filling = Array.from({ length: 4 }, () =>
    connect({ host, port: taken }).on('error', () => {}),
  );
  await sleep(200);
  return {
    port: taken,
    close: () => {
      for (const socket of filling) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

/** Answers A and AAAA questions from a table; an unknown name does not exist. */
function nameServer(table: Readonly<Record<string, readonly string[]>>) {
  return (query: Buffer): Buffer => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const question = query.subarray(12, at + 5);
    const addresses = table[labels.join('.').toLowerCase()];
    const records = (addresses ?? []).flatMap((address) => {
      const isSix = address.includes(':');
      if (type !== (isSix ? 28 : 1)) return [];
      const bytes = isSix ? sixBytes(address) : Buffer.from(address.split('.').map(Number));
      const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length]);
      return [Buffer.concat([record, bytes])];
    });
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, addresses ? 0x80 : 0x83]);
    const counts = Buffer.from([0, 1, 0, records.length, 0, 0, 0, 0]);
    return Buffer.concat([header, counts, question, ...records]);
  };
}

/** Of `::` and one group only. */
function sixBytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(Number.parseInt(address.slice(2), 16), 14);
  return bytes;
}

test('up over IPv4, IPv6 and names; refused where nobody listens', async () => {
  const four = await servers.tcp(quiet);
  const six = await servers.tcp(quiet, '::1');
  const closed = new Servers();
  const free = await closed.tcp(quiet);
  closed.close();
  const said = async (host: string, port: number): Promise<string> => {
    const { up, reason, address } = await probeOnce(host, port);
    return `${up} ${reason} ${address}`;
  };
  assert.equal(await said('127.0.0.1', four), 'true  127.0.0.1');
  assert.equal(await said('::1', six), 'true  ::1');
  assert.equal(await said('localhost', four), 'true  127.0.0.1');
  assert.equal(await said('localhost', six), 'true  ::1');
  assert.equal(await said('Good.Test', four), 'true  127.0.0.1');
  assert.equal(await said('127.0.0.1', free), 'false refused 127.0.0.1');
});

test('the target of an IPv6 address has brackets', () => {
  const endpoint = {
    name: 'x',
    kind: 'tcp',
    host: '::1',
    port: 5,
    intervalMs: 1,
    timeoutMs: 1,
  } as const;
  assert.equal(tcpProber(endpoint, contextOf()).target, '[::1]:5');
});

test('a free port of this machine is never taken for a listener', async () => {
  // Connecting to a free port of the range that ports are given out from can connect it with itself.
  const closed = new Servers();
  const free = await closed.tcp(quiet);
  closed.close();
  const context = contextOf();
  for (let n = 0; n < 2_000; n++)
    assert.equal((await probeOnce('127.0.0.1', free, context)).up, false);
});

test('who does not answer is a timeout, and what the kernel cannot reach is unreachable', async () => {
  const silent = await deaf('127.0.0.1', 0);
  const result = await probeOnce('127.0.0.1', silent.port, contextOf(), 300);
  silent.close();
  assert.deepEqual([result.up, result.reason, result.attempts], [false, 'timeout', 1]);
  assert.ok(result.durationSeconds >= 0.29);
  assert.equal((await probeOnce('255.255.255.255', 9)).up, false);
  const codes = ['ENETUNREACH', 'EHOSTUNREACH', 'ECONNREFUSED', 'ETIMEDOUT', 'EMFILE'];
  const faults = codes.map((code) => failureOf(Object.assign(new Error(code), { code })).fault);
  assert.deepEqual(faults, ['unreachable', 'unreachable', 'refused', 'timeout', 'local']);
});

test('a connection that is established and then reset is up, however soon the reset comes', async () => {
  const port = await servers.tcp((socket) => void socket.resetAndDestroy());
  for (let n = 0; n < 50; n++) {
    const { up, reason } = await probeOnce('127.0.0.1', port);
    assert.deepEqual([up, reason], [true, ''], `probe ${n}`);
  }
});

test('a reset wins over addresses that refuse or are silent, also where it is seen before the connection', async (t) => {
  const script = `const { createServer } = require('net');
    const server = createServer((socket) => socket.resetAndDestroy());
    server.listen(0, '127.0.0.2', () =>
      require('worker_threads').parentPort.postMessage(server.address().port));`;
  const worker = new Worker(script, { eval: true });
  t.after(() => worker.terminate());
  const [port] = await once(worker, 'message');
  // This thread looks away for so long that the reset is there when it looks.
  const word = new Int32Array(new SharedArrayBuffer(4));
  const busy = setInterval(() => Atomics.wait(word, 0, 0, 20), 1);
  t.after(() => clearInterval(busy));
  const hosts = '127.0.0.1 two.test\n127.0.0.2 two.test\n';
  const url = `http://two.test:${port}/`;
  const said = async (): Promise<unknown> => {
    const tcp = await probeOnce('two.test', port, contextOf({ hosts }), 2_000);
    const prober = httpProber(httpEndpoint({ url, timeoutMs: 2_000 }), contextOf({ hosts }));
    const http = await prober.probe();
    prober.close();
    return [tcp.up, tcp.reason, tcp.address, http.fault, http.address];
  };
  const want = [true, '', '127.0.0.2', 'reset', '127.0.0.2'];
  for (let n = 0; n < 5; n++) assert.deepEqual(await said(), want, 'the first refuses');
  const silent = await deaf('127.0.0.1', port);
  t.after(silent.close);
  for (let n = 0; n < 3; n++) assert.deepEqual(await said(), want, 'the first is silent');
});

test('a greeting is read, and the connection ends without a reset', async () => {
  const ends: string[] = [];
  const port = await servers.tcp((socket) => {
    socket.write('220 ready\r\n'.repeat(100));
    socket.on('error', (error) => ends.push(String(error)));
    socket.on('end', () => ends.push('end'));
    socket.resume();
  });
  const prober = tcpProber(
    { name: 'db', kind: 'tcp', host: '127.0.0.1', port, intervalMs: 1_000, timeoutMs: 10_000 },
    contextOf(),
  );
  for (let n = 0; n < 20; n++) assert.equal((await prober.probe()).up, true);
  await eventually('20 ends', () => ends.length === 20);
  assert.deepEqual(new Set(ends), new Set(['end']));
  prober.close();
});

test('a name with a dead address is up by the other one; which answered is said', async () => {
  const port = await servers.tcp(quiet);
  const server = await servers.dns(
    nameServer({ 'two.test': ['127.0.0.2', '127.0.0.1'], 'dual.test': ['::2', '127.0.0.1'] }),
  );
  const context = contextOf({ servers: [server] });
  const silent = await deaf('127.0.0.2', port);
  const two = await probeOnce('two.test', port, context);
  assert.deepEqual([two.up, two.address, two.attempts], [true, '127.0.0.1', 2]);
  silent.close();
  const dual = await probeOnce('dual.test', port, context);
  assert.deepEqual([dual.up, dual.address, dual.attempts], [true, '127.0.0.1', 2]);
  const all = await probeOnce('none.test', port, context);
  assert.deepEqual([all.fault, all.reason], ['name', 'name not found']);
});

test('hosts are names in any script, or addresses, and nothing else', async () => {
  const good = ['a', 'a_b.example.org.', '1.2.3.4', '::1', 'fe80::1%eth0', 'büro.example'];
  for (const host of good) assert.equal(isHostName(host), true, host);
  const long = `${'a'.repeat(63)}.`.repeat(4);
  const bad = ['', 'a b', 'a:1', '[::1]', 'http://a/', 'a..b', '.a', 'bü ro', long, 'a'.repeat(64)];
  for (const host of bad) assert.equal(isHostName(host), false, host);
  const port = await servers.tcp(quiet);
  const server = await servers.dns(nameServer({ 'xn--bro-hoa.example': ['127.0.0.1'] }));
  assert.equal((await probeOnce('Büro.example', port, contextOf({ servers: [server] }))).up, true);
});

test('down only when all addresses fail', async () => {
  const closed = new Servers();
  const free = await closed.tcp(quiet);
  closed.close();
  const hosts = '127.0.0.1 many.test\n127.0.0.2 many.test\n127.0.0.3 many.test\n';
  const none = await probeOnce('many.test', free, contextOf({ hosts }));
  assert.deepEqual([none.reason, none.attempts], ['refused', 3]);
  const last = await servers.tcp(quiet, '127.0.0.3');
  const one = await probeOnce('many.test', last, contextOf({ hosts }));
  assert.deepEqual([one.up, one.address, one.attempts], [true, '127.0.0.3', 3]);
});

test('a name server that never answers, one that fails, one that is not there', async () => {
  const silent = await servers.dns();
  const failing = await servers.dns((query) => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(0x8182, 2);
    return answer;
  });
  const said = async (server: string, timeoutMs: number): Promise<string> => {
    const context = contextOf({ servers: [server], tryMs: 50 });
    const { fault, reason } = await probeOnce('db.test', 1, context, timeoutMs);
    return `${fault}: ${reason}`;
  };
  assert.equal(await said(silent, 100), 'timeout: timeout (DNS)');
  assert.equal(await said(silent, 30_000), 'dns: DNS timeout');
  assert.equal(await said(failing, 30_000), 'dns: DNS failure (ESERVFAIL)');
});

test('a name server on this machine that is away is refused for each name alike', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can have a network of its own');
  await ensureInstalled(['iproute2']);
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-names-'));
  const file = join(folder, 'resolv.conf');
  writeFileSync(file, 'nameserver 127.0.0.1\n');
  const child = fileURLToPath(new URL('loopback-names-child.js', import.meta.url));
  const inside = `ip link set lo up && mount --bind ${file} /etc/resolv.conf && exec "$0" "$@"`;
  const argv = ['--net', '--mount', 'sh', '-c', inside, process.execPath, child];
  const said = await run('unshare', argv);
  rmSync(folder, { recursive: true });
  assert.deepEqual(JSON.parse(said), ['DNS failure (ECONNREFUSED)']);
});

test('names that hang hold up neither other names nor files', async () => {
  const port = await servers.tcp(quiet);
  const silent = await servers.dns();
  const context = contextOf({ servers: [silent], hosts: '127.0.0.1 alive.test\n' });
  const hanging = Array.from({ length: 200 }, (_, n) =>
    probeOnce(`hangs-${n}.test`, port, context, 1_500),
  );
  let ended = 0;
  for (const one of hanging) void one.then(() => ended++);
  await sleep(100);
  const { readFile } = await import('node:fs/promises');
  await readFile('/proc/self/status');
  assert.equal((await probeOnce('alive.test', port, context)).up, true);
  assert.equal(ended, 0);
  for (const one of await Promise.all(hanging)) assert.equal(one.reason, 'timeout (DNS)');
});

test('a name is asked for once by a thousand checks of one host', async () => {
  const port = await servers.tcp(quiet);
  let questions = 0;
  const answer = nameServer({ 'host.test': ['127.0.0.1'] });
  const server = await servers.dns((query) => {
    questions++;
    return answer(query);
  });
  const context = contextOf({ servers: [server] });
  const results = await Promise.all(
    Array.from({ length: 1_000 }, () => probeOnce('host.test', port, context)),
  );
  assert.equal(results.filter(({ up }) => up).length, 1_000);
  assert.equal(questions, 2);
});

test('hosts(5) and resolv.conf(5) are read as they are written, and anew when they change', async () => {
  assert.deepEqual(
    parseHosts('# x\n127.0.0.1\tlocalhost A.test # b.test\n::1 a.test\nnonsense c.test\n'),
    new Map([
      ['localhost', ['127.0.0.1']],
      ['a.test', ['127.0.0.1', '::1']],
    ]),
  );
  const search = parseResolvConf(
    '; x\nnameserver 127.0.0.1\nsearch a.test b.test.\noptions rotate ndots:2\n',
  );
  assert.deepEqual(search, { domains: ['a.test', 'b.test.'], ndots: 2 });
  assert.deepEqual(candidates('db', search), ['db.a.test', 'db.b.test', 'db']);
  assert.deepEqual(candidates('db.x.y', search), ['db.x.y', 'db.x.y.a.test', 'db.x.y.b.test']);
  assert.deepEqual(candidates('db.', search), ['db']);

  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-names-'));
  const file = join(folder, 'hosts');
  const server = await servers.dns(nameServer({ 'db.a.test': ['127.0.0.7'] }));
  writeFileSync(join(folder, 'resolv.conf'), 'search a.test\n');
  let nowUs = 0;
  const resolver = new NameResolver({
    clock: { monotonicUs: () => nowUs },
    hostsFile: file,
    resolvFile: join(folder, 'resolv.conf'),
    servers: [server],
  });
  assert.deepEqual(await resolver.lookUp('db'), { addresses: ['127.0.0.7'] });
  writeFileSync(file, '127.0.0.8 db\n');
  assert.deepEqual(await resolver.lookUp('db'), { addresses: ['127.0.0.7'] });
  await sleep(0);
  nowUs += 61e6;
  assert.deepEqual(await resolver.lookUp('db'), { addresses: ['127.0.0.8'] });
  resolver.close();
  rmSync(folder, { recursive: true });
});

test('no descriptor is left', async () => {
  const port = await servers.tcp(quiet);
  const silent = await deaf('127.0.0.1', 0);
  const context = contextOf();
  const open = (): number => readdirSync('/proc/self/fd').length;
  await probeOnce('127.0.0.1', port, context);
  await sleep(100);
  const before = open();
  const results = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      n % 3 === 0
        ? probeOnce('127.0.0.1', silent.port, context, 100)
        : probeOnce('localhost', port, context),
    ),
  );
  assert.equal(results.filter(({ up }) => up).length, 200);
  await eventually('every descriptor to be closed', () => open() <= before);
  silent.close();
});

test('times are in seconds, of the phases that there were', async () => {
  const port = await servers.tcp(quiet);
  const fromUs = systemClock.realtimeUs();
  const result = await probeOnce('localhost', port);
  assert.deepEqual(Object.keys(result.phaseSeconds), ['resolve', 'connect']);
  assert.ok(result.timeUs >= fromUs && result.timeUs <= systemClock.realtimeUs());
  assert.ok(result.durationSeconds > 0 && result.durationSeconds < 10);
});
