import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { prepareForBeds, startUnits, until } from '../bed.ts';
import { type RunningAgent, startAgent } from './agent-process.ts';
import { quick, Scratch, startsOf, stepped, steps } from './repairs-world.ts';

describe('the agent is killed (SIGKILL) in the middle of a repair', () => {
  const scratch = new Scratch();
  let bed: ThrowAwaySystemd;
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd();
    await scratch.alarms('init');
  });
  after(async () => {
    await bed.stop();
    scratch.remove();
  });

  /** What each command of a job does, and where it can be met: a line when it begins, one when it ends. */
  const line = (job: string, what: string, seconds: number) =>
    `"echo ${what} >> ${scratch.at(job)}; sleep ${seconds}; echo ${what}-end >> ${scratch.at(job)}"`;
  const job = (name: string, slow: 'before' | 'restart' | 'check' | 'none') => `
    ${name}:
      restart_strategy: custom
      pre_restart_command: ${line(name, 'before', slow === 'before' ? 1.5 : 0)}
      restart_command: ${line(name, 'restart', slow === 'restart' ? 1.5 : 0)}
      post_health_check: "grep -q restart-end ${scratch.at(name)} && sleep ${slow === 'check' ? 1.5 : 0} && echo check >> ${scratch.at(name)}"
      health_check_retries: 20`;
  const config = `
restart:
  enabled: true
  check_interval: 1s
  default: ${quick}
  processes: ${job('one', 'before')}${job('two', 'restart')}${job('three', 'check')}${job('four', 'none')}
    slow.service: { health_check_retries: 40 }
${scratch.database}`;
  const start = (): Promise<RunningAgent> =>
    startAgent({
      ...{ bus: bed.busAddress, config },
      env: { UNITWATCH_STATE_DIRECTORY: scratch.at('state') },
    });
  const killed = async (agent: RunningAgent) => {
    agent.kill('SIGKILL');
    await agent.ended;
  };
  const isStill = async (name: string) => (await scratch.alarms('list')).includes(name);
  const count = (name: string, what: string) =>
    scratch.lines(name).filter((told) => told === what).length;

  /** Kills the agent when `isMoment`, starts another, and waits until the row is cleared. */
  const overKill = async (name: string, isMoment: () => boolean): Promise<RunningAgent> => {
    const first = await start();
    await scratch.alarms('raise', name);
    await until('the moment has come', isMoment, 20_000, 5);
    await killed(first);
    const second = await start();
    await until('its row is cleared', async () => !(await isStill(name)), 30_000, 200);
    return second;
  };

  for (const [name, what, moment] of [
    ['one', 'in the command before the restart', () => count('one', 'before') === 1],
    ['two', 'in the restart', () => count('two', 'restart') === 1],
    ['three', 'in the health check', () => count('three', 'restart-end') === 1],
    ['four', 'when the health check has passed', () => count('four', 'check') === 1],
  ] as const) {
    test(`${what}: repaired, and restarted once`, async () => {
      const agent = await overKill(name, moment);
      assert.equal(count(name, 'restart'), 1);
      assert.ok(scratch.lines(name).includes('check'));
      await agent.stop();
    });
  }

  test('in the job of a unit: started once', async () => {
    await startUnits(bed, {
      'slow.service': [
        '[Service]',
        "ExecStartPre=/bin/sh -c 'echo started >> /run/slow.starts; sleep 1.5'",
        'ExecStart=/bin/sleep infinity',
        '',
      ].join('\n'),
    });
    await until('it runs', async () => (await bed.systemctl('list-jobs')).includes('No jobs'));
    const agent = await overKill('slow.service', () => startsOf(bed, 'slow') === 2);
    assert.equal(startsOf(bed, 'slow'), 2);
    assert.ok(steps(agent, 'slow.service').includes('settled ok'));
    await agent.stop();
  });

  test('a unit that was stopped by hand before is still left alone', async () => {
    await startUnits(bed, {
      'resting.service':
        "[Service]\nExecStartPre=/bin/sh -c 'echo started >> /run/resting.starts'\nExecStart=/bin/sleep infinity\n",
    });
    await until('it runs', () => startsOf(bed, 'resting') === 1);
    const first = await start();
    await bed.systemctl('stop', 'resting.service');
    await scratch.alarms('raise', 'resting');
    await stepped(first, 'resting', 'ignored skipped');
    await killed(first);
    const second = await start();
    await stepped(second, 'resting', 'ignored skipped');
    assert.equal(startsOf(bed, 'resting'), 1);
    await killed(second);
    // Somebody starts it while no agent sees it, and it ends.
    await bed.systemctl('start', 'resting.service');
    await bed.systemctl('kill', '--signal=KILL', 'resting.service');
    const third = await start();
    await stepped(third, 'resting', 'settled ok');
    assert.equal(startsOf(bed, 'resting'), 3);
    await third.stop();
  });

  test('a journal that is damaged is none: repairs go on', async () => {
    appendFileSync(`${scratch.at('state')}/repairs.json`, 'nonsense');
    const agent = await start();
    await scratch.alarms('raise', 'four');
    await stepped(agent, 'four', 'settled ok');
    assert.equal(count('four', 'restart'), 2);
    await agent.stop();
  });
});
