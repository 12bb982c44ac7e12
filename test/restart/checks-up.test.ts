import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckState, CheckView } from '../../src/model/check.ts';
import { checksUp } from '../../src/restart/checks-up.ts';

function view(name: string, state: CheckState, more: Partial<CheckView> = {}): CheckView {
  return {
    ...{ name, kind: 'tcp', state, sinceUs: 0, checkedUs: 0, durationUs: 0, reason: '' },
    ...{ dependsOn: [], outage: false },
    ...more,
  };
}

/** Looks that answer one after the other, and how often each check has still to be seen up. */
function world(looks: readonly (readonly CheckView[])[], stillDown: readonly string[][] = []) {
  let nowMs = 0;
  let asked = 0;
  const tools = {
    look: async () => looks[Math.min(asked++, looks.length - 1)] ?? [],
    down: () => stillDown[asked - 1] ?? [],
    sleep: async (ms: number) => {
      nowMs += ms;
    },
    nowMs: () => nowMs,
  };
  return { tools, asked: () => asked };
}

const cases: readonly {
  name: string;
  looks: readonly (readonly CheckView[])[];
  stillDown?: readonly string[][];
  want: { outcome: string; reason: string };
  asked: number;
}[] = [
  {
    name: 'up',
    looks: [[view('port', 'up')]],
    want: { outcome: 'ok', reason: '' },
    asked: 1,
  },
  {
    name: 'it runs, and what it depends on does not',
    looks: [[view('server', 'degraded')]],
    want: { outcome: 'ok', reason: '' },
    asked: 1,
  },
  {
    name: 'down, with its reason',
    looks: [[view('server', 'running'), view('port', 'down', { reason: 'refused' })]],
    want: { outcome: 'failed', reason: 'the check port still says down: refused' },
    asked: 1,
  },
  {
    name: 'too many, without a reason',
    looks: [[view('server', 'too_many')]],
    want: { outcome: 'failed', reason: 'the check server still says too many' },
    asked: 1,
  },
  {
    name: 'what cannot be seen is not taken for up',
    looks: [[view('server', 'unknown')]],
    want: { outcome: 'failed', reason: 'the check server still says unknown' },
    asked: 1,
  },
  {
    name: 'what is in a planned outage is not asked',
    looks: [[view('port', 'down', { outage: true })]],
    stillDown: [['port']],
    want: { outcome: 'ok', reason: '' },
    asked: 1,
  },
  {
    name: 'up, and up once more until it is told',
    looks: [[view('port', 'up')]],
    stillDown: [['port'], ['port'], []],
    want: { outcome: 'ok', reason: '' },
    asked: 3,
  },
  {
    name: 'up, and down again before it is told',
    looks: [[view('port', 'up')], [view('port', 'down')]],
    stillDown: [['port'], ['port']],
    want: { outcome: 'failed', reason: 'the check port still says down' },
    asked: 2,
  },
  {
    name: 'not up often enough within the time limit',
    looks: [[view('port', 'up')]],
    stillDown: Array.from({ length: 9 }, () => ['port']),
    want: { outcome: 'failed', reason: 'the check port has not been up often enough' },
    asked: 3,
  },
  {
    name: 'a check that is gone',
    looks: [[]],
    stillDown: [['port']],
    want: { outcome: 'ok', reason: '' },
    asked: 1,
  },
];
for (const { name, looks, stillDown, want, asked } of cases) {
  test(`checks that asked for a repair: ${name}`, async () => {
    const { tools, asked: times } = world(looks, stillDown);
    assert.deepEqual(await checksUp(['web'], 1_000, tools), want);
    assert.equal(times(), asked);
  });
}

test('checks that asked for a repair: a look that hangs has a limit', async (t) => {
  const { tools } = world([]);
  // The limit itself keeps no process alive.
  const alive = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(alive));
  const look = () => new Promise<never>(() => undefined);
  assert.deepEqual(await checksUp(['web'], 20, { ...tools, look }), {
    outcome: 'timeout',
    reason: 'its checks were not looked at within 0.02 s',
  });
});
