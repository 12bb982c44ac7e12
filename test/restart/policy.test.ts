import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineLimits } from '../../src/restart/engine-contract.ts';
import { withoutCircles } from '../../src/restart/order.ts';
import {
  delayUs,
  longestWaitUs,
  protection,
  restartLimitUs,
  thingOf,
} from '../../src/restart/policy.ts';
import { defaultLeaseMs } from '../../src/restart/sources/options.ts';
import { plain, second } from './simulated-world.ts';

test('delays: backoff, ceiling, jitter, none', () => {
  const delays = (settings: Partial<typeof plain>, random = 0) =>
    [2, 3, 4, 5, 6, 7].map(
      (attempt) => delayUs({ ...plain, ...settings }, attempt, random) / second,
    );
  assert.deepEqual(delays({}), [5, 10, 20, 40, 60, 60]);
  assert.deepEqual(delays({ useBackoff: false }), [5, 5, 5, 5, 5, 5]);
  assert.deepEqual(delays({ jitter: 0.5 }, 0.5), [6.25, 12.5, 25, 50, 75, 75]);
  assert.deepEqual(delays({ restartDelayMs: 90_000 }), [90, 90, 90, 90, 90, 90]);
  assert.deepEqual(delays({ backoffMultiplier: 0 }), [5, 5, 5, 5, 5, 5]);
  const huge = { ...plain, backoffMaxMs: 1e300, backoffMultiplier: 1e300 };
  assert.equal(delayUs(huge, 50, 0), longestWaitUs);
});

test('one unit is one thing, whatever it is called', () => {
  const canonical = (unit: string) => (unit === 'www.service' ? 'web.service' : unit);
  const key = (process: string, more: Partial<typeof plain> = {}) =>
    thingOf(
      process,
      more.strategy === 'process' ? 'process' : 'service',
      { ...plain, ...more },
      canonical,
    ).key;
  assert.equal(key('web'), 'unit:web.service');
  assert.equal(key('web.service'), 'unit:web.service');
  assert.equal(key('www'), 'unit:web.service');
  assert.equal(key('site', { unit: 'web' }), 'unit:web.service');
  assert.equal(key('worker', { strategy: 'process' }), 'process:worker');
  assert.equal(key('worker', { strategy: 'process', match: 'run.py' }), 'process:run.py');
});

test('protected units', () => {
  const why = (unit: string) => protection({ key: '', unit }, unit, 'watch.service') !== undefined;
  for (const unit of ['watch.service', 'dbus.service', 'dbus.socket', 'dbus-broker.service'])
    assert.ok(why(unit), unit);
  for (const unit of ['systemd-logind.service', '-.mount', 'system.slice', 'basic.target'])
    assert.ok(why(unit), unit);
  // What the strategies refuse is no repair that fails: that would cost the budget.
  for (const unit of ['getty@tty1.service', 'polkit.service', 'emergency.service', 'data.mount'])
    assert.ok(why(unit), unit);
  for (const unit of ['web.service', 'mysystemd-x.service', 'dbus2.service'])
    assert.ok(!why(unit), unit);
});

test('order: circles are opened at the name that comes first, long chains do no harm', () => {
  const circle = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['a', 'x']],
  ]);
  assert.deepEqual(
    [...withoutCircles(['a', 'b', 'c'], circle)],
    [
      ['a', ['b']],
      ['b', ['c']],
      ['c', []],
    ],
  );
  const names = Array.from({ length: 20_000 }, (_, i) => `n${i}`);
  const chain = new Map(names.map((name, i) => [name, [`n${i + 1}`]]));
  assert.equal(withoutCircles(names, chain).get('n19998')?.[0], 'n19999');
});

test('a claim outlasts the longest repair that goes on while the database is away', () => {
  assert.ok(defaultLeaseMs * 1_000 > engineLimits.claimUs + engineLimits.slackUs);
});

test('a restart is waited for as long as its strategy may take', () => {
  const settings = { ...plain, commandTimeoutMs: 20_000, graceMs: 5_000 };
  // The command, its grace, and what is not gone after SIGKILL.
  assert.equal(restartLimitUs(settings, 'custom'), 30e6);
  // Before that three rounds of SIGTERM, the grace, SIGKILL.
  assert.equal(restartLimitUs(settings, 'process'), 60e6);
});
