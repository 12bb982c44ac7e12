import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { crashLoopUnit, journalRecords, prepareForBeds, show, startUnits, until } from '../bed.ts';
import {
  configure,
  events,
  install,
  journal,
  packaging,
  page,
  repository,
  unit,
} from './packaged.ts';

describe('as a service of a real systemd', () => {
  let bed: ThrowAwaySystemd;
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd({ journal: true, binds: [repository] });
    await install(bed, ['WatchdogSec=3', 'RestartSec=200ms']);
  });
  after(() => bed.stop());

  /** What was told of the crash loop, in order. */
  const loops = async () =>
    (await events(bed)).flatMap((e) => (e.event_type === 'crash_loop' ? [e.data.phase] : []));

  test('systemd finds nothing wrong with the unit', async () => {
    const { stderr } = await bed.exec(['systemd-analyze', 'verify', unit]);
    // The paths of the command exist only inside its own mount namespace.
    const faults = stderr.split('\n').filter((line) => !/is not executable|^$/.test(line));
    assert.deepEqual(faults, []);
  });

  test('it is as hard as packaging/README.md says', async () => {
    const { stdout } = await bed.exec(['systemd-analyze', 'security', '--no-pager', unit]);
    const exposure = /Overall exposure level for unitwatch\.service: (\d\.\d)/.exec(stdout)?.[1];
    const readme = packaging('README.md');
    const said = /gives the unit (\d\.\d)/.exec(readme)?.[1];
    // Newer versions of systemd look at more.
    assert.ok(Number(exposure) <= Number(said) + 0.3, `${exposure}, the page says ${said}`);
  });

  test('a faulty configuration: it fails, says why, and is not tried again', async () => {
    configure(bed, 'unit_type: [service]\n');
    const outcome = await bed.exec(['systemctl', 'start', unit]);
    assert.notEqual(outcome.status, 0);
    const state = await show(bed, unit, 'ActiveState', 'ExecMainStatus', 'NRestarts');
    assert.deepEqual(state, { ActiveState: 'failed', ExecMainStatus: '2', NRestarts: '0' });
    const [line = ''] = (await journal(bed)).filter((text) => text.includes('unit_type'));
    assert.match(line, /unitwatch\.yaml:1:1.*unit_types/);
    await bed.systemctl('reset-failed', unit);
  });

  test('it is active only when it watches, as a user of its own', async () => {
    configure(
      bed,
      `checks: { components: { worker: { criteria: [{ index: any, regex: '\${host.ip}:7077' }] } } }\n`,
    );
    await bed.systemctl('start', unit);
    assert.match(await page(bed, '/readyz'), /^200 /);
    const state = await show(bed, unit, 'ActiveState', 'StatusText', 'MainPID', 'NRestarts');
    assert.equal(state['ActiveState'], 'active');
    assert.match(state['StatusText'] ?? '', /^Watching systemd 2\d\d/);
    const status = await bed.exec(['cat', `/proc/${state['MainPID']}/status`]);
    assert.match(status.stdout, /^Uid:\t([1-9]\d*)\t\1\t\1\t\1$/m);
    assert.match(status.stdout, /^CapEff:\t0+$/m);
    assert.match(status.stdout, /^NoNewPrivs:\t1$/m);
    assert.match(status.stdout, /^Seccomp:\t2$/m);
    const worker = async () => (await page(bed, '/metrics')).includes('name="worker"');
    await until('it looks for its component', worker);
    const faults = (await journal(bed)).filter((line) => line.includes('addresses'));
    assert.deepEqual(faults, [], 'the sandbox lets it read the addresses of the machine');
  });

  test('its events are in the journal', async () => {
    await startUnits(bed, { 'loop.service': crashLoopUnit({ restartSec: '200ms' }) });
    await until('restarts are told', async () => {
      const told = await events(bed);
      return told.some((e) => e.event_type === 'restarted' && e.service === 'loop.service');
    });
    assert.match(
      await page(bed, '/metrics'),
      /unitwatch_service_restarts_total\{name="loop.service"/,
    );
    await until('its loop is found', async () => (await loops()).includes('opened'));
  });

  test('it reloads; a faulty file leaves it as it is', async () => {
    configure(bed, 'service_blacklist: ["loop.*"]\n');
    await bed.systemctl('reload', unit);
    const phases = async () =>
      (await events(bed))
        .map((e) => (e.event_type === 'agent' ? e.data.phase : ''))
        .filter(Boolean);
    await until('reloaded', async () => (await phases()).includes('reloaded'));
    const left = async () =>
      (await page(bed, '/metrics'))
        .split('\n')
        .filter((line) => line.includes('name="loop.service"'));
    try {
      await until('nobody follows it any more', async () => (await left()).length === 0);
    } catch (error) {
      throw new Error((await left()).join('\n'), { cause: error });
    }
    assert.equal((await loops()).at(-1), 'cleared', 'its finding is over');
    configure(bed, 'service_blacklist: 7\n');
    await bed.systemctl('reload', unit);
    await until('not reloaded', async () => (await phases()).includes('reload_failed'));
    await until('it is active', async () => {
      return (await show(bed, unit, 'ActiveState'))['ActiveState'] === 'active';
    });
    assert.match(await page(bed, '/readyz'), /^200 /);
    configure(bed, '');
  });

  test('it outlives its watchdog by far, and a loop that hangs does not', async () => {
    const pid = async () => (await show(bed, unit, 'MainPID'))['MainPID'] ?? '';
    const first = await pid();
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    assert.equal(await pid(), first, 'two watchdog times and more');
    assert.equal((await show(bed, unit, 'NRestarts'))['NRestarts'], '0');
    assert.equal((await bed.exec(['kill', '-STOP', first])).status, 0);
    await until(
      'it was started again',
      async () => {
        const state = await show(bed, unit, 'NRestarts', 'ActiveState');
        return state['NRestarts'] === '1' && state['ActiveState'] === 'active';
      },
      30_000,
    );
    assert.notEqual(await pid(), first);
    assert.match(await page(bed, '/readyz'), /^200 /);
    let said = false;
    for await (const record of journalRecords(bed, [`UNIT=${unit}`]))
      said ||= /Watchdog timeout/.test(String(record['MESSAGE']));
    assert.ok(said);
  });

  test('it stops within 2 s, and well', async () => {
    const began = performance.now();
    await bed.systemctl('stop', unit);
    assert.ok(performance.now() - began < 2_500);
    const state = await show(bed, unit, 'ActiveState', 'Result', 'ExecMainStatus');
    assert.deepEqual(state, { ActiveState: 'inactive', Result: 'success', ExecMainStatus: '0' });
    const last = (await events(bed)).at(-1);
    assert.equal(last?.event_type === 'agent' && last.data.phase, 'stopping');
  });

  test('a configuration made by command is its own to read, and edits reach it by a reload', async () => {
    const command = async (...argv: readonly string[]): Promise<string> => {
      const script = join(repository, 'dist/cmd/unitwatch.js');
      const said = await bed.exec([process.execPath, script, 'config', ...argv]);
      assert.equal(said.status, 0, said.stderr);
      return said.stdout;
    };
    const folder = join(bed.root, 'etc/unitwatch');
    rmSync(folder, { recursive: true });
    const made = await command('create', 'postgres://me:geheim@127.0.0.1:1/x');
    assert.match(made, /^\/etc\/unitwatch\/unitwatch\.yaml is written; its mode is 0640\.\n/);
    const file = join(folder, 'unitwatch.yaml');
    const group = (await bed.exec(['getent', 'group', 'unitwatch'])).stdout.split(':')[2];
    const { uid, gid, mode } = statSync(file);
    assert.deepEqual([uid, gid, mode & 0o7777], [0, Number(group), 0o640]);
    assert.equal(statSync(folder).mode & 0o7777, 0o755);
    await bed.systemctl('start', unit);
    const store = async () =>
      (await page(bed, '/metrics')).includes('unitwatch_store_backlog_rows');
    await until('it stores', store);
    assert.ok(statSync(join(bed.root, 'var/lib/unitwatch/store.db')).isFile());
    await command('services', 'add', 'http://127.0.0.1:9753/healthz', 'GET', '--name', 'itself');
    assert.equal(statSync(file).gid, Number(group), 'an edit leaves its group');
    await bed.systemctl('reload', unit);
    await until('it looks at itself', async () => {
      const line = /^unitwatch_endpoint_up\{name="itself"[^}]*\} 1$/m;
      return line.test(await page(bed, '/metrics'));
    });
    await bed.systemctl('stop', unit);
  });
});
