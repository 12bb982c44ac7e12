import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareForBeds, sleep, until, withBed } from '../bed.ts';
import { withAgent } from './agent-process.ts';
import { beside, cli, scratch, tcpServer, token, waitMs } from './monitor-world.ts';
import { quick, stepped, steps } from './repairs-world.ts';

test('a service that is looked at once a minute: it is looked at anew after its restart, which is the only one', async (t) => {
  await prepareForBeds();
  const folder = await scratch(t);
  const server = await tcpServer(t);
  const restarts = join(folder, 'restarts');
  const isUp = join(folder, 'up');
  const command = `echo restart >> ${restarts}; while [ ! -e ${isUp} ]; do sleep 0.05; done`;
  const config = `
monitor: { enabled: true, path: ${join(folder, 'monitor.sqlite')} }
restart:
  enabled: true
  default: ${quick}
  processes:
    database: { repair_on: [check_down], restart_strategy: custom, restart_command: "${command}" }
`;
  await withBed({}, (bed) =>
    withAgent(
      { bus: bed.busAddress, config, env: { UNITWATCH_PAGE_TOKEN: token } },
      async (agent) => {
        const where = `--kind tcp --set host=127.0.0.1 --set port=${server.port}`;
        for (const words of [
          `services add database ${where}`,
          'callers add anna --kind event',
          'subscriptions add anna database --polling-frequency 60s',
        ])
          await cli(folder, agent, words);
        const check = async () => (await beside(folder, agent, 'check --quiet')).out;
        assert.equal(await check(), '', 'it is up');
        await server.die();
        assert.equal(await check(), 'database\n', 'a full check looks at it, too');
        await until('it is restarted', () => existsSync(restarts), waitMs);
        await server.come();
        writeFileSync(isUp, '');
        await stepped(agent, 'database', 'settled ok');
        await sleep(2_000);
        assert.equal(readFileSync(restarts, 'utf8'), 'restart\n', steps(agent, 'database').join());
        assert.equal(await check(), '');
      },
    ),
  );
});
