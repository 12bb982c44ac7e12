import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckView } from '../../src/model/check.ts';
import type { Draft } from '../../src/model/event.ts';
import type { Alarm } from '../../src/model/repair.ts';
import {
  type AlarmSource,
  type Done,
  type Effects,
  SourceError,
} from '../../src/restart/contract.ts';
import { Engine } from '../../src/restart/engine.ts';
import { RepairRunner } from '../../src/restart/runner.ts';
import { alarm, Bench } from './engine-bench.ts';
import { plain } from './simulated-world.ts';

const ok: Done = { outcome: 'ok', reason: '' };
const clock = {
  realtimeUs: () => Date.now() * 1_000,
  monotonicUs: () => performance.now() * 1_000,
};

interface WorldOptions {
  /** Ask the source by the clock, too. */
  readonly polled?: boolean;
  /** After how many microtasks it is known how to repair it. */
  readonly microtasks?: number;
}

/** A source and effects that note what is asked of them, and the runner between. */
function world(
  repairOn: readonly ('failed' | 'crash_loop' | 'check_down')[] = [],
  { polled = true, microtasks = 0 }: WorldOptions = {},
) {
  const log: string[] = [];
  const events: Draft[] = [];
  const reports: string[] = [];
  let standing: Alarm[] = [];
  const checks: CheckView[] = [];
  let asking = 0;
  let most = 0;
  let fault: Error | undefined;
  let health: () => Promise<Done> = () => Promise.resolve(ok);
  const source: AlarmSource = {
    name: 'mysql',
    poll: async () => {
      asking += 1;
      most = Math.max(most, asking);
      await sleep(20);
      asking -= 1;
      if (fault !== undefined) throw fault;
      return standing;
    },
    claim: () => Promise.resolve(true),
    settle: (settled) => {
      standing = standing.filter(({ id }) => id !== settled.id);
      log.push(`settle ${settled.process}`);
      return Promise.resolve();
    },
    close: () => {
      log.push('close');
      return Promise.resolve();
    },
  };
  const effects: Effects = {
    resolve: async () => {
      for (let i = 0; i < microtasks; i++) await undefined;
      return 'service';
    },
    preRestart: () => Promise.resolve(ok),
    restart: (process) => {
      log.push(`restart ${process}`);
      return Promise.resolve(ok);
    },
    health: () => health(),
  };
  const settings = { ...plain, strategy: 'auto' as const, repairOn };
  const rules = { ...new Bench().rules, process: () => ({ settings, named: true }) };
  const engine = new Engine({ rules, random: () => 0, bootId: '' });
  const runner = new RepairRunner({
    ...{ engine, rules, sources: polled ? [source] : [], effects, hook: undefined, clock },
    look: async (processes) => checks.filter(({ name }) => processes.includes(name)),
    checkIntervalMs: 5,
    write: async (text) => {
      await sleep(5);
      log.push(text.includes('"begun":true') ? 'journal of a begun restart' : 'journal');
      return undefined;
    },
    tell: (draft) => events.push(draft),
    report: (sentence) => reports.push(sentence),
  });
  return {
    ...{ log, events, reports, runner, engine, checks },
    raise: (...alarms: Alarm[]) => {
      standing = alarms;
    },
    breakSource: (error: Error | undefined) => {
      fault = error;
    },
    hang: () => {
      health = () => new Promise(() => undefined);
    },
    most: () => most,
  };
}

function checkView(name: string, state: 'up' | 'down'): CheckView {
  return {
    ...{ name, kind: 'tcp', state, sinceUs: 0, checkedUs: 0, durationUs: 0, dependsOn: [] },
    ...{ reason: state === 'down' ? 'refused' : '', outage: false },
  };
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !what(); i++) await sleep(10);
  assert.ok(what(), 'it never came');
}

test('an alarm is repaired; the journal is written before the restart is begun', async () => {
  const { log, runner, raise, most } = world();
  raise(alarm('web'));
  runner.start();
  await until(() => log.includes('settle web'));
  await runner.stop();
  const restart = log.indexOf('restart web');
  assert.equal(log[restart - 1], 'journal of a begun restart');
  assert.equal(log.filter((line) => line === 'restart web').length, 1);
  assert.equal(log.at(-1), 'close');
  assert.equal(most(), 1, 'never two polls of one source at a time');
});

test('a source that cannot be asked is told once, and once more when it is back', async () => {
  const { reports, runner, log, raise, breakSource } = world();
  breakSource(new SourceError('down', 'connection refused'));
  raise(alarm('web'));
  runner.start();
  await until(() => reports.length > 0);
  await sleep(100);
  breakSource(undefined);
  await until(() => log.includes('settle web'));
  await runner.stop();
  assert.deepEqual(reports, [
    'Alarms of mysql cannot be read: connection refused',
    'Alarms of mysql can be read again.',
  ]);
});

test('stops within two seconds while a health check hangs', async () => {
  const { runner, log, raise, hang } = world();
  hang();
  raise(alarm('web'));
  runner.start();
  await until(() => log.includes('restart web'));
  await runner.stop();
  assert.equal(log.at(-2), 'journal of a begun restart');
  const told = log.length;
  await sleep(100);
  assert.equal(log.length, told, 'nothing is begun after that');
});

test('a check that stays down: its repair fails until it is up', async () => {
  const { runner, events, log, checks } = world(['check_down']);
  runner.start();
  checks.push(checkView('listener', 'down'));
  runner.check('listener', 'listener', 'down', 'refused');
  const steps = () => events.flatMap((e) => (e.event_type === 'restart_step' ? [e.data] : []));
  await until(() => steps().some(({ step, attempt }) => step === 'waiting' && attempt === 2));
  const failed = steps().find(({ step, outcome }) => step === 'health_check' && outcome !== 'ok');
  assert.equal(failed?.reason, 'the check listener still says down: refused');
  assert.ok(!steps().some(({ step }) => step === 'settled'));
  checks.splice(0, 1, checkView('listener', 'up'));
  runner.check('listener', 'listener', 'up', '');
  await until(() => steps().some(({ step }) => step === 'given_up' || step === 'settled'));
  await runner.stop();
  assert.equal(log.filter((line) => line.startsWith('restart')).length, 1);
});

test('a finding that becomes worse after the restart: the attempt has failed', async () => {
  const { runner, events, log } = world(['crash_loop']);
  const finding = {
    ...({ pattern: 'crash_loop', service: 'looping', sentence: '', id: 'f1' } as const),
    ...({ timeUs: 1, severity: 'warning', evidence: {} } as const),
  };
  runner.start();
  runner.finding({ ...finding, phase: 'opened' });
  const waits = () =>
    events.flatMap((e) => (e.event_type === 'restart_step' ? [e.data.reason ?? ''] : []));
  await until(() => waits().some((reason) => reason.includes('settled when')));
  runner.finding({ ...finding, phase: 'updated' });
  await until(() => waits().some((reason) => reason.includes('its finding has become worse')));
  runner.finding({ ...finding, phase: 'cleared' });
  await until(() => events.some((e) => e.event_type === 'alarm' && e.data.phase === 'cleared'));
  await runner.stop();
  assert.equal(log.filter((line) => line === 'restart looping').length, 1);
});

test('an answer at any moment is heard, also when nothing else comes', async () => {
  const worlds = Array.from({ length: 40 }, (_, microtasks) =>
    world(['failed'], { polled: false, microtasks }),
  );
  for (const { runner } of worlds) {
    runner.start();
    runner.unit('a.service', 'down', 'failed');
    runner.unit('b.service', 'down', 'failed');
  }
  await sleep(2_000);
  const restarts = worlds.map(({ log }) => log.filter((line) => line.startsWith('restart')).length);
  assert.deepEqual(new Set(restarts), new Set([2]));
  await Promise.all(worlds.map(({ runner }) => runner.stop()));
});

test('findings, checks and units are alarms only where the process asks for that', async () => {
  const { runner, events, log } = world(['failed', 'check_down']);
  runner.start();
  const finding = { timeUs: 1, severity: 'warning', evidence: {}, id: 'f1' } as const;
  const more = {
    pattern: 'crash_loop',
    service: 'looping',
    phase: 'opened',
    sentence: '',
  } as const;
  runner.finding({ ...finding, ...more });
  runner.unit('broken.service', 'down', 'failed');
  runner.unit('limited.service', 'down', 'start_limit');
  runner.check('port', 'listener', 'down', 'refused');
  runner.check('other', 'unseen', 'unknown', '');
  await until(() => log.includes('restart broken.service') && log.includes('restart listener'));
  runner.unit('broken.service', 'up');
  runner.check('port', 'listener', 'up', '');
  const phases = () => events.flatMap((e) => (e.event_type === 'alarm' ? [e.data.phase] : []));
  await until(() => phases().filter((phase) => phase === 'cleared').length === 2);
  await runner.stop();
  assert.equal(log.filter((line) => line.startsWith('restart')).length, 2);
});
