/**
 * By name, `node dist/test/agent/storm-257.js`: the storms and the endings under the systemd 257 of
 * a Debian trixie, which is downloaded once. UNITWATCH_STORM_SECONDS sets how long a storm is.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BootOptions, bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import {
  calm,
  crashLoopUnit,
  prepareForBeds,
  scheduledRestarts,
  startUnits,
  until,
} from '../bed.ts';
import { trixieRoot } from '../trixie.ts';
import {
  eventsOf,
  heard,
  type RunningAgent,
  restartsIn,
  startAgent,
  story,
} from './agent-process.ts';
import { checkEnding, endingCases, shellUnit } from './endings.ts';
import { storms, weather } from './storm.ts';

const seconds = Number(process.env['UNITWATCH_STORM_SECONDS'] ?? 60);
const size = { units: 300, seconds };
let boot: BootOptions;
before(
  async () => {
    await prepareForBeds();
    boot = { root: await trixieRoot(), cgroupV2Only: true };
  },
  { timeout: 1_800_000 },
);

describe('systemd 257', () => {
  let bed: ThrowAwaySystemd;
  let agent: RunningAgent;
  before(async () => {
    bed = await bootSystemd({ ...boot, journal: true });
    agent = await startAgent({ bus: bed.busAddress });
  });
  after(async () => {
    await agent.stop();
    await bed.stop();
  });

  test('it is 257', () => assert.match(agent.log(), /"systemd":"257/));

  for (const ending of endingCases(false)) test(ending.name, () => checkEnding(bed, agent, ending));

  test('RestartSteps: each restart is told, the waits grow', async () => {
    const steps = ['RestartSteps=3', 'RestartMaxDelaySec=800ms'];
    await startUnits(bed, {
      'steps.service': crashLoopUnit({ restartSec: '50ms', service: steps }),
    });
    await heard(agent, 'restarting', 'steps.service', 5);
    await calm(bed, ['steps.service']);
    await sameAsJournal('steps.service');
    const downs = eventsOf(agent.events(), 'restarted', 'steps.service').map((e) => e.data.down_s);
    assert.ok((downs[0] ?? 9) < 0.4 && (downs.at(-1) ?? 0) > 0.6, downs.join());
    // The loop is told at the fifth of them, though the waits grow.
    const told = eventsOf(agent.events(), 'crash_loop', 'steps.service');
    const fifth = eventsOf(agent.events(), 'restarting', 'steps.service')[4];
    assert.deepEqual([told[0]?.data.phase, told[0]?.time], ['opened', fifth?.time]);
  });

  test('RestartMode=direct: no state of failure in between, the same count', async () => {
    const unit = shellUnit(
      '[ ! -e /run/direct ] || exec sleep infinity; sleep 0.1; exit 1',
      ...['Restart=always', 'RestartSec=100ms', 'RestartMode=direct'],
    );
    await startUnits(bed, { 'direct.service': `[Unit]\nStartLimitIntervalSec=0\n${unit}` });
    await heard(agent, 'restarting', 'direct.service', 5);
    await bed.exec(['touch', '/run/direct']);
    await until('it lasts', async () => {
      const comm = 'cat /proc/$(systemctl show --property=MainPID --value direct.service)/comm';
      return (await bed.exec(['sh', '-c', comm])).stdout === 'sleep\n';
    });
    await sameAsJournal('direct.service');
    assert.deepEqual(eventsOf(agent.events(), 'failed', 'direct.service'), []);
    assert.deepEqual(story(agent, 'direct.service').slice(0, 4), [
      ...['started', 'exited exit-code', 'restarting exit-code', 'restarted exit-code'],
    ]);
  });

  async function sameAsJournal(unit: string): Promise<void> {
    const truth = (await scheduledRestarts(bed)).get(unit);
    await until(
      `${truth} are counted`,
      async () => restartsIn(await agent.metrics(), unit, 'automatic') === truth,
    );
    const told = eventsOf(agent.events(), 'restarting', unit);
    assert.equal(
      told.reduce((sum, { data }) => sum + data.count, 0),
      truth,
    );
  }
});

describe(`systemd 257, ${size.units} services fail at once for ${seconds} s`, () => {
  for (const storm of storms)
    test(storm.name, async (t) => {
      const figures = await weather(storm, size, boot);
      t.diagnostic(JSON.stringify(figures));
      assert.ok(figures.restarts > size.units);
      if (storm.end === 'calm') assert.equal(figures.failed, 0);
    });
});
