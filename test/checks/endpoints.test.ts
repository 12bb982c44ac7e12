import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { EndpointChecks } from '../../src/checks/endpoints.ts';
import { DueQueue, nextDue, phaseOf } from '../../src/checks/endpoints-due.ts';
import { FollowedEndpoint } from '../../src/checks/endpoints-followed.ts';
import type { Endpoint } from '../../src/checks/endpoints-kinds.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import type { Draft } from '../../src/model/event.ts';
import type { ProbeResult } from '../../src/model/probe.ts';
import { Stamp } from '../../src/model/stamp.ts';
import { validateEvent } from '../validate.ts';
import {
  type Certificates,
  contextOf,
  httpEndpoint,
  makeCertificates,
  Servers,
} from './endpoint-servers.ts';
import { eventually } from './standing.ts';

const servers = new Servers();
let certificates: Certificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => servers.close());

const quiet = (socket: Socket): void => void socket.resume();

function tcp(name: string, port: number, more: Partial<Endpoint<'tcp'>> = {}): Endpoint {
  return {
    name,
    kind: 'tcp',
    host: '127.0.0.1',
    port,
    intervalMs: 1_000,
    timeoutMs: 5_000,
    ...more,
  };
}

function checksOf(
  endpoints: readonly Endpoint[],
  more: Partial<ConstructorParameters<typeof EndpointChecks>[0]> = {},
) {
  const changed: Draft[] = [];
  const results: ProbeResult[] = [];
  const checks = new EndpointChecks({
    endpoints,
    thresholds: { down: 1, up: 1, graceUs: 0 },
    clock: systemClock,
    onChange: (draft) => changed.push(draft),
    onResult: (result) => results.push(result),
    resolver: contextOf().resolver,
    ca: certificates.ca,
    ...more,
  });
  return { checks, changed, results };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const closed = new Servers();
  const port = await closed.tcp(quiet);
  closed.close();
  return port;
}

test('nothing is known before the first look', async () => {
  const { checks } = checksOf([tcp('a', 1)]);
  const [view] = checks.views();
  assert.deepEqual([view?.state, view?.reason, view?.checkedUs], ['unknown', 'not looked yet', 0]);
  await checks.stop();
});

test('the first look at what is up is no event; down and up again are, valid by the schema', async () => {
  const port = await freePort();
  const { checks, changed, results } = checksOf([tcp('a "b"\n', port)]);
  const again = async (): Promise<void> => {
    await checks.checkNow();
  };
  await again();
  const listener = new Servers();
  await listener.tcp(quiet, '127.0.0.1', port);
  await again();
  listener.close();
  await again();
  await checks.stop();
  const stamp = new Stamp('here', '');
  for (const draft of changed) validateEvent(stamp.event(draft));
  const said = changed.map(({ data, severity, message }) => [
    'state' in data && data.state,
    severity,
    message,
  ]);
  assert.deepEqual(said, [
    ['down', 'error', 'a "b"\n: down, refused'],
    ['up', 'info', 'a "b"\n: up'],
    ['down', 'error', 'a "b"\n: down, refused'],
  ]);
  assert.deepEqual(
    results.map(({ up, fault }) => [up, fault]),
    [
      [false, 'refused'],
      [true, undefined],
      [false, 'refused'],
    ],
  );
});

test('thresholds hold back the event, not what is shown; an endpoint can have its own', async () => {
  const port = await freePort();
  const { checks, changed } = checksOf([
    tcp('three', port, { thresholds: { down: 3 } }),
    tcp('one', port),
  ]);
  const shown: string[] = [];
  for (let n = 0; n < 3; n++) {
    const views = await checks.checkNow();
    shown.push(views.map(({ state }) => state).join());
  }
  await checks.stop();
  assert.deepEqual(shown, ['down,down', 'down,down', 'down,down']);
  const told = changed.map(({ service, data }) => [service, 'results' in data && data.results]);
  assert.deepEqual(told, [
    ['one', 1],
    ['three', 3],
  ]);
});

test('no secret header and no query is in an event', async () => {
  const port = await freePort();
  const { checks, changed } = checksOf([
    httpEndpoint({
      url: `http://127.0.0.1:${port}/x?token=s3cret`,
      headers: { 'X-Plain': 's3cret' },
      secretHeaders: { Authorization: 's3cret' },
      body: 's3cret',
    }),
  ]);
  await checks.checkNow();
  await checks.stop();
  assert.equal(changed.length, 1);
  assert.doesNotMatch(JSON.stringify([changed, checks.uses()]), /s3cret/);
});

test('a certificate that ends soon is warned of once, and is up', async () => {
  const answer = (socket: Socket): void =>
    void socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  const port = await servers.tls(certificates.soon, answer);
  const days = 86_400e6;
  const url = `https://127.0.0.1:${port}/`;
  const { checks, changed } = checksOf([
    { ...httpEndpoint({ url, name: 'soon' }), certificateWarningUs: 14 * days },
    { ...httpEndpoint({ url, name: 'not yet' }), certificateWarningUs: 3 * days },
  ]);
  await checks.checkNow();
  const views = await checks.checkNow();
  await checks.stop();
  assert.deepEqual(
    views.map(({ state }) => state),
    ['up', 'up'],
  );
  const stamp = new Stamp('here', '');
  for (const draft of changed) validateEvent(stamp.event(draft));
  assert.deepEqual(
    changed.map(({ service, severity }) => [service, severity]),
    [['soon', 'warning']],
  );
  assert.match(changed[0]?.message ?? '', /^soon: up, the certificate ends in 4 d/);
});

test('several certificates behind one name that end soon are one event each', () => {
  const dayUs = 86_400e6;
  const fromUs = Date.now() * 1e3;
  const endpoint = {
    ...httpEndpoint({ url: 'https://127.0.0.1/' }),
    certificateWarningUs: 14 * dayUs,
  };
  const followed = new FollowedEndpoint(endpoint, contextOf(), fromUs);
  const look = (endUs: number, nowUs = fromUs): number =>
    followed.take(
      {
        ...{ name: 'a', kind: 'http', up: true, reason: '', attempts: 1, timeUs: nowUs },
        ...{ durationSeconds: 0.1, phaseSeconds: {}, certificateEndUs: endUs },
      },
      nowUs,
      nowUs - fromUs,
      { down: 1, up: 1, graceUs: 0 },
    ).length;
  const ends = [4, 5, 4, 5, 30, 4, 5].map((days) => fromUs + days * dayUs);
  assert.deepEqual(
    ends.map((endUs) => look(endUs)),
    [1, 1, 0, 0, 0, 0, 0],
  );
  const laterUs = fromUs + 4.5 * dayUs;
  const later = [5, 18, 5, 18].map((days) => look(fromUs + days * dayUs, laterUs));
  assert.deepEqual(later, [0, 1, 0, 0]);
  const many = Array.from({ length: 100 }, (_, n) => fromUs + dayUs * 6 + n);
  assert.equal(
    many.reduce((sum, endUs) => sum + look(endUs, laterUs), 0),
    100,
  );
  const remembered = many.filter((endUs) => look(endUs, laterUs) === 0);
  assert.ok(remembered.length <= 16, 'it does not grow');
});

test('what is looked at is looked at once a second, whatever is asked', async () => {
  const times: number[] = [];
  const port = await servers.tcp((socket) => {
    times.push(performance.now());
    socket.resume();
  });
  const { checks } = checksOf([tcp('a', port, { intervalMs: 10 })]);
  checks.start();
  checks.setInterval('a', 1);
  const from = performance.now();
  // What is taken out in the midst of a look may not have been connected: then it takes longer.
  while (times.length < 4 && performance.now() < from + 20_000) {
    void checks.checkNow('a');
    checks.reload({
      endpoints: [tcp('a', port, { timeoutMs: 1_000 + times.length })],
      thresholds: { down: 1, up: 1, graceUs: 0 },
    });
    checks.unregister('a');
    checks.register(tcp('a', port));
    checks.setInterval('a', 5);
    await sleep(20);
  }
  await checks.stop();
  assert.equal(times.length, 4);
  for (let n = 1; n < times.length; n++) {
    // Begun a second apart, and accepted by a server in the same process: both may be late.
    assert.ok((times[n] ?? 0) - (times[n - 1] ?? 0) > 700, String(times));
  }
});

test('those who ask at once share a probe that begins after they asked', async () => {
  const { checks, results } = checksOf([tcp('a', await servers.tcp(quiet))]);
  const fromUs = systemClock.realtimeUs();
  const all = await Promise.all(Array.from({ length: 50 }, () => checks.checkNow('a')));
  assert.equal(results.length, 1);
  assert.ok((results[0]?.timeUs ?? 0) >= fromUs);
  assert.equal(all[0]?.[0]?.state, 'up');
  assert.deepEqual(await checks.checkNow('no such name'), []);
  await checks.stop();
});

test('a probe under way is not doubled; what was due meanwhile is counted', async () => {
  let open = 0;
  let most = 0;
  const port = await servers.tcp((socket) => {
    most = Math.max(most, ++open);
    socket.resume();
    socket.once('close', () => open--);
  });
  const endpoint = httpEndpoint({
    url: `http://127.0.0.1:${port}/`,
    timeoutMs: 2_600,
    intervalMs: 1_000,
  });
  const { checks } = checksOf([endpoint]);
  checks.start();
  await eventually('two that were left out', () => checks.stats().skipped >= 2);
  assert.equal(most, 1);
  assert.equal(checks.uses()[0]?.skipped, checks.stats().skipped);
  await checks.stop();
});

test('there is a limit to what is under way; those that wait have their turn in order', async () => {
  const port = await servers.tcp(quiet);
  const endpoints = Array.from({ length: 30 }, (_, n) =>
    httpEndpoint({ name: `h${n}`, url: `http://127.0.0.1:${port}/`, timeoutMs: 100 }),
  );
  const { checks, results } = checksOf(endpoints, { concurrency: 4 });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, checks.stats().running);
  }, 5);
  await checks.checkNow();
  clearInterval(watch);
  assert.equal(results.length, 30);
  assert.equal(most, 4);
  assert.deepEqual(new Set(results.map(({ name }) => name)).size, 30);
  assert.ok(checks.stats().latenessMaxSeconds >= 0.5);
  await checks.stop();
});

test('stop() cuts off what is under way, and everybody who waits goes on', async () => {
  const port = await servers.tcp(quiet);
  const url = `http://127.0.0.1:${port}/`;
  const { checks, results, changed } = checksOf([httpEndpoint({ url, timeoutMs: 300_000 })]);
  checks.start();
  const asked = checks.checkNow();
  await eventually('it is under way', () => checks.stats().running === 1);
  await checks.stop();
  await asked;
  assert.deepEqual([results, changed], [[], []]);
});

test('a reload keeps what is known of those that stay, and their connections', async () => {
  let connections = 0;
  const port = await servers.tcp((socket) => {
    connections++;
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  });
  const stays = httpEndpoint({ name: 'stays', url: `http://127.0.0.1:${port}/` });
  const { checks } = checksOf([stays, tcp('goes', port)]);
  await checks.checkNow('stays');
  const [before] = checks.views();
  const thresholds = { down: 1, up: 1, graceUs: 0 };
  checks.reload({ endpoints: [{ ...stays }, tcp('comes', port)], thresholds });
  assert.deepEqual(
    checks.views().map(({ name, state }) => [name, state]),
    [
      ['stays', 'up'],
      ['comes', 'unknown'],
    ],
  );
  assert.equal(checks.views()[0]?.sinceUs, before?.sinceUs);
  await checks.checkNow('stays');
  assert.equal(connections, 1);
  checks.reload({ endpoints: [{ ...stays, method: 'HEAD' }], thresholds });
  await checks.checkNow('stays');
  assert.equal(connections, 2);
  await checks.stop();
});

test('another interval begins with the last probe, and can be taken back', async () => {
  const port = await servers.tcp(quiet);
  const { checks, results } = checksOf([tcp('a', port, { intervalMs: 3_600_000 })]);
  assert.deepEqual(checks.requestsPerMinute(), { total: 1 / 60, average: 1 / 60 });
  checks.start();
  await checks.checkNow();
  checks.setInterval('a', 1_000);
  assert.deepEqual(checks.requestsPerMinute(), { total: 60, average: 60 });
  await eventually('three results', () => results.length >= 3);
  checks.setInterval('a', undefined);
  const count = results.length;
  await sleep(1_500);
  assert.equal(results.length, count);
  await checks.stop();
});

test('1,000 services on one host are all looked at, spread over the second', async () => {
  const port = await servers.tcp(quiet);
  const endpoints = Array.from({ length: 1_000 }, (_, n) =>
    tcp(`service ${n}`, port, { host: 'good.test', intervalMs: 60_000 }),
  );
  const { checks, results } = checksOf(endpoints);
  checks.start();
  const named = (): number => new Set(results.map(({ name }) => name)).size;
  for (let tries = 0; tries < 600 && named() < 1_000; tries++) await sleep(100);
  assert.equal(new Set(results.filter(({ up }) => up).map(({ name }) => name)).size, 1_000);
  const seconds = new Set(results.map(({ timeUs }) => Math.floor(timeUs / 1e6)));
  assert.ok(seconds.size >= 4);
  await checks.stop();
});

test('phases are spread evenly, whatever the names are', () => {
  const buckets = new Array<number>(10).fill(0);
  for (let n = 0; n < 3_000; n++) {
    const at = Math.floor(phaseOf(`https://shop-${n}.example.org/health`) * 10);
    buckets[at] = (buckets[at] ?? 0) + 1;
  }
  for (const count of buckets) assert.ok(count > 200 && count < 400, String(buckets));
});

test('due times: in order, what was missed is left out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e9, noNaN: true })),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      (dues, nowUs) => {
        const queue = new DueQueue<number>();
        for (const [n, dueUs] of dues.entries()) queue.add(dueUs, n);
        queue.keep((n) => n % 3 !== 0);
        const wanted = dues
          .filter((dueUs, n) => n % 3 !== 0 && dueUs <= nowUs)
          .sort((a, b) => a - b);
        const taken: number[] = [];
        for (let next = queue.take(nowUs); next; next = queue.take(nowUs)) taken.push(next.dueUs);
        assert.deepEqual(taken, wanted);
        assert.ok((queue.firstUs ?? Infinity) > nowUs);
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e9 }),
      fc.integer({ min: 1e6, max: 1e9 }),
      fc.integer({ min: 0, max: 1e12 }),
      (dueUs, intervalUs, lateUs) => {
        const next = nextDue(dueUs, intervalUs, dueUs + lateUs);
        assert.ok(next > dueUs + lateUs && next <= dueUs + lateUs + intervalUs);
        assert.equal((next - dueUs) % intervalUs, 0);
      },
    ),
  );
});
