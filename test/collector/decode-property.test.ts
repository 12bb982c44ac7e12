import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { extraFields, labels, message, typed } from './arbitrary.ts';
import { type Decoded, dbusNext, encode, type Message, systemd, types } from './encode.ts';
import { feed, listening } from './listening.ts';
import { expected } from './reference.ts';

/** dbus-next's unmarshaller cannot read a message that has no body; its connection does not ask it to. */
function unmarshalled(bytes: Buffer, message: Message): Decoded {
  if (message.signature) return dbusNext.unmarshall(bytes);
  return { ...message, body: [] };
}

const messages = fc.array(message, { minLength: 1, maxLength: 8 });

test('a decoded stream says what dbus-next reads in the same bytes', () => {
  fc.assert(
    fc.property(messages, (all) => {
      const parts = all.map((one) => dbusNext.marshall(one)[0]);
      const { decoder, heard } = listening(systemd, labels);
      assert.equal(feed(decoder, [Buffer.concat(parts)]), 0);
      const decoded = parts.map((bytes, i) => unmarshalled(bytes, all[i] as Message));
      assert.deepEqual(heard, expected(decoded, labels));
      assert.equal(decoder.counters.malformed, 0);
      const signals = all.filter(({ type }) => type === types.signal);
      assert.equal(decoder.counters.signals, signals.length);
    }),
    { numRuns: 1_500 },
  );
});

test('both byte orders, and header fields of a later D-Bus, say the same', () => {
  fc.assert(
    fc.property(messages, fc.boolean(), extraFields, (all, big, extra) => {
      const plain = listening(systemd, labels);
      feed(plain.decoder, [Buffer.concat(all.map((one) => dbusNext.marshall(one)[0]))]);
      const other = listening(systemd, labels);
      feed(other.decoder, [Buffer.concat(all.map((one) => encode(one, big, extra)))]);
      assert.deepEqual(other.heard, plain.heard);
      assert.deepEqual(other.decoder.counters, plain.decoder.counters);
    }),
    { numRuns: 700 },
  );
});

test('the encoder of these tests writes what dbus-next writes', () => {
  fc.assert(
    fc.property(message, (one) => {
      assert.deepEqual(encode(one), dbusNext.marshall(one)[0]);
    }),
    { numRuns: 500 },
  );
});

test('any value is stepped over exactly: what stands behind it is read', () => {
  fc.assert(
    fc.property(fc.array(typed, { maxLength: 5 }), fc.boolean(), (values, big) => {
      const dictionary = values.map(([sig, value], i) => [`Unknown${i}`, [sig, value]] as const);
      const bytes = encode(
        {
          type: types.return,
          serial: 1,
          replySerial: 2,
          sender: systemd,
          signature: 'a{sv}',
          body: [[...dictionary, ['NRestarts', ['u', 4_711]]]],
        },
        big,
      );
      const { decoder, heard } = listening(systemd, []);
      feed(decoder, [bytes]);
      const [, , kind, state] = heard[0] ?? [];
      assert.equal(kind, 'properties');
      assert.equal((state as { nRestarts: number }).nRestarts, 4_711);
    }),
    { numRuns: 1_500 },
  );
});

test('a stream cut in pieces anywhere says the same', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 12 }), (all, at) => {
      const bytes = Buffer.concat(all.map((one) => encode(one)));
      const whole = listening(systemd, labels);
      feed(whole.decoder, [bytes]);
      const cuts = [0, ...at.map((one) => one % bytes.length).sort((a, b) => a - b), bytes.length];
      const pieces = cuts.slice(1).map((cut, i) => bytes.subarray(cuts[i], cut));
      const cut = listening(systemd, labels);
      assert.equal(feed(cut.decoder, pieces), 0);
      assert.deepEqual(cut.heard, whole.heard);
    }),
    { numRuns: 500 },
  );
});

test('one stream, cut in two at each of its bytes, and fed byte by byte', () => {
  const [all = []] = fc.sample(fc.array(message, { minLength: 12, maxLength: 12 }), {
    seed: 252,
    numRuns: 1,
  });
  const bytes = Buffer.concat(all.map((one, i) => encode(one, i % 3 === 0)));
  const whole = listening(systemd, labels);
  feed(whole.decoder, [bytes]);
  assert.ok(whole.heard.length >= 6, 'the sample has something to say');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const halves = listening(systemd, labels);
    assert.equal(feed(halves.decoder, [bytes.subarray(0, cut), bytes.subarray(cut)]), 0);
    assert.deepEqual(halves.heard, whole.heard, `cut at ${cut}`);
  }
  const single = listening(systemd, labels);
  assert.equal(
    feed(
      single.decoder,
      Array.from(bytes, (byte) => Buffer.from([byte])),
    ),
    0,
  );
  assert.deepEqual(single.heard, whole.heard);
});
