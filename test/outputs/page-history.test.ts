import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../src/model/event.ts';
import type { HistoryEntry } from '../../src/model/status.ts';
import { rfc3339 } from '../../src/model/time.ts';
import { History, spansOf } from '../../src/outputs/page/history.ts';
import { timeline } from '../../src/outputs/page/timeline.ts';
import { samples } from '../sample-events.ts';
import { nowUs } from './http-client.ts';

function event(service: string, at: number, type: 'started' | 'failed' = 'started'): Event {
  return { ...samples[type], service, time: rfc3339(at) };
}

test('what each event becomes', () => {
  const history = new History();
  for (const sample of Object.values(samples)) history.event({ ...sample, service: 'a' });
  const { entries } = history.of('a');
  assert.deepEqual(
    entries.map(({ type, state }) => [type, state]),
    [
      ['started', 'up'],
      ['exited', 'waiting'],
      ['restarting', 'waiting'],
      ['restarted', 'up'],
      ['stopped', 'down'],
      ['failed', 'failed'],
      ['missing', 'missing'],
      ['crash_loop', undefined],
      ['periodic_crash', undefined],
      ['anomaly', undefined],
      ['memory_leak', undefined],
      ['alarm', undefined],
      ['control', undefined],
      ['restart_step', undefined],
      ['circuit', undefined],
      ['check', 'missing'],
      ['notification', undefined],
    ],
  );
  assert.match(entries[1]?.words ?? '', /exit 1, after 3.3 s, will be started again/);
  assert.deepEqual(history.of('unknown'), { entries: [], forgotten: 0, memory: [] });
});

test('a component is called what its check said, not what a unit would be', () => {
  const history = new History();
  const states = ['running', 'degraded', 'too_many', 'missing', 'up', 'down'] as const;
  for (const state of states) {
    history.event({ ...samples.check, service: 'a', data: { ...samples.check.data, state } });
  }
  assert.deepEqual(
    history.of('a').entries.map(({ state }) => state),
    ['running', 'degraded', 'too_many', 'missing', 'up', 'unreachable'],
  );
  const drawn = timeline('a', history.of('a'), nowUs) || undefined;
  assert.match(drawn?.text ?? '', /running, degraded, too many, missing, up, down/);
  assert.doesNotMatch(drawn?.text ?? '', /waits for restart/);
});

test('one name keeps its newest 200, and knows how many went', () => {
  const history = new History();
  for (let i = 0; i < 1_000; i++) history.event(event('a', nowUs + i));
  const { entries, forgotten } = history.of('a');
  assert.deepEqual([entries.length, forgotten], [200, 800]);
  assert.deepEqual([entries[0]?.timeUs, entries.at(-1)?.timeUs], [nowUs + 800, nowUs + 999]);
});

test('where all are too many, the longest histories give, and rare ones stay', () => {
  const history = new History({ inAll: 1_000 });
  history.event(event('rare', nowUs));
  for (let i = 0; i < 5_000; i++) history.event(event(`busy-${i % 20}`, nowUs + i));
  assert.ok(history.size <= 1_000 && history.size > 800, String(history.size));
  assert.equal(history.of('rare').entries.length, 1);
  for (let i = 0; i < 20; i++) assert.ok(history.of(`busy-${i}`).entries.length > 30);
});

test('where each has one entry only, those that changed longest ago are forgotten', () => {
  const history = new History({ inAll: 1_000 });
  for (let i = 0; i < 5_000; i++) history.event(event(`once-${i}`, nowUs + i));
  assert.ok(history.size <= 1_000);
  assert.equal(history.of('once-0').entries.length, 0);
  assert.equal(history.of('once-4999').entries.length, 1);
});

test('whatever comes: the limits hold, and the newest entry of the newest name is there', () => {
  const arbitrary = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(arbitrary, fc.integer({ min: 10, max: 60 }), (names, inAll) => {
      const history = new History({ perName: 7, inAll });
      for (const [i, name] of names.entries()) history.event(event(`n${name}`, nowUs + i));
      const all = [...new Set(names)].map((name) => history.of(`n${name}`).entries);
      const sum = all.reduce((total, { length }) => total + length, 0);
      assert.equal(sum, history.size);
      assert.ok(sum <= inAll);
      for (const { length } of all) assert.ok(length <= 7);
      const newest = history.of(`n${names.at(-1)}`).entries.at(-1);
      assert.equal(newest?.timeUs, nowUs + names.length - 1);
    }),
    { numRuns: 300 },
  );
});

test('a text of any length is bounded', () => {
  const history = new History();
  history.event({ ...samples.crash_loop, service: 'a', message: 'x'.repeat(60_000) });
  assert.ok((history.of('a').entries[0]?.words.length ?? 0) <= 401);
});

test('memory is kept over the whole life in at most 65 points', () => {
  const history = new History();
  const sample = (i: number): void =>
    history.sample({
      service: 'a',
      invocation: '',
      timeUs: nowUs + i * 10_000_000,
      anonBytes: 1e6 + i * 1_000,
      source: 'cgroup',
    });
  for (let i = 0; i < 3; i++) sample(i);
  assert.deepEqual(
    history.of('a').memory.map(({ bytes }) => bytes),
    [1e6, 1.001e6, 1.002e6],
  );
  for (let i = 3; i < 10_000; i++) {
    sample(i);
    const { length } = history.of('a').memory;
    assert.ok(length <= 65 && length >= Math.min(i + 1, 32), `${i}: ${length}`);
  }
  const { memory } = history.of('a');
  assert.equal(memory[0]?.timeUs, nowUs);
  assert.deepEqual(memory.at(-1), { timeUs: nowUs + 99_990_000_000, bytes: 10_999_000 });
  assert.equal(history.memoryBytes('a'), 10_999_000);
  for (const { timeUs, bytes } of memory) {
    const want = 1e6 + ((timeUs - nowUs) / 10_000_000) * 1_000;
    assert.ok(Math.abs(bytes - want) < 10, `${bytes} instead of ${want}`);
  }
  // The clock was set back by an hour.
  sample(9_640);
  const after = history.of('a').memory;
  assert.deepEqual(
    after.map(({ timeUs }) => timeUs),
    after.map(({ timeUs }) => timeUs).toSorted((a, b) => a - b),
  );
  history.gone('a');
  assert.equal(history.memoryBytes('a'), undefined);
});

test('no more traces than allowed', () => {
  const history = new History({ traces: 2 });
  for (const service of ['a', 'b', 'c']) {
    const sample = {
      service,
      invocation: '',
      timeUs: nowUs,
      anonBytes: 1,
      source: 'file',
    } as const;
    history.sample(sample);
  }
  assert.equal(history.memoryBytes('b'), 1);
  assert.equal(history.memoryBytes('c'), undefined);
});

test('the slope of a leak lives as long as the finding', () => {
  const history = new History();
  const leak = (phase: 'opened' | 'updated' | 'cleared', evidence: object): void =>
    history.event({
      ...samples.memory_leak,
      service: 'a',
      data: { phase, finding_id: 'x', evidence: { ...evidence } },
    });
  leak('opened', { bytes_per_hour: 5e6, observed_s: 60 });
  assert.deepEqual(history.of('a').slope, { bytesPerHour: 5e6, observedUs: 60e6 });
  leak('updated', { bytes_per_hour: 6e6, observed_s: 90 });
  assert.equal(history.of('a').slope?.bytesPerHour, 6e6);
  leak('updated', { bytes_per_hour: 'many', observed_s: 90 });
  assert.equal(history.of('a').slope?.bytesPerHour, 6e6);
  leak('cleared', {});
  assert.equal(history.of('a').slope, undefined);
});

test('spans of a timeline join equal states and reach until now', () => {
  const entry = (at: number, state?: HistoryEntry['state']): HistoryEntry => ({
    ...{ timeUs: at, type: 'started', severity: 'info', words: '' },
    ...(state !== undefined && { state }),
  });
  const entries = [
    entry(10, 'up'),
    entry(20),
    entry(30, 'waiting'),
    entry(35, 'waiting'),
    entry(40, 'up'),
    entry(39, 'failed'),
  ];
  assert.deepEqual(spansOf(entries, 100), [
    { fromUs: 10, toUs: 30, state: 'up' },
    { fromUs: 30, toUs: 40, state: 'waiting' },
    { fromUs: 40, toUs: 40, state: 'up' },
    { fromUs: 39, toUs: 100, state: 'failed' },
  ]);
  assert.deepEqual(spansOf([entry(1)], 100), []);
});
