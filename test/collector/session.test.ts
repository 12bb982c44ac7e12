import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { unitFilter } from '../../src/collector/filter.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { Watch } from '../../src/collector/watch.ts';
import { until } from '../bed.ts';
import { encode, managerSignal, nameOwnerChanged, systemd } from './encode.ts';
import { type FakeBus, fakeBus } from './fake-bus.ts';
import { type FakeSystemd, fakeSystemd } from './fake-systemd.ts';

interface World {
  readonly bus: FakeBus;
  readonly systemd: FakeSystemd;
  readonly watch: Watch;
  /** What the watch told, in order. */
  readonly told: string[];
  /** Says it over the connection of the signals. */
  say(...messages: Buffer[]): Promise<void>;
}

/** A watch of a systemd that is played. */
async function watching(use: (world: World) => Promise<void>, owner?: string): Promise<void> {
  const played = fakeSystemd();
  const bus = await fakeBus({ ...played.options, ...(owner !== undefined && { owner }) });
  const told: string[] = [];
  const watch = new Watch({
    address: `unix:path=${bus.target.path}`,
    uid: process.getuid?.() ?? 0,
    bufferBytes: 65_536,
    filter: unitFilter({
      ...{ monitorAll: true, whitelist: [], blacklist: [], containersOnly: false },
      unitTypes: ['service'],
    }),
    clock: systemClock,
    random: Math.random,
    sink: {
      transition: ({ kind, unit }) => told.push(`${kind} ${unit}`),
      missing: ({ name }) => told.push(`missing ${name}`),
      loadFailed: () => {},
      gone: ({ name }) => told.push(`gone ${name}`),
      busLost: () => told.push('bus lost'),
      busBack: () => told.push('bus back'),
      resynced: (reason) => told.push(`read: ${reason}`),
    },
  });
  const say = async (...messages: Buffer[]): Promise<void> => {
    const socket: Socket = await bus.ready;
    socket.write(Buffer.concat(messages));
  };
  try {
    await use({ bus, systemd: played, watch, told, say });
  } finally {
    watch.stop();
    await bus.close();
  }
}

const reloaded = encode(managerSignal('Reloading', 'b', [false]));
function owned(owner: string): Buffer {
  return encode(nameOwnerChanged('org.freedesktop.systemd1', owner, 'org.freedesktop.DBus'));
}

test('a unit that appears while the table is read for the first time is asked about', () =>
  watching(async ({ systemd: played, watch, say }) => {
    let asked = '';
    played.onCall = (member, { body }) => {
      if (member !== 'ListUnitsByPatterns') return undefined;
      asked += ` ${String(body?.[1])}`;
      // Behind the first list, and before the session has said that it is up.
      return asked.includes('late')
        ? undefined
        : say(appears('late.service')).then(() => sleep(20));
    };
    await watch.start();
    await until('it is looked up', () => asked.includes('late.service'));
  }));

function appears(name: string): Buffer {
  return encode(managerSignal('UnitNew', 'so', [name, '/org/freedesktop/systemd1/unit/x']));
}

test('systemd comes back while another reading is under way, and is asked for more: it is told', () =>
  watching(async ({ systemd: played, watch, say, told }) => {
    await watch.start();
    let lists = 0;
    let isMet = false;
    played.onCall = (member, { body }) => {
      if (member === 'Get') isMet = true;
      if (member !== 'ListUnitsByPatterns' || String(body?.[1]) === '*.timer') return undefined;
      if (++lists > 1) return undefined;
      // The first reading lasts until the return is waiting for the next, and one more reload.
      return until('it has been met', () => isMet)
        .then(() => sleep(30))
        .then(() => say(reloaded))
        .then(() => sleep(30));
    };
    await say(owned(''), owned(systemd), reloaded);
    await until('all is read', () => told.filter((one) => /^read/.test(one)).length >= 3);
    assert.deepEqual(told, [
      'read: start',
      'bus lost',
      'read: daemon-reload',
      'bus back',
      'read: systemd is back',
    ]);
  }));

test('systemd leaves the bus, and then the bus is lost: one loss is told, and one return', () =>
  watching(async ({ bus, watch, told, say }) => {
    await watch.start();
    await say(owned(''));
    await until('it is told', () => told.includes('bus lost'));
    bus.cut();
    await until('it is back', () => told.includes('read: systemd is back'));
    assert.deepEqual(told, ['read: start', 'bus lost', 'bus back', 'read: systemd is back']);
  }));

test('a watch that is stopped while it connects again leaves no connection', () =>
  watching(async ({ bus, systemd: played, watch, told }) => {
    await watch.start();
    let isBack = false;
    played.onCall = (member) => {
      if (member !== 'ListUnitsByPatterns' || isBack) return undefined;
      isBack = true;
      watch.stop();
      return undefined;
    };
    bus.cut();
    await until('it is lost', () => told.includes('bus lost'));
    await until('it was there again', () => isBack);
    await until('nobody is connected', () => bus.connections() === 0, 3_000);
  }));

test('a watch that is stopped while it connects for the first time ends without a fault', () =>
  watching(async ({ bus, systemd: played, watch }) => {
    played.onCall = (member) => {
      if (member === 'Get') watch.stop();
      return undefined;
    };
    await watch.start();
    await until('nobody is connected', () => bus.connections() === 0, 3_000);
  }));

test('systemd leaves the bus again before its units are read: a restart under way is lost, not waited for', () =>
  watching(async ({ systemd: played, watch, say }) => {
    await watch.start();
    let isQueued = false;
    let isOver = false;
    played.onCall = (member, { body }) => {
      if (member === 'RestartUnit') isQueued = true;
      const isRead = member === 'ListUnitsByPatterns' && String(body?.[1]) !== '*.timer';
      return isRead ? until('it is over', () => isOver) : undefined;
    };
    await say(owned(''), owned(systemd));
    await until('it is absent', () => !watch.ready);
    const restart = watch.restartUnit('a.service', 3_000);
    await until('the job is queued', () => isQueued);
    await sleep(50);
    await say(owned(''), owned(systemd));
    const { result } = await restart;
    isOver = true;
    assert.equal(result, 'lost');
  }));
