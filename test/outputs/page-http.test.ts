import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import type { HttpOutput } from '../../src/outputs/http.ts';
import { pageRoutes } from '../../src/outputs/page/routes.ts';
import { testView } from './agent-view.ts';
import { type Answer, get, serve } from './http-client.ts';
import { busyWorld, hostileNames, token, World } from './page-world.ts';

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function send(server: HttpOutput, path: string, { method = 'POST', headers, body = '' }: Sent) {
  return new Promise<Answer>((resolve, reject) => {
    const { host, port } = server.address;
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    request({ host, port, path, method, headers: { ...length, ...headers }, agent: false })
      .on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts),
          }),
        );
      })
      .on('error', reject)
      .end(body);
  });
}

const right = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const stop = JSON.stringify({ action: 'stop', name: 'web.service' });

test('actions: what is asked, and every way in which it is refused', async (t) => {
  const world = busyWorld();
  const server = await world.serve();
  t.after(() => server.close());
  const own = `127.0.0.1:${server.address.port}`;
  const long = JSON.stringify({ action: 'stop', name: 'a'.repeat(5_000) });
  const table: readonly (Sent & { name: string; want: number; says: RegExp })[] = [
    { name: 'right', headers: right, body: stop, want: 200, says: /"ok":true.*It was done/ },
    {
      name: 'from our own page',
      headers: { ...right, origin: `http://${own}`, 'sec-fetch-site': 'same-origin' },
      body: stop,
      want: 200,
      says: /"ok":true/,
    },
    {
      name: 'another site, by Sec-Fetch-Site',
      headers: { ...right, 'sec-fetch-site': 'cross-site' },
      body: stop,
      want: 403,
      says: /Another site/,
    },
    {
      name: 'another port of this host',
      headers: { ...right, 'sec-fetch-site': 'same-site' },
      body: stop,
      want: 403,
      says: /Another site/,
    },
    {
      name: 'another site, by Origin',
      headers: { ...right, origin: 'https://evil.example' },
      body: stop,
      want: 403,
      says: /Another site/,
    },
    {
      name: 'an opaque origin',
      headers: { ...right, origin: 'null' },
      body: stop,
      want: 403,
      says: /Another site/,
    },
    {
      name: 'a foreign host name, as after DNS rebinding',
      headers: { ...right, host: 'evil.example', origin: 'http://evil.example' },
      body: stop,
      want: 403,
      says: /host name is not known/,
    },
    {
      name: 'a form of another site needs no permission to send this type',
      headers: { ...right, 'content-type': 'text/plain' },
      body: stop,
      want: 415,
      says: /application\/json/,
    },
    {
      name: 'no token',
      headers: { 'content-type': right['content-type'] },
      body: stop,
      want: 401,
      says: /token is missing or wrong/,
    },
    {
      name: 'wrong token',
      headers: { ...right, authorization: `Bearer ${token}x` },
      body: stop,
      want: 401,
      says: /wrong/,
    },
    {
      name: 'part of the token',
      headers: { ...right, authorization: `Bearer ${token.slice(1)}` },
      body: stop,
      want: 401,
      says: /wrong/,
    },
    {
      name: 'another scheme',
      headers: { ...right, authorization: `Basic ${token}` },
      body: stop,
      want: 401,
      says: /wrong/,
    },
    { name: 'no JSON', headers: right, body: 'stop', want: 400, says: /The body must be/ },
    { name: 'no object', headers: right, body: 'null', want: 400, says: /The body must be/ },
    { name: 'no body', headers: right, body: '', want: 400, says: /The body must be/ },
    {
      name: 'no name',
      headers: right,
      body: '{"action":"stop"}',
      want: 400,
      says: /The body must be/,
    },
    {
      name: 'a name that is none',
      headers: right,
      body: '{"action":"stop","name":{}}',
      want: 400,
      says: /The body must be/,
    },
    {
      name: 'a method of objects',
      headers: right,
      body: '{"action":"toString","name":"a"}',
      want: 400,
      says: /The body must be/,
    },
    {
      name: 'refresh is no action',
      headers: right,
      body: '{"action":"refresh","name":"a"}',
      want: 400,
      says: /The body must be/,
    },
    { name: 'too long', headers: right, body: long, want: 413, says: /at most 4096 bytes/ },
    { name: 'GET', method: 'GET', headers: right, want: 405, says: /only POST/ },
    { name: 'PUT', method: 'PUT', headers: right, want: 405, says: /only POST/ },
    {
      name: 'preflight',
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example' },
      want: 405,
      says: /only POST/,
    },
  ];
  for (const { name, want, says, ...sent } of table) {
    const { status, body, headers } = await send(server, '/api/actions', sent);
    assert.equal(status, want, name);
    assert.match(body.toString(), says, name);
    assert.equal(headers['access-control-allow-origin'], undefined, name);
  }
  assert.deepEqual(world.asked, ['stop web.service', 'stop web.service']);
});

test('a body without a length is cut off where it is too long', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  const answer = await new Promise<number | undefined>((resolve, reject) => {
    const { host, port } = server.address;
    const one = request({ host, port, path: '/api/actions', method: 'POST', agent: false });
    for (const [name, value] of Object.entries(right)) one.setHeader(name, value);
    one.setHeader('transfer-encoding', 'chunked');
    one.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    one.on('error', reject);
    one.write(' '.repeat(4_000));
    one.end(' '.repeat(4_000));
  });
  assert.equal(answer, 400);
  assert.equal((await send(server, '/api/actions', { headers: right, body: stop })).status, 200);
});

test('names of all kinds reach an action as they are', async (t) => {
  const world = new World();
  const server = await world.serve();
  t.after(() => server.close());
  for (const name of hostileNames) {
    const body = JSON.stringify({ action: 'restart', name });
    const answer = await send(server, '/api/actions', { headers: right, body });
    assert.equal(answer.status, 200, JSON.stringify(name));
    assert.equal(world.asked.at(-1), `restart ${name}`);
  }
});

test('who asks after an action is told what it changed', async (t) => {
  const world = new World();
  const clock = { realtimeUs: () => 1e6, monotonicUs: () => 1e6 };
  const server = await world.serve({ clock });
  t.after(() => server.close());
  const checked = async (): Promise<unknown> =>
    JSON.parse((await get(server, '/api/status')).body.toString()).checked;
  const before = await checked();
  world.checkedUs = 5e6;
  assert.equal(await checked(), before, 'shared for a moment');
  await send(server, '/api/actions', { headers: right, body: stop });
  assert.notEqual(await checked(), before);
});

test('without a token in the configuration nobody may act, and the page offers nothing', async (t) => {
  const world = busyWorld();
  for (const none of [undefined, '']) {
    const server = await world.serve({ token: none });
    t.after(() => server.close());
    for (const authorization of ['Bearer ', 'Bearer undefined', `Bearer ${token}`]) {
      const headers = { ...right, authorization };
      const { status, body } = await send(server, '/api/actions', { headers, body: stop });
      assert.equal(status, 403);
      assert.match(body.toString(), /Actions are off/);
    }
    assert.doesNotMatch((await get(server, '/')).body.toString(), /id="unlock"/);
  }
  assert.deepEqual(world.asked, []);
});

test('after ten wrong tokens even the right one has to wait a minute', async (t) => {
  let nowUs = 5e6;
  const world = new World();
  const clock = { realtimeUs: () => nowUs, monotonicUs: () => nowUs };
  const server = await world.serve({ clock });
  t.after(() => server.close());
  const tried = async (text: string): Promise<number> => {
    const headers = { ...right, authorization: `Bearer ${text}` };
    return (await send(server, '/api/actions', { headers, body: stop })).status;
  };
  for (let i = 0; i < 10; i++) assert.equal(await tried(`wrong${i}`), 401);
  assert.equal(await tried('wrong'), 429);
  assert.equal(await tried(token), 429);
  assert.deepEqual(world.asked, []);
  nowUs += 60e6;
  assert.equal(await tried(token), 200);
  for (let i = 0; i < 9; i++) assert.equal(await tried(`wrong${i}`), 401);
  assert.equal(await tried(token), 200, 'a right one forgives');
  assert.equal(await tried('wrong'), 401);
});

test('what an action says is told, and a fault of ours is not', async (t) => {
  const world = new World();
  const reported: unknown[] = [];
  const routes = pageRoutes(world.context());
  const server = await serve(testView(), { routes, report: (error) => reported.push(error) });
  t.after(() => server.close());
  world.onAction = () => ({ ok: false, sentence: 'No unit is called <web>.' });
  const refused = await send(server, '/api/actions', { headers: right, body: stop });
  assert.equal(refused.status, 409);
  assert.deepEqual(JSON.parse(refused.body.toString()), {
    ok: false,
    sentence: 'No unit is called <web>.',
  });
  assert.match(String(refused.headers['content-type']), /^application\/json/);
  const fault = new Error('secret detail');
  world.onAction = () => Promise.reject(fault);
  const failed = await send(server, '/api/actions', { headers: right, body: stop });
  assert.equal(failed.status, 500);
  assert.doesNotMatch(failed.body.toString(), /secret/);
  assert.deepEqual(reported, [fault]);
});

test('at most eight actions at once, and one that takes long is answered before it ends', async (t) => {
  const world = new World();
  const ends: (() => void)[] = [];
  world.onAction = () =>
    new Promise((resolve) => ends.push(() => resolve({ ok: true, sentence: 'At last.' })));
  const server = await world.serve();
  t.after(() => server.close());
  const waiting = Array.from({ length: 8 }, () =>
    send(server, '/api/actions', { headers: right, body: stop }),
  );
  while (ends.length < 8) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await send(server, '/api/actions', { headers: right, body: stop })).status, 503);
  for (const { status, body } of await Promise.all(waiting)) {
    assert.equal(status, 202);
    assert.match(body.toString(), /still under way/);
  }
  assert.equal((await send(server, '/api/actions', { headers: right, body: stop })).status, 503);
  for (const end of ends) end();
  world.onAction = () => ({ ok: true, sentence: 'Done.' });
  assert.equal((await send(server, '/api/actions', { headers: right, body: stop })).status, 200);
});

test('Refresh: who may, and that many share one check that began after they asked', async (t) => {
  const world = new World();
  const ends: (() => void)[] = [];
  world.onRefresh = () => new Promise((resolve) => ends.push(resolve));
  const server = await world.serve();
  t.after(() => server.close());
  const table: readonly (readonly [string, Record<string, string>, number])[] = [
    ['cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['foreign origin', { origin: 'http://evil.example' }, 403],
    ['foreign host', { host: 'evil.example' }, 403],
  ];
  for (const [name, headers, want] of table) {
    assert.equal((await send(server, '/refresh', { headers })).status, want, name);
  }
  assert.equal((await get(server, '/refresh')).status, 405);
  assert.equal((await send(server, '/refresh', { body: 'a'.repeat(100) })).status, 413);
  assert.equal(world.refreshes, 0);
  const first = send(server, '/refresh', {});
  while (ends.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const others = Array.from({ length: 20 }, () => send(server, '/refresh', {}));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(world.refreshes, 1);
  ends[0]?.();
  const { status, headers } = await first;
  assert.deepEqual([status, headers['location']], [303, '/']);
  while (ends.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  ends[1]?.();
  for (const answer of await Promise.all(others)) assert.equal(answer.status, 303);
  assert.equal(world.refreshes, 2);
});

test('the API has what the page shows', async (t) => {
  const world = busyWorld();
  const server = await world.serve();
  t.after(() => server.close());
  const json = async (path: string) => JSON.parse((await get(server, path)).body.toString());
  const status = await json('/api/status');
  assert.equal(status.overall, 'down');
  assert.equal(status.host, 'web-17.example.org');
  assert.equal(status.checked, '2025-11-21T03:49:18.000000Z');
  assert.deepEqual(status.services, await json('/api/services'));
  assert.deepEqual(status.checks, await json('/api/checks'));
  assert.deepEqual(status.findings, await json('/api/findings'));
  assert.deepEqual(
    status.services.find((one: { name: string }) => one.name === 'worker.service'),
    {
      name: 'worker.service',
      type: 'service',
      slice: 'system.slice',
      state: 'waiting',
      active_state: 'activating',
      sub_state: 'auto-restart',
      result: 'success',
      up_since: null,
      changed: '2025-11-21T03:49:57.000000Z',
      restarts: { automatic: 17, manual: 2, unitwatch: 0 },
      pid: 4_711,
      memory_bytes: null,
    },
  );
  const queue = await json('/api/services/queue.service');
  assert.equal(queue.history.leak.bytes_per_hour, 12e6);
  assert.equal(queue.history.memory_limit_bytes, 400e6);
  assert.equal(queue.dependencies.edges.length, 11);
  assert.equal((await json('/api/services/kafka%20server')).checks[0].state, 'running');
  for (const path of ['/api/services/no', '/api/services/%ff', '/service/no', '/service/%zz']) {
    assert.equal((await get(server, path)).status, 404, path);
  }
});

test('names of all kinds have a page and an answer of their own, with nothing of theirs as markup', async (t) => {
  const world = new World();
  for (const name of hostileNames) {
    world.service(name);
    world.fail(name);
    world.finding(name, { sentence: name });
  }
  const server = await world.serve();
  t.after(() => server.close());
  const dangerous = /<script(?! src="\/page\.js")|<img|<svg onload|onmouseover='w|\u202e|\u200b|\0/;
  for (const name of hostileNames) {
    const path = encodeURIComponent(name.replace(/\p{Cs}/gu, '\ufffd'));
    const answer = await get(server, `/service/${path}`);
    if (!/\p{Cs}/u.test(name)) assert.equal(answer.status, 200, JSON.stringify(name));
    assert.doesNotMatch(answer.body.toString(), dangerous);
    const json = await get(server, `/api/services/${path}`);
    if (json.status === 200) assert.equal(JSON.parse(json.body.toString()).name, name);
  }
  const index = (await get(server, '/')).body.toString();
  assert.doesNotMatch(index, dangerous);
  assert.ok(index.includes('&#60;script&#62;window.broken=1&#60;/script&#62;.service'));
});

test('headers: a strict policy, nothing from elsewhere, and paths in the footer', async (t) => {
  const server = await busyWorld().serve();
  t.after(() => server.close());
  for (const path of ['/', '/service/queue.service', '/service/no']) {
    const { headers, body } = await get(server, path);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers['referrer-policy'], 'same-origin');
    assert.equal(headers['x-frame-options'], 'DENY');
    // Inline styles and scripts would not run under that policy.
    assert.doesNotMatch(body.toString(), / style=| on[a-z]+=|<style|<script>|(src|href)="https?:/);
    for (const listed of ['/metrics', '/healthz', '/api/status', '/api/events']) {
      assert.ok(body.includes(`<a href="${listed}">`), listed);
    }
  }
  for (const [path, type] of [
    ['/page.css', /^text\/css/],
    ['/page.js', /^text\/javascript/],
    ['/icon.svg', /^image\/svg/],
    ['/api/status', /^application\/json/],
  ] as const) {
    const { status, headers } = await get(server, path);
    assert.equal(status, 200, path);
    assert.match(String(headers['content-type']), type);
    assert.equal(
      (await get(server, path, { headers: { host: 'evil.example' } })).status,
      403,
      path,
    );
  }
});

test('a page of 20,000 units is bounded, and the filter finds any of them', async (t) => {
  const world = new World();
  world.service('unit-0.service');
  const [one] = world.services;
  assert.ok(one);
  world.services = Array.from({ length: 20_000 }, (_, i) => ({
    ...one,
    name: `unit-${i}.service`,
    state: i % 2 === 0 ? 'failed' : 'up',
    slice: `s${i % 30}.slice`,
  }));
  const server = await world.serve();
  t.after(() => server.close());
  const { body } = await get(server, '/');
  assert.ok(body.length < 1.5e6, `${body.length} bytes`);
  assert.match(body.toString(), /9500 more are not shown: use the filter/);
  const found = (await get(server, '/?filter=UNIT-19999')).body.toString();
  assert.equal(found.match(/scope="row"/g)?.length, 1);
});
