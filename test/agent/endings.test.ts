import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { hierarchiesIn } from '../../src/demo/cgroups.ts';
import { prepareForBeds, show, sleep, until, withBed, writeUnits } from '../bed.ts';
import { ensureInstalled } from '../debian.ts';
import { heard, type RunningAgent, startAgent, withAgent } from './agent-process.ts';
import { checkEnding, endingCases, shellUnit } from './endings.ts';

const { legacyMemory } = hierarchiesIn(readFileSync('/proc/self/mountinfo', 'utf8'));

describe('how a service ended', () => {
  let bed: ThrowAwaySystemd;
  let agent: RunningAgent;
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd();
    agent = await startAgent({ bus: bed.busAddress });
  });
  after(async () => {
    await agent.stop();
    await bed.stop();
  });

  for (const ending of endingCases(legacyMemory))
    test(ending.name, () => checkEnding(bed, agent, ending));

  test('an earlier result is not told again by a reload', async () => {
    await writeUnits(bed, { 'once.service': shellUnit('exit 3') });
    await bed.systemctl('start', 'once.service');
    await heard(agent, 'failed', 'once.service');
    const before = agent.events().length;
    await bed.systemctl('daemon-reload');
    await until('it was read anew', () => agent.events().length > before);
    await sleep(300);
    const later = agent.events().slice(before);
    assert.deepEqual(
      later.map((event) => event.service),
      ['unitwatch'],
    );
  });
});

test('an OOM kill, as systemd learns of it where all controllers are on cgroup2', async () => {
  // Without a main process, the empty control group is what tells systemd of the end.
  const oomd = shellUnit('sleep infinity &', 'Type=forking', 'GuessMainPID=no');
  // systemd-oomd leaves this mark on the control group that it kills, systemd-oomd.service(8).
  const mark = `
    cgroup=/sys/fs/cgroup$(systemctl show --property=ControlGroup --value oomd.service)
    setfattr -n user.oomd_ooms -v 1 "$cgroup" && setfattr -n user.oomd_kill -v 1 "$cgroup" &&
    kill -KILL $(cat "$cgroup/cgroup.procs")`;
  await ensureInstalled(['attr']);
  await withBed({ cgroupV2Only: true, units: { 'oomd.service': oomd } }, (bed) =>
    withAgent({ bus: bed.busAddress }, async (agent) => {
      await bed.systemctl('start', 'oomd.service');
      const outcome = await bed.exec(['sh', '-c', mark]);
      assert.equal(outcome.status, 0, outcome.stderr);
      const { data } = await heard(agent, 'failed', 'oomd.service');
      const { Result } = await show(bed, 'oomd.service', 'Result');
      assert.deepEqual(
        { result: data.result, reason: data.reason },
        { result: Result, reason: 'oom-kill' },
      );
    }),
  );
});
