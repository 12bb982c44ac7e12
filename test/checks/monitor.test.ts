import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Monitor, type MonitorOptions } from '../../src/checks/monitor.ts';
import { handleApi } from '../../src/checks/subscriptions/api.ts';
import type { Message } from '../../src/checks/subscriptions/channel.ts';
import type { MonitorEvent } from '../../src/checks/subscriptions/monitor-event.ts';
import { notificationDraft } from '../../src/checks/subscriptions/notification-event.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { Stamp } from '../../src/model/stamp.ts';
import { until } from '../bed.ts';
import { validateEvent } from '../validate.ts';

const page = new URL('../../../docs/subscriptions.md', import.meta.url);
const example = fileURLToPath(new URL('../../examples/monitor.js', import.meta.url));

/** A monitor whose services are up or down as `states` says, and whose callers are heard. */
async function monitored(t: TestContext, options: Partial<MonitorOptions> = {}) {
  const states = new Map<string, 'up' | 'down'>();
  const heard: Message[] = [];
  const events: MonitorEvent[] = [];
  const looks: string[] = [];
  const monitor = new Monitor({
    clock: systemClock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    ...options,
  });
  monitor.kinds.add('fake', {
    fault: (settings) => (settings['wrong'] ? 'It is wrong.' : undefined),
    open: ({ name }) => ({
      look: async () => {
        looks.push(name);
        return { state: states.get(name) ?? 'up', reason: states.has(name) ? 'as told' : '' };
      },
    }),
  });
  monitor.notifications.add('list', {
    fault: () => undefined,
    send: async (message) => {
      heard.push(message);
      return { ok: true };
    },
  });
  await monitor.start();
  t.after(() => monitor.stop());
  const told = () => heard.map(({ caller, service, state }) => `${caller} ${service} ${state}`);
  return { monitor, states, heard, told, events, looks };
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'unitwatch-monitor-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

/** A local time in UTC, seconds from now. */
const wall = (seconds: number): string =>
  new Date(Date.now() + seconds * 1e3).toISOString().slice(0, 19);

test('a look that is asked for begins after that, and nobody waits for one that will not be', async (t) => {
  const { monitor, looks } = await monitored(t);
  for (const name of ['a', 'b', 'c', 'idle']) monitor.register({ name, kind: 'fake' });
  monitor.registerCaller({ id: 'anna', kind: 'list' });
  for (const service of ['a', 'b', 'c'])
    monitor.subscribe({ caller: 'anna', service, polling_frequency: 3_600 });
  await monitor.lookNow('idle');
  await monitor.lookNow('nobody');
  await monitor.lookNow('a');
  const first = looks.filter((name) => name === 'a').length;
  assert.ok(first >= 1);
  const again = [monitor.lookNow('a'), monitor.lookNow('a')];
  await Promise.all(again);
  assert.equal(looks.filter((name) => name === 'a').length, first + 1, 'one look for both');
  await Promise.all([monitor.lookNow('b'), monitor.lookNow('c')]);
  const waits = [monitor.lookNow('b'), monitor.lookNow('c'), monitor.lookNow('a')];
  const before = looks.length;
  monitor.unregister('b');
  monitor.unsubscribe('anna', 'c');
  await Promise.all(waits.slice(0, 2));
  assert.equal(looks.length, before, 'neither was looked at');
  await monitor.stop();
  await waits[2];
});

test('a caller hears of down and up, and finds both in their log; events are valid', async (t) => {
  const { monitor, states, told, events } = await monitored(t);
  monitor.register({ name: 'web', kind: 'fake' });
  monitor.registerCaller({ id: 'anna', kind: 'list' });
  monitor.registerCaller({ id: 'stream', kind: 'event' });
  for (const caller of ['anna', 'stream']) {
    monitor.subscribe({ caller, service: 'web', polling_frequency: 1 });
  }
  await until('it is up', async () => monitor.view('web')?.state === 'up', 30_000);
  states.set('web', 'down');
  await until('down is told', async () => told().length === 1, 30_000);
  states.set('web', 'up');
  await until('up is told', async () => told().length === 2, 30_000);
  await until('all is delivered', async () => monitor.log('stream').length === 2, 30_000);
  assert.deepEqual(told(), ['anna web down', 'anna web up']);
  assert.deepEqual(
    monitor.log('anna').map(({ phase, message }) => `${phase} ${message.state}`),
    ['sent down', 'sent up'],
  );
  const news = events.filter((event) => event.type === 'notification');
  assert.equal(news.length, 4);
  const stamp = new Stamp('test', '');
  for (const event of news) validateEvent(stamp.event(notificationDraft(event, event.timeUs)));
});

test('a restart loses nothing: what was told stays told, what was not is told', async (t) => {
  const path = join(await folder(t), 'monitor.sqlite');
  const first = await monitored(t, { path });
  first.monitor.register({ name: 'web', kind: 'fake' });
  first.monitor.registerCaller({ id: 'anna', kind: 'list' });
  first.monitor.registerCaller({ id: 'late', kind: 'list' });
  first.monitor.subscribe({ caller: 'anna', service: 'web', polling_frequency: 1 });
  first.monitor.subscribe({ caller: 'late', service: 'web', polling_frequency: 1, grace_time: 10 });
  first.states.set('web', 'down');
  await until('anna is told', async () => first.told().length === 1, 30_000);
  await first.monitor.stop();
  assert.equal((await stat(path)).mode & 0o777, 0o600, 'it may hold secrets');

  const second = await monitored(t, { path });
  second.states.set('web', 'down');
  assert.deepEqual(
    second.monitor.list('services').map(({ name }) => name),
    ['web'],
  );
  await until('the other is told', async () => second.told().length > 0, 30_000);
  assert.deepEqual(second.told(), ['late web down']);
  assert.equal(second.heard[0]?.since, first.heard[0]?.since, 'since the first look that saw it');
  second.states.set('web', 'up');
  await until('both are told', async () => second.told().length === 3, 30_000);
  assert.deepEqual(second.told().slice(1).sort(), ['anna web up', 'late web up']);
});

test('a planned outage: looked at, nobody told, told at its end, and gone by itself', async (t) => {
  const { monitor, states, told, looks, events } = await monitored(t);
  monitor.register({ name: 'web', kind: 'fake' });
  monitor.registerCaller({ id: 'anna', kind: 'list' });
  monitor.setOutage({
    id: 'now',
    service: 'web',
    start: wall(-60),
    end: wall(6),
    time_zone: 'UTC',
  });
  states.set('web', 'down');
  monitor.subscribe({ caller: 'anna', service: 'web', polling_frequency: 1 });
  await until('it is looked at', async () => looks.length >= 2, 30_000);
  if (monitor.inOutage('web')) assert.deepEqual(told(), []);
  await until('it is told', async () => told().length === 1, 30_000);
  assert.equal(monitor.inOutage('web'), false);
  assert.deepEqual(monitor.list('outages'), []);
  const outages = events.filter((event) => event.type === 'outage').map(({ inside }) => inside);
  assert.deepEqual(outages, [true, false]);
});

test('one monitor at a time has a file', async (t) => {
  const path = join(await folder(t), 'monitor.sqlite');
  const first = await monitored(t, { path });
  const second = new Monitor({ clock: systemClock, random: () => 0, path, onEvent: () => {} });
  await assert.rejects(second.start(), /is in use by another unitwatch/);
  await first.monitor.stop();
  await second.start();
  await second.stop();
});

test('what is asked wrongly is refused with a sentence, and changes nothing', async (t) => {
  const { monitor } = await monitored(t);
  const register = (more: object) => () => monitor.register({ name: 'web', kind: 'fake', ...more });
  assert.throws(register({ kind: 'none' }), /There is no kind "none"; there are tcp, http, fake\./);
  assert.throws(register({ settings: { wrong: 1 } }), /It is wrong\./);
  assert.throws(register({ interval: 0 }), /interval must be a number of seconds from 1 to 86400/);
  assert.throws(register({ name: 'a\nb' }), /name must be a name/);
  assert.throws(
    () => monitor.subscribe({ caller: 'anna', service: 'web', polling_frequency: 1 }),
    /There is no service "web"\./,
  );
  assert.deepEqual(monitor.list('services'), []);
});

test('the API: every collection, its sentences, and no secret in it', async (t) => {
  const { monitor } = await monitored(t);
  const options = {
    book: monitor,
    logOf: monitor.log.bind(monitor),
    secretsOf: (kind: string) => monitor.notifications.get(kind)?.secrets ?? [],
    allowCommands: false,
  };
  const ask = (method: string, path: string, body?: unknown) => {
    const { status, json } = handleApi(options, method, path, body);
    return [status, JSON.stringify(json)] as const;
  };
  assert.deepEqual(ask('GET', '/services'), [200, '[]']);
  assert.equal(ask('POST', '/services', { name: 'a b/ü', kind: 'fake' })[0], 201);
  assert.equal(ask('POST', '/services', { name: 'a b/ü', kind: 'fake' })[0], 409);
  const path = `/services/${encodeURIComponent('a b/ü')}`;
  assert.deepEqual(ask('PUT', path, { interval: 7 }), [
    200,
    '{"name":"a b/ü","kind":"fake","settings":{},"interval":7}',
  ]);
  const hook = { url: 'https://example.org/s3cret', headers: { Authorization: 'Bearer s3cret' } };
  const entered = ask('POST', '/callers', { id: 'anna', kind: 'webhook', settings: hook });
  assert.equal(entered[0], 201);
  const hidden = { url: '(hidden)', headers: '(hidden)' };
  const changed = ask('PUT', '/callers/anna', { name: 'Anna', settings: hidden });
  const listed = ask('GET', '/callers');
  for (const [, text] of [entered, changed, listed]) assert.doesNotMatch(text, /s3cret/);
  assert.deepEqual(monitor.get('callers', 'anna')?.settings, hook, 'it came back as it was');
  const wants = { caller: 'anna', service: 'a b/ü', polling_frequency: 5 };
  assert.equal(ask('POST', '/subscriptions', wants)[0], 201);
  assert.equal(ask('DELETE', `/subscriptions/anna/${encodeURIComponent('a b/ü')}`)[0], 200);
  assert.equal(ask('POST', '/subscriptions', wants)[0], 201);
  assert.deepEqual(ask('GET', '/callers/anna/log'), [200, '[]']);
  const outage = { id: 'o', service: 'a b/ü', start: '2096-03-29T02:00', end: '2096-03-29T03:00' };
  assert.equal(ask('POST', '/outages', outage)[0], 201);
  const command = { id: 'c', kind: 'command', settings: { command: 'true' } };
  for (const [method, where, body, want] of [
    ['GET', '/callers/nobody/log', undefined, /404.*There is no caller .*nobody/],
    ['PUT', '/callers/anna/log', {}, /405.*understands GET\./],
    ['GET', '/callers/anna/diary', undefined, /404.*A caller is found by its id/],
    ['POST', '/callers', command, /400.*Commands cannot be entered over the API/],
    ['PUT', '/callers/anna', { ...command, id: 'anna' }, /400.*Commands cannot be entered/],
    ['PUT', '/callers/anna', { id: 'bert' }, /400.*id cannot be changed/],
    ['PUT', '/callers/bert', {}, /404.*no caller/],
    ['DELETE', '/callers/bert', undefined, /404.*no caller .*bert/],
    ['POST', '/outages', { ...outage, id: 'p', end: '2096-03-29T01:00' }, /400.*later than start/],
    ['POST', '/outages', { ...outage, id: 'p', time_zone: 'Mars' }, /400.*must be a time zone/],
    ['POST', '/services', [], /400.*must be a JSON object/],
    ['POST', '/services', { name: 'x', kind: 'fake', colour: 1 }, /400.*no field .*colour/],
    ['PATCH', '/services', undefined, /405/],
    ['GET', '/services/%ff', undefined, /400.*percent-encoded/],
    ['GET', '/else', undefined, /404/],
  ] as const) {
    assert.match(ask(method, where, body).join(' '), want);
  }
  assert.equal(ask('DELETE', path)[0], 200);
  assert.deepEqual([monitor.list('subscriptions'), monitor.list('outages')], [[], []]);
});

test('a program has TCP and HTTP services without adding anything', async (t) => {
  const server = createHttpServer((_, response) => response.end('all is well'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address);
  const { port } = address;
  const results: string[] = [];
  const { monitor } = await monitored(t, {
    onResult: ({ name, kind, up }, target) => results.push(`${name} ${kind} ${up} ${target}`),
  });
  assert.throws(
    () => monitor.register({ name: 'db', kind: 'tcp', settings: { host: '127.0.0.1' } }),
    /port must be a number from 1 to 65535/,
  );
  const [host, url] = ['127.0.0.1', `http://127.0.0.1:${port}/`];
  monitor.register({ name: 'db', kind: 'tcp', settings: { host, port }, interval: 1 });
  monitor.register({ name: 'shop', kind: 'http', settings: { url, regex: 'well' }, interval: 1 });
  const isUp = (name: string): boolean => monitor.view(name)?.state === 'up';
  await until('both are up', async () => isUp('db') && isUp('shop'), 30_000);
  assert.ok(results.includes(`db tcp true 127.0.0.1:${port}`), `${results}`);
  assert.ok(results.includes(`shop http true ${url}`), `${results}`);
  server.closeAllConnections();
});

test('the program in docs/subscriptions.md runs as it is written', async (t) => {
  const [, code = ''] = /```ts\n(.*?)```/s.exec(await readFile(page, 'utf8')) ?? [];
  const file = "'monitor.sqlite'";
  assert.ok(code.includes(file));
  const there = code.replace(file, JSON.stringify(join(await folder(t), 'monitor.sqlite')));
  // Where the package finds itself by its name.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', there], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 60_000,
  });
  const [err, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  assert.deepEqual([status, err], [0, '']);
});

test('examples/monitor.ts: it says when a port goes down and comes back, and ends', async () => {
  let server = await listening(0);
  const address = server.address();
  assert.ok(typeof address === 'object' && address);
  const { port } = address;
  const child = spawn(process.execPath, [example, '127.0.0.1', String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  const closed = once(child, 'close');
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  await until('it is up', async () => lines.length === 1, 40_000);
  server.close();
  await until('it is told to be down', async () => lines.length === 3, 40_000);
  server = await listening(port);
  assert.deepEqual(await closed, [0, null]);
  server.close();
  assert.deepEqual(lines, [
    'database is seen up',
    'database is seen down',
    'anna hears: database is down',
    'database is seen up',
    'anna hears: database is up',
  ]);
});

async function listening(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
