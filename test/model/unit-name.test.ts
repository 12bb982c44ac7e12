import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnitName } from '../../src/model/unit-name.ts';

for (const name of [
  'a.service',
  'foo@bar-1.service',
  'foo@a@b.service',
  'dev-disk-by\\x2duuid.device',
  '-.mount',
  'a:b_c.d.timer',
  `${'a'.repeat(247)}.service`,
]) {
  test(`a unit's name: ${name.slice(0, 40)}`, () => assert.ok(isUnitName(name)));
}

for (const name of [
  '',
  'a',
  '.service',
  'a.txt',
  'a b.service',
  'a/b.service',
  '../a.service',
  'a\n.service',
  'a.service\n',
  'a\0.service',
  'größe.service',
  '$(id).service',
  '`id`.service',
  ';a.service',
  'a@.service',
  '@a.service',
  '*.service',
  `${'a'.repeat(248)}.service`,
]) {
  test(`none: ${JSON.stringify(name.slice(0, 40))}`, () => assert.ok(!isUnitName(name)));
}
