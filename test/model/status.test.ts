import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overallState, serviceStatus } from '../../src/model/status.ts';
import { unitView } from '../outputs/agent-view.ts';
import { World } from '../outputs/page-world.ts';

const down = { activeState: 'inactive', subState: 'dead', activeEnterUs: 0 } as const;
const waiting = { activeState: 'activating', subState: 'auto-restart' } as const;

test('how it is altogether: the worst of everything', () => {
  const table: readonly { name: string; given: (world: World) => void; want: string }[] = [
    { name: 'nothing at all', given: () => undefined, want: 'well' },
    { name: 'inactive units', given: (w) => w.service('a.service', down), want: 'well' },
    {
      name: 'starting',
      given: (w) => w.service('a.service', { activeState: 'activating' }),
      want: 'well',
    },
    {
      name: 'waits for its restart',
      given: (w) => w.service('a.service', waiting),
      want: 'attention',
    },
    {
      name: 'failed',
      given: (w) => w.service('a.service', { activeState: 'failed' }),
      want: 'down',
    },
    {
      name: 'missing',
      given: (w) => w.service('a.service', {}, { state: 'missing' }),
      want: 'down',
    },
    { name: 'finding', given: (w) => w.finding('a.service'), want: 'attention' },
    {
      name: 'acknowledged',
      given: (w) => w.finding('a.service', { acknowledged: true }),
      want: 'well',
    },
    { name: 'check well', given: (w) => w.check('a'), want: 'well' },
    { name: 'degraded', given: (w) => w.check('a', { state: 'degraded' }), want: 'attention' },
    { name: 'unknown', given: (w) => w.check('a', { state: 'unknown' }), want: 'attention' },
    { name: 'check missing', given: (w) => w.check('a', { state: 'missing' }), want: 'down' },
    { name: 'too many', given: (w) => w.check('a', { state: 'too_many' }), want: 'down' },
    { name: 'outage', given: (w) => w.check('a', { state: 'down', outage: true }), want: 'well' },
    {
      name: 'no bus',
      given: (w) => {
        w.bus = 'lost';
        w.service('a.service', { activeState: 'failed' });
      },
      want: 'blind',
    },
    {
      name: 'no bus, and none is wanted',
      given: (w) => {
        w.bus = 'off';
        w.check('a');
      },
      want: 'well',
    },
    {
      name: 'the worst',
      given: (w) => {
        w.finding('a.service');
        w.check('b', { state: 'down' });
      },
      want: 'down',
    },
  ];
  for (const { name, given, want } of table) {
    const world = new World();
    given(world);
    assert.equal(overallState(world.status()), want, name);
  }
});

test('a unit of the table as it is shown', () => {
  const unit = unitView(
    'getty@tty1.service',
    { activeState: 'active', subState: 'running', activeEnterUs: 7, stateChangeUs: 9, mainPid: 3 },
    {
      cgroup: '/system.slice/system-getty.slice/getty@tty1.service',
      restarts: { automatic: 1, manual: 2, unitwatch: 3 },
    },
  );
  assert.deepEqual(serviceStatus(unit, 5), {
    name: 'getty@tty1.service',
    type: 'service',
    slice: 'system-getty.slice',
    state: 'up',
    activeState: 'active',
    subState: 'running',
    result: 'success',
    upSinceUs: 7,
    changedUs: 9,
    restarts: { automatic: 1, manual: 2, unitwatch: 3 },
    pid: 3,
    memoryBytes: 5,
  });
  const ended = serviceStatus(unitView('a.service', { activeState: 'failed', activeEnterUs: 7 }));
  assert.deepEqual([ended.state, ended.upSinceUs, ended.slice], ['failed', 0, '']);
  assert.equal('memoryBytes' in ended, false);
  assert.equal(serviceStatus(unitView('b.service', {}, { missing: true })).state, 'missing');
});
