import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft } from '../../src/model/event.ts';
import { idleUnit, sleep, startUnits, until, withBed } from '../bed.ts';
import { watchOn } from '../restart/watch-on.ts';

/** Each has the table read, and the next begins while the list of units is on its way. */
const rounds = 40;

test('daemon-reloads in a row: nothing is told of units that go on running', () =>
  withBed({}, async (bed) => {
    const names = Array.from({ length: 60 }, (_, i) => `u-${i}.service`);
    await startUnits(bed, Object.fromEntries(names.map((name) => [name, idleUnit()])));
    const told: string[] = [];
    const reasons: unknown[] = [];
    const watch = watchOn(bed.busAddress, (draft: Draft) => {
      if (draft.event_type !== 'agent') told.push(`${draft.event_type} ${draft.service}`);
      else if (draft.data.phase === 'resync') reasons.push(draft.data['reason']);
    });
    await watch.start();
    try {
      for (let round = 0; round < rounds; round++)
        await Promise.all([1, 2, 3].map(() => bed.systemctl('daemon-reload')));
      await until('the last is over', () => watch.ready);
      await sleep(500);
      assert.deepEqual(told, []);
      assert.ok(reasons.length > rounds, `${reasons.length} readings`);
      const states = names.map((name) => watch.follower.table.get(name)?.state.activeState);
      assert.deepEqual(new Set(states), new Set(['active']));
    } finally {
      watch.stop();
    }
  }));
