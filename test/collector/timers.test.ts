import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timers } from '../../src/collector/timers.ts';
import type { TimerElapse } from '../../src/model/resource.ts';

interface Asked {
  readonly name: string;
  answer(unit: string, lastTriggerUs: number): void;
}

/** A systemd that lists these timers and answers when the test wants it to. */
function hearing(names: readonly string[]) {
  const asked: Asked[] = [];
  const elapsed: TimerElapse[] = [];
  const row = { loadState: 'loaded', activeState: 'active', subState: 'waiting' };
  const timers = new Timers({
    connection: {
      getAll: (path, onReply) =>
        asked.push({
          name: path,
          answer: (unit, lastTriggerUs) => {
            const facts: unknown = { unit, lastTriggerUs };
            onReply({ kind: 'properties', readInto: () => true, read: <T>() => facts as T });
          },
        }),
    },
    manager: { listUnits: async () => names.map((name) => ({ name, ...row })) },
    onElapsed: (elapse) => elapsed.push(elapse),
  });
  return { timers, asked, elapsed };
}

test('a timer is asked once what it starts; each firing is told once, in order', async () => {
  const { timers, asked, elapsed } = hearing(['a.timer']);
  await timers.read(false);
  assert.equal(asked.length, 1);
  asked[0]?.answer('job.service', 100);
  timers.changed('a_2etimer', { unit: '', lastTriggerUs: 100 });
  timers.changed('a_2etimer', { unit: '', lastTriggerUs: 0 });
  timers.changed('a_2etimer', { unit: '', lastTriggerUs: 200 });
  timers.changed('a_2etimer', { unit: '', lastTriggerUs: 150 });
  await timers.read(false);
  assert.equal(asked.length, 1, 'it is known');
  assert.deepEqual(elapsed, [
    { timer: 'a.timer', unit: 'job.service', timeUs: 100 },
    { timer: 'a.timer', unit: 'job.service', timeUs: 200 },
  ]);
  await timers.read(true);
  assert.equal(asked.length, 2, 'after a reload it may start something else');
});

test('one that nobody listed is asked when it fires; there is a limit to how many', async () => {
  const { timers, asked, elapsed } = hearing([]);
  timers.changed('new_2etimer', { unit: '', lastTriggerUs: 300 });
  asked[0]?.answer('new.service', 300);
  assert.deepEqual(elapsed, [{ timer: 'new.timer', unit: 'new.service', timeUs: 300 }]);
  for (let n = 0; n < 1_000; n++) {
    timers.changed(`t${n}_2etimer`, { unit: '', lastTriggerUs: 1 });
    asked.at(-1)?.answer('x.service', 1);
  }
  assert.equal(asked.length, 256);
});
