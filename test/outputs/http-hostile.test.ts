import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpOutput } from '../../src/outputs/http.ts';
import { testView, unitView } from './agent-view.ts';
import { get, onePage, serve, talk } from './http-client.ts';

const units = Array.from({ length: 10_000 }, (_, i) => unitView(`unit-${i}.service`));
let server: HttpOutput;
before(async () => {
  server = await serve(testView(units), { routes: onePage });
});
after(() => server.close());

async function stillServes(): Promise<void> {
  assert.equal((await get(server, '/healthz')).status, 200);
}

test('requests that are none are refused and closed', async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['nonsense\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['\0\x01\x02\xff\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /metrics HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /metrics HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /metrics HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: x\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 404 /],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(9_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['GET /page HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 403 /],
    ['BREW /metrics HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nsome', /^HTTP\/1\.1 413 /],
    ['GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 200 /],
  ];
  for (const [bytes, want] of table) {
    const { text, tookMs } = await talk(server, bytes);
    assert.match(text, want, JSON.stringify(bytes.slice(0, 60)));
    assert.ok(tookMs < 8_000, `${tookMs} ms`);
  }
  await stillServes();
});

test('many headers are refused or ignored, and the server lives', async () => {
  const many = Array.from({ length: 3_000 }, (_, i) => `h${i}: 1\r\n`).join('');
  const { text } = await talk(server, `GET /healthz HTTP/1.1\r\nHost: a\r\n${many}\r\n`);
  assert.match(text, /^HTTP\/1\.1 431 /);
  await stillServes();
});

test('pipelined requests are answered in order', async () => {
  const one = (path: string, more = ''): string =>
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
  const bytes =
    one('/healthz') + one('/metrics') + one('/readyz') + one('/no', 'Connection: close\r\n');
  const { text } = await talk(server, bytes);
  const positions = [
    '"bus":"connected"',
    'unitwatch_build_info{',
    '"status":"ready"',
    'Nothing here',
  ].map((part) => text.indexOf(part));
  assert.ok(
    positions.every((position) => position > 0),
    String(positions),
  );
  assert.deepEqual(
    positions,
    [...positions].sort((a, b) => a - b),
  );
  assert.equal(text.match(/^unitwatch_service_state/gm)?.length, 60_000);
});

test('a client that pipelines scrapes and leaves costs nothing that stays', async () => {
  for (let i = 0; i < 10; i++) {
    const socket = connect(server.address.port, server.address.host);
    socket.on('error', () => undefined);
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50));
    await new Promise((resolve) => socket.once('readable', resolve));
    socket.destroy();
  }
  const began = performance.now();
  assert.equal((await get(server, '/metrics')).status, 200);
  assert.ok(performance.now() - began < 5_000);
});

test('silent and slow clients are closed', async () => {
  const silent = talk(server, '');
  const half = talk(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n');
  const dripping = new Promise<number>((resolve) => {
    const began = performance.now();
    const socket = connect(server.address.port, server.address.host);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
    const drip = setInterval(() => socket.write('a'), 200);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(drip);
      resolve(performance.now() - began);
    });
    socket.resume();
  });
  const slow = [(await silent).tookMs, (await half).tookMs, await dripping];
  for (const tookMs of slow) assert.ok(tookMs > 3_000 && tookMs < 9_000, String(slow));
  await stillServes();
});

test('readers that never read do not keep others from being served', async () => {
  const stalled = Array.from({ length: 8 }, () => {
    const socket = connect(server.address.port, server.address.host);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    return socket;
  });
  await sleep(300);
  const began = performance.now();
  assert.equal((await get(server, '/healthz')).status, 200);
  assert.ok(performance.now() - began < 1_000);
  assert.equal((await get(server, '/metrics')).status, 200);
  assert.ok(performance.now() - began < 10_000);
  for (const socket of stalled) socket.destroy();
});

test('of more than 64 connections the oldest idle ones are ended, and who asks is answered', async () => {
  // Those of the tests before have to be gone.
  await sleep(200);
  const closed: number[] = [];
  const sockets: Socket[] = [];
  for (let i = 0; i < 80; i++) {
    const socket = connect(server.address.port, server.address.host);
    socket.on('error', () => undefined);
    socket.on('close', () => closed.push(i));
    socket.resume();
    sockets.push(socket);
    await once(socket, 'connect');
  }
  await stillServes();
  await sleep(300);
  assert.deepEqual(
    closed.toSorted((a, b) => a - b),
    Array.from({ length: 17 }, (_, i) => i),
  );
  const last = sockets[79];
  assert.ok(last);
  const answer = once(last, 'data', { signal: AbortSignal.timeout(10_000) });
  last.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(String(await answer), /^HTTP\/1\.1 200 /);
  for (const socket of sockets) socket.destroy();
  await sleep(100);
  await stillServes();
});
