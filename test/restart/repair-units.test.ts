import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { unitFilter } from '../../src/collector/filter.ts';
import { Follower } from '../../src/collector/follower.ts';
import type { Draft } from '../../src/model/event.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import { RepairUnits } from '../../src/repair-units.ts';
import type { Done } from '../../src/restart/contract.ts';
import { Engine } from '../../src/restart/engine.ts';
import { RepairRunner } from '../../src/restart/runner.ts';
import { Bench } from './engine-bench.ts';
import { until } from './settings.ts';
import { plain } from './simulated-world.ts';

const clock = {
  realtimeUs: () => Date.now() * 1_000,
  monotonicUs: () => performance.now() * 1_000,
};
const ok: Done = { outcome: 'ok', reason: '' };

function filter(...blacklist: string[]) {
  const common = { monitorAll: true, whitelist: [], containersOnly: false };
  return unitFilter({ ...common, blacklist, unitTypes: ['service'] });
}

/** Units in a table, what systemd knows, and repairs of all that has failed. */
function world(repairOn: readonly ('failed' | 'start_limit')[] = ['failed', 'start_limit']) {
  const events: Draft[] = [];
  const restarts: string[] = [];
  const byHand = new Set<string>();
  let known: boolean | undefined = true;
  let restart = async (): Promise<Done> => ok;
  const nothing = () => {};
  const follower = new Follower({
    ...{ clock, filter: filter() },
    sink: {
      ...{ transition: nothing, missing: nothing, loadFailed: nothing, lookUp: nothing },
      ...{
        hold: nothing,
        changed: (unit) => units.changed(unit),
        gone: (unit) => units.gone(unit),
      },
    },
  });
  const settings = {
    ...{ ...plain, strategy: 'auto' as const, repairOn },
    ...{ restartDelayMs: 10, backoffMaxMs: 60_000, maxAttempts: 2, maxRestartFailures: 5 },
  };
  const rules = { ...new Bench().rules, process: () => ({ settings, named: true }) };
  const engine = new Engine({ rules, random: () => 0, bootId: '' });
  const runner = new RepairRunner({
    ...{ engine, rules, sources: [], hook: undefined, clock, checkIntervalMs: 60_000 },
    effects: {
      resolve: async () => 'service',
      preRestart: async () => ok,
      restart: (process) => {
        restarts.push(process);
        return restart();
      },
      health: async () => ok,
    },
    look: async () => [],
    write: async () => undefined,
    tell: (draft) => events.push(draft),
    report: nothing,
  });
  const units = new RepairUnits({
    watch: {
      follower,
      knows: async () => known,
      stopCause: (name) =>
        byHand.has(name) ? { by: 'hand' as const, unit: name, afterUs: 0 } : undefined,
    },
    ...{ graph: () => undefined, runner, askAgainMs: 10 },
  });
  runner.start();
  return {
    ...{ events, restarts, runner, engine, units, follower, byHand },
    knows: (now: boolean | undefined) => {
      known = now;
    },
    onRestart: (work: () => Promise<Done>) => {
      restart = work;
    },
    /** A signal about a unit that is in the table, or comes into it. */
    is: (name: string, state: Partial<UnitState>) => {
      const unit = follower.table.get(name) ?? follower.add(name);
      unit.restartPolicy = 'no';
      follower.changed(unit, { ...newUnitState(), ...state });
    },
    unload: (name: string) => follower.unitRemoved(name),
    alarms: () =>
      events.flatMap((e) =>
        e.event_type === 'alarm' ? [`${e.data.phase} ${e.data.reason ?? ''}`.trim()] : [],
      ),
    steps: () => events.flatMap((e) => (e.event_type === 'restart_step' ? [e.data] : [])),
  };
}

const failed = { activeState: 'failed', subState: 'failed', result: 'exit-code' } as const;
const up = { activeState: 'active', subState: 'running' } as const;
const waiting = { activeState: 'activating', subState: 'auto-restart' } as const;

/** Repairs that hang, so that alarms stand. */
const hang = () => new Promise<never>(() => undefined);

test('a failed unit that systemd unloads and knows no more is no alarm any longer', async () => {
  const { is, unload, knows, alarms, runner, onRestart } = world();
  onRestart(hang);
  is('run-1.service', failed);
  await until('raised', () => alarms().length === 1);
  knows(undefined);
  unload('run-1.service');
  await sleep(50);
  assert.deepEqual(alarms(), ['raised it failed'], 'systemd could not be asked');
  knows(false);
  await until('cleared', () => alarms().length === 2);
  assert.equal(alarms()[1], 'cleared systemd knows no such unit any more');
  assert.equal(runner.unitHasAlarm('run-1.service'), false);
  await runner.stop();
});

test('one that systemd can load again, or has loaded again, stays an alarm', async () => {
  const { is, unload, knows, alarms, runner, onRestart } = world();
  onRestart(hang);
  is('kept.service', failed);
  unload('kept.service');
  await sleep(50);
  knows(false);
  is('back.service', failed);
  unload('back.service');
  is('back.service', failed);
  await sleep(50);
  assert.deepEqual(alarms(), ['raised it failed', 'raised it failed']);
  assert.ok(runner.unitHasAlarm('kept.service') && runner.unitHasAlarm('back.service'));
  await runner.stop();
});

test('a unit that is unloaded in the midst of our own restart: its attempts go on counting', async () => {
  const { is, unload, steps, alarms, runner, restarts, onRestart } = world();
  onRestart(async () => {
    // ResetFailedUnit, and systemd unloads it before RestartUnit loads it again.
    is('web.service', {});
    unload('web.service');
    await sleep(20);
    if (restarts.length === 1) {
      // What it requires did not start: the unit itself shows nothing of that.
      return { outcome: 'failed', reason: 'A unit that it requires did not start.' };
    }
    is('web.service', { activeState: 'activating', subState: 'start' });
    is('web.service', failed);
    await sleep(20);
    return { outcome: 'failed', reason: 'it did not stay up' };
  });
  is('web.service', failed);
  await until('given up', () => steps().some(({ step }) => step === 'given_up'));
  await sleep(100);
  assert.equal(restarts.length, 2);
  const told = steps().filter(({ step }) => step === 'restart' || step === 'given_up');
  assert.deepEqual(
    told.map(({ step, attempt }) => `${step} ${attempt}`),
    ['restart 1', 'restart 2', 'given_up 2'],
  );
  assert.ok(!steps().some(({ step }) => step === 'ignored'));
  assert.equal(alarms().at(-1), 'raised it failed', 'it has failed, and is in alarm');
  await runner.stop();
});

test('a failed unit that a reload stops following is no alarm, before the table has heard of it, too', async () => {
  const { is, follower, units, alarms, runner, onRestart } = world();
  onRestart(hang);
  is('web.service', failed);
  await until('raised', () => alarms().length === 1);
  follower.filter = filter('web');
  const record = follower.table.get('web.service');
  assert.ok(record);
  follower.drop(record);
  await until('cleared', () => alarms().length === 2);
  assert.equal(alarms()[1], 'cleared nobody follows this unit any more');
  is('web.service', failed);
  units.seen();
  const told = { event_type: 'failed', service: 'web.service' } as const;
  units.told({ ...told, data: { reason: 'start-limit-hit' } } as unknown as Draft);
  await sleep(50);
  assert.equal(alarms().length, 2);
  await runner.stop();
});

test('what holds a unit back ends with the unit, or when nobody follows it', async () => {
  const { is, follower, unload, engine, byHand, runner } = world();
  const reasonOf = (name: string) => {
    engine.polled(
      {
        ...{ source: 'mysql', clears: true, dropped: new Map(), askedUs: clock.monotonicUs() },
        alarms: [
          {
            id: 'mysql:1',
            source: 'mysql',
            process: name,
            raisedUs: clock.realtimeUs(),
            reason: '',
          },
        ],
      },
      { wallUs: clock.realtimeUs(), monoUs: clock.monotonicUs() },
    );
    runner.outages(new Map());
    return until(name, () => engine.view().waiting.length > 0).then(
      () => engine.view().waiting[0]?.kind,
    );
  };
  byHand.add('stopped.service');
  is('stopped.service', up);
  is('stopped.service', { execMainCode: 1 });
  is('waiting.service', waiting);
  const saved = () => JSON.parse(engine.save()).stoppedByHand as [string][];
  unload('stopped.service');
  assert.deepEqual(
    saved().map(([name]) => name),
    ['stopped.service'],
    'it is only unloaded',
  );
  assert.equal(await reasonOf('waiting.service'), 'auto_restart');
  unload('waiting.service');
  await until('not held back', () => engine.view().waiting.length === 0);
  is('stopped.service', { execMainCode: 1 });
  follower.filter = filter('stopped');
  unload('stopped.service');
  assert.deepEqual(saved(), []);
  await runner.stop();
});

test('units that are over their start limit when the agent starts are alarms of that kind', async () => {
  const { follower, units, alarms, byHand, runner, onRestart } = world(['start_limit']);
  onRestart(hang);
  const add = (name: string, policy: string, result: string) => {
    const unit = follower.add(name);
    unit.restartPolicy = policy;
    Object.assign(unit.state, { ...failed, result });
  };
  add('limited.service', 'on-failure', 'exit-code');
  add('prevented.service', 'on-abnormal', 'exit-code');
  add('single.service', 'no', 'exit-code');
  add('unread.service', '', 'exit-code');
  add('stopped.service', 'always', 'exit-code');
  byHand.add('stopped.service');
  units.seen();
  await until('raised', () => alarms().length > 0);
  await sleep(50);
  assert.deepEqual(alarms(), ['raised start limit hit']);
  assert.ok(runner.unitHasAlarm('limited.service'));
  await runner.stop();
});
