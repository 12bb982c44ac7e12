import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OwnSqlite } from '../../src/checks/sqlite.ts';
import type { Message, Sent } from '../../src/checks/subscriptions/channel.ts';
import { channelsOf } from '../../src/checks/subscriptions/channels.ts';
import { Deliveries, type DeliveryNews } from '../../src/checks/subscriptions/deliveries.ts';
import { migrations } from '../../src/checks/subscriptions/registry.ts';

const time = '2026-01-31T09:26:53.000000Z';
const messageTo = (caller: string, service: string): Message => ({
  ...{ id: `id-${service}`, caller, service, state: 'down', since: time, told: time },
  ...{ reason: 'refused', left_out: 0 },
});
const no = (again: boolean): Sent => ({ ok: false, reason: 'no', again });

/** A queue with a clock of its own; `answer` says how each attempt ends. */
async function queue(t: TestContext, answer: (message: Message) => Sent | Promise<Sent>) {
  const file = await OwnSqlite.open({ path: ':memory:', migrations });
  t.after(() => file.close());
  const news: DeliveryNews[] = [];
  const sent: string[] = [];
  const clock = { us: 1e15 };
  const make = () =>
    new Deliveries({
      file,
      random: () => 0,
      send: async (message) => {
        sent.push(`${message.caller} ${message.service} ${clock.us / 1e6 - 1e9}`);
        return answer(message);
      },
      onNews: (one) => news.push(one),
      onTrouble: (error) => assert.fail(String(error)),
      nowUs: () => clock.us,
    });
  /** Lets simulated time pass, from due to due. */
  const pass = async (deliveries: Deliveries, seconds: number): Promise<void> => {
    const endUs = clock.us + seconds * 1e6;
    for (;;) {
      deliveries.run(() => {});
      await deliveries.idle();
      if (deliveries.next() > endUs) break;
      clock.us = Math.max(clock.us, deliveries.next());
    }
    clock.us = endUs;
  };
  return { make, file, news, sent, pass, clock };
}

test('order is kept for each caller, and one who does not listen holds up no other', async (t) => {
  let isBack = false;
  const { make, sent, pass } = await queue(t, ({ caller }) =>
    caller === 'anna' && !isBack ? no(true) : { ok: true },
  );
  const deliveries = make();
  for (const service of ['a', 'b']) deliveries.add(messageTo('anna', service));
  deliveries.add(messageTo('bert', 'c'));
  await pass(deliveries, 20);
  assert.deepEqual(sent, ['anna a 0', 'bert c 0', 'anna a 5', 'anna a 15']);
  isBack = true;
  await pass(deliveries, 20);
  assert.deepEqual(sent.slice(4), ['anna a 35', 'anna b 35']);
  assert.equal(deliveries.size, 0);
});

test('tried again after twice the time, for a day, and then given up; the next is sent', async (t) => {
  const { make, sent, news, pass } = await queue(t, ({ service }) =>
    service === 'a' ? no(true) : { ok: true },
  );
  const deliveries = make();
  deliveries.add(messageTo('anna', 'a'));
  deliveries.add(messageTo('anna', 'b'));
  await pass(deliveries, 90_000);
  const times = sent.slice(0, 11).map((line) => Number(line.split(' ')[2]));
  assert.deepEqual(times, [0, 5, 15, 35, 75, 155, 315, 635, 1_235, 1_835, 2_435]);
  const end = news.slice(-2).map(({ message, phase }) => `${message.service} ${phase}`);
  assert.deepEqual(end, ['a given_up', 'b sent']);
  assert.equal(news.filter(({ phase }) => phase === 'retrying').length, sent.length - 2);
});

test('the wall clock is set: retries keep their distance, also over a restart', async (t) => {
  const { make, sent, pass, clock, news } = await queue(t, () => no(true));
  const deliveries = make();
  deliveries.add(messageTo('anna', 'a'));
  await pass(deliveries, 4);
  for (const seconds of [-86_400, 2 * 86_400]) {
    clock.us += seconds * 1e6;
    deliveries.step(seconds * 1e6);
  }
  await pass(deliveries, 12);
  assert.deepEqual(
    sent.map((line) => Number(line.split(' ')[2])),
    [0, 86_405, 86_415],
  );
  assert.ok(news.every(({ phase }) => phase === 'retrying'));
  clock.us -= 86_400e6;
  assert.ok(make().next() <= clock.us + 600e6, 'the clock was set back while nobody ran');
});

test('the wall clock is set by days while an attempt is under way: it is tried again', async (t) => {
  const { make, sent, news, pass, clock } = await queue(t, async () => {
    if (sent.length === 1) {
      clock.us += 3 * 86_400e6;
      deliveries.step(3 * 86_400e6);
    }
    return no(true);
  });
  const deliveries = make();
  deliveries.add(messageTo('anna', 'a'));
  deliveries.run(() => {});
  await deliveries.idle();
  assert.deepEqual(
    news.map(({ phase }) => phase),
    ['retrying'],
  );
  await pass(deliveries, 90_000);
  assert.equal(news.at(-1)?.phase, 'given_up', 'after a day all the same');
});

test('what can be of no use is given up at once', async (t) => {
  const { make, news, pass } = await queue(t, () => no(false));
  const deliveries = make();
  deliveries.add(messageTo('anna', 'a'));
  await pass(deliveries, 1);
  assert.deepEqual(
    news.map(({ phase, attempts }) => [phase, attempts]),
    [['given_up', 1]],
  );
});

test('a thousand wait for one caller; the oldest is given up for one more, not what is under way', async (t) => {
  let answer: (sent: Sent) => void = () => {};
  const { make, news } = await queue(
    t,
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const deliveries = make();
  for (let i = 0; i < 1_000; i++) deliveries.add(messageTo('anna', `s${i}`));
  deliveries.run(() => {});
  deliveries.add(messageTo('anna', 's1000'));
  assert.equal(deliveries.size, 1_000);
  assert.equal(news.length, 0, 'as long as it may be rolled back nobody hears of it');
  deliveries.committed();
  answer({ ok: true });
  await deliveries.idle();
  assert.deepEqual(
    news.map(({ message, phase, reason }) => [message.service, phase, reason]),
    [
      ['s1', 'given_up', 'too many messages wait'],
      ['s0', 'sent', ''],
    ],
  );
  assert.deepEqual(deliveries.attempts, { sent: 1, retrying: 0, given_up: 1 });
});

test('what was given up for a message that was rolled back is still there', async (t) => {
  const { make, file, news } = await queue(t, () => ({ ok: true }));
  const deliveries = make();
  for (let i = 0; i < 1_000; i++) deliveries.add(messageTo('anna', `s${i}`));
  assert.throws(() =>
    file.transaction(() => {
      deliveries.add(messageTo('anna', 'one more'));
      throw new Error('the disk is full');
    }),
  );
  deliveries.recount();
  deliveries.committed();
  assert.deepEqual([deliveries.size, news], [1_000, []]);
});

test('a caller who is removed while they are told: nothing is told of it, nothing left', async (t) => {
  let answer: (sent: Sent) => void = () => {};
  const { make, news } = await queue(
    t,
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const deliveries = make();
  deliveries.add(messageTo('anna', 'a'));
  deliveries.run(() => {});
  deliveries.forget('anna');
  answer({ ok: true });
  await deliveries.idle();
  assert.deepEqual([deliveries.size, deliveries.next(), news], [0, Number.POSITIVE_INFINITY, []]);
});

test('what waits is there after a restart, with its id', async (t) => {
  const seen: string[] = [];
  let isBack = false;
  const { make, pass } = await queue(t, ({ id }) => {
    seen.push(id);
    return isBack ? { ok: true } : no(true);
  });
  const first = make();
  first.add(messageTo('anna', 'a'));
  await pass(first, 1);
  isBack = true;
  const second = make();
  assert.equal(second.size, 1);
  await pass(second, 10);
  assert.equal(seen.length, 2);
  assert.equal(seen[0], seen[1]);
});

const channel = (name: string, smtp?: Parameters<typeof channelsOf>[0]) => {
  const found = channelsOf(smtp).get(name);
  assert.ok(found);
  return found;
};

for (const [status, want] of [
  [204, { ok: true }],
  [500, { ok: false, reason: 'status 500', again: true }],
  [302, { ok: false, reason: 'status 302', again: true }],
  [410, { ok: false, reason: 'status 410', again: false }],
] as const) {
  test(`a webhook that answers with ${status}`, async (t) => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        bodies.push(`${request.method} ${request.headers['x-token']} ${body}`);
        response.writeHead(status, { Location: '/elsewhere' });
        response.end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const settings = { url: `http://127.0.0.1:${port}/`, headers: { 'X-Token': 't' } };
    const message = messageTo('anna', 'web');
    assert.deepEqual(await channel('webhook').send(message, settings), want);
    assert.deepEqual(bodies, [`POST t ${JSON.stringify(message)}`], 'and no redirect is followed');
  });
}

test('a webhook where nobody listens is tried again; its address is not named', async () => {
  const settings = { url: 'http://127.0.0.1:1/s3cret' };
  const sent = await channel('webhook').send(messageTo('anna', 'web'), settings);
  assert.deepEqual(sent, { ok: false, reason: 'ECONNREFUSED', again: true });
});

test('a command gets the message on its input, and nothing of it as code', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'unitwatch-channel-'));
  t.after(() => rm(folder, { recursive: true }));
  const out = join(folder, 'out');
  const hostile = messageTo('anna', `$(touch ${folder}/evil); "\``);
  const send = (command: unknown) => channel('command').send(hostile, { command });
  assert.deepEqual(await send(`env | sort | cut -d= -f1; cat > ${out}`), { ok: true });
  assert.deepEqual(JSON.parse(await readFile(out, 'utf8')), hostile);
  await assert.rejects(readFile(`${folder}/evil`), { code: 'ENOENT' });
  assert.deepEqual(await send(['/bin/sh', '-c', 'exit 3']), {
    ...{ ok: false, reason: 'ended with status 3', again: true },
  });
  assert.deepEqual(await send(['/no/such']), {
    ...{ ok: false, reason: 'cannot be run: there is no program /no/such', again: true },
  });
  // A child that it leaves behind would hold the folder for a minute.
  assert.deepEqual(await send(`sleep 60 & echo $! > ${folder}/pid`), { ok: true });
  const pid = Number(await readFile(`${folder}/pid`, 'utf8'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  assert.match(state, /\) [ZX]/, 'it is ended with its group');
});

for (const [kind, settings] of [
  ['event', { to: 'x' }],
  ['webhook', {}],
  ['webhook', { url: 'file:///etc/passwd' }],
  ['webhook', { url: 'http://example.org:0/' }],
  ['webhook', { url: 'https://user:secret@example.org/' }],
  ['webhook', { url: 'https://example.org/', headers: { 'X-A': 'b\r\nX-C: d' } }],
  ['webhook', { url: 'https://example.org/', headers: { 'Content-Length': '1' } }],
  ['command', { command: [] }],
  ['command', { command: ['true'] }],
  ['command', { command: ['/bin/echo', 'a\0b'] }],
  ['command', { command: ' ' }],
  ['email', { to: 'anna@example.org, bert@example.org' }],
  ['email', { to: 'anna@example.org\r\nBcc: x@example.org' }],
  ['email', { to: 'Anna <anna@example.org>' }],
] as const) {
  test(`refused as settings of ${kind}: ${JSON.stringify(settings)}`, () => {
    assert.match(channel(kind).fault(settings) ?? '', /^\S.*\.$/);
  });
}
