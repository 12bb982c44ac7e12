import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, test } from 'node:test';
import { replayEvents, replayMemory } from '../../cmd/replay-recording.ts';
import { rfc3339 } from '../../src/model/time.ts';
import { defaultSettings } from '../../src/patterns/settings.ts';
import { parseTimestamp } from '../../src/patterns/timestamp.ts';
import { day, hour, minute, mondayUs, second } from './pattern-inputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'unitwatch-replay-'));
after(() => rmSync(folder, { recursive: true }));
const options = { settings: defaultSettings, host: 'recorded', service: 'web.service' };

type Replay = (
  file: string,
  streams: { in: Readable; out: PassThrough; err: PassThrough },
) => Promise<number>;

async function run(text: string | undefined, replay: Replay) {
  const file = join(folder, 'recording');
  if (text !== undefined) writeFileSync(file, text);
  const out = new PassThrough();
  const err = new PassThrough();
  let said = '';
  let complained = '';
  out.on('data', (chunk) => (said += chunk));
  err.on('data', (chunk) => (complained += chunk));
  const status = await replay(text === undefined ? join(folder, 'absent') : file, {
    in: Readable.from([]),
    out,
    err,
  });
  await new Promise((resolve) => setImmediate(resolve));
  const events = said
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return { status, events, complained: complained.replaceAll(folder, '') };
}

const events: Replay = (file, streams) => replayEvents(file, options, streams);
const memory: Replay = (file, streams) => replayMemory(file, options, streams);

function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

test('timestamps: RFC 3339, a date and a time, seconds since 1970; and nothing else', () => {
  const good: [unknown, number][] = [
    ['2026-03-02T00:00:00Z', mondayUs],
    ['2026-03-02T01:30:00.25+01:30', mondayUs + 250_000],
    ['2026-03-01T19:00:00.000001-0500', mondayUs + 1],
    ['2026-03-02 00:00:00', mondayUs],
    [mondayUs / 1e6, mondayUs],
    ['1772409600.5', mondayUs + 500_000],
    ['2016-12-31T23:59:60Z', Date.UTC(2016, 11, 31, 23, 59, 59) * 1000],
  ];
  for (const [text, want] of good) assert.equal(parseTimestamp(text), want, String(text));
  const bad = [
    '',
    'yesterday',
    '2026-02-30 00:00:00',
    '2026-03-02T24:00:00Z',
    '2026-13-01 00:00:00',
    -5,
    Number.NaN,
    1e12,
    null,
    '2026-03-02',
  ];
  for (const text of bad) assert.equal(parseTimestamp(text), undefined, String(text));
});

test("unitwatch's own events give the findings the agent gave", async () => {
  const row = (at: number, event_type: string, data: object) => ({
    seq: 1,
    time: rfc3339(mondayUs + at),
    host: 'h',
    service: 'web.service',
    severity: 'info',
    event_type,
    data,
  });
  const rows = [0, 1, 2, 3, 4].flatMap((n) => [
    row(n * 3 * second, 'exited', {
      reason: 'exit-code',
      result: 'exit-code',
      exit_code: 3,
      uptime_s: 1,
    }),
    row(n * 3 * second + 1e5, 'restarting', { cause: 'automatic', count: 1, reason: 'exit-code' }),
    row(n * 3 * second + 2e5, 'restarted', { cause: 'automatic', count: 1, down_s: 0.1 }),
  ]);
  const {
    status,
    events: found,
    complained,
  } = await run(
    lines([...rows, row(day, 'agent', { phase: 'stopping' }), row(day, 'started', {})]),
    events,
  );
  assert.deepEqual([status, complained], [0, '']);
  assert.deepEqual(
    found.map(
      (event) => `${event.seq} ${event.host} ${event.event_type} ${event.data.phase} ${event.time}`,
    ),
    [
      `1 recorded crash_loop opened ${rfc3339(mondayUs + 12 * second + 1e5)}`,
      `2 recorded crash_loop cleared ${rfc3339(mondayUs + 42 * second + 2e5)}`,
    ],
  );
  assert.equal(found[0].data.evidence.reason, 'exit-code');
});

test('lines of others: time, service and event_type are enough', async () => {
  const at = (n: number) => (mondayUs + n * 5 * second) / 1e6;
  const rows = [0, 1, 2, 3, 4].map((n) => ({
    time: at(n),
    service: 'db',
    event_type: 'restarted',
  }));
  assert.deepEqual(
    (await run(lines(rows), events)).events.map((event) => event.event_type),
    ['crash_loop'],
  );
  // Hourly restarts of a service that runs between are a timetable, not a loop.
  const hourly = Array.from({ length: 9 }, (_, n) => n * 3600 + mondayUs / 1e6);
  const restarting = hourly.map((time) => ({ time, service: 'db', event_type: 'restarting' }));
  const kinds = (await run(lines(restarting), events)).events.map((event) => event.event_type);
  assert.deepEqual(kinds, ['periodic_crash']);
  const own = rows.map((row) => ({ ...row, data: { cause: 'automatic', count: 1 } }));
  assert.equal((await run(lines(own), events)).events.length, 1);
  const ended = [0, 1, 2, 3, 4].flatMap((n) => [
    { time: at(n), service: 'db', event_type: 'exited' },
    { time: at(n) + 1, service: 'db', event_type: 'started' },
  ]);
  assert.equal((await run(lines(ended), events)).events.length, 1);
  // A failure and the restart that follows it are one crash.
  const pairs = [0, 1, 2, 3].flatMap((n) => [
    { time: at(n), service: 'db', event_type: 'failed' },
    { time: at(n) + 1, service: 'db', event_type: 'restarted' },
  ]);
  assert.deepEqual((await run(lines(pairs), events)).events, []);
  // A restart after a stop is a deployment.
  const deployed = [0, 1, 2, 3, 4, 5].flatMap((n) => [
    { time: at(n), service: 'db', event_type: 'stopped' },
    { time: at(n) + 1, service: 'db', event_type: 'restarted' },
  ]);
  assert.deepEqual((await run(lines(deployed), events)).events, []);
});

test('recorded timers are compared with the crashes after them', async () => {
  const hours = [0, 7, 29, 40, 63, 70, 99, 111];
  const rows = hours.flatMap((h) => [
    {
      time: mondayUs / 1e6 + h * 3600,
      service: 'backup.timer',
      event_type: 'timer',
      data: { unit: 'backup.service' },
    },
    { time: mondayUs / 1e6 + h * 3600 + 20, service: 'db', event_type: 'crashed' },
  ]);
  const { events: found } = await run(lines(rows), events);
  assert.equal(found[0].data.evidence.timer, 'backup.timer');
});

test('bad lines are counted and told; only where all are bad is it a failure', async () => {
  const good = lines([{ time: 1, service: 'a', event_type: 'started' }]);
  const some = await run(
    `${good}{"time":\n\n${good}{"time":"x","service":"a","event_type":"started"}\r\n${'x'.repeat(1_100_000)}\n${good}`,
    events,
  );
  assert.equal(some.status, 0);
  assert.equal(
    some.complained,
    '/recording:2: the line is not an event: it needs `time`, `service` and `event_type`\n' +
      '/recording:5: the line is not an event: it needs `time`, `service` and `event_type`\n' +
      '/recording:6: the line is longer than 1 MiB\n/recording: 3 of 6 lines could not be used\n',
  );
  assert.equal((await run('nonsense\n', events)).status, 1);
  assert.equal((await run('', events)).status, 0);
  const absent = await run(undefined, events);
  assert.deepEqual(
    [absent.status, absent.complained],
    [2, 'cannot replay /absent: there is no such file\n'],
  );
});

test('memory of one service: its leaks, in any column order and any notation of time', async () => {
  const times: ((us: number) => string)[] = [
    (us) => String(us / 1e6),
    (us) => rfc3339(us),
    (us) => rfc3339(us).slice(0, 19).replace('T', ' '),
  ];
  for (const time of times) {
    const rows = Array.from({ length: 3 * 288 }, (_, n) => {
      const at = n * 5 * minute;
      return `${Math.round(2e8 * (1 + (0.2 * at) / day))},x,"${time(mondayUs + at)}"`;
    });
    const { status, events: found } = await run(
      `bytes,host,timestamp\n${rows.join('\n')}\n`,
      memory,
    );
    assert.equal(status, 0);
    assert.deepEqual(
      found.map((event) => `${event.event_type} ${event.data.phase} ${event.service}`),
      ['memory_leak opened web.service'],
    );
    assert.ok(Math.abs(found[0].data.evidence.bytes_per_hour / (4e7 / 24) - 1) < 0.02);
  }
});

test('memory: a file without its header, and rows that are no numbers', async () => {
  const bad = await run('time,value\n1,2\n', memory);
  assert.deepEqual(
    [bad.status, bad.complained],
    [2, 'cannot replay /recording: its first line has to name the columns timestamp and bytes\n'],
  );
  const rows = await run(`timestamp,bytes\n${hour / 1e6},5\n,5\n7200,\n7200,-1\n7200,x\n`, memory);
  assert.equal(rows.status, 0);
  assert.match(rows.complained, /4 of 6 lines could not be used/);
});

test('memory: names of columns in any case, and lines that stand in a wrong order are told', async () => {
  const rows = Array.from(
    { length: 3000 },
    (_, n) => `${mondayUs / 1e6 + n * 60},${1e8 + n * 5e4}`,
  );
  const good = await run(`Timestamp,"BYTES"\r\n${rows.join('\r\n')}`, memory);
  assert.deepEqual(
    good.events.map(({ event_type, data }) => [event_type, data.phase]),
    [['memory_leak', 'opened']],
  );
  const turned = await run(['timestamp,bytes', ...rows.toReversed()].join('\n'), memory);
  assert.deepEqual([turned.status, turned.events], [0, []]);
  assert.match(turned.complained, /older than one before it: sort the lines/);
});

test('memory: a cache that fills as the logarithm of time is none, teeth over a rising floor are', async () => {
  const recorded = (bytes: (hours: number) => number) =>
    run(
      `timestamp,bytes\n${Array.from({ length: 4320 }, (_, n) => `${mondayUs / 1e6 + n * 60},${bytes(n / 60)}`).join('\n')}`,
      memory,
    );
  for (const [perFold, tau] of [
    [5e7, 0.1],
    [2e8, 1],
    [1e8, 3],
  ] as const) {
    const { events } = await recorded((h) => Math.round(1e8 + perFold * Math.log(1 + h / tau)));
    assert.deepEqual(events, []);
  }
  const teeth = (h: number) => (1e8 * (h % 1.7)) / 1.7;
  assert.deepEqual((await recorded((h) => Math.round(1e8 + teeth(h)))).events, []);
  const rising = await recorded((h) => Math.round(1e8 + 6e5 * h + teeth(h)));
  assert.equal(rising.events[0]?.event_type, 'memory_leak');
});

test('events: restarts alone, with the waits of a back-off that has a limit, keep no timetable', async () => {
  const rows: object[] = [];
  let at = mondayUs / 1e6;
  for (let n = 0; n < 40; n++) {
    at += Math.min(10 * 2 ** n, 900) + 2;
    rows.push({ time: at, service: 'a.service', event_type: 'restart' });
  }
  const { events: found } = await run(lines(rows), events);
  const patterns = new Set(found.map(({ event_type }) => event_type));
  assert.deepEqual([...patterns], ['crash_loop']);
});

test('events: anomalies are sought as anomaly_detection says', async () => {
  const at = (us: number) => us / 1e6;
  const rows = [
    { time: at(mondayUs), service: 'a.service', event_type: 'started' },
    ...[40, 40.1].map((n) => ({
      time: at(mondayUs + n * day),
      service: 'a.service',
      event_type: 'restart',
    })),
  ];
  const off: Replay = (file, streams) =>
    replayEvents(file, { ...options, seeksAnomalies: false }, streams);
  assert.deepEqual((await run(lines(rows), off)).events, []);
  const { events: found } = await run(lines(rows), events);
  assert.equal(found[0]?.data.evidence.aspect, 'first_restart');
});
