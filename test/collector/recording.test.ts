import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { replay } from '../../cmd/replay.ts';
import { unitFilter } from '../../src/collector/filter.ts';
import { Recording } from '../../src/collector/recording.ts';
import type { Event } from '../../src/model/event.ts';
import { lineOf } from '../../src/model/line.ts';
import { eventsOf as eventsOfText } from '../validate.ts';
import { capture, fixturePath } from './captures.ts';
import { encode, managerSignal, propertiesChanged, type Value } from './encode.ts';
import { Chance } from './mutate.ts';

const goldenPath = fileURLToPath(new URL('../../../test/golden/life.ndjson', import.meta.url));
const services = unitFilter({
  monitorAll: true,
  whitelist: [],
  blacklist: [],
  containersOnly: false,
  unitTypes: ['service'],
});

function eventsOf(pieces: Iterable<Buffer>): Event[] {
  const events: Event[] = [];
  const recording = new Recording({
    host: 'bed',
    filter: services,
    event: (event) => events.push(event),
  });
  for (const piece of pieces) assert.ok(recording.push(piece));
  recording.end();
  assert.equal(recording.incompleteBytes, 0);
  assert.equal(recording.counters.malformed, 0);
  return events;
}

function linesOf(pieces: Iterable<Buffer>): string {
  return eventsOf(pieces).map(lineOf).join('');
}

/** Runs the command in this process. */
async function replayed(...argv: string[]) {
  const texts = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const io = { stdout: stream('stdout'), stderr: stream('stderr'), env: {} };
  return { status: await replay(argv, io), ...texts };
}

describe('a recording of lives', () => {
  const bytes = capture('life');
  const lines = linesOf([bytes]);

  test('is told as test/golden/life.ndjson (UPDATE=1 writes it anew)', () => {
    if (process.env['UPDATE']) writeFileSync(goldenPath, lines);
    assert.equal(lines, readFileSync(goldenPath, 'utf8'));
    assert.equal(eventsOfText(lines).length, 83);
  });

  test('shows each sort of ending', () => {
    const reasons = new Set(
      eventsOf([bytes]).map(({ data }) => ('reason' in data ? data.reason : '')),
    );
    for (const reason of [
      'clean',
      'exit-code',
      'signal',
      'core-dump',
      'oom-kill',
      'watchdog',
      'timeout',
      'start-limit-hit',
      'protocol',
      'exec-condition',
    ])
      assert.ok(reasons.has(reason), reason);
  });

  test('is told the same wherever it is cut', () => {
    const chance = new Chance(1);
    for (let round = 0; round < 20; round++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + chance.below(round < 10 ? 300 : 200_000);
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      assert.equal(linesOf(pieces), lines);
    }
  });
});

test('a storm: restarts told one by one are the ones that NRestarts counts', () => {
  const counts = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { event_type, service, data } of eventsOf([capture('storm')])) {
    if (event_type !== 'restarting') continue;
    counts.set(service, (counts.get(service) ?? 0) + data.count);
    last.set(service, data.n_restarts);
  }
  assert.equal(counts.size, 30);
  assert.deepEqual(counts, last);
});

describe('states that may be passing ones', () => {
  const us = (ms: number): bigint => 1_700_000_000_000_000n + BigInt(ms * 1_000);
  type Property = readonly [string, string, Value];
  const signal = (label: string, properties: readonly Property[]): Buffer =>
    encode(propertiesChanged(`${label}_2eservice`, 'Unit', properties));
  const running = (label: string, atMs: number): Buffer =>
    signal(label, [
      ['ActiveState', 's', 'active'],
      ['SubState', 's', 'running'],
      ['StateChangeTimestamp', 't', us(atMs)],
      ['ActiveEnterTimestamp', 't', us(atMs)],
    ]);
  const failed = (label: string, atMs: number): Buffer =>
    signal(label, [
      ['ActiveState', 's', 'failed'],
      ['SubState', 's', 'failed'],
      ['Result', 's', 'exit-code'],
      ['StateChangeTimestamp', 't', us(atMs)],
      ['InactiveEnterTimestamp', 't', us(atMs)],
    ]);
  const waiting = (label: string, atMs: number): Buffer =>
    signal(label, [
      ['ActiveState', 's', 'activating'],
      ['SubState', 's', 'auto-restart'],
      ['StateChangeTimestamp', 't', us(atMs)],
    ]);
  const told = (pieces: Buffer[]) =>
    eventsOf(pieces).map(({ event_type, service }) => `${service} ${event_type}`);

  test('are not told when the next one comes at once', () =>
    assert.deepEqual(told([running('a', 0), failed('a', 10), waiting('a', 10.3)]), [
      'a.service exited',
    ]));
  test('are told when a later timestamp passes them, before what is later', () =>
    assert.deepEqual(
      told([
        running('b', 0),
        running('a', 1),
        failed('a', 10),
        failed('b', 150),
        waiting('b', 150.2),
      ]),
      ['a.service failed', 'b.service exited'],
    ));
  test('are told at the end', () =>
    assert.deepEqual(told([running('a', 0), failed('a', 10)]), ['a.service failed']));
});

describe('unitwatch replay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-replay-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, bytes: Buffer | string): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const life = capture('life');
  const golden = readFileSync(goldenPath, 'utf8');

  test('reads a recording, packed or not', async () => {
    for (const path of [fixturePath('life.dbus.gz'), file('plain', life)]) {
      const { status, stdout, stderr } = await replayed(path, '--host', 'bed');
      assert.equal(stderr, '');
      assert.equal(stdout, golden);
      assert.equal(status, 0);
    }
  });

  const started = (path: string): ChildProcessWithoutNullStreams => {
    const executable = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));
    return spawn(process.execPath, [executable, 'replay', path, '--host', 'bed']);
  };

  test('recorded events that begin with a byte order mark', async () => {
    const line = '{"time":1772409600,"service":"a.service","event_type":"restart"}\n';
    const outcome = await replayed(file('marked.ndjson', `\ufeff${line}`));
    assert.deepEqual(outcome, { status: 0, stdout: '', stderr: '' });
  });

  test('from standard input', async () => {
    const child = started('-');
    child.stdin.end(life);
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    const [status] = await once(child, 'close');
    assert.deepEqual([status, stdout], [0, golden]);
  });

  test('its reader may leave at any time', async () => {
    const child = started(fixturePath('storm.dbus.gz'));
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [status] = await once(child, 'close');
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('a message that is longer than what is read at a time', async () => {
    const long = encode(managerSignal('UnitNew', 'so', ['x'.repeat(1_000_000), '/x']));
    const { status, stdout } = await replayed(
      file('long', Buffer.concat([long, life])),
      '--host=bed',
    );
    assert.deepEqual([status, stdout], [0, golden]);
  });

  const wrong = [
    { name: 'no file', argv: [], status: 2, says: /which FILE/ },
    { name: 'two files', argv: ['a', 'b'], status: 2, says: /one file at a time/ },
    { name: 'an unknown option', argv: ['--fast', 'a'], status: 2, says: /--fast/ },
    { name: 'an empty host', argv: ['--host', '', 'a'], status: 2, says: /--host/ },
    {
      name: 'a service without its memory',
      argv: ['--service', 'a', 'b'],
      status: 2,
      says: /--service belongs to --memory/,
    },
    {
      name: 'a host for a series',
      argv: ['--series', 'a', '--host', 'b'],
      status: 2,
      says: /--host says nothing to --series/,
    },
    {
      name: 'settings for a series',
      argv: ['--series', 'a', '--config', 'b'],
      status: 2,
      says: /--config says nothing to --series/,
    },
    {
      name: 'settings for D-Bus messages',
      argv: ['--config', file('settings.yaml', ''), file('bus', life)],
      status: 2,
      says: /--config says nothing to D-Bus messages/,
    },
    { name: 'an empty memory', argv: ['--memory', file('m', '')], status: 2, says: /first line/ },
    { name: 'an empty series', argv: ['--series', file('s', '')], status: 2, says: /no row/ },
    {
      name: 'a series that is not there',
      argv: ['--series', join(folder, 'none')],
      status: 2,
      says: /no such/,
    },
    {
      name: 'events of which none can be used',
      argv: [file('events.ndjson', '{"a":1}\n')],
      status: 1,
      says: /events\.ndjson:1: the line is not an event/,
    },
    { name: 'a file that is not there', argv: [join(folder, 'none')], status: 2, says: /no such/ },
    { name: 'a folder', argv: [folder], status: 2, says: /folder/ },
    { name: 'an empty file', argv: [file('empty', '')], status: 2, says: /no recording/ },
    { name: 'text', argv: [file('text', 'hello\n'.repeat(90))], status: 2, says: /no recording/ },
    {
      name: 'packed text',
      argv: [file('text.gz', gzipSync('hello\n'.repeat(90)))],
      status: 2,
      says: /no recording/,
    },
    {
      name: 'a recording that breaks off',
      argv: [file('cut', life.subarray(0, 500_001))],
      status: 1,
      says: /middle of a message/,
      some: true,
    },
    {
      name: 'one that is damaged',
      argv: [file('damaged', Buffer.concat([life, Buffer.alloc(64, 0x55)]))],
      status: 1,
      says: /no D-Bus any more/,
      some: true,
    },
    {
      name: 'a packed one that breaks off',
      argv: [file('cut.gz', readFileSync(fixturePath('life.dbus.gz')).subarray(0, 20_000))],
      status: 1,
      says: /unpacked/,
      some: true,
    },
  ];
  for (const { name, argv, status, says, some } of wrong)
    test(`${name}: status ${status} and one sentence`, async () => {
      const result = await replayed(...argv);
      assert.equal(result.status, status);
      assert.match(result.stderr, says);
      assert.ok(result.stderr.split('\n').length <= 3, result.stderr);
      assert.equal(result.stdout !== '', some === true);
    });

  test('--help', async () => {
    const { status, stdout } = await replayed('--help');
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: unitwatch replay FILE/);
  });
});
