import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpOutput } from '../../src/outputs/http.ts';
import { faultsOf } from '../validate.ts';
import { get } from './http-client.ts';
import { failed, World } from './page-world.ts';

interface Stream {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

/** A client over a bare socket, so that it can stop reading; chunks' lengths are left in its text. */
function open(server: HttpOutput, path = '/api/events', header = ''): Stream {
  const socket = connect(server.address.port, server.address.host);
  const stream: Stream = { socket, text: '', closed: false };
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    stream.text += data.toString();
  });
  socket.on('close', () => {
    stream.closed = true;
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\n`);
  return stream;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

const dataOf = (text: string): unknown[] =>
  [...text.matchAll(/^data: (\{"seq.*)$/gm)].map(([, json]) => JSON.parse(json ?? ''));

test('events come as server-sent events and as NDJSON, each valid and in order', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const sse = open(server);
  const ndjson = open(server, '/api/events?format=ndjson');
  await until(() => world.listeners.size === 1 && /\n\r\n/.test(ndjson.text));
  await until(() => sse.text.includes('retry: 3000'));
  for (let i = 0; i < 50; i++) world.tell(failed(`unit-${i}.service`));
  await until(
    () => sse.text.includes('unit-49.service') && ndjson.text.includes('unit-49.service'),
  );
  assert.match(sse.text, /content-type: text\/event-stream/i);
  assert.match(ndjson.text, /content-type: application\/x-ndjson/i);
  const events = dataOf(sse.text);
  const lines = [...ndjson.text.matchAll(/^\{"seq.*$/gm)].map(([line]) => JSON.parse(line));
  assert.deepEqual(
    events.map((event) => (event as { service: string }).service),
    Array.from({ length: 50 }, (_, i) => `unit-${i}.service`),
  );
  assert.deepEqual(events, lines);
  for (const event of events) assert.deepEqual(faultsOf(event), []);
  sse.socket.destroy();
  ndjson.socket.destroy();
  await until(() => world.listeners.size === 0);
});

test('a name with line ends in it cannot make an event of its own', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const stream = open(server);
  await until(() => world.listeners.size === 1);
  const name = 'a\n\ndata: {"seq":99}\n\nevent: gap\u2028\r\rdata: x.service';
  world.tell(failed(name));
  await until(() => dataOf(stream.text).length > 0);
  await sleep(100);
  const events = dataOf(stream.text) as { service: string }[];
  assert.deepEqual(
    events.map(({ service }) => service),
    [name],
  );
  assert.doesNotMatch(stream.text, /^event: gap/m);
  stream.socket.destroy();
});

test('16 streams are served, the 17th is told to come back, and pages and scrapes go on', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const streams = Array.from({ length: 16 }, () => open(server));
  await until(() => streams.every(({ text }) => text.includes('retry')));
  const refused = await get(server, '/api/events');
  assert.equal(refused.status, 503);
  assert.equal(refused.headers['retry-after'], '15');
  assert.equal(world.listeners.size, 1, 'one subscription for all');
  for (const path of ['/metrics', '/healthz', '/', '/api/status']) {
    assert.equal((await get(server, path)).status, 200, path);
  }
  streams[0]?.socket.destroy();
  await sleep(100);
  const again = open(server);
  await until(() => again.text.includes('retry'));
  assert.match(again.text, /^HTTP\/1\.1 200 /);
  for (const { socket } of [...streams, again]) socket.destroy();
  await until(() => world.listeners.size === 0);
});

test('clients that send many requests at once and leave take no place with them', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const burst = async (path: string, end: (socket: Socket) => void): Promise<void> => {
    const socket = connect(server.address.port, server.address.host);
    socket.on('error', () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`.repeat(16));
    await new Promise((resolve) => socket.once('readable', resolve));
    end(socket);
  };
  const impolite = [
    (socket: Socket) => socket.destroy(),
    (socket: Socket) => socket.resetAndDestroy(),
  ];
  for (const path of ['/api/events', '/', '/api/status'])
    for (const end of impolite) await burst(path, end);
  await until(() => world.listeners.size === 0);
  const streams = Array.from({ length: 16 }, () => open(server));
  await until(() => streams.every(({ text }) => text.includes('retry')));
  for (const path of ['/', '/api/status'])
    assert.equal((await get(server, path)).status, 200, path);
  for (const { socket } of streams) socket.destroy();
  await until(() => world.listeners.size === 0);
});

test('a stream outlives the limit of silence, and one that nobody reads does not', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const quiet = open(server);
  await until(() => quiet.text.includes('retry'));
  const stalled = open(server);
  await until(() => stalled.text.includes('retry'));
  stalled.socket.pause();
  const began = performance.now();
  // More than the kernel's buffers take on its behalf, at the rate that streams may have.
  const big = 'x'.repeat(20_000);
  const feed = setInterval(() => {
    for (let i = 0; i < 20; i++) world.tell({ ...failed('a.service'), message: big });
  }, 50);
  t.after(() => clearInterval(feed));
  // A paused socket hears of its end only when it reads on; the server's own count tells.
  let left = 2;
  while (left === 2 && performance.now() - began < 90_000) {
    await sleep(200);
    left = await connections(server);
  }
  clearInterval(feed);
  assert.equal(left, 1, 'the stalled one is gone');
  assert.ok(performance.now() - began > 9_000, 'not before its time');
  assert.equal(quiet.closed, false);
  quiet.text = '';
  await until(() => quiet.text.includes(':\n\n'));
  assert.match((await get(server, '/healthz')).body.toString(), /ok/);
  quiet.socket.destroy();
  stalled.socket.destroy();
});

/** Established connections of clients to the server, as the kernel sees them. */
async function connections(server: HttpOutput): Promise<number> {
  const port = server.address.port.toString(16).toUpperCase().padStart(4, '0');
  const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n');
  return rows.filter((row) => new RegExp(`^ *\\d+: [0-9A-F]+:${port} \\S+ 01 `).test(row)).length;
}

test('more than a stream may have is dropped and told', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const stream = open(server);
  await until(() => stream.text.includes('retry'));
  for (let i = 0; i < 20_000; i++) world.tell(failed('a.service'));
  await until(() => /event: gap\ndata: /.test(stream.text));
  await sleep(200);
  const dropped = [...stream.text.matchAll(/event: gap\ndata: \{"dropped":(\d+)\}/g)]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);
  const got = dataOf(stream.text).length;
  assert.equal(got + dropped, 20_000);
  assert.ok(got >= 500 && got <= 15_000, `${got}`);
  stream.socket.destroy();
});

test('streams that another site opens are refused', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example' },
    { host: 'evil.example' },
  ]) {
    assert.equal((await get(server, '/api/events', { headers })).status, 403);
  }
  assert.equal(world.listeners.size, 0);
  const head = await get(server, '/api/events', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(world.listeners.size, 0);
});

test('streams do not hold up the end of the server', async () => {
  const world = new World();
  const server = await world.serve();
  const streams = Array.from({ length: 16 }, () => open(server));
  await until(() => streams.every(({ text }) => text.includes('retry')));
  await server.close();
  await until(() => streams.every(({ closed }) => closed));
  assert.equal(world.listeners.size, 0);
});

test('clients that come and go by the hundred leave nothing behind', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  for (let round = 0; round < 20; round++) {
    const streams = Array.from({ length: 15 }, () => open(server));
    await until(() => streams.every(({ text }) => text.includes('HTTP/1.1')));
    for (const { socket } of streams) socket.destroy();
    await until(() => world.listeners.size === 0);
  }
  assert.equal((await get(server, '/healthz')).status, 200);
});
