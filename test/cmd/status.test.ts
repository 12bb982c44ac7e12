import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { rowsOf } from '../../cmd/status-rows.ts';
import { type Terminal as Size, tableLines } from '../../cmd/status-table.ts';
import { readTold, type Told } from '../../cmd/status-told.ts';
import type { HttpOutput } from '../../src/outputs/http.ts';
import { statusJson } from '../../src/outputs/page/json.ts';
import { columnsOf, printable } from '../../src/outputs/terminal-text.ts';
import { nowUs } from '../outputs/http-client.ts';
import { busyWorld, hostileNames, World } from '../outputs/page-world.ts';
import { TestPlatform } from './shell-platform.ts';
import { plain, run, Terminal, unitwatch } from './shell-terminal.ts';

const wide: Size = {
  columns: Number.POSITIVE_INFINITY,
  rows: Number.POSITIVE_INFINITY,
  colour: false,
  isTerminal: false,
};

function toldOf(world: World): Told {
  return readTold(JSON.stringify(statusJson(world.status()))) ?? assert.fail('not readable');
}

function lines(world: World, size: Partial<Size> = {}, whitelist: string[] = [], all = false) {
  const told = toldOf(world);
  const chosen = rowsOf(told, whitelist, all);
  return tableLines(told, chosen, [], { ...wide, ...size }, nowUs / 1e3);
}

test('one table, problems first, and a count of what is well', () => {
  assert.deepEqual(lines(busyWorld()), [
    'web-17.example.org: 3 down or failing, 6 to look at',
    'STATE       KIND      NAME                FOR        NOTE',
    'crash loop  finding   worker.service      10 min     It restarted 17 times within 10 minutes, each time after about 3 s.',
    'missing     component spark master        2 h        0 of 1 processes',
    'failed      service   db.service          1 min 30 s exit-code',
    'memory leak finding   queue.service       10 min     Its memory has grown by 12 MB an hour for 9 h 20 min, and reaches its limit in 4 h.',
    'raised      repair    grafana',
    'waiting     repair    spark master                   attempt 2, The last attempt failed.',
    'degraded    component processor gyroscope 2 h        waits for spark master',
    'unknown     component sampler             2 h        not looked yet',
    'restarting  service   worker.service      3 s        19 restarts',
    'running     component kafka mirror        2 h        PID 4711',
    'running     component kafka server        2 h        PID 4711',
    'up          service   queue.service       1 d 2 h',
    'down        http      grafana             2 h        planned outage, refused',
    'planned     outage    update                         until 2025-11-21 04:50 UTC',
    '7 other services: 6 up, 1 inactive (--all shows them)',
  ]);
});

test('of the services those that the configuration names, or all', () => {
  const names = (whitelist: string[], all: boolean): string[] =>
    rowsOf(toldOf(busyWorld()), whitelist, all)
      .rows.filter(({ kind }) => kind === 'service')
      .map(({ name }) => name);
  assert.deepEqual(names(['ssh', '/^ma/'], false), [
    ...['db.service', 'worker.service', 'mail.service', 'queue.service', 'ssh.service'],
  ]);
  assert.equal(names([], true).length, busyWorld().services.length);
});

test('no line is wider than the terminal, whatever the names are', () => {
  const world = busyWorld();
  for (const name of hostileNames) {
    world.service(name, { activeState: 'failed', subState: 'failed', result: 'exit-code' });
    world.check(name, { state: 'missing', reason: name });
    world.finding(name, { sentence: name });
  }
  for (const columns of [10, 20, 39, 40, 59, 60, 80, 200]) {
    for (const line of lines(world, { columns, colour: true, isTerminal: true })) {
      const bare = plain(line);
      assert.ok(columnsOf(bare) <= columns, `${columns}: ${bare}`);
      assert.equal(printable(bare), bare);
    }
  }
  const narrow = lines(world, { columns: 20 });
  assert.ok(
    narrow.some((line) => /^missing +spark ma/.test(line)),
    narrow.join('\n'),
  );
});

test('colour says again what the words say', () => {
  const [, , first = ''] = lines(busyWorld(), { colour: true, columns: 120, isTerminal: true });
  assert.ok(first.startsWith('\x1b[31mcrash loop'));
  assert.ok(!lines(busyWorld(), { columns: 120 }).join('').includes('\x1b'));
});

test('what is no status is not taken for one', () => {
  const good = JSON.stringify(statusJson(busyWorld().status()));
  assert.ok(readTold(good));
  const bad = ['', '[]', 'null', '{}', '<html>', good.replace('"services"', '"servants"')];
  bad.push(good.replace('"restarts":{', '"restarts":null,"x":{'), good.replace('"pid"', '"pids"'));
  bad.push(good.replace(/"opened":"[^"]*"/, '"opened":"yesterday"'));
  for (const body of bad.slice(0, 7)) assert.equal(readTold(body), undefined, body.slice(0, 80));
  assert.equal(readTold(bad.at(-1) ?? ''), undefined);
});

describe('with a running agent', () => {
  const platform = new TestPlatform();
  const world = busyWorld();
  let server: HttpOutput;
  before(async () => {
    server = await world.serve();
    const listen = `127.0.0.1:${server.address.port}`;
    platform.configure(
      { here: {}, there: {} },
      {
        listen,
        checks: {
          components: {
            here: { criteria: [{ index: 0, regex: '^unitwatch-nobody$' }] },
            there: { criteria: [{ index: 0, regex: '^unitwatch-nobody-else$' }] },
          },
          hosts: { alpha: { components: ['here'] }, 'beta-1': { components: ['there'] } },
        },
      },
    );
  });
  after(async () => {
    await server.close();
    platform.close();
  });
  const { env } = platform;

  test('it is asked', async () => {
    const { status, out, err } = await run(['status'], { env });
    assert.deepEqual([status, err], [1, '']);
    assert.match(out, /^web-17\.example\.org: 3 down or failing/);
    assert.match(out, /^crash loop +finding +worker\.service/m);
  });

  test('JSON is what the API answers', async () => {
    const { status, out } = await run(['status', '--json'], { env });
    assert.equal(status, 1);
    assert.deepEqual(JSON.parse(out), JSON.parse(JSON.stringify(statusJson(world.status()))));
  });

  test('check has everything looked at first', async () => {
    const before = world.refreshes;
    world.onRefresh = () => world.check('kafka server', { state: 'missing', found: 0 });
    const { status, out } = await run(['check', '--quiet'], { env });
    assert.equal(world.refreshes, before + 1);
    assert.deepEqual([status, out], [1, 'spark master\nkafka server\ndb.service\n']);
    world.onRefresh = () => undefined;
    world.check('kafka server');
  });

  test('a host that is named has its own list', async () => {
    const { status, out } = await run(['status', 'alpha'], { env });
    assert.equal(status, 1);
    assert.match(out, /^missing +component +here /m);
    assert.doesNotMatch(out, /kafka server|there/);
    assert.match(out, /http +grafana/, 'what the agent probes stays');
    const unknown = await run(['status', 'gamma'], { env });
    assert.deepEqual([unknown.status, unknown.out], [2, '']);
    assert.match(unknown.err, /gamma is in no list; known hosts: alpha, beta-1\n$/);
  });

  test('the shell prints the last events that it remembers', async () => {
    const input = 'events -n 3\nevents -n 2 worker.service\nevents nobody\nevents -n 0\n';
    const { out, err } = await run(['shell'], { env, input });
    const shown = out.trimEnd().split('\n');
    assert.equal(shown.length, 5, out);
    assert.match(shown[2] ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ +\S/);
    for (const line of shown.slice(3)) assert.match(line, /worker\.service/);
    assert.match(err, /no unit|knows no nobody/);
    assert.match(err, /-n is a number from 1 to 100/);
  });

  test('watching redraws in place until q', async () => {
    const terminal = await Terminal.open(['status', '--watch', '--interval', '500ms'], {
      env,
      columns: 60,
      rows: 8,
    });
    try {
      await terminal.sees('\x1b[?1049h');
      await terminal.sees('\x1b[H');
      await terminal.sees(/\.\.\. \d+ more lines/);
      await terminal.sees('\x1b[J');
      await terminal.sees('\x1b[H');
      world.fail('web.service');
      await terminal.sees('4 down or failing');
      assert.ok(!terminal.output.includes('\x1b[2J'), 'the screen is never emptied');
      terminal.type('q');
      await terminal.sees('\x1b[?1049l');
      assert.equal(await terminal.exited, 1);
    } finally {
      await terminal.close();
      world.service('web.service');
    }
  });

  test('NO_COLOR, and colour without it', async () => {
    for (const [more, coloured] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false],
    ] as const) {
      const terminal = await Terminal.open(['status'], { env: { ...env, ...more } });
      await terminal.sees(/crash loop/);
      assert.equal(await terminal.exited, 1);
      assert.equal(terminal.output.includes('\x1b['), coloured);
    }
  });

  test('watching into a pipe ends with its reader', async () => {
    const script =
      'set -o pipefail; "$0" "$1" status --watch --interval 500ms | head -1; echo "ended: $?"';
    const child = spawn('/bin/bash', ['-c', script, process.execPath, unitwatch], {
      env: { PATH: process.env['PATH'], ...env },
    });
    let out = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    await once(child, 'close');
    assert.match(out, /^web-17[^\n]*\nended: [01]\n$/);
  });
});

describe('500 services', () => {
  const platform = new TestPlatform();
  const world = new World();
  let server: HttpOutput;
  before(async () => {
    for (let i = 0; i < 500; i++) world.service(`unit-${i}.service`);
    server = await world.serve();
    platform.configure({}, { listen: `127.0.0.1:${server.address.port}` });
  });
  after(async () => {
    await server.close();
    platform.close();
  });

  test('what matters is shown, and all of it with --all', async () => {
    const { env } = platform;
    const few = await run(['status'], { env });
    assert.equal(few.status, 0);
    assert.equal(
      few.out,
      'web-17.example.org: all is well\n500 other services: 500 up (--all shows them)\n',
    );
    const all = await run(['status', '--all'], { env });
    assert.equal(all.out.split('\n').length, 503);
  });
});

test('asked wrongly', async () => {
  for (const argv of [
    ['status', 'a', 'b'],
    ['status', '--interval', '1ms'],
    ['status', '--interval', 'often'],
    ['status', '--loud'],
    ['check', 'a', 'b'],
    ['check', '--loud'],
  ]) {
    const { status, out, err } = await run(argv);
    assert.deepEqual([status, out], [2, ''], argv.join(' '));
    assert.match(err, /^unitwatch (status|check): /);
  }
  for (const command of ['status', 'check'])
    assert.match((await run([command, '--help'])).out, /^Usage: unitwatch (status|check)/);
});
