import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isGlob, matcher } from '../../src/model/pattern.ts';
import { signalName } from '../../src/model/signal.ts';
import { humanDuration, realtimeUs, rfc3339 } from '../../src/model/time.ts';
import { unitNameOfPath, unitPath, unitType, withType } from '../../src/model/unit-name.ts';

const unit = '/org/freedesktop/systemd1/unit/';

for (const [name, label] of [
  ['foo.service', 'foo_2eservice'],
  ['foo@bar-1.service', 'foo_40bar_2d1_2eservice'],
  ['9p.mount', '_39p_2emount'],
  ['dev-disk-by\\x2did.device', 'dev_2ddisk_2dby_5cx2did_2edevice'],
  ['größe.service', 'gr_c3_b6_c3_9fe_2eservice'],
] as const) {
  test(`unit path: ${name}`, () => {
    assert.equal(unitPath(name), unit + label);
    assert.equal(unitNameOfPath(unit + label), name);
  });
}

test('unit path: every name comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (name) => {
      assert.equal(unitNameOfPath(unitPath(name)), name);
    }),
  );
});

test('unit path: others are none', () => {
  assert.equal(unitNameOfPath('/org/freedesktop/systemd1/job/1'), undefined);
});

test('a name without a type is a service', () => {
  assert.equal(withType('nginx'), 'nginx.service');
  assert.equal(withType('my.app'), 'my.app.service');
  assert.equal(withType('a.timer'), 'a.timer');
  assert.equal(unitType('a@b.c.socket'), 'socket');
});

for (const [pattern, name, want] of [
  ['nginx.service', 'nginx.service', true],
  ['nginx.service', 'nginx.services', false],
  ['nginx*', 'nginx.service', true],
  ['*.timer', 'a.service', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['[]x', ']x', false],
  ['*a*b*c*', 'xxaxxbxxcxx', true],
  ['*a*b*c*', 'xxaxxcxxbxx', false],
  ['**', '', true],
  ['/^web-\\d+\\.service$/', 'web-12.service', true],
  ['/^web-\\d+\\.service$/', 'web-x.service', false],
] as const) {
  test(`pattern: ${pattern} and ${name}`, () => assert.equal(matcher(pattern)(name), want));
}

test('pattern: many stars on a long name stay fast', () => {
  const started = performance.now();
  assert.equal(matcher(`${'*a'.repeat(100)}b`)('a'.repeat(5_000)), false);
  assert.ok(performance.now() - started < 2_000);
});

test('pattern: what can stand for several names', () => {
  assert.equal(isGlob('a.service'), false);
  assert.equal(isGlob('a*.service'), true);
  assert.equal(isGlob('/a/'), true);
});

test('times: there and back', () => {
  assert.equal(rfc3339(1_769_851_613_589_793), '2026-01-31T09:26:53.589793Z');
  assert.equal(rfc3339(-1), '1970-01-01T00:00:00.000000Z');
  assert.equal(rfc3339(Number.NaN), '1970-01-01T00:00:00.000000Z');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000_000 }), (us) => {
      assert.equal(realtimeUs(rfc3339(us)), us);
    }),
  );
});

for (const [us, want] of [
  [250, '250 µs'],
  [1_500, '2 ms'],
  [1_500_000, '1.5 s'],
  [200_000_000, '3 min 20 s'],
  [7_200_000_000, '2 h'],
  [187_200_000_000, '2 d 4 h'],
] as const) {
  test(`duration: ${want}`, () => assert.equal(humanDuration(us), want));
}

test('signals have names', () => {
  assert.equal(signalName(9), 'SIGKILL');
  assert.equal(signalName(11), 'SIGSEGV');
  assert.equal(signalName(34), 'SIGRTMIN');
  assert.equal(signalName(36), 'SIGRTMIN+2');
  assert.equal(signalName(99), '99');
});
