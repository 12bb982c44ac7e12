import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withBed } from '../bed.ts';
import { isOneRoot, observe, tell, tryOut } from './predicting.ts';
import { randomGraph } from './random-graph.ts';

describe('what is foretold is what systemd does', () => {
  test('28 random graphs: stopped, killed, restarted', async () => {
    const seeds = Array.from({ length: 28 }, (_, i) => 1_001 + i);
    await withBed({ journal: false, logLevel: 'warning' }, async (bed) => {
      const observer = await observe(bed);
      const trials = await tryOut(bed, observer, seeds.map(randomGraph));
      observer.close();
      assert.deepEqual(trials.filter(({ isRight }) => !isRight).map(tell), []);
      const crashes = trials.filter(({ on }) => on === 'crash');
      assert.deepEqual(crashes.filter((trial) => !isOneRoot(trial)).map(tell), []);
      // A trial in which nothing happens to anybody proves little; two in five have consequences.
      const eventful = trials.filter(({ stopped, restarted }) => stopped.length + restarted.length);
      assert.ok(trials.length >= 55, `${trials.length} trials`);
      assert.ok(eventful.length >= 25, `${eventful.length} of ${trials.length} had consequences`);
    });
  });
});
