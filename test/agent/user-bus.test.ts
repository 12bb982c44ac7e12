import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { insideArgv } from '../../src/demo/inside.ts';
import { idleUnit, withBed } from '../bed.ts';
import { asUser, heard, story, withAgent } from './agent-process.ts';

const uid = 12_345;
const repository = fileURLToPath(new URL('../../../', import.meta.url));

test("root's own systemd, reached from outside", () =>
  withBed({}, async (bed) => {
    await bed.systemctl('start', 'user@0.service');
    const env = { XDG_RUNTIME_DIR: join(bed.root, 'run/user/0') };
    await withAgent({ bus: 'user', env }, async (agent) => {
      const inside = { env: { XDG_RUNTIME_DIR: '/run/user/0' } };
      const run = ['systemd-run', '--user', '--unit=mine', 'sh', '-c', 'sleep 0.3; exit 3'];
      assert.equal((await bed.exec(run, inside)).status, 0);
      const { data, cgroup } = await heard(agent, 'failed', 'mine.service');
      assert.equal(data.exit_code, 3);
      assert.match(
        cgroup ?? '',
        /^\/user\.slice\/user-0\.slice\/user@0\.service\/.*mine\.service$/,
      );
      assert.deepEqual(story(agent, 'dbus.service'), []);
    });
    await bed.systemctl('stop', 'user@0.service');
  }));

test("a user's own systemd, as that user", () =>
  withBed({ binds: [repository] }, async (bed) => {
    const added = await bed.exec(['useradd', '--uid', String(uid), '--create-home', 'somebody']);
    assert.equal(added.status, 0, added.stderr);
    const units = join(bed.root, 'home/somebody/.config/systemd/user');
    mkdirSync(units, { recursive: true });
    writeFileSync(join(units, 'own.service'), idleUnit());
    await bed.systemctl('start', `user@${uid}.service`);
    const env = { XDG_RUNTIME_DIR: `/run/user/${uid}` };
    const wrap = (argv: readonly string[]) => insideArgv(bed.pid, asUser(uid, argv));
    // Its /tmp is another: the defaults will do.
    await withAgent({ bus: 'user', env, wrap, configless: true }, async (agent) => {
      for (const verb of ['start', 'restart', 'stop'] as const)
        assert.equal(
          (await bed.exec(asUser(uid, ['systemctl', '--user', verb, 'own.service']), { env }))
            .status,
          0,
        );
      await heard(agent, 'stopped', 'own.service', 2);
      assert.deepEqual(story(agent, 'own.service'), [
        ...['started', 'stopped clean', 'restarted clean', 'stopped clean'],
      ]);
    });
  }));
