import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AllUnits, type UnitsSink } from '../../src/collector/all-units.ts';
import type { BusError } from '../../src/collector/bus.ts';
import type { Reply } from '../../src/collector/decode.ts';
import { Lifetime } from '../../src/collector/lifetime.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { until } from '../bed.ts';

test('dependencies that are switched off while they are read, and on again, are read anew', async () => {
  let isEnabled = true;
  let readings = 0;
  const asked: ((reply: Reply) => void)[] = [];
  const sink: UnitsSink = {
    get enabled() {
      return isEnabled;
    },
    begin: () => readings++,
    unit: () => {},
    end: () => {},
    removed: () => {},
    lookUp: () => false,
    changed: () => {},
    jobRemoved: () => {},
    unread: () => {},
  };
  const all = new AllUnits(sink, systemClock);
  const source = {
    followed: () => [],
    signals: { getAll: (_: string, onReply: (reply: Reply) => void) => asked.push(onReply) },
    systemdVersion: '255',
  };
  const signals = { ...source.signals, lost: new Lifetime<BusError>() };
  const session = { ...source, signals };
  const gone: Reply = { kind: 'error', name: 'gone', text: '' };
  try {
    all.resynced('start', session);
    await until('they are being read', () => asked.length === 4);
    isEnabled = false;
    all.resynced('configuration', session);
    for (const reply of asked.splice(0)) reply(gone);
    await new Promise((resolve) => setImmediate(resolve));
    isEnabled = true;
    all.resynced('configuration', session);
    await until('they are read again', () => readings === 2, 3_000);
    assert.equal(asked.length, 4);
  } finally {
    all.stop();
  }
});
