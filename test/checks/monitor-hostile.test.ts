import assert from 'node:assert/strict';
import { chown, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Monitor, type MonitorOptions } from '../../src/checks/monitor.ts';
import { OwnSqlite } from '../../src/checks/sqlite.ts';
import { handleApi } from '../../src/checks/subscriptions/api.ts';
import type { Channel, Sent } from '../../src/checks/subscriptions/channel.ts';
import type { Looked, Looker } from '../../src/checks/subscriptions/kinds.ts';
import type { MonitorEvent } from '../../src/checks/subscriptions/monitor-event.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { until } from '../bed.ts';

const wall = (seconds: number): string =>
  new Date(Date.now() + seconds * 1e3).toISOString().slice(0, 19);

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unitwatch-hostile-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function monitorOf(events: MonitorEvent[] = [], options: Partial<MonitorOptions> = {}): Monitor {
  return new Monitor({
    clock: systemClock,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...options,
  });
}

/** What a program of somebody else may give: nothing that a type promises. */
const anything = <T>(value: unknown): T => value as T;

const silent: Looker = { look: async () => ({ state: 'up' }) };

test('the name of a collection never becomes a statement', async (t) => {
  const monitor = monitorOf();
  monitor.kinds.add('fake', { open: () => silent });
  await monitor.start();
  t.after(() => monitor.stop());
  monitor.register({ name: 'a', kind: 'fake' });
  const union = 'services UNION SELECT key, record FROM services';
  for (const name of [union, 'services --', 'log', 'toString', undefined]) {
    const none =
      /^RequestError: There is no ".*"; there are services, callers, subscriptions, outages\.$/;
    assert.throws(() => monitor.list(anything<'services'>(name)), none);
    assert.throws(() => monitor.get(anything<'services'>(name), 'a'), none);
    assert.throws(() => monitor.remove(anything<'services'>(name), 'a'), none);
  }
  assert.equal(monitor.list('services').length, 1);
});

test('what cannot be found again by its path, or is over already, is not taken', async (t) => {
  const monitor = monitorOf();
  monitor.kinds.add('fake', { open: () => silent });
  await monitor.start();
  t.after(() => monitor.stop());
  const api = { book: monitor, logOf: () => [], secretsOf: () => [], allowCommands: true };
  const ask = (method: string, path: string, body?: unknown): string => {
    const { status, json } = handleApi(api, method, path, body);
    return `${status} ${JSON.stringify(json)}`;
  };
  for (const name of ['.', '..']) {
    const refused = /^400 .*cannot be called/;
    assert.match(ask('POST', '/services', { name, kind: 'fake' }), refused, name);
    assert.match(ask('POST', '/callers', { id: name, kind: 'event' }), refused, name);
  }
  assert.match(ask('POST', '/services', { name: '...', kind: 'fake' }), /^201/);
  assert.match(ask('DELETE', '/services/...'), /^200/);

  let deep: unknown = 1;
  for (let i = 0; i < 6_000; i++) deep = [deep];
  assert.match(
    ask('POST', '/services', { name: 'deep', kind: 'fake', settings: { deep } }),
    /^400 .*nested 16 deep/,
  );

  assert.match(ask('POST', '/services', { name: 'web', kind: 'fake' }), /^201/);
  const past = { id: 'past', service: 'web', start: wall(-7_200), end: wall(-3_600) };
  assert.match(ask('POST', '/outages', past), /^400 .*is over already.*\(UTC\)/);
  assert.match(ask('POST', '/outages', { ...past, repeat: 'daily', until: past.start }), /^400/);
  const planned = { ...past, start: wall(3_600), end: wall(7_200) };
  assert.match(ask('POST', '/outages', planned), /^201/);
  assert.match(ask('POST', '/outages', planned), /^409 .*An outage ..past.. is there already/);
  assert.match(ask('PUT', '/outages/past', { start: past.start, end: past.end }), /^200/);
  assert.equal(ask('GET', '/outages'), '200 []', 'one that is over by a change ends itself');
  assert.match(ask('PUT', '/outages/past', {}), /^404 .*no outage ..past/);
});

test('a kind of check that throws, answers nonsense or cannot be closed harms nobody', async () => {
  const events: MonitorEvent[] = [];
  const monitor = monitorOf(events);
  const looked = new Map<string, number>();
  const looks: Readonly<Record<string, () => Promise<Looked>>> = {
    throws: () => {
      throw new Error('at\nonce');
    },
    rejects: () => Promise.reject(anything(Object.create(null))),
    nothing: async () => anything(undefined),
    nonsense: async () => anything({ state: 'sideways' }),
    good: async () => anything({ state: 'down', reason: { not: 'a text' } }),
  };
  monitor.kinds.add('fake', {
    open: ({ name }) => {
      looked.set(name, (looked.get(name) ?? 0) + 1);
      const look = looks[name];
      if (!look) throw new Error('cannot be opened');
      return {
        look,
        close: () => {
          throw new Error('cannot be closed');
        },
      };
    },
  });
  await monitor.start();
  for (const name of [...Object.keys(looks), 'closed'])
    monitor.register({ name, kind: 'fake', interval: 1 });
  await until('the last is down', () => monitor.view('good')?.state === 'down', 30_000);
  await until('one is opened again', () => (looked.get('closed') ?? 0) > 1, 30_000);
  assert.deepEqual(
    events.map((event) => event.type === 'state' && [event.service, event.state, event.reason]),
    [['good', 'down', 'object']],
  );
  monitor.unregister('good');
  await monitor.stop();
});

test('a notification that throws or answers nonsense is tried again; one that hangs holds up no other', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { sendOnce } = await import('../../src/checks/subscriptions/channel-once.ts');
  const message = {
    ...{ id: 'id', caller: 'anna', service: 'web', state: 'down' as const, reason: '' },
    ...{ since: '', told: '', left_out: 0 },
  };
  const sent = (send: Channel['send']): Promise<Sent> =>
    sendOnce({ fault: () => undefined, send }, message, {});
  const cases: readonly (readonly [unknown, Sent])[] = [
    [{ ok: true, more: 1 }, { ok: true }],
    [
      { ok: false, reason: 'busy', again: false },
      { ok: false, reason: 'busy', again: false },
    ],
    [{ ok: false }, { ok: false, reason: '', again: true }],
    [undefined, { ok: false, reason: 'it did not say whether it worked', again: true }],
    ['sent', { ok: false, reason: 'it did not say whether it worked', again: true }],
  ];
  for (const [answer, want] of cases) {
    assert.deepEqual(await sent(async () => anything(answer)), want, JSON.stringify(answer));
  }
  const thrown = () => {
    throw new Error('a\u001bb');
  };
  assert.deepEqual(await sent(thrown), { ok: false, reason: 'a b', again: true });
  const hangs = sent(() => new Promise(() => {}));
  t.mock.timers.tick(120_000);
  assert.deepEqual(await hangs, { ok: false, reason: 'it was not over after 120 s', again: true });
});

test('a file that is no database, another one, or one that was edited: a sentence, and it stays as it was', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'monitor.sqlite');
  const start = (): Promise<void> => monitorOf([], { path }).start();

  await writeFile(path, 'this is a text, and it is long enough to be looked at\n'.repeat(20));
  const text = await readFile(path);
  await assert.rejects(start(), /is damaged, or no database of unitwatch .*move it away/);
  assert.deepEqual(await readFile(path), text);
  await rm(path);

  const other = await OwnSqlite.open({ path, migrations: ['CREATE TABLE theirs (a)'] });
  other.change('PRAGMA user_version = 0');
  // SQLite would write what waits in the log into the file when the last of its users leaves.
  other.rows('PRAGMA wal_checkpoint(TRUNCATE)');
  other.close();
  const before = await readFile(path);
  await assert.rejects(start(), /is the database of something else: choose another file/);
  assert.deepEqual(await readFile(path), before);
  await rm(path);

  const monitor = monitorOf([], { path });
  monitor.kinds.add('fake', { open: () => silent });
  await monitor.start();
  monitor.register({ name: 'web', kind: 'fake' });
  await monitor.stop();
  const { migrations } = await import('../../src/checks/subscriptions/registry.ts');
  for (const record of ['{bad', '{"name":"web"}']) {
    const file = await OwnSqlite.open({ path, migrations });
    file.change('UPDATE services SET record = ?', record);
    file.close();
    await assert.rejects(start(), /service "web" .* cannot be used .* services remove/, record);
  }
});

test('a file that is removed while it is used is written anew; into another one nothing is written', async (t) => {
  const folder = join(await folderFor(t), 'state');
  const path = join(folder, 'monitor.sqlite');
  const events: MonitorEvent[] = [];
  const monitor = monitorOf(events, { path });
  monitor.kinds.add('fake', { open: () => silent });
  const trouble = (): string =>
    events
      .map((event) => (event.type === 'trouble' ? event.phase : ''))
      .join(' ')
      .trim();
  await monitor.start();
  monitor.register({ name: 'before', kind: 'fake' });
  await rm(folder, { recursive: true });
  monitor.register({ name: 'meanwhile', kind: 'fake' });
  await until('it is there again', () => trouble() === 'trouble back', 30_000);
  monitor.register({ name: 'after', kind: 'fake' });
  await assert.rejects(monitorOf([], { path }).start(), /in use by another/);

  const other = join(folder, 'other');
  await writeFile(other, 'something else');
  await rename(other, path);
  await until('it is told', () => trouble() === 'trouble back trouble', 30_000);
  assert.throws(() => monitor.register({ name: 'never', kind: 'fake' }), /was replaced by another/);
  assert.equal(await readFile(path, 'utf8'), 'something else');
  await rm(path);
  await until('all is well', () => trouble() === 'trouble back trouble back', 30_000);
  monitor.register({ name: 'last', kind: 'fake' });
  const files = await Promise.all(['', '.lock'].map((ending) => stat(`${path}${ending}`)));
  assert.deepEqual(
    files.map(({ mode }) => mode & 0o777),
    [0o600, 0o600],
  );
  await monitor.stop();

  const again = monitorOf([], { path });
  await again.start();
  const names = again.list('services').map(({ name }) => name);
  await again.stop();
  assert.deepEqual(names, ['after', 'before', 'last', 'meanwhile']);
});

test('a file that root makes belongs to whom its folder belongs to', {
  skip: process.getuid?.() === 0 ? false : 'not root',
}, async (t) => {
  const folder = await folderFor(t);
  await chown(folder, 65_534, 65_534);
  const path = join(folder, 'monitor.sqlite');
  const file = await OwnSqlite.open({ path, migrations: ['CREATE TABLE ours (a)'] });
  file.change('INSERT INTO ours VALUES (1)');
  for (const ending of ['', '.lock', '-wal', '-shm']) {
    const { uid, gid, mode } = await stat(`${path}${ending}`);
    assert.deepEqual([uid, gid, mode & 0o77], [65_534, 65_534, 0], ending);
  }
  file.close();
});

test('the wall clock is set back an hour: what failed is tried again as soon as otherwise', async (t) => {
  let aheadUs = 0;
  const attempts: number[] = [];
  const monitor = monitorOf([], {
    clock: {
      realtimeUs: () => systemClock.realtimeUs() + aheadUs,
      monotonicUs: () => systemClock.monotonicUs(),
    },
    random: () => 1,
  });
  monitor.kinds.add('fake', { open: () => ({ look: async () => ({ state: 'down' }) }) });
  monitor.notifications.add('fails', {
    fault: () => undefined,
    send: async () => {
      attempts.push(performance.now());
      return { ok: false, reason: 'no', again: true };
    },
  });
  await monitor.start();
  t.after(() => monitor.stop());
  monitor.register({ name: 'web', kind: 'fake' });
  monitor.registerCaller({ id: 'anna', kind: 'fails' });
  monitor.subscribe({ caller: 'anna', service: 'web', polling_frequency: 1 });
  await until('it was tried', () => attempts.length === 1, 30_000);
  aheadUs = -3_600e6;
  // The first retry comes after 2.5 s, and the clock is looked at with every look.
  await until('it is tried again', () => attempts.length === 2, 20_000);
});
