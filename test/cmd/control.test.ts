import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { bootSystemd } from '../../src/demo/boot.ts';
import { idleUnit, prepareForBeds, show } from '../bed.ts';
import { TestPlatform } from './shell-platform.ts';
import { keys, run, Terminal } from './shell-terminal.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

describe('start, stop and restart of components', () => {
  const platform = new TestPlatform();
  before(() =>
    platform.configure({
      top: { needs: ['middle', 'side'] },
      middle: { needs: ['bottom'] },
      side: { needs: ['bottom'] },
      bottom: {},
      'on sand': { needs: ['fails'] },
      fails: { first: 'echo no room >&2; printf "on \\033[31mdisk\\n" >&2; exit 3' },
      slow: { first: 'read -rt 600 <> <(:)' },
    }),
  );
  after(() => platform.close());
  const { env } = platform;
  const steps = (out: string) => out.split('\n').filter((line) => / (runs|stopped)/.test(line));

  test('what it depends on comes first, each once; what runs is left', async () => {
    const { status, out, err } = await run(['start', 'top'], { env });
    assert.deepEqual([status, err], [0, '']);
    assert.deepEqual(steps(out), ['bottom: runs', 'middle: runs', 'side: runs', 'top: runs']);
    const pids = platform.processes();
    assert.equal(pids.length, 4);
    const again = await run(['start', 'TOP'], { env });
    assert.deepEqual(steps(again.out).at(-1), 'top: already runs');
    assert.deepEqual(platform.processes(), pids);
  });

  test('restart ends it and starts it again', async () => {
    const pids = platform.processes();
    const { status, out } = await run(['restart', 'top'], { env });
    assert.equal(status, 0);
    assert.equal(steps(out)[0], 'top: stopped');
    assert.equal(steps(out).at(-1), 'top: runs');
    const now = platform.processes();
    assert.equal(now.filter((pid) => !pids.includes(pid)).length, 1);
    const warned = await run(['restart', 'bottom'], { env });
    assert.equal(warned.status, 0);
    assert.match(warned.out, /would suffer.*: (top, middle, side|top, side, middle)\n/);
    assert.equal(platform.processes().filter((pid) => !now.includes(pid)).length, 1);
  });

  test('stop with all that depends on it goes the other way round', async () => {
    const { status, out } = await run(['stop', '--yes', '--all', 'bottom'], { env });
    assert.equal(status, 0);
    const order = steps(out).map((line) => line.split(':')[0]);
    assert.deepEqual([order[0], order.at(-1)], ['top', 'bottom']);
    assert.equal(order.length, 4);
    assert.deepEqual(platform.processes(), []);
    const again = await run(['stop', 'bottom'], { env });
    assert.deepEqual([again.status, again.out], [0, 'stopping bottom ...\nbottom: does not run\n']);
  });

  test('where something below cannot be started, nothing above is', async () => {
    const { status, out } = await run(['start', 'on', 'sand'], { env });
    assert.equal(status, 1);
    assert.match(out, /fails: its start command .*3/);
    // What it wrote last, without what steers a terminal.
    assert.match(out, /3\n {2}\| no room\n {2}\| on disk\non sand: not started\n$/);
    assert.deepEqual(platform.processes(), []);
  });

  test('waiting has a limit', async () => {
    const { status, out } = await run(['start', '--timeout', '300ms', 'slow'], { env });
    assert.equal(status, 1);
    assert.match(out, /slow: slow did not run within 0\.3 s/);
  });

  test('at a terminal it asks, and a line lives while it waits', async () => {
    assert.equal((await run(['start', 'middle'], { env })).status, 0);
    const terminal = await Terminal.open(['stop', 'bottom'], { env, columns: 20 });
    try {
      await terminal.sees('would suffer');
      await terminal.sees('Stop bottom? [y/N] ');
      terminal.type(`y${keys.enter}`);
      await terminal.sees('\r\x1b[K');
      await terminal.sees('bottom: stopped');
      assert.equal(await terminal.exited, 0);
    } finally {
      await terminal.close();
    }
    assert.equal((await run(['stop', 'middle'], { env })).status, 0);
  });

  test('what is asked wrongly, and names that are none', async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['start'], 2, /name a component or a unit/],
      [['start', '--all', 'top'], 2, /Unknown option '--all'/],
      [['stop', '--timeout', 'soon', 'top'], 2, /--timeout is a time such as 30s/],
      [['start', 'botom'], 1, /no component and no unit botom here\. Did you mean bottom\?/],
      [['start', '--', '-x\x1b[2J'], 1, /no unit -x\\x1b\[2J here/],
      [['start', '../../etc/passwd'], 1, /There is no component/],
    ];
    for (const [argv, status, says] of cases) {
      const found = await run(argv, { env });
      assert.equal(found.status, status, found.err);
      assert.match(found.err, says);
    }
    for (const verb of ['start', 'stop', 'restart'])
      assert.match((await run([verb, '--help'])).out, new RegExp(`^Usage: unitwatch ${verb} NAME`));
  });
});

describe('start, stop and restart of units', () => {
  const platform = new TestPlatform();
  let bed: ThrowAwaySystemd;
  before(async () => {
    await prepareForBeds();
    const tied = (...lines: readonly string[]) => ['[Unit]', ...lines, idleUnit()].join('\n');
    bed = await bootSystemd({
      binds: [repository],
      units: {
        'db.service': idleUnit(),
        'api.service': tied('Requires=db.service', 'After=db.service'),
        'web.service': tied('BindsTo=api.service', 'After=api.service'),
        'broken.service': '[Service]\nType=notify\nExecStart=/bin/false\n',
        'once.service': '[Service]\nType=oneshot\nExecStart=/bin/true\n',
      },
    });
    platform.configure(
      {
        'the data base': { unit: 'db.service' },
        reader: { needs: ['the data base'] },
      },
      { bus: bed.busAddress },
    );
  });
  after(async () => {
    platform.close();
    await bed?.stop();
  });
  const { env } = platform;
  const stateOf = async (unit: string) => (await show(bed, unit, 'ActiveState'))['ActiveState'];

  test('a component waits for the unit that it depends on', async () => {
    const { status, out, err } = await run(['start', 'reader'], { env });
    assert.deepEqual([status, err], [0, '']);
    assert.deepEqual(
      out.split('\n').filter((line) => line.includes('runs')),
      ['the data base: runs', 'reader: runs'],
    );
    assert.equal(await stateOf('db.service'), 'active');
  });

  test('a unit is started with or without its type, and its job followed to the end', async () => {
    const started = await run(['start', 'web'], { env });
    assert.equal(started.status, 0, started.err);
    assert.match(started.out, /web\.service: runs\n$/);
    assert.equal(await stateOf('api.service'), 'active');
    const broken = await run(['start', 'broken.service'], { env });
    assert.equal(broken.status, 1);
    assert.match(broken.out, /broken\.service: The start of broken\.service ended as failed/);
    const once = await run(['start', 'once'], { env });
    assert.deepEqual([once.status, once.out.includes('has run, and has ended well')], [0, true]);
    const nobody = await run(['start', 'webb'], { env });
    assert.equal(nobody.status, 1);
    assert.match(nobody.err, /no unit webb here\. Did you mean web\?/);
  });

  test('stop says which units and components would suffer', async () => {
    const stopped = await run(['stop', 'the data base'], { env });
    assert.equal(stopped.status, 0, stopped.err);
    assert.match(stopped.out, /would suffer.*: reader, web\.service, api\.service\n/);
    assert.equal(await stateOf('db.service'), 'inactive');
    assert.equal(await stateOf('web.service'), 'inactive');
    const view = await run(['status'], { env });
    assert.equal(view.status, 1);
    assert.match(view.out, /^missing +component +the data base .*inactive$/m);
    assert.match(view.out, /^degraded +component +reader /m);
    assert.match(view.out, /^failed +service +broken\.service /m);
    assert.match(view.out, /^\d+ other services: /m);
    assert.equal((await run(['stop', 'reader'], { env })).status, 0);
  });

  test('the shell does the same, and knows the names of units', async () => {
    const terminal = await Terminal.open(['shell'], { env });
    try {
      await terminal.sees('unitwatch>> ');
      terminal.type(`start web${keys.enter}`);
      await terminal.sees('web.service: runs');
      await terminal.sees('unitwatch>> ');
      terminal.type('restart we');
      await terminal.sees('restart we');
      terminal.type(keys.tab);
      await terminal.sees('b.service');
      terminal.type(keys.enter);
      await terminal.sees('web.service: runs');
      await terminal.sees('unitwatch>> ');
      terminal.type(`impact the data base${keys.enter}`);
      await terminal.sees(/When db\.service stops:/);
      await terminal.sees('web.service');
      await terminal.sees('unitwatch>> ');
      terminal.type(`stop db${keys.enter}`);
      await terminal.sees(/would suffer.*: web\.service, api\.service/);
      await terminal.sees('[y/N] ');
      terminal.type(`yes${keys.enter}`);
      await terminal.sees('db.service: stopped');
      terminal.type(`exit${keys.enter}`);
      assert.equal(await terminal.exited, 0);
    } finally {
      await terminal.close();
    }
    assert.equal(await stateOf('api.service'), 'inactive');
  });

  test('who is not permitted is told what is missing', async () => {
    const args = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const { stdout, stderr, status } = await bed.exec([
      ...['setpriv', ...args, 'env', 'HOME=/tmp', process.execPath],
      ...[join(repository, 'dist/cmd/unitwatch.js'), 'start', 'web', '-t', '30s'],
    ]);
    assert.equal(status, 1, stderr);
    assert.match(stdout, /does not permit this user to start web\.service: .*polkit rule/);
  });
});
