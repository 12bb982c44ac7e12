import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
// @ts-expect-error dbus-next has no types for its marshaller.
import marshall from 'dbus-next/lib/marshall.js';
import fc from 'fast-check';
import { readDependencies } from '../../src/collector/dependency-properties.ts';
import { malformed, Wire } from '../../src/collector/wire.ts';

/** The body of a GetAll reply, `a{sv}`, as dbus-next writes it. */
function dictionary(properties: Readonly<Record<string, readonly [string, unknown]>>): Buffer {
  const bytes: unknown = marshall('a{sv}', [Object.entries(properties)]);
  return bytes instanceof Buffer ? bytes : assert.fail('no bytes');
}

function read(bytes: Buffer): ReturnType<typeof readDependencies> {
  const wire = new Wire();
  wire.reset(bytes, 0, bytes.length, false);
  return readDependencies(wire);
}

const reply = dictionary({
  Id: ['s', 'dbus.service'],
  Names: ['as', ['dbus.service', 'messagebus.service']],
  ActiveState: ['s', 'active'],
  SubState: ['s', 'running'],
  LoadState: ['s', 'loaded'],
  Requires: ['as', ['dbus.socket', 'system.slice']],
  After: ['as', []],
  Unknown: ['a(sb)', [['x', true]]],
  Restart: ['s', 'on-failure'],
  RestartUSec: ['t', 7_000_000n],
  StopWhenUnneeded: ['b', true],
  CanStart: ['b', false],
  ConditionResult: ['b', false],
  ConditionTimestamp: ['t', 5n],
  SuccessExitStatus: ['(aiai)', [[9], []]],
  RestartPreventExitStatus: ['(aiai)', [[], [15, 9]]],
  Type: ['u', 3],
});

describe('what systemd answers about dependencies', () => {
  test('is read, and what is not of interest or not of its type is stepped over', () => {
    const { settings, ...unit } = read(reply);
    assert.deepEqual(unit, {
      name: 'dbus.service',
      aliases: ['messagebus.service'],
      loadState: 'loaded',
      activeState: 'active',
      subState: 'running',
      lists: { Requires: ['dbus.socket', 'system.slice'] },
      reverse: {},
      slice: '',
      cgroup: '',
    });
    assert.equal(settings.restart, 'on-failure');
    assert.equal(settings.restartUs, 7_000_000);
    assert.equal(settings.stopWhenUnneeded, true);
    assert.equal(settings.canStart, false);
    assert.equal(settings.conditionFailed, true);
    assert.equal(settings.killIsSuccess, false, 'exit code 9 is not signal 9');
    assert.equal(settings.killPreventsRestart, true);
    assert.equal(settings.serviceType, '', 'a number is no type of a service');
  });

  test('without a name or with a state that is none, is malformed', () => {
    for (const properties of [
      { ActiveState: ['s', 'active'] },
      { Id: ['s', 'a.service'], ActiveState: ['s', 'dancing'] },
    ] as const)
      assert.throws(
        () => read(dictionary(properties)),
        (error) => error === malformed,
      );
  });

  test('however it is damaged, is read or malformed, and nothing else', () => {
    const places = fc.array(fc.tuple(fc.nat(reply.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(places, fc.nat(reply.length), (changes, length) => {
        const bytes = Buffer.from(reply.subarray(0, length % 3 === 0 ? length : reply.length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          assert.equal(typeof read(bytes).name, 'string');
        } catch (error) {
          assert.equal(error, malformed);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
