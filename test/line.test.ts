import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../src/model/event.ts';
import { limits } from '../src/model/limits.ts';
import { lineOf } from '../src/model/line.ts';
import { realtimeUs, rfc3339 } from '../src/model/time.ts';
import { samples } from './sample-events.ts';
import { eventOfLine } from './validate.ts';

for (const sample of Object.values(samples)) {
  test(`a ${sample.event_type} event is its own JSON`, () => {
    assert.equal(lineOf(sample), `${JSON.stringify(sample)}\n`);
    assert.deepEqual(read(sample), sample);
  });
}

const texts = [
  { name: 'quotes and backslashes', given: 'a"b\\c\\ud800', want: 'a"b\\c\\ud800' },
  { name: 'a new line', given: 'a\r\nb', want: 'a\r\nb' },
  { name: 'control characters', given: '\0\x1b[31m\x7f\x9b', want: '\0\x1b[31m\x7f\x9b' },
  { name: 'line separators', given: 'a\u2028b\u2029c\x85d', want: 'a\u2028b\u2029c\x85d' },
  { name: 'umlauts, CJK, emoji', given: 'ä漢😀', want: 'ä漢😀' },
  { name: 'a lone high surrogate', given: 'a\ud83d', want: 'a\ufffd' },
  { name: 'a lone low surrogate', given: '\ude00b 😀', want: '\ufffdb 😀' },
  { name: 'swapped surrogates', given: '\ude00\ud83d', want: '\ufffd\ufffd' },
  { name: 'the word null', given: 'null', want: 'null' },
];
for (const { name, given, want } of texts) {
  test(`text with ${name}`, () => {
    const event = { ...samples.crash_loop, message: given };
    const line = lineOf(event);
    assert.ok(!/[^\P{Cc}\n]|[\u2028\u2029]/u.test(line), 'no raw control character');
    assert.equal(read(event).message, want);
  });
}

test('a number that is none is left out, a BigInt is a number', () => {
  const evidence = { a: Number.NaN, b: [1, Number.POSITIVE_INFINITY, 3], c: 2n ** 63n, d: 0.5 };
  const event = { ...samples.anomaly, data: { ...samples.anomaly.data, evidence } } as Event;
  assert.deepEqual(read(event).data, {
    ...samples.anomaly.data,
    evidence: { b: [1, 3], c: 2 ** 63, d: 0.5 },
  });
  const exited = { ...samples.exited, data: { ...samples.exited.data, uptime_s: Number.NaN } };
  assert.ok(!('uptime_s' in read(exited as Event).data));
});

test('a cycle ends', () => {
  const evidence: Record<string, unknown> = { value: 1 };
  evidence['self'] = evidence;
  evidence['list'] = [evidence, evidence];
  const event = { ...samples.anomaly, data: { ...samples.anomaly.data, evidence } } as Event;
  assert.equal(read(event).cut, true);
});

test('a key named __proto__ stays a key', () => {
  const evidence = JSON.parse('{"__proto__": {"x": null}, "y": 1}') as Record<string, unknown>;
  const event = { ...samples.anomaly, data: { ...samples.anomaly.data, evidence } } as Event;
  assert.match(lineOf(event), /"evidence":\{"__proto__":\{\},"y":1\}/);
});

const many = Array.from({ length: 20_000 }, (_, i) => `unit-${i}.service`);
const long = [
  { name: 'a long message', change: { message: 'x'.repeat(1_000_000) } },
  { name: 'a long message of 3-byte letters', change: { message: '漢'.repeat(30_000) } },
  { name: 'a long message of emoji', change: { message: '😀'.repeat(40_000) } },
  { name: 'a long message of control characters', change: { message: '\x01'.repeat(30_000) } },
  { name: 'a long message of lone surrogates', change: { message: '\ud800'.repeat(30_000) } },
  { name: 'a long list', change: { depends_on: many } },
  { name: 'a long list of objects', change: { affects: { hard: many.map((u) => ({ u })) } } },
  { name: 'a long map', change: { affects: Object.fromEntries(many.map((u) => [u, u])) } },
  { name: 'a long key', change: { affects: { ['k'.repeat(100_000)]: 1 } } },
  {
    name: 'everything long',
    change: {
      message: '\x01'.repeat(90_000),
      service: 'ä'.repeat(90_000),
      cgroup: '/'.repeat(90_000),
      host: 'h'.repeat(90_000),
      caused_by: '"'.repeat(90_000),
      depends_on: many.map((unit) => unit.repeat(50)),
      affects: { hard: many, soft: [many, [many]], deep: { deep: { deep: many } } },
    },
  },
];
for (const { name, change } of long) {
  test(`${name} is cut, and the event stays valid`, () => {
    const event: Event = { ...samples.started, ...change };
    const read_ = read(event);
    assert.equal(read_.cut, true);
    assert.equal(read_.time, event.time);
    assert.deepEqual(read_.data, event.data, 'what is short stays whole');
  });
}

test('a cut text and a cut list say how much is missing', () => {
  const { message, depends_on } = read({
    ...samples.started,
    message: 'x'.repeat(100_000),
    depends_on: many,
  });
  const [, shown = '', more] = /^(x+)… \[(\d+) more\]$/.exec(message ?? '') ?? [];
  assert.equal(shown.length + Number(more), 100_000);
  const last = depends_on?.at(-1) ?? '';
  assert.equal(
    Number(/^… \[(\d+) more\]$/.exec(last)?.[1]) + (depends_on?.length ?? 0) - 1,
    20_000,
  );
});

test('a line of exactly 64 KiB passes, one byte more is cut', () => {
  const empty = Buffer.byteLength(lineOf({ ...samples.started, message: '' }));
  const message = 'x'.repeat(limits.eventBytes - empty);
  const whole = lineOf({ ...samples.started, message });
  assert.equal(Buffer.byteLength(whole), limits.eventBytes);
  assert.equal(JSON.parse(whole).message, message);
  assert.equal(read({ ...samples.started, message: `${message}x` }).cut, true);
});

test('any event with any texts, numbers and evidence is one valid line', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3_000 });
  // fast-check's own units are whole characters; these are halves, too.
  const halves = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 })
    .map((codes) => String.fromCharCode(...codes));
  const anyText = fc.oneof(text, halves);
  const number = fc.oneof(fc.double(), fc.integer(), fc.bigInt());
  const evidence = fc.dictionary(
    anyText,
    fc.oneof(anyText, number, fc.array(number), fc.object({ withBigInt: true })),
  );
  const events = fc.record({
    message: anyText,
    service: anyText,
    host: anyText,
    cgroup: anyText,
    depends_on: fc.array(anyText),
    evidence,
  });
  fc.assert(
    fc.property(events, ({ evidence, ...fields }) => {
      const data = { ...samples.anomaly.data, evidence };
      const event = { ...samples.anomaly, ...fields, data } as Event;
      const line = lineOf(event);
      assert.equal(Buffer.from(line).toString(), line, 'well-formed UTF-8');
      assert.equal(read(event).host, fields.host.replace(/\p{Surrogate}/gu, '\ufffd'));
    }),
    { seed: 20_260_131, numRuns: 300 },
  );
});

test('realtimeUs() is the reverse of rfc3339()', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9e15 }), (us) => {
      assert.equal(realtimeUs(rfc3339(us)), us);
    }),
    { seed: 1 },
  );
});

function read(event: Event): Event {
  const line = lineOf(event);
  assert.ok(line.endsWith('\n'));
  assert.ok(Buffer.byteLength(line) <= limits.eventBytes);
  return eventOfLine(line.slice(0, -1));
}
