import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { graph } from '../../cmd/graph.ts';
import { impact } from '../../cmd/impact.ts';
import type { CommandIo } from '../../cmd/io.ts';
import { busTargets } from '../../src/collector/address.ts';
import { readSnapshot } from '../../src/collector/dependencies.ts';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { bootSystemd } from '../../src/demo/boot.ts';
import { dependencyProperties } from '../../src/model/dependencies.ts';
import { idleUnit, prepareForBeds, show } from '../bed.ts';

type Command = (argv: readonly string[], io: CommandIo) => Promise<number>;

async function run(
  command: Command,
  ...argv: readonly string[]
): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const into = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const status = await command(argv, { stdout: into('out'), stderr: into('err'), env: {} });
  return { status, ...texts };
}

const tied = (...lines: readonly string[]) => ['[Unit]', ...lines, idleUnit()].join('\n');

const units = {
  'db.service': [
    '[Unit]',
    'Wants=cache@1.service',
    idleUnit(['Restart=always', 'RestartSec=7s']),
  ].join('\n'),
  'api.service': tied('Requires=db.service', 'After=db.service'),
  'web.service': tied('BindsTo=api.service', 'After=api.service', 'OnFailure=nowhere.service'),
  'batch.service': tied('Requisite=db.service', 'StopWhenUnneeded=no'),
  'cache@.service': idleUnit(),
  'watcher.service': tied('Wants=web.service'),
};

describe('the commands that read dependencies', () => {
  let bed: ThrowAwaySystemd;
  let bus: readonly string[];
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd({ units });
    bus = ['--bus', bed.busAddress];
    await bed.systemctl('start', 'watcher.service', 'web.service', 'batch.service');
  });
  after(() => bed.stop());

  test('what is read of a unit is what systemctl shows of it', async () => {
    const [target = { path: '' }] = busTargets(bed.busAddress);
    const { version, units: read } = await readSnapshot(target, 0);
    assert.match(version, /^\d{3}/);
    const loaded = await bed.systemctl('list-units', '--all', '--plain', '--no-legend', '--full');
    assert.equal(read.length, loaded.trim().split('\n').length);
    for (const name of ['db.service', 'web.service', 'sysinit.target', 'dbus.socket', '-.slice']) {
      const unit = read.find((one) => one.name === name) ?? assert.fail(name);
      const shown = await show(bed, name, ...dependencyProperties, 'Slice', 'Restart', 'SubState');
      for (const property of dependencyProperties) {
        const names = (shown[property] ?? '').split(' ').filter(Boolean);
        assert.deepEqual(
          [...(unit.lists[property] ?? [])].sort(),
          names.sort(),
          `${name} ${property}`,
        );
      }
      assert.equal(unit.slice, shown['Slice'] ?? '');
      assert.equal(unit.settings.restart, shown['Restart'] ?? '');
      assert.equal(unit.subState, shown['SubState']);
    }
    const db = read.find((one) => one.name === 'db.service');
    assert.equal(db?.settings.restartUs, 7_000_000);
    assert.equal(db?.cgroup, '/system.slice/db.service');
  });

  test('impact as JSON', async () => {
    const { status, out, err } = await run(impact, 'db', '--json', ...bus);
    assert.deepEqual([status, err], [0, '']);
    const found: unknown = JSON.parse(out);
    assert.deepEqual(found, {
      unit: 'db.service',
      on: 'stop',
      stopped: [
        { unit: 'api.service', path: ['db.service', 'api.service'], kinds: ['RequiredBy'] },
        { unit: 'batch.service', path: ['db.service', 'batch.service'], kinds: ['RequisiteOf'] },
        {
          unit: 'web.service',
          path: ['db.service', 'api.service', 'web.service'],
          kinds: ['RequiredBy', 'BoundBy'],
        },
      ],
      restarted: [],
      degraded: [
        {
          unit: 'watcher.service',
          path: ['db.service', 'api.service', 'web.service', 'watcher.service'],
          kinds: ['RequiredBy', 'BoundBy', 'WantedBy'],
          hard: false,
        },
      ],
      blocked: [
        { unit: 'batch.service', path: ['db.service', 'batch.service'], kinds: ['RequisiteOf'] },
      ],
    });
  });

  test('impact as text', async () => {
    const { status, out } = await run(impact, 'db.service', '--on', 'crash', ...bus);
    assert.equal(status, 0);
    assert.equal(
      out,
      `When db.service crashes:
restarted (3)
  api.service  <- RequiredBy db.service
  batch.service  <- RequisiteOf db.service
  web.service  <- BoundBy api.service <- RequiredBy db.service
`,
    );
    const alone = await run(impact, 'watcher', ...bus);
    assert.match(alone.out, /nothing happens to other units\.\n$/);
  });

  test('graph of a unit and of the host, in every format', async () => {
    const text = await run(graph, 'api', ...bus);
    assert.equal(text.status, 0);
    assert.match(text.out, /system\.slice \(\d+\)\n/);
    assert.match(text.out, / {2}web\.service\n {6}BindsTo\* api\.service\n/);
    for (const format of ['text', 'dot', 'mermaid', 'json']) {
      const { status, out, err } = await run(graph, '--format', format, ...bus);
      assert.deepEqual([status, err], [0, '']);
      assert.ok(out.includes('db.service') && !out.includes('shutdown.target'), format);
      assert.ok(out.split('\n').length < 400, 'it can be read');
    }
  });

  test('what is asked wrongly or cannot be found out is said in one sentence', async () => {
    const cases: readonly (readonly [Command, readonly string[], number, RegExp])[] = [
      [impact, [], 2, /^unitwatch impact: name one unit\n/],
      [impact, ['a', 'b'], 2, /name one unit/],
      [impact, ['a', '--on', 'fire'], 2, /--on is stop, crash or restart \(got fire\)/],
      [impact, ['a', '--loud'], 2, /Unknown option '--loud'/],
      [impact, ['nobody', ...bus], 1, /systemd has not loaded nobody\.service/],
      [impact, ['a', '--bus', 'unix:path=/nowhere/bus'], 1, /No bus at \/nowhere\/bus/],
      [impact, ['a', '--bus', 'nonsense'], 1, /is no bus address/],
      [graph, ['a', 'b'], 2, /name one unit, or none for all/],
      [graph, ['--format', 'gif'], 2, /--format is text, dot, mermaid, json \(got gif\)/],
      [graph, ['--depth', 'deep'], 2, /--depth is a number of steps/],
      [graph, ['nobody', ...bus], 1, /systemd has not loaded nobody\.service/],
    ];
    for (const [command, argv, status, message] of cases) {
      const found = await run(command, ...argv);
      assert.equal(found.status, status, found.err);
      assert.match(found.err, message);
      assert.equal(found.out, '');
    }
    for (const command of [impact, graph])
      assert.match((await run(command, '--help')).out, /^Usage: unitwatch (impact|graph) /);
  });
});
