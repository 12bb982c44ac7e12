import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { unitFilter } from '../../src/collector/filter.ts';
import { messageLength } from '../../src/collector/header.ts';
import { Recording } from '../../src/collector/recording.ts';
import { limits } from '../../src/model/limits.ts';
import { newUnitState } from '../../src/model/unit.ts';
import { message } from './arbitrary.ts';
import { capture, messagesIn } from './captures.ts';
import {
  encode,
  managerSignal,
  nameOwnerChanged,
  propertiesChanged,
  systemd,
  types,
  type Value,
} from './encode.ts';
import { feed, type Heard, type Listening, listening } from './listening.ts';
import { Chance, mutated } from './mutate.ts';

/** Change it by name to look for more; each message follows from it and its number. */
const seed = Number(process.env['SEED'] ?? 252);
const count = Number(process.env['MUTATIONS'] ?? 100_000);

/** CPU time that one message may take: it takes some 10 µs, but the collector works beside. */
const messageUs = 250_000;

/** Real ones of both captures, and others of every sort in both byte orders. */
const originals: readonly Buffer[] = [
  ...messagesIn(capture('life')),
  ...messagesIn(capture('storm')).slice(0, 1_000),
  ...fc.sample(message, { seed, numRuns: 1_000 }).map((one, i) => encode(one, i % 2 === 0)),
];

/** In the recordings every unit is followed; whose unit it is, the path says. */
function labelsIn(messages: readonly Buffer[]): string[] {
  const found = messages.map((one) =>
    /systemd1\/unit\/([A-Za-z0-9_]+)/.exec(one.toString('latin1')),
  );
  return [...new Set(found.map((match) => match?.[1] ?? '').filter(Boolean))];
}
const labels = labelsIn(originals);

/** A valid first half of a change of another unit stands before each message. */
const halfLabel = 'half_2eservice';
const half = encode(propertiesChanged(halfLabel, 'Service', [['NRestarts', 'u', 17]]));

interface Outcome {
  readonly decoded: number;
  readonly skipped: number;
  readonly ended: number;
  readonly incomplete: number;
}

function tryAll(ears: Listening, from: number, to: number): Outcome {
  const outcome = { decoded: 0, skipped: 0, ended: 0, incomplete: 0 };
  for (let i = from; i < to; i++) {
    const chance = new Chance(seed + i * 7_919);
    const bytes = mutated(chance.pick(originals), chance);
    outcome[tryOne(ears, bytes, `SEED=${seed}, message ${i}`)]++;
  }
  return outcome;
}

function tryOne({ decoder, units, heard }: Listening, bytes: Buffer, place: string) {
  // Its sender is believed whatever it is, or hardly one would be read.
  decoder.trust(undefined);
  const halfUnit = units.get(halfLabel) ?? assert.fail();
  halfUnit.state = Object.freeze(newUnitState());
  const malformed = decoder.counters.malformed;
  const work = Buffer.concat([half, bytes]);
  const begun = process.cpuUsage();
  const at = decoder.take(work, 0, work.length);
  const { user, system } = process.cpuUsage(begun);
  assert.ok(user + system < messageUs, `${place} took ${user + system} µs`);
  const { nRestarts } = halfUnit.state;
  assert.ok(nRestarts === 0 || nRestarts === 17 || bytes.includes('half'), place);
  const skipped = decoder.counters.malformed > malformed;
  checkTold(heard.splice(0), bytes, skipped, place);
  if (Number.isNaN(at)) return 'ended';
  if (skipped) return 'skipped';
  return at === work.length ? 'decoded' : 'incomplete';
}

/** A change of a unit has to come from a message that names it, and none from a malformed one. */
function checkTold(heard: readonly Heard[], bytes: Buffer, skipped: boolean, place: string): void {
  const told = heard.filter(([kind, label]) => kind !== 'changed' || label !== halfLabel);
  for (const [kind, label] of told)
    assert.ok(kind !== 'changed' || bytes.includes(String(label)), `${place} changed ${label}`);
  const isOne = bytes.length >= 16 && messageLength(bytes, 0) === bytes.length;
  if (!isOne || !skipped) return;
  assert.deepEqual(
    told.filter(([kind]) => kind !== 'reply'),
    [],
    `${place} was told`,
  );
}

const exposeGc = (): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
};

/** What is left after a collection; the memory of buffers is given back a little later. */
async function memoryAfter(gc: () => void): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(20);
  }
  return process.memoryUsage();
}

describe('messages with something wrong', () => {
  test(`${count} of them are read, skipped and counted, or end the connection`, async () => {
    const gc = exposeGc();
    const ears = listening(undefined, [...labels, halfLabel]);
    const first = Math.floor(count / 5);
    const warm = tryAll(ears, 0, first);
    const before = await memoryAfter(gc);
    const rest = tryAll(ears, first, count);
    const after = await memoryAfter(gc);
    assert.ok(after.heapUsed - before.heapUsed < 1_000_000, 'the heap has grown');
    assert.ok(after.arrayBuffers - before.arrayBuffers < 1_000_000, 'buffers were kept');
    const sum = (key: keyof Outcome) => warm[key] + rest[key];
    assert.equal(sum('decoded') + sum('skipped') + sum('ended') + sum('incomplete'), count);
    // Each way out is taken often: otherwise these mutations would prove little.
    for (const key of ['decoded', 'skipped', 'ended', 'incomplete'] as const)
      assert.ok(sum(key) > count / 50, `${key}: ${sum(key)}`);
  });

  test('what is malformed leaves its unit as it was, whatever it held before the fault', () => {
    const [one, other] = ['one_2eservice', 'other_2eservice'];
    const good = [['ActiveState', 's', 'active'] as const, ['MainPID', 'u', 99] as const];
    const bytes = encode(propertiesChanged(one, 'Unit', [...good, ['SubState', 's', 'running']]));
    let skipped = 0;
    for (let at = 16; at < bytes.length; at++) {
      for (const value of [0x00, 0x7a, 0xff]) {
        const { decoder, units, heard } = listening(systemd, [one, other]);
        const bad = Buffer.from(bytes);
        bad[at] = value;
        feed(decoder, [bad]);
        assert.equal(units.get(other)?.state.mainPid, 0);
        if (decoder.counters.malformed === 0) continue;
        skipped++;
        assert.deepEqual(heard, []);
        assert.deepEqual(units.get(one)?.state, newUnitState());
      }
    }
    assert.ok(skipped > 100, `${skipped}`);
  });

  test('a malformed second half takes the first half with it', () => {
    const { decoder, units, heard } = listening(systemd, ['a_2eservice']);
    const first = encode(propertiesChanged('a_2eservice', 'Service', [['MainPID', 'u', 5]]));
    const second = encode(propertiesChanged('a_2eservice', 'Unit', [['ActiveState', 's', 'odd']]));
    const next = encode(propertiesChanged('a_2eservice', 'Unit', [['SubState', 's', 'running']]));
    feed(decoder, [first, second, next]);
    assert.equal(decoder.counters.malformed, 1);
    assert.deepEqual(heard, [
      ['changed', 'a_2eservice', { ...newUnitState(), subState: 'running' }],
    ]);
    assert.equal(units.get('a_2eservice')?.state.mainPid, 0);
  });

  test('containers nested deeper than D-Bus allows are refused, and not by a full stack', () => {
    for (const depth of [10, limits.nesting - 2, limits.nesting + 2, 1_000]) {
      const { decoder } = listening(systemd, ['a_2eservice']);
      let value: Value = ['y', 1];
      for (let i = 1; i < depth; i++) value = ['v', value];
      feed(decoder, [encode(propertiesChanged('a_2eservice', 'Unit', [['Deep', 'v', value]]))]);
      assert.equal(decoder.counters.malformed, depth < limits.nesting ? 0 : 1, `${depth}`);
    }
    const refused = [
      'a{ss',
      '(y',
      '{sv}',
      '',
      'yy',
      'z',
      ')',
      `${'('.repeat(120)}y${')'.repeat(120)}`,
    ];
    for (const signature of [...refused, `${'a'.repeat(200)}y`]) {
      const { decoder } = listening(systemd, ['a_2eservice']);
      feed(decoder, [rawVariant(signature)]);
      assert.equal(decoder.counters.malformed, 1, signature);
    }
    const { decoder } = listening(systemd, ['a_2eservice']);
    const arrays = ['Deep', `${'a'.repeat(30)}y`, []] as const;
    feed(decoder, [encode(propertiesChanged('a_2eservice', 'Unit', [arrays]))]);
    assert.deepEqual(decoder.counters, { signals: 1, watched: 1, malformed: 0 });
  });

  test('a follower of everything keeps no more than its limits, whatever a recording holds', async () => {
    const filter = unitFilter({
      monitorAll: true,
      whitelist: [],
      blacklist: [],
      containersOnly: false,
      unitTypes: ['service'],
    });
    const gc = exposeGc();
    const makeNew = (): Recording => new Recording({ host: 'bed', filter, event: () => {} });
    let recording = makeNew();
    const long = 'x'.repeat(800);
    for (let i = 0; i < 5_000; i++) {
      const chance = new Chance(seed + i);
      if (!recording.push(mutated(chance.pick(originals), chance))) recording = makeNew();
    }
    recording = makeNew();
    const before = await memoryAfter(gc);
    // `_41` is how nobody escapes an A: the same unit by another path, again and again.
    const state = (active: string): Buffer[] =>
      ['A_2eservice', '_41_2eservice', `${long}_2eservice`].map((label) =>
        encode(propertiesChanged(label, 'Unit', [['ActiveState', 's', active]])),
      );
    const [up, down] = [Buffer.concat(state('active')), Buffer.concat(state('failed'))];
    for (let i = 0; i < 20_000; i++) assert.ok(recording.push(i % 2 === 0 ? up : down));
    assert.equal(recording.table.size, 1);
    const after = await memoryAfter(gc);
    assert.ok(after.heapUsed - before.heapUsed < 1_000_000, 'the heap has grown');
  });
});

/** PropertiesChanged with one variant whose signature is anything, and 64 zeros as its value. */
function rawVariant(signature: string): Buffer {
  const bytes = encode(
    propertiesChanged('a_2eservice', 'Unit', [['Raw', `(${'t'.repeat(8)})`, Array(8).fill(0n)]]),
  );
  const from = Buffer.from(`\x0a(${'t'.repeat(8)})\0`, 'latin1');
  const at = bytes.indexOf(from);
  const to = Buffer.from(`${String.fromCharCode(signature.length)}${signature}\0`, 'latin1');
  const built = Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)]);
  const dictionaryAt = bytes.indexOf('org.freedesktop.systemd1.Unit') + 29 + 3;
  const grown = to.length - from.length;
  built.writeUInt32LE(built.readUInt32LE(4) + grown, 4);
  built.writeUInt32LE(built.readUInt32LE(dictionaryAt) + grown, dictionaryAt);
  return built;
}

describe('who is believed', () => {
  const properties = [['ActiveState', 's', 'active'] as const];
  const change = (sender: string) =>
    propertiesChanged('a_2eservice', 'Unit', properties, { sender });
  const answer = (signature: string, body: readonly Value[], sender: string) => ({
    type: types.return,
    serial: 2,
    replySerial: 1,
    sender,
    signature,
    body,
  });
  const all = [
    { name: "systemd's change", given: change(systemd), heard: 1 },
    { name: "a stranger's change", given: change(':1.66'), heard: 0 },
    { name: 'a name that begins alike', given: change(':1.10'), heard: 0 },
    { name: 'a well-known name', given: change('org.freedesktop.systemd1'), heard: 0 },
    { name: 'no sender', given: change(''), heard: 0 },
    {
      name: "a stranger's UnitNew",
      given: managerSignal('UnitNew', 'so', ['x', '/x'], { sender: ':1.66' }),
      heard: 0,
    },
    {
      name: "a stranger's Reloading",
      given: managerSignal('Reloading', 'b', [true], { sender: ':1.66' }),
      heard: 0,
    },
    { name: "systemd's Reloading", given: managerSignal('Reloading', 'b', [true]), heard: 1 },
    {
      name: "the bus' new owner",
      given: nameOwnerChanged('org.freedesktop.systemd1', ':1.5', 'org.freedesktop.DBus'),
      heard: 1,
    },
    {
      name: "a stranger's new owner",
      given: nameOwnerChanged('org.freedesktop.systemd1', ':1.66', ':1.66'),
      heard: 0,
    },
    {
      name: "systemd's new owner",
      given: nameOwnerChanged('org.freedesktop.systemd1', ':1.66', systemd),
      heard: 0,
    },
    {
      name: "another name's owner",
      given: nameOwnerChanged('org.example.Other', ':1.66', 'org.freedesktop.DBus'),
      heard: 0,
    },
    { name: "the bus' answer", given: answer('s', [':1.1'], 'org.freedesktop.DBus'), heard: 1 },
    { name: "a stranger's answer", given: answer('s', [':1.66'], ':1.66'), heard: 0 },
    { name: "systemd's properties", given: answer('a{sv}', [[]], systemd), heard: 1 },
    { name: "a stranger's properties", given: answer('a{sv}', [[]], ':1.66'), heard: 0 },
    { name: "the bus' properties", given: answer('a{sv}', [[]], 'org.freedesktop.DBus'), heard: 0 },
    {
      name: 'the longest unit name',
      given: managerSignal('UnitNew', 'so', ['n'.repeat(255), '/n']),
      heard: 1,
    },
    {
      name: 'a longer one',
      given: managerSignal('UnitNew', 'so', ['n'.repeat(256), '/n']),
      heard: 0,
    },
    {
      name: 'a longer one that was removed',
      given: managerSignal('UnitRemoved', 'so', ['n'.repeat(100_000), '/n']),
      heard: 0,
    },
    { name: 'UnitNew of another type', given: managerSignal('UnitNew', 's', ['x']), heard: 0 },
    {
      name: 'a change of another type',
      given: { ...change(systemd), signature: 's', body: ['x'] },
      heard: 0,
    },
  ] as const;
  for (const { name, given, heard } of all)
    test(name, () => {
      const ears = listening(systemd, ['a_2eservice']);
      feed(ears.decoder, [encode(given)]);
      assert.equal(ears.heard.length, heard);
    });

  test('nobody, while systemd is not on the bus', () => {
    for (const sender of ['', systemd, ':1.66', 'org.freedesktop.DBus']) {
      const ears = listening('', ['a_2eservice']);
      feed(ears.decoder, [encode(change(sender))]);
      assert.deepEqual(ears.heard, []);
      assert.deepEqual(ears.units.get('a_2eservice')?.state, newUnitState());
    }
  });

  test('half of a change by an old systemd is forgotten with its name', () => {
    const ears = listening(systemd, ['a_2eservice']);
    feed(ears.decoder, [
      encode(propertiesChanged('a_2eservice', 'Service', [['MainPID', 'u', 5]])),
    ]);
    ears.decoder.trust(':1.2');
    feed(ears.decoder, [encode(change(':1.2'))]);
    assert.equal(ears.units.get('a_2eservice')?.state.mainPid, 0);
    assert.equal(ears.units.get('a_2eservice')?.state.activeState, 'active');
  });
});
