import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OwnSqlite } from '../../src/checks/sqlite.ts';
import { SubscriptionCore } from '../../src/checks/subscriptions/core.ts';
import { Deliveries, type DeliveryNews } from '../../src/checks/subscriptions/deliveries.ts';
import { Outbox } from '../../src/checks/subscriptions/outbox.ts';
import { migrations, Registry } from '../../src/checks/subscriptions/registry.ts';
import type { Told } from '../../src/checks/subscriptions/service.ts';
import { Trouble, type TroubleNews } from '../../src/checks/subscriptions/trouble.ts';

const secondUs = 1e6;
const told = (caller: string, number: number): Told => ({
  ...{ caller, service: `s${number}`, state: 'down', sinceUs: number, reason: '' },
  ...{ toldUs: number, leftOut: 0 },
});

/** An outbox whose file has no room for more pages than it has. */
async function outbox(t: TestContext) {
  const file = await OwnSqlite.open({ path: ':memory:', migrations });
  t.after(() => file.close());
  const news: DeliveryNews[] = [];
  const sent: string[] = [];
  const deliveries = new Deliveries({
    file,
    random: () => 0,
    send: async ({ caller, service }) => {
      sent.push(`${caller} ${service}`);
      return { ok: true };
    },
    onNews: (one) => news.push(one),
    onTrouble: (error) => assert.fail(String(error)),
    nowUs: () => 0,
  });
  const registry = new Registry(file, { fault: () => undefined, nowUs: () => 1e15 });
  const box = new Outbox(file, registry, deliveries, new SubscriptionCore());
  const pages = (): number => Number(file.rows('PRAGMA page_count')[0]?.['page_count']);
  const room = (more: number): void => {
    file.rows(`PRAGMA max_page_count = ${pages() + more}`);
  };
  const deliver = async (): Promise<void> => {
    while (deliveries.next() <= 0) {
      deliveries.run(() => {});
      await deliveries.idle();
    }
  };
  return { box, deliveries, news, sent, room, deliver };
}

test('a full file: 10,000 messages are held, the oldest beyond that are lost and counted, and order is kept', async (t) => {
  const { box, deliveries, sent, room, deliver } = await outbox(t);
  room(1);
  const all = Array.from({ length: 10_600 }, (_, i) => told(`c${i % 20}`, i));
  const error = box.commit(all.slice(0, 200), 0);
  assert.ok(error instanceof Error, String(error));
  assert.match(error.message, /check its owner, its mode and the space on its disk/);
  assert.deepEqual([box.held, box.lost, box.retryUs], [200, 0, 5 * secondUs]);
  assert.equal(
    box.commit(all.slice(200), 1 * secondUs),
    false,
    'it is not tried with every message',
  );
  assert.deepEqual([box.held, box.lost], [10_000, 600]);
  assert.ok(box.commit([], 5 * secondUs) instanceof Error);
  assert.deepEqual([box.held, box.lost, box.retryUs], [10_000, 600, 10 * secondUs]);
  assert.deepEqual([deliveries.size, deliveries.next()], [0, Number.POSITIVE_INFINITY]);

  room(100_000);
  assert.equal(box.commit([], 9 * secondUs), false, 'not before its time');
  assert.equal(box.commit([], 10 * secondUs), true);
  assert.deepEqual([box.held, box.lost, box.retryUs], [0, 600, Number.POSITIVE_INFINITY]);
  assert.equal(deliveries.size, 10_000);
  await deliver();
  for (let caller = 0; caller < 20; caller++) {
    const want = all.slice(600).filter((one) => one.caller === `c${caller}`);
    assert.deepEqual(
      sent.filter((line) => line.startsWith(`c${caller} `)),
      want.map(({ service }) => `c${caller} ${service}`),
    );
  }
});

test('what was rolled back in the middle counts for nothing: the first half of a batch is not sent', async (t) => {
  const { box, deliveries, sent, news, room, deliver } = await outbox(t);
  room(20);
  const all = Array.from({ length: 2_000 }, (_, i) => told('anna', i));
  assert.ok(box.commit(all, 0) instanceof Error);
  await deliver();
  assert.deepEqual([sent.length, news.length], [0, 0]);
  room(100_000);
  assert.equal(box.commit([], 5 * secondUs), true);
  // A thousand wait for one caller; the oldest were given up, each told of once.
  assert.equal(deliveries.size, 1_000);
  assert.equal(news.length, 1_000);
  assert.ok(
    news.every(({ phase }, i) => phase === 'given_up' && news[i]?.message.service === `s${i}`),
  );
  await deliver();
  assert.deepEqual(
    sent,
    all.slice(1_000).map(({ service }) => `anna ${service}`),
  );
});

test('trouble is told once, a loss once, and its end with how many are lost', async (t) => {
  const { box, room } = await outbox(t);
  room(1);
  const news: TroubleNews[] = [];
  const trouble = new Trouble((one) => news.push(one));
  for (const nowUs of [0, 5, 10, 15].map((second) => second * secondUs)) {
    const error = box.commit(
      Array.from({ length: 6_000 }, (_, i) => told('anna', i)),
      nowUs,
    );
    trouble.lost(box.lost);
    trouble.failed(error);
  }
  assert.ok(trouble.isOn);
  room(100_000);
  box.commit([], 20 * secondUs);
  trouble.written(box.lost);
  trouble.written(box.lost);
  assert.ok(!trouble.isOn);
  assert.deepEqual(
    news.map(({ phase }) => phase),
    ['trouble', 'lost', 'back'],
  );
  assert.match(news[2]?.reason ?? '', /14000 messages are lost/);
  assert.throws(() => trouble.failed(new TypeError('ours')), TypeError);
});
