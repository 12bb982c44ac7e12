import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carry, mayPass } from '../../src/collector/carry.ts';
import { type Context, transition } from '../../src/collector/transition.ts';
import type { Transition } from '../../src/model/transition.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';

const second = 1_000_000;
const nowUs = 1_000 * second;

/** A run that came up at 100 s: PID 10, invocation 1. */
const up: Partial<UnitState> = {
  activeState: 'active',
  subState: 'running',
  invocation0: 1,
  mainPid: 10,
  execMainPid: 10,
  execMainStartUs: 100 * second,
  stateChangeUs: 100 * second,
  inactiveExitUs: 100 * second,
  activeEnterUs: 100 * second,
};
/** That run has exited with status 3 at 110 s, and systemd waits to restart it. */
const waiting: Partial<UnitState> = {
  ...up,
  activeState: 'activating',
  subState: 'auto-restart',
  result: 'exit-code',
  mainPid: 0,
  execMainCode: 1,
  execMainStatus: 3,
  execMainExitUs: 110 * second,
  activeExitUs: 110 * second,
  inactiveEnterUs: 110 * second,
  stateChangeUs: 110 * second,
};
/** systemd has scheduled the restart. */
const scheduled: Partial<UnitState> = { ...waiting, nRestarts: 1, jobId: 7 };
/** The next run, at 112 s. */
const upAgain: Partial<UnitState> = {
  ...up,
  invocation0: 2,
  mainPid: 20,
  execMainPid: 20,
  nRestarts: 1,
  execMainStartUs: 112 * second,
  execMainExitUs: 110 * second,
  inactiveExitUs: 112 * second,
  activeEnterUs: 112 * second,
  activeExitUs: 110 * second,
  inactiveEnterUs: 110 * second,
  stateChangeUs: 112 * second,
};
const failed: Partial<UnitState> = { ...waiting, activeState: 'failed', subState: 'failed' };
const dead: Partial<UnitState> = { activeState: 'inactive', subState: 'dead' };
const stopped: Partial<UnitState> = {
  ...waiting,
  ...dead,
  result: 'success',
  execMainStatus: 0,
};

/** What a row of views tells, as short words: `restarting automatic x1 inferred`. */
function told(views: readonly Partial<UnitState>[], context: Partial<Context> = {}): Transition[] {
  const out: Transition[] = [];
  let lastEnding: Context['lastEnding'];
  let before = { ...newUnitState(), ...views[0] };
  for (const view of views.slice(1)) {
    const after = { ...newUnitState(), ...view };
    carry(before, after);
    const happened = transition(before, after, {
      unit: 'a.service',
      nowUs,
      resync: false,
      ownRestart: false,
      lastEnding,
      ...context,
    });
    for (const one of happened) if (one.ending) lastEnding = one.ending;
    out.push(...happened);
    before = after;
  }
  return out;
}

function words(one: Transition): string {
  const count = one.kind.startsWith('restart') ? ` ${one.cause} x${one.count}` : '';
  const why = one.kind.startsWith('restart') ? '' : ` ${one.ending?.reason ?? ''}`.trimEnd();
  return `${one.kind}${count}${why}${one.inferred ? ' inferred' : ''}${one.restartCanceled ? ' canceled' : ''}`;
}

const cases: readonly {
  readonly name: string;
  readonly views: readonly Partial<UnitState>[];
  readonly want: readonly string[];
  readonly context?: Partial<Context>;
}[] = [
  { name: 'the same view twice', views: [up, up], want: [] },
  { name: 'a start', views: [{}, up], want: ['started'] },
  {
    name: 'a start whose job shows before it runs',
    views: [{}, { jobId: 3 }, { ...up, jobId: 3 }, up],
    want: ['started'],
  },
  {
    name: 'a reload',
    views: [up, { ...up, activeState: 'reloading', subState: 'reload' }, up],
    want: [],
  },
  {
    name: 'an end of its own that shows with the job of the next start: perhaps no restart',
    views: [up, { ...stopped, jobId: 9 }, { ...upAgain, nRestarts: 0, jobId: 9 }],
    want: ['stopped clean', 'restarted manual x1 inferred'],
  },
  {
    name: 'systemctl restart, whose job shows before the end',
    views: [
      up,
      { ...up, jobId: 9 },
      { ...stopped, jobId: 9 },
      { ...upAgain, nRestarts: 0, jobId: 9 },
    ],
    want: ['stopped clean', 'restarted manual x1'],
  },
  {
    name: 'a crash and its automatic restart, each step seen',
    views: [up, waiting, scheduled, { ...upAgain, jobId: 7 }, upAgain],
    want: ['exited exit-code', 'restarting automatic x1', 'restarted automatic x1'],
  },
  {
    name: 'a restart job takes the unit through inactive for a moment',
    views: [
      up,
      waiting,
      scheduled,
      { ...scheduled, ...dead, inactiveEnterUs: 111 * second },
      upAgain,
    ],
    want: ['exited exit-code', 'restarting automatic x1', 'restarted automatic x1'],
  },
  {
    name: 'crash and restart hidden in one signal',
    views: [up, upAgain],
    want: ['restarting automatic x1 inferred', 'restarted automatic x1 inferred'],
  },
  {
    name: 'the end and the scheduling in one signal',
    views: [up, scheduled, upAgain],
    want: ['exited exit-code', 'restarting automatic x1', 'restarted automatic x1'],
  },
  {
    name: 'three restarts hidden between two waits',
    views: [
      up,
      waiting,
      {
        ...waiting,
        nRestarts: 3,
        invocation0: 5,
        execMainExitUs: 120 * second,
        inactiveEnterUs: 120 * second,
        stateChangeUs: 120 * second,
      },
    ],
    want: [
      'exited exit-code',
      'restarting automatic x1',
      'restarting automatic x1 inferred',
      'restarting automatic x1 inferred',
      'exited exit-code',
    ],
  },
  {
    name: 'more than ten hidden restarts are one event',
    views: [up, { ...upAgain, nRestarts: 25 }],
    want: ['restarting automatic x25 inferred', 'restarted automatic x25 inferred'],
  },
  {
    name: 'a loop that never comes up',
    views: [
      { ...waiting, activeEnterUs: 0, activeExitUs: 0 },
      { ...scheduled, activeEnterUs: 0, activeExitUs: 0 },
      {
        ...waiting,
        activeEnterUs: 0,
        activeExitUs: 0,
        nRestarts: 1,
        invocation0: 2,
        execMainExitUs: 113 * second,
        inactiveEnterUs: 113 * second,
        stateChangeUs: 113 * second,
      },
    ],
    want: ['restarting automatic x1', 'exited exit-code'],
  },
  {
    name: 'the start limit, with the Result of the last try',
    views: [
      up,
      waiting,
      scheduled,
      {
        ...failed,
        nRestarts: 1,
        jobId: 7,
        stateChangeUs: 112 * second,
        inactiveEnterUs: 112 * second,
      },
      { ...failed, nRestarts: 1, stateChangeUs: 112 * second, inactiveEnterUs: 112 * second },
    ],
    want: ['exited exit-code', 'restarting automatic x1', 'failed start-limit-hit'],
  },
  {
    name: 'the start limit, named by systemd',
    views: [failed, { ...failed, result: 'start-limit-hit', stateChangeUs: 115 * second }],
    want: ['failed start-limit-hit'],
  },
  { name: 'a failure for good', views: [up, failed], want: ['failed exit-code'] },
  {
    name: 'reset-failed',
    views: [failed, { ...failed, ...dead, result: 'success', stateChangeUs: 130 * second }],
    want: [],
  },
  {
    name: 'a stop',
    views: [
      up,
      {
        ...up,
        activeState: 'deactivating',
        subState: 'stop-sigterm',
        jobId: 4,
        stateChangeUs: 109 * second,
      },
      { ...stopped, jobId: 4 },
      stopped,
    ],
    want: ['stopped clean'],
  },
  {
    name: 'a stop while it waits to be restarted',
    views: [
      up,
      waiting,
      { ...waiting, ...dead, inactiveEnterUs: 111 * second, stateChangeUs: 111 * second },
    ],
    want: ['exited exit-code', 'stopped exit-code canceled'],
  },
  {
    name: 'a manual restart: one job through stop and start',
    views: [
      up,
      {
        ...up,
        activeState: 'deactivating',
        subState: 'stop-sigterm',
        jobId: 4,
        stateChangeUs: 109 * second,
      },
      { ...stopped, jobId: 4 },
      { ...upAgain, nRestarts: 0, jobId: 4 },
      { ...upAgain, nRestarts: 0 },
    ],
    want: ['stopped clean', 'restarted manual x1'],
  },
  {
    name: 'a manual restart in one signal',
    views: [up, { ...upAgain, nRestarts: 0 }],
    want: ['restarted manual x1 inferred'],
  },
  {
    name: 'a stop and, later, a start are two jobs',
    views: [
      up,
      { ...stopped, jobId: 4 },
      stopped,
      { ...stopped, jobId: 9 },
      { ...upAgain, nRestarts: 0, jobId: 9 },
    ],
    want: ['stopped clean', 'started'],
  },
  {
    name: 'a manual start while it waits',
    views: [up, waiting, { ...upAgain, nRestarts: 0 }],
    want: ['exited exit-code', 'restarted manual x1'],
  },
  {
    name: 'systemctl restart while it waits: one job through its end and the start',
    views: [
      up,
      waiting,
      { ...waiting, ...dead, jobId: 8, inactiveEnterUs: 111 * second, stateChangeUs: 111 * second },
      { ...upAgain, nRestarts: 0, jobId: 8 },
    ],
    want: ['exited exit-code', 'stopped exit-code canceled', 'restarted manual x1'],
  },
  {
    name: 'a failure that shows together with the job of the next start',
    views: [up, { ...failed, jobId: 9 }, { ...upAgain, nRestarts: 0, jobId: 9 }],
    want: ['failed exit-code', 'started'],
  },
  {
    name: "unitwatch's own restart",
    views: [up, { ...stopped, jobId: 4 }, { ...upAgain, nRestarts: 0, jobId: 4 }],
    context: { ownRestart: true },
    want: ['stopped clean', 'restarted unitwatch x1'],
  },
  {
    name: 'NRestarts reset by a manual start, then two automatic ones',
    views: [
      { ...up, nRestarts: 9 },
      { ...upAgain, nRestarts: 2 },
    ],
    want: [
      'restarting automatic x1 inferred',
      'restarting automatic x1 inferred',
      'restarted automatic x2 inferred',
    ],
  },
  {
    name: 'reset-failed of a running unit sets NRestarts to 0',
    views: [
      { ...up, nRestarts: 9 },
      { ...up, nRestarts: 0 },
    ],
    want: [],
  },
  {
    name: 'a oneshot that runs to its end',
    views: [
      {},
      { ...up, activeState: 'activating', subState: 'start', activeEnterUs: 0 },
      { ...stopped, activeEnterUs: 0, activeExitUs: 0 },
    ],
    want: ['stopped clean'],
  },
  {
    name: 'a stopped unit that is unloaded and loaded again',
    views: [up, stopped, dead],
    want: ['stopped clean'],
  },
  {
    name: 'a failed unit that is unloaded and loaded again, and then started',
    views: [up, failed, dead, { ...upAgain, nRestarts: 0, inactiveEnterUs: 0, activeExitUs: 0 }],
    want: ['failed exit-code', 'started'],
  },
  {
    name: 'a whole short run in one signal',
    views: [{}, stopped],
    want: ['started inferred', 'stopped clean'],
  },
];

for (const { name, views, want, context } of cases) {
  test(`transition: ${name}`, () => {
    assert.deepEqual(told(views, context).map(words), want);
  });
}

test('transition: what an end and a restart carry', () => {
  const [exited, restarting, restarted] = told([up, waiting, scheduled, upAgain]);
  assert.deepEqual(exited?.ending, {
    reason: 'exit-code',
    result: 'exit-code',
    exitCode: 3,
    coreDump: false,
  });
  assert.equal(exited?.timeUs, 110 * second);
  assert.equal(exited?.uptimeUs, 10 * second);
  assert.equal(restarting?.timeUs, nowUs, 'systemd keeps no timestamp of the scheduling');
  assert.deepEqual(restarting?.ending, exited?.ending);
  assert.equal(restarted?.timeUs, 112 * second);
  assert.equal(restarted?.downUs, 2 * second);
  assert.equal(restarted?.pid, 20);
  assert.match(restarted?.invocation ?? '', /^00000002/);
});

test('transition: a signal has a name, a core dump is told', () => {
  const [killed] = told([
    up,
    { ...failed, result: 'core-dump', execMainCode: 3, execMainStatus: 11 },
  ]);
  assert.deepEqual(killed?.ending, {
    reason: 'core-dump',
    result: 'core-dump',
    signal: 'SIGSEGV',
    coreDump: true,
  });
});

test('mayPass: an end without a job may be on its way to auto-restart', () => {
  const state = (one: Partial<UnitState>): UnitState => ({ ...newUnitState(), ...one });
  assert.equal(mayPass(state(up), state(failed)), true);
  assert.equal(mayPass(state(up), state({ ...stopped, jobId: 4 })), false, 'a stop job is final');
  assert.equal(mayPass(state(waiting), state(failed)), false, 'it has waited already');
  assert.equal(mayPass(state(up), state(waiting)), false);
});
