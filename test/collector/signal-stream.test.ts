import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { BusError } from '../../src/collector/bus.ts';
import { SignalConnection } from '../../src/collector/signals.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import { until } from '../bed.ts';
import { capture, messagesIn } from './captures.ts';
import { encode, nameOwnerChanged, propertiesChanged, systemd, types } from './encode.ts';
import { type FakeBus, type FakeBusOptions, fakeBus } from './fake-bus.ts';
import { Chance, mutated } from './mutate.ts';

const bufferBytes = 65_536;

interface Unit {
  readonly state: Readonly<UnitState>;
}

interface Ears {
  readonly bus: FakeBus;
  readonly connection: SignalConnection<Unit>;
  readonly socket: Socket;
  /** NRestarts of each change, in order: the tests number their signals with it. */
  readonly numbers: number[];
  overflows: number;
}

function open(bus: FakeBus, ears: { numbers: number[]; overflows: number }) {
  const unit: Unit = { state: newUnitState() };
  return SignalConnection.open<Unit>({
    target: bus.target,
    uid: 0,
    bufferBytes,
    sink: {
      find: () => unit,
      changed: (_unit, next) => {
        ears.numbers.push(next.nRestarts);
      },
      unitNew: () => {},
      unitRemoved: () => {},
      jobRemoved: () => {},
      reloading: () => {},
      ownerChanged: () => {},
      overflow: () => {
        ears.overflows++;
      },
    },
  });
}

async function withEars(
  use: (ears: Ears) => Promise<void>,
  options?: FakeBusOptions,
): Promise<void> {
  const bus = await fakeBus(options);
  const ears = { numbers: [] as number[], overflows: 0 };
  let connection: SignalConnection<Unit> | undefined;
  try {
    connection = await open(bus, ears);
    await use(Object.assign(ears, { bus, connection, socket: await bus.ready }));
  } finally {
    connection?.close('the test is over');
    await bus.close();
  }
}

function numbered(number: number): Buffer {
  return encode(propertiesChanged('a_2eservice', 'Unit', [['NRestarts', 'u', number]]));
}

/** A signal of about this many bytes. */
function long(bytes: number): Buffer {
  const text = ['StatusText', 's', 'x'.repeat(bytes)] as const;
  return encode(propertiesChanged('a_2eservice', 'Unit', [text]));
}

/** The longest that the buffer takes. */
function longest(): Buffer {
  let size = bufferBytes - long(0).length - 16;
  while (long(size + 1).length <= bufferBytes) size++;
  return long(size);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Written with its end awaited, so that it arrives alone. */
async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await once(socket, 'drain');
}

/** Why the connection ended. */
async function ended(connection: SignalConnection<Unit>): Promise<BusError | 'still there'> {
  return connection.lost.during(sleep(5_000, 'still there' as const));
}

describe('signing in', () => {
  const refusals = [
    { name: 'REJECTED', signIn: ['REJECTED EXTERNAL\r\n'] },
    { name: 'an error', signIn: ['ERROR\r\n'] },
    { name: 'an empty line', signIn: ['\r\n'] },
    { name: 'a line that does not end', signIn: ['x'.repeat(4_000)] },
    { name: 'zeros', signIn: [Buffer.alloc(70_000)] },
    { name: 'a web server', signIn: ['HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'] },
    { name: 'no D-Bus after OK', signIn: ['OK 0\r\n', 'and now this: nonsense, at length'] },
  ];
  for (const { name, signIn } of refusals)
    test(`${name} ends it with a sentence`, async () => {
      const bus = await fakeBus({ signIn });
      try {
        await assert.rejects(open(bus, { numbers: [], overflows: 0 }), (error) => {
          assert.ok(error instanceof BusError);
          assert.match(error.message, /^The bus at .* is of no use: .*\.$/);
          return true;
        });
      } finally {
        await bus.close();
      }
    });

  test('a line in pieces is one line', () =>
    withEars(async ({ bus }) => assert.deepEqual(bus.calls.slice(0, 2), ['AUTH', 'Hello']), {
      signIn: ['O', 'K', ' 0123', '\r', '\n'],
    }));

  const come = nameOwnerChanged('org.freedesktop.systemd1', systemd, 'org.freedesktop.DBus');
  test('systemd that joins the bus while it is asked for is not missed', () =>
    withEars(
      async ({ connection, socket, numbers }) => {
        assert.equal(connection.owner, systemd);
        await write(socket, numbered(1));
        await until('its signal is taken', () => numbers.length === 1);
      },
      { owner: '', next: encode(come) },
    ));

  test('EOF in mid-line ends it', async () => {
    const bus = await fakeBus({ signIn: [] });
    try {
      const opening = open(bus, { numbers: [], overflows: 0 });
      await until('it has said its name', () => bus.calls.length > 0);
      await Promise.all([assert.rejects(opening, BusError), bus.close()]);
    } finally {
      await bus.close().catch(() => {});
    }
  });
});

describe('the stream of signals', () => {
  test('a byte at a time, a storm of wake-ups: all arrive, once and in order', () =>
    withEars(async ({ socket, numbers, connection }) => {
      const bytes = Buffer.concat(upTo(20).map(numbered));
      for (const byte of bytes) await write(socket, Buffer.from([byte]));
      await until('all are there', () => numbers.length === 20);
      assert.deepEqual(numbers, upTo(20));
      assert.equal(connection.decoder.counters.malformed, 0);
    }));

  test('in and out of the drain mode, three times: all arrive, once and in order', () =>
    withEars(async ({ socket, numbers, connection }) => {
      let sent = 0;
      for (let round = 0; round < 3; round++) {
        // Each wakes the reader by itself, until it is a storm and the reader stops to be woken.
        for (let i = 0; i < 400; i++) {
          await write(socket, numbered(sent++));
          await nextTurn();
        }
        // Large writes that no single read takes.
        const many = 5_000;
        await write(socket, Buffer.concat(upTo(many).map((i) => numbered(sent + i))));
        sent += many;
        await until('the storm is there', () => numbers.length === sent);
        // Six drains of 8 ms without bytes end it.
        await sleep(120);
        await write(socket, numbered(sent++));
        await until('the one after it is there', () => numbers.length === sent);
      }
      assert.deepEqual(numbers, upTo(sent));
      assert.equal(connection.decoder.counters.signals, sent);
    }));

  test('what waits when the bus goes away in a storm is read first', () =>
    withEars(async ({ socket, numbers, connection }) => {
      for (let i = 0; i < 300; i++) {
        await write(socket, numbered(i));
        await nextTurn();
      }
      socket.end(Buffer.concat(upTo(3_000).map((i) => numbered(300 + i))));
      const error = await ended(connection);
      assert.ok(error instanceof BusError && /closed the connection/.test(error.message));
      assert.deepEqual(numbers, upTo(3_300));
    }));

  for (const [mode, signals] of [
    ['quiet', 1],
    ['storm', 300],
  ] as const)
    for (const how of ['end', 'destroy'] as const)
      test(`${how} in mid-message, ${mode}, is noticed`, () =>
        withEars(async ({ socket, connection, numbers }) => {
          for (let i = 0; i < signals; i++) {
            await write(socket, numbered(i));
            await nextTurn();
          }
          await until('they are there', () => numbers.length === signals);
          await write(socket, numbered(1_000).subarray(0, 100));
          socket[how]();
          assert.ok((await ended(connection)) instanceof BusError);
          assert.deepEqual(numbers, upTo(signals));
        }));

  test('bytes that are no D-Bus end it, in a storm as well', () =>
    withEars(async ({ socket, connection, numbers }) => {
      for (let i = 0; i < 300; i++) {
        await write(socket, numbered(i));
        await nextTurn();
      }
      await write(socket, Buffer.alloc(64, 0x55));
      const error = await ended(connection);
      assert.ok(error instanceof BusError && /no D-Bus/.test(error.message));
      assert.deepEqual(numbers, upTo(300));
    }));
});

describe('a message that is longer than the buffer', () => {
  for (const [name, size] of [
    ['a little', bufferBytes],
    ['ten times', bufferBytes * 10],
    ['a hundred times', bufferBytes * 100],
  ] as const)
    test(`${name}: it is passed over, told once, and the stream goes on`, () =>
      withEars(async (ears) => {
        const { socket, numbers } = ears;
        await write(socket, Buffer.concat([numbered(0), long(size), numbered(1)]));
        await until('the one behind it is there', () => numbers.length === 2, 20_000);
        await write(socket, Buffer.concat([numbered(2), long(size), numbered(3)]));
        await until('the one behind the next', () => numbers.length === 4, 20_000);
        assert.deepEqual(numbers, [0, 1, 2, 3]);
        assert.equal(ears.overflows, 2);
        assert.equal(ears.connection.decoder.counters.malformed, 0);
      }));

  test('an answer: who asked is told, and nobody waits for ever', () =>
    withEars(
      async (ears) => {
        const { connection, numbers, socket } = ears;
        const asked = new Promise<string>((resolve) =>
          connection.getAll('/unit', ({ kind }) => resolve(kind)),
        );
        assert.equal(await Promise.race([asked, sleep(5_000, 'nothing')]), 'error');
        await write(socket, numbered(1));
        await until('the one behind it is there', () => numbers.length === 1);
        assert.equal(ears.overflows, 0, 'no signal was passed over');
      },
      {
        answer: ({ member, serial }) =>
          member === 'GetAll'
            ? encode({
                ...{ type: types.return, serial: 5, replySerial: serial, sender: systemd },
                ...{ signature: 's', body: ['x'.repeat(bufferBytes * 2)] },
              })
            : undefined,
      },
    ));

  test('one that just fits is read', () =>
    withEars(async (ears) => {
      const { socket, numbers } = ears;
      const fits = longest();
      assert.ok(fits.length > bufferBytes - 8 && fits.length <= bufferBytes);
      // It comes behind another one, so that it has to be moved to the front.
      await write(socket, Buffer.concat([numbered(0), fits, numbered(1)]));
      await until('all are there', () => numbers.length === 3);
      assert.equal(ears.overflows, 0);
      await write(socket, Buffer.concat([long(bufferBytes - long(0).length + 16), numbered(2)]));
      await until('the one behind it is there', () => numbers.length === 4);
      assert.equal(ears.overflows, 1);
    }));

  test('what was received is counted, passed over or not', () =>
    withEars(async ({ socket, connection, numbers }) => {
      const before = connection.bytesReceived;
      const bytes = Buffer.concat([numbered(0), long(300_000), numbered(1)]);
      for (let at = 0; at < bytes.length; at += 4_097)
        await write(socket, bytes.subarray(at, at + 4_097));
      await until('both are there', () => numbers.length === 2);
      assert.equal(connection.bytesReceived - before, bytes.length);
    }));
});

test('300 streams with something wrong: each is read on or ended, and nothing escapes', async () => {
  const originals = messagesIn(capture('life')).slice(0, 300);
  let wentOn = 0;
  for (let i = 0; i < 300; i++)
    await withEars(async ({ socket, connection }) => {
      const chance = new Chance(i);
      const bytes = Buffer.concat(
        upTo(20).map((n) => {
          const one = chance.pick(originals);
          return n === 10 ? mutated(one, chance) : one;
        }),
      );
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + chance.below(8_192);
        socket.write(bytes.subarray(at, at + size));
        at += size;
      }
      socket.end();
      const error = await ended(connection);
      assert.ok(error instanceof BusError, `stream ${i}`);
      if (/closed the connection/.test(error.message)) wentOn++;
    });
  assert.ok(wentOn > 30 && wentOn < 300, `${wentOn}`);
});
